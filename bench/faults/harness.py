"""One row: a site on real stores, patients walking all the time, a fault, and the verdict.

::

    with Stage(folder, SHORT) as stage:
        scene = stage.begin()                  # PostgreSQL, Redis and a site that rows share
        with scene.load() as load:
            load.wait_for(50, seconds=60)      # so many acknowledged
            stage.postgres.kill()              # the fault
            stage.postgres.start()
            load.wait_for(100, seconds=60)
        verdict = scene.verdict()              # judged when nobody walks any more

        with stage.own(Stores(database_url, ephemeral_url)) as scene:   # a site on other stores
            ...
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Self
from uuid import uuid4

import psycopg
from psycopg.sql import SQL, Identifier

from bench.faults.load import Load
from bench.faults.programs import Deployment, deployed
from bench.faults.scale import Scale
from bench.faults.site import Site, Stores
from bench.faults.stores import StoreServer, postgres, redis
from bench.faults.turning import Turning
from bench.faults.verdict import Seen, Verdict, judge
from bench.faults.withdrawing import Withdrawing
from tests.cluster import Cluster, cluster
from tests.sentinels import RedisGroup, redis_group
from zaitaku.services import Services

WORKERS: Final = 2
POSTERS: Final = "old posters refused"
LATECOMERS: Final = "latecomers refused"
WITHDRAWN: Final = "consents withdrawn"
TRIED: Final = (POSTERS, LATECOMERS, WITHDRAWN)
"""Each must have been seen once at least where probes were about."""
UNANSWERED: Final = "trials without an answer"

__all__ = ["Deployment", "Load", "Scene", "Site", "Stage", "Stores", "Verdict", "standing"]


@dataclass
class Scene:
    """A running site, and what is known about what happened to it."""

    site: Site
    deployment: Deployment
    scale: Scale
    loads: list[Load] = field(default_factory=list)
    retired: dict[str, float] = field(default_factory=dict)
    stale: list[str] = field(default_factory=list)
    probed: Counter[str] = field(default_factory=Counter)
    """What the probes have seen, by the word of the row's note."""
    crashed: int = 0
    """Answers with status 500 to probes."""
    has_true_clock: bool = True
    """Whether the site's processes tell the time as the machine does."""
    is_turned: bool = False
    """Whether URLs were to be retired and consents withdrawn meanwhile."""

    @contextmanager
    def load(self, *, turning: bool = True, patience: float | None = None) -> Iterator[Load]:
        """Let patients walk while the block runs; with ``turning`` URLs are retired meanwhile.

        And consents withdrawn: both are tried at once afterwards.
        """
        with ExitStack() as stack:
            services = stack.enter_context(self.site.services())
            self.site.hang_posters(services)
            probes = stack.enter_context(self._probes(services)) if turning else ()
            load = Load(
                self.site.folder / f"load-{uuid4().hex}",
                origin=self.site.origin,
                posters=self.site.posters_file,
                cards=self.site.cards,
                processes=self.scale.processes,
                patients=self.scale.patients,
                patience=patience or self.scale.patience,
                is_hurried=self.scale.is_hurried,
            )
            self.loads.append(load)
            yield stack.enter_context(load)
            for probe in probes:
                probe.wait_for_one(self.scale.seconds)

    @contextmanager
    def _probes(self, services: Services) -> Iterator[tuple[Turning, Withdrawing]]:
        around, beside = Turning(self.site, services), Withdrawing(self.site, services)
        with ExitStack() as stack:
            stack.callback(self._keep, around, beside)
            stack.enter_context(around)
            stack.enter_context(beside)
            yield around, beside

    def under_load(
        self, fault: Callable[[], None], *, repeated: int = 1, turning: bool = True
    ) -> None:
        """Let the fault happen ``repeated`` times, and patients walk before, between and after.

        Raises:
            TimeoutError: patients do not get through any more.
        """
        part = max(1, self.scale.acked // (repeated + 1))
        with self.load(turning=turning) as load:
            load.wait_for(part, self.scale.seconds)
            for _ in range(repeated):
                fault()
                load.wait_for(load.acknowledged() + part, self.scale.seconds)

    def _keep(self, around: Turning, beside: Withdrawing) -> None:
        self.is_turned = True
        self.retired.update(around.retired)
        self.stale.extend((*around.stale, *beside.stale))
        self.crashed += around.browsers.crashed + beside.browsers.crashed
        self.probed.update(
            {
                POSTERS: around.refused,
                LATECOMERS: around.refused_late,
                WITHDRAWN: beside.refused,
                UNANSWERED: around.unanswered + beside.unanswered,
            }
        )

    def verdict(self, note: str = "") -> Verdict:
        """Compare what patients were told with what stands."""
        walks = [walk for load in self.loads for walk in load.walks()]
        tried = (f"{self.probed[word]} {word}" for word in (*TRIED, UNANSWERED))
        retired = f"{len(self.retired)} URLs retired"
        judged = judge(self.site, walks, self.retired, has_true_clock=self.has_true_clock)
        return judged.with_seen(
            seen=self._seen(),
            load=str(self.scale),
            note=", ".join(filter(None, (note, *self.stale, retired, *tried))),
        )

    def _seen(self) -> Seen:
        return Seen(
            stale=len(self.stale),
            crashed=self.crashed,
            untried=self.is_turned * sum(not self.probed[word] for word in TRIED),
            unanswered=self.probed[UNANSWERED],
        )


@contextmanager
def standing(
    folder: Path,
    stores: Stores,
    scale: Scale,
    *,
    settings: Mapping[str, str] | None = None,
    keys: Path | None = None,
    host: str = "localhost",
    **options: Any,
) -> Iterator[Scene]:
    """Prepare a site in ``folder`` and run it; ``options`` are those of ``deployed``.

    ``keys`` is a folder of keys and cards that several sites share.
    """
    site = Site.prepare(
        folder, stores, patients=scale.cards, keys=keys, host=host, settings=settings
    )
    with deployed(site, **options) as deployment:
        yield Scene(site, deployment, scale)


class Stage:
    """Real stores and a running site, made when they are first wanted, ended together."""

    def __init__(self, folder: Path, scale: Scale) -> None:
        self.folder = folder
        self.scale = scale
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @cached_property
    def postgres(self) -> StoreServer:
        """PostgreSQL of the shared site."""
        return self._stack.enter_context(postgres("max_connections=60"))

    @cached_property
    def redis(self) -> StoreServer:
        """Redis of the shared site."""
        return self._stack.enter_context(redis())

    @cached_property
    def cluster(self) -> Cluster:
        """PostgreSQL under Patroni."""
        return self._stack.enter_context(cluster())

    @cached_property
    def redis_group(self) -> RedisGroup:
        """Redis behind Sentinels."""
        return self._stack.enter_context(redis_group())

    @cached_property
    def keys(self) -> Path:
        """Keys and cards of all sites."""
        return self.folder / "keys"

    @cached_property
    def _shared(self) -> Scene:
        stores = Stores(self.postgres.url, self.redis.url)
        return self._stack.enter_context(self.own(stores, workers=WORKERS, has_worker=True))

    def begin(self) -> Scene:
        """Return the shared site as a new scene, ready to serve."""
        shared = self._shared
        shared.deployment.wait_until_ready()
        return Scene(shared.site, shared.deployment, self.scale)

    @cached_property
    def _clustered(self) -> Scene:
        stores = Stores(self.cluster.new_database(), self.redis_group.address)
        return self._stack.enter_context(
            self.own(
                stores,
                settings={"ZAITAKU_SYNCHRONOUS_STANDBYS": "1"},
                has_worker=not self.scale.is_short,
            )
        )

    def begin_clustered(self) -> Scene:
        """Return the site on both clusters as a new scene, when PostgreSQL's is whole."""
        shared = self._clustered
        self.cluster.wait_until_whole()
        shared.deployment.wait_until_ready()
        return Scene(shared.site, shared.deployment, self.scale)

    def other_stores(self, name: str) -> Stores:
        """Return a new database on the shared PostgreSQL and an empty one of the shared Redis."""
        address = self.postgres.url.replace("+psycopg", "")
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
        database, _, _ = self.postgres.url.rpartition("/")
        ephemeral, _, _ = self.redis.url.rpartition("/")
        return Stores(f"{database}/{name}", f"{ephemeral}/1")

    @contextmanager
    def own(self, stores: Stores, **options: Any) -> Iterator[Scene]:
        """Run another site, on stores of its own."""
        folder = self.folder / uuid4().hex
        options = {"workers": 1 if self.scale.is_short else WORKERS, **options}
        with standing(folder, stores, self.scale, keys=self.keys, **options) as scene:
            yield scene
