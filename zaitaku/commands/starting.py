"""What has to hold before a process of the site begins its work."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

from zaitaku.core.clock import SystemClock
from zaitaku.core.database import Database
from zaitaku.core.errors import StoreUnavailable, ZaitakuError
from zaitaku.core.revisions import can_serve
from zaitaku.operating.reasons import why
from zaitaku.operating.rings import insist_on_keys
from zaitaku.settings import Settings


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
