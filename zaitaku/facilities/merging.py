"""Two people change the settings at once: what each did, and what stands if both shall hold."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from zaitaku.facilities.model import EnvironmentSettings
from zaitaku.facilities.words import differences


@dataclass(frozen=True)
class Rebased:
    """The later person's changes, set on what the earlier one saved."""

    own: tuple[str, ...]
    """The settings that the later person changed."""
    theirs: tuple[str, ...]
    """The settings that changed meanwhile."""
    values: Mapping[str, Any]
    """Every setting: the later person's where they changed it, otherwise as it is now."""

    @property
    def both(self) -> tuple[str, ...]:
        """The settings that both changed."""
        return tuple(name for name in self.own if name in self.theirs)

    def settings(self) -> EnvironmentSettings:
        """Return both changes together.

        Raises:
            InvalidField: together they contradict each other.
        """
        return EnvironmentSettings(**self.values)


def rebase(
    seen: EnvironmentSettings, wanted: EnvironmentSettings, now: EnvironmentSettings
) -> Rebased:
    """Return what ``wanted`` changed in ``seen``, set on the settings that hold ``now``."""
    own = differences(seen, wanted)
    chosen = wanted.to_mapping()
    return Rebased(
        own=tuple(own),
        theirs=tuple(differences(seen, now)),
        values={**now.to_mapping(), **{name: chosen[name] for name in own}},
    )
