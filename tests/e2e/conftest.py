"""One demo and one Chromium a worker for all stories of this folder."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.e2e.chromium import Watched, chromium, phone_context
from tests.e2e.running import RunningDemo, running_demo


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every story of this folder as one for a browser."""
    for item in items:
        if "tests/e2e/" in str(item.path).replace("\\", "/"):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    """A running demo."""
    with running_demo(tmp_path_factory.mktemp("demo")) as running:
        yield running


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A running Chromium."""
    with chromium() as running:
        yield running


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page at phone size that must neither complain nor ask strangers."""
    context = phone_context(browser)
    opened = context.new_page()
    watched = Watched()
    watched.watch(opened)
    yield opened
    context.close()
    assert watched.complaints == []
    assert watched.foreign == []
