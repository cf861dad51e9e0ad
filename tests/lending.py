"""One built application that tests hand on: building it takes longer than most of them.

What a test may change in an application (its configuration, views and extensions) is put back when
it ends. A test that adds routes builds an application of its own.
"""

from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

from flask import Flask

from zaitaku.app import build_app
from zaitaku.blueprints.edge import EXTENSION
from zaitaku.blueprints.overload import OVERLOAD, Overload
from zaitaku.core.revisions import SchemaWatch
from zaitaku.services import Services


class AppLender:
    """Lends the application for the services of one test after the other."""

    def __init__(self) -> None:
        self._app: Flask | None = None

    @contextmanager
    def lend(self, services: Services) -> Iterator[Flask]:
        """Give the application, serving ``services``, as if it had been built for them.

        The services' settings must configure it alike: same origin, keys and proxies.
        """
        app = self._app = self._app or build_app(services)
        _forget_the_rush(app.extensions[OVERLOAD])
        kept: list[MutableMapping[str, Any]] = [app.config, app.extensions, app.view_functions]
        before = [dict(each) for each in kept]
        fresh = {name: _unused(extension) for name, extension in app.extensions.items()}
        app.extensions.update({**fresh, EXTENSION: services})
        yield app
        for present, past in zip(kept, before, strict=True):
            present.clear()
            present.update(past)


def _forget_the_rush(overload: Overload) -> None:
    # Tests begin journeys faster than people do: each finds the site as nobody has used it.
    vars(overload).update(vars(Overload(overload._app, overload._inner)))


def _unused(extension: object) -> object:
    # The one extension that remembers what it has seen.
    return SchemaWatch() if isinstance(extension, SchemaWatch) else extension
