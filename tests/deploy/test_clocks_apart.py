"""Instances whose clocks are a minute and more apart serve one journey together."""

from collections.abc import Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path

import pytest
import urllib3

from bench.faults.rows_clock import with_clock
from bench.site import Site
from bench.walker import Walker
from tests.deploy.instances import Instance
from tests.deploy.nginx import Nginx, running_nginx
from tests.deploy.test_rolling_restart import Browser, site
from tests.servers import free_port

__all__ = ["site"]
WALKS = 6


@pytest.fixture
def nginx(site: Site, tmp_path: Path) -> Iterator[Nginx]:
    """Requests go to two instances in turns; the clock of the second is ahead."""
    with ExitStack() as stack:
        environ = {**site.environ, "ZAITAKU_TRUSTED_PROXIES": "1"}
        ahead = {**environ, **with_clock(FAKETIME="+100")}
        instances = [
            Instance(free_port(), each, tmp_path / f"{number}.txt")
            for number, each in enumerate((environ, ahead))
        ]
        for instance in instances:
            instance.start()
            stack.callback(instance.kill)
        for instance in instances:
            instance.wait()
        folder = tmp_path / "nginx"
        folder.mkdir()
        port = int(site.environ["ZAITAKU_ORIGIN"].rpartition(":")[2])
        yield stack.enter_context(running_nginx(folder, port, [i.port for i in instances], []))


def test_no_journey_is_lost_between_them(nginx: Nginx, site: Site) -> None:
    for card in islice(site.cards, WALKS):
        with urllib3.PoolManager(ca_certs=nginx.authority, retries=False) as pool:
            browser = Browser(pool, nginx.origin)
            assert list(Walker(browser, nginx.origin).steps(site.entry, card))
