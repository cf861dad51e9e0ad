"""One row: a site on given stores, patients walking all the time, a fault, and the verdict.

::

    with standing(folder, Stores(database_url, ephemeral_url)) as scene:
        with scene.load() as load:
            load.wait_for(50, seconds=60)   # so many acknowledged
            ...                             # the fault
            load.wait_for(load.acknowledged() + 50, seconds=60)
        verdict = scene.verdict()           # judged when nobody walks any more
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.faults.load import Load
from bench.faults.programs import Deployment, deployed
from bench.faults.site import Site, Stores
from bench.faults.turning import Turning
from bench.faults.verdict import Verdict, judge

__all__ = ["Deployment", "Load", "Scene", "Site", "Stores", "Verdict", "standing"]


@dataclass
class Scene:
    """A running site, and what is known about what happened to it."""

    site: Site
    deployment: Deployment
    loads: list[Load] = field(default_factory=list)
    retired: dict[str, float] = field(default_factory=dict)
    stale: list[str] = field(default_factory=list)

    @contextmanager
    def load(self, *, turning: bool = True, **options: Any) -> Iterator[Load]:
        """Let patients walk while the block runs; with ``turning`` URLs are retired meanwhile.

        ``options`` are those of ``Load`` (processes, patients, patience).
        """
        with ExitStack() as stack:
            services = stack.enter_context(self.site.services())
            self.site.hang_posters(services)
            if turning:
                around = Turning(self.site, services)
                stack.callback(self._keep, around)
                stack.enter_context(around)
            load = Load(
                self.site.folder / f"load-{len(self.loads)}",
                origin=self.site.origin,
                posters=self.site.posters_file,
                cards=self.site.cards[:-1],  # the last one is for trying what was retired
                **options,
            )
            self.loads.append(load)
            yield stack.enter_context(load)

    def _keep(self, around: Turning) -> None:
        self.retired.update(around.retired)
        self.stale.extend(around.stale)

    def verdict(self) -> Verdict:
        """Compare what patients were told with what stands."""
        walks = [walk for load in self.loads for walk in load.walks()]
        return judge(self.site, walks, self.retired).with_stale(len(self.stale))


@contextmanager
def standing(
    folder: Path,
    stores: Stores,
    *,
    settings: Mapping[str, str] | None = None,
    patients: int = 24,
    **options: Any,
) -> Iterator[Scene]:
    """Prepare a site in ``folder`` and run it; ``options`` are those of ``deployed``."""
    site = Site.prepare(folder, stores, patients=patients, settings=settings)
    with deployed(site, **options) as deployment:
        yield Scene(site, deployment)
