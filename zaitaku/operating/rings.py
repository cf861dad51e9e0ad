"""The rings of keys whose loss nobody would notice, and what an operator is told of them."""

from typing import Final

from zaitaku.core.clock import Clock
from zaitaku.core.database import Database
from zaitaku.core.errors import ZaitakuError
from zaitaku.core.key_checks import KeysUnknown, Rings, check_keys
from zaitaku.settings import Settings

RINGS: Final = ("url", "session", "subject", "seal")


class WrongKeys(ZaitakuError):
    """The settings have a ring that does not belong to the database; the detail says what to do."""

    code = "wrong-keys"


def rings_of(settings: Settings) -> Rings:
    """Return the rings of the settings; ``plain`` counts among the seals as a key does."""
    return {
        "url": settings.url_keys.keys,
        "session": settings.session_keys.keys,
        "subject": settings.subject_keys.keys,
        "seal": settings.seal_keys.keys,
    }


def variable_of(ring: str) -> str:
    """Return the name of the setting of a ring."""
    return f"ZAITAKU_{ring.upper()}_KEYS"


def insist_on_keys(database: Database, settings: Settings, clock: Clock) -> None:
    """Check the rings of the settings before anything is done with them, and note new keys.

    Raises:
        WrongKeys: one has no key that the database knows.
        StoreUnavailable: the database is away, or was never migrated.
    """
    try:
        check_keys(database, rings_of(settings), clock)
    except KeysUnknown as error:
        raise WrongKeys(
            f"{variable_of(error.ring)} に、このデータベースで使ってきた鍵が1つもありません。"
            f"{remedy_for(error.ring)}"
        ) from error


def remedy_for(ring: str) -> str:
    """Return what to do about a ring that does not belong to the database."""
    return (
        f"使ってきた鍵に戻してください（{_LOST[ring]}）。"
        f"承知のうえで換えるときだけ、zaitaku keys accept {ring} を実行してください。"
    )


_LOST: Final = {
    "url": "このままでは、これまでのURLとポスターが使えなくなります",
    "session": "このままでは、手続きの途中の人も、ログインしている人も、はじめからになります",
    "subject": "このままでは、同じカードの人が別の患者になります",
    "seal": "このままでは、封をした記録を開けません",
}
