"""Web servers killed, and clients that never end what they ask."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from bench.faults.harness import Site, Stage
from bench.faults.row import Row
from bench.faults.slow import PAST_NGINX, slow_connections, slow_readers
from bench.faults.verdict import Verdict
from tests.deploy.nginx import running_nginx
from tests.servers import free_port

REPEATED: Final = 10
SEVERAL: Final = 8
SEVERAL_SECONDS: Final = 10.0
SLOW_SECONDS: Final = 15.0


def one_worker(stage: Stage) -> Verdict:
    """Kill one web worker process, again and again."""
    scene = stage.begin()
    scene.under_load(scene.deployment.kill_one_web_worker, repeated=stage.scale.times(REPEATED))
    return scene.verdict()


def every_worker(stage: Stage) -> Verdict:
    """Kill every web worker process, one after the other."""
    scene = stage.begin()

    def kill_each() -> None:
        for process in scene.deployment.web_workers():
            process.kill()
            time.sleep(1)

    scene.under_load(kill_each, repeated=stage.scale.times(REPEATED // 2))
    return scene.verdict()


def several_workers(stage: Stage) -> Verdict:
    """Kill eight web worker processes in ten seconds; in the short form three in three."""
    scene = stage.begin()

    def kill_several() -> None:
        for _ in range(3 if stage.scale.is_short else SEVERAL):
            scene.deployment.kill_one_web_worker()
            time.sleep(SEVERAL_SECONDS / SEVERAL)

    scene.under_load(kill_several, repeated=stage.scale.times(3))
    return scene.verdict()


def whole_server(stage: Stage) -> Verdict:
    """Kill the web server with all its workers; a supervisor starts it again."""
    scene = stage.begin()
    scene.under_load(scene.deployment.web[0].kill, repeated=stage.scale.times(REPEATED // 2))
    return scene.verdict()


def slow_clients(stage: Stage) -> Verdict:
    """Hold connections open that send a letter a second, or take one, to nginx and past it."""
    behind = free_port()
    with (
        stage.own(stage.other_stores("slow"), port=behind) as scene,
        _in_front(scene.site, behind) as port,
    ):
        with (
            scene.load() as load,
            slow_connections("127.0.0.1", port),
            slow_connections("127.0.0.1", behind, PAST_NGINX),
            slow_readers("127.0.0.1", behind),
        ):
            time.sleep(2 if stage.scale.is_short else SLOW_SECONDS)
            load.wait_for(stage.scale.acked, stage.scale.seconds)
        return scene.verdict()


@contextmanager
def _in_front(site: Site, behind: int) -> Iterator[int]:
    """Run the shipped nginx where patients go; they come without TLS."""
    folder, port = site.folder / "nginx", site.port
    folder.mkdir()
    changes = (
        (f"listen 127.0.0.1:{port} ssl http2;", f"listen 127.0.0.1:{port};"),
        (f"listen 127.0.0.1:{port + 1};", f"listen 127.0.0.1:{free_port()};"),
    )
    with running_nginx(folder, port, [behind, behind], changes):
        yield port


ROWS: Final = (
    Row("web worker killed", one_worker),
    Row("every web worker killed in turn", every_worker),
    Row("eight web workers killed in 10 s", several_workers),
    Row("web server killed with all workers", whole_server),
    Row("slow clients", slow_clients),
)
