"""What has to hold before a process of the site begins its work."""

import errno
import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Final

from zaitaku.core.clock import SystemClock
from zaitaku.core.database import Database
from zaitaku.core.errors import StoreUnavailable, ZaitakuError
from zaitaku.core.revisions import can_serve
from zaitaku.operating.reasons import why
from zaitaku.operating.rings import insist_on_keys
from zaitaku.settings import Settings

PORT_SECONDS: Final = 5.0
"""An instance that ends just now has let go of its port after this time."""
_PAUSE_SECONDS: Final = 0.2
_TROUBLES: Final = {
    errno.EADDRINUSE: "ほかのプログラムが使っています。--port で別の番号にできます",
    errno.EACCES: "この番号を使う権限がありません。--port で1024より大きい番号にできます",
    errno.EADDRNOTAVAIL: "この機械の住所ではありません。--host を確かめてください",
}


class PortTaken(ZaitakuError):
    """Nobody can be heard there."""

    code = "port-taken"


class NotMigrated(ZaitakuError):
    """The database does not have this version's tables."""

    code = "not-migrated"


def check_database(settings: Settings) -> None:
    """Check that the database has the tables, and was written with the keys, of this process.

    Raises:
        NotMigrated: it has not the tables.
        WrongKeys: it was written with other keys.
        StoreUnavailable: it is away.
    """
    opened = Database(settings.database_url, standbys=settings.synchronous_standbys)
    with closing(opened) as database, naming_the_database():
        if not can_serve(database):
            raise NotMigrated(
                "データベースがこの版の形になっていません（ZAITAKU_DATABASE_URL の場所も確かめて"
                "ください）。先に zaitaku migrate を実行してください。"
            )
        insist_on_keys(database, settings, SystemClock())


def check_port(host: str, port: int) -> None:
    """Check that an instance will be heard at ``host`` and ``port``; wait a little for that.

    Raises:
        PortTaken: it will not.
    """
    until = time.monotonic() + PORT_SECONDS
    while (trouble := _trouble_at(host, port)) is not None:
        if time.monotonic() >= until or trouble.errno != errno.EADDRINUSE:
            words = _TROUBLES.get(trouble.errno or 0, trouble.strerror or type(trouble).__name__)
            raise PortTaken(f"{host}:{port} で待ち受けられません（{words}）。") from trouble
        time.sleep(_PAUSE_SECONDS)


def _trouble_at(host: str, port: int) -> OSError | None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return error
    return None


@contextmanager
def naming_the_database() -> Iterator[None]:
    """Tell of a database that is away in words for who operates it."""
    try:
        yield
    except StoreUnavailable as error:
        raise StoreUnavailable(
            f"データベースを使えません（{why(error)}）。ZAITAKU_DATABASE_URL のとおりに"
            "つながるかを確かめてください。"
        ) from error
