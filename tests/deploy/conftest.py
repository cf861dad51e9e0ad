"""The product on files and an application that tells what it is told, each served once."""

from collections.abc import Iterator, Mapping

import pytest

from bench.site import make_site
from tests.deploy.web import WORKERS, Server, echoing, running
from tests.servers import free_port


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """The environment of a site on files."""
    folder = tmp_path_factory.mktemp("made")
    made = make_site(
        folder,
        origin="http://127.0.0.1",
        database_url=f"sqlite:///{folder / 'zaitaku.db'}",
        ephemeral_url=f"sqlite:///{folder / 'ephemeral.db'}",
        patients=0,
    )
    return made.environ


@pytest.fixture(scope="session")
def site(made: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The product."""
    port = free_port()
    command = ["zaitaku", "serve", "--port", str(port), "--workers", str(WORKERS)]
    command.append("--no-own-worker")
    with running(command, port, tmp_path_factory.mktemp("site"), **made) as server:
        yield server


@pytest.fixture(scope="session")
def echo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An application that tells what it is told."""
    with echoing(tmp_path_factory.mktemp("echo")) as server:
        yield server
