"""zaitaku: an open マイナ在宅受付Web."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from zaitaku.core.clock import Clock
    from zaitaku.settings import Settings


def create_app(settings: "Settings", clock: "Clock | None" = None) -> "Flask":
    """Make the web application of one deployment.

    The card bridge shares this package but none of the server's libraries, so those are imported
    only when a server is asked for.

    Raises:
        SettingsError: a file that the settings name is missing or unfit.
    """
    from zaitaku.app import build_app  # noqa: PLC0415 - see the docstring
    from zaitaku.services import build_services  # noqa: PLC0415

    return build_app(build_services(settings, clock))
