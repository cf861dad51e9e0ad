"""The rings of keys whose loss nobody would notice, and what an operator is told of them."""

import logging
from collections.abc import Iterable
from typing import Final

from sqlalchemy import select

from zaitaku.consent.tables import ID_TOKEN, consent_record
from zaitaku.core.clock import JST, Clock
from zaitaku.core.database import Database
from zaitaku.core.errors import ZaitakuError
from zaitaku.core.key_checks import (
    BY_START,
    KeysUnknown,
    Noted,
    Rings,
    check_keys,
    left_out,
    notes_of,
)
from zaitaku.core.resealing import SealedColumn, opens
from zaitaku.core.sealing import PLAIN, Seal
from zaitaku.jobs.store import CONTENT
from zaitaku.settings import Settings

log = logging.getLogger(__name__)

SEALED: Final[tuple[SealedColumn, ...]] = (ID_TOKEN, CONTENT)
"""Every column that is sealed."""

RINGS: Final = ("url", "session", "subject", "seal")


class WrongKeys(ZaitakuError):
    """The settings have a ring that does not belong to the database; the detail says what to do."""

    code = "wrong-keys"


def rings_of(settings: Settings) -> Rings:
    """Return the rings of the settings, each newest first."""
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

    Logged is what cannot be known from here: rings that are believed because the database has
    consents but knows no key yet, and keys of card holders that are missing here.

    Raises:
        WrongKeys: one has no key that the database knows, or ends sealing; or nothing is known of
            the seals, and one does not open.
        StoreUnavailable: the database is away, or was never migrated.
    """
    rings = rings_of(settings)
    _try_seals(database, settings)
    try:
        believed = check_keys(database, rings, clock)
    except KeysUnknown as error:
        ring = error.ring
        fault, remedy = fault_of(rings[ring]), remedy_for(ring, notes_of(database, ring))
        raise WrongKeys(f"{variable_of(ring)}：{fault}。{remedy}") from error
    _tell_believed(database, believed)
    _tell_left_out(left_out(database, "subject", rings["subject"]))


def fault_of(keys: tuple[str, ...]) -> str:
    """Return what is wrong with a ring that does not belong to the database."""
    if keys[0] == PLAIN:
        return "plain で始まり、封をやめる設定です"
    return "このデータベースで使ってきた鍵が1つもありません"


def remedy_for(ring: str, notes: Iterable[Noted]) -> str:
    """Return what to do about a ring that does not belong to the database."""
    return (
        f"覚えている鍵は、{when_and_who(notes)}のものです。"
        "その時の設定か、いまの設定の、どちらかがまちがいです。鍵の控えで確かめてください。"
        f"いまの設定がまちがいなら、使ってきた鍵に戻してください（{_LOST[ring]}）。"
        "その時の設定がまちがいだったか、承知のうえで換えるときだけ、"
        f"zaitaku keys accept {ring} を実行してください。"
    )


def when_and_who(notes: Iterable[Noted]) -> str:
    """Return when, and by whom, keys became known."""
    told = (
        f"{each.at.astimezone(JST):%Y-%m-%d %H:%M}（{'起動' if each.by == BY_START else each.by}）"
        for each in notes
    )
    return "、".join(dict.fromkeys(told))


def _try_seals(database: Database, settings: Settings) -> None:
    if notes_of(database, "seal"):
        return
    seal = Seal(settings.seal_keys)
    for column in SEALED:
        if not opens(database, column, seal):
            raise WrongKeys(
                f"{variable_of('seal')} の鍵では、{column.place} の封が開きません。"
                f"封をした鍵も書いてください（{_LOST['seal']}）。その鍵を失ったときだけ、"
                "zaitaku keys accept seal を実行してください。"
            )


def _tell_believed(database: Database, rings: tuple[str, ...]) -> None:
    if not rings:
        return
    with database.reading() as connection:
        if connection.scalar(select(consent_record.c.id).limit(1)) is None:
            return
    detail = (
        "同意のあるデータベースで、使ってきた鍵が分からないので、いまの設定の鍵を覚えました。"
        "これまでの鍵と同じか、鍵の控えと、ほかの機械の設定で確かめてください。ちがっていたら、"
        "すぐに止め、正しい鍵で zaitaku keys accept を実行してください。"
    )
    told = ", ".join(variable_of(ring) for ring in rings)
    log.warning("keys believed unseen", extra={"rings": told, "detail": detail})


def _tell_left_out(gone: int) -> None:
    if not gone:
        return
    detail = (
        f"{variable_of('subject')} に、このデータベースで使ってきた鍵のうち{gone}個がありません。"
        "その鍵でだけ知られている人が、別の患者になります。鍵を換えている途中でなければ、"
        "全機で同じ輪にしてください。"
    )
    log.error("keys left out", extra={"ring": "subject", "missing": gone, "detail": detail})


_LOST: Final = {
    "url": "このままでは、これまでのURLとポスターが使えなくなります",
    "session": "このままでは、手続きの途中の人も、ログインしている人も、はじめからになります",
    "subject": "このままでは、同じカードの人が別の患者になります",
    "seal": "このままでは、封をした記録を開けないか、封をせずに書きます",
}
