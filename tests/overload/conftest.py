"""The patient's site, whose gate a test fills."""

from collections.abc import Iterator

import pytest

from tests.patient.conftest import authority, cards, openid, services, site, visitor
from tests.patient.site import Site
from zaitaku.blueprints.overload import OVERLOAD, Overload, add

__all__ = ["authority", "cards", "openid", "services", "site", "visitor"]


@pytest.fixture
def overload(site: Site) -> Iterator[Overload]:
    """The gate of the site: a new one, because a test leaves it in disorder."""
    usual = site.app.wsgi_app
    while isinstance(site.app.wsgi_app, Overload):
        site.app.wsgi_app = site.app.wsgi_app._inner  # type: ignore[method-assign,assignment]
    add(site.app)
    fresh: Overload = site.app.extensions[OVERLOAD]
    yield fresh
    site.app.wsgi_app = usual  # type: ignore[method-assign]
