"""What is installed because the bridge needs it, and what is not."""

from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, distribution, packages_distributions

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PRODUCT = "zaitaku"
EXTRA = "bridge"


def bridge_closure() -> frozenset[str]:
    """Return the names of the distributions that ``zaitaku[bridge]`` needs here, without itself.

    Raises:
        PackageNotFoundError: one of them is not installed.
    """
    found: set[str] = set()
    waiting = [Requirement(f"{PRODUCT}[{EXTRA}]")]
    while waiting:
        wanted = waiting.pop()
        name = canonicalize_name(wanted.name)
        if name not in found:
            found.add(name)
            waiting += _needs(distribution(name), wanted.extras)
    return frozenset(found - {PRODUCT})


def foreign_modules(closure: frozenset[str]) -> list[str]:
    """Return the top-level modules of everything else that is installed here."""
    return sorted(
        module
        for module, owners in packages_distributions().items()
        if not {canonicalize_name(owner) for owner in owners} & (closure | {PRODUCT})
    )


def _needs(dist: Distribution, extras: Iterable[str]) -> Iterator[Requirement]:
    for text in dist.requires or []:
        wanted = Requirement(text)
        marker = wanted.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            yield wanted
