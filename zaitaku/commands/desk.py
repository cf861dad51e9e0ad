"""What the operator's commands on facilities, URLs and posters share."""

import getpass
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import click

from zaitaku.commands.settings_words import setting_mistake
from zaitaku.core.clock import JST, SystemClock
from zaitaku.core.database import Database
from zaitaku.core.errors import (
    InvalidField,
    NotFound,
    SettingsError,
    StoreUnavailable,
    ZaitakuError,
)
from zaitaku.facilities.mistakes import mistake_words
from zaitaku.facilities.model import Channel, Facility, InstitutionCode
from zaitaku.facilities.registry import FacilityRegistry
from zaitaku.facilities.service import FacilityService
from zaitaku.facilities.words import SWITCHES, TERMS
from zaitaku.operating.reasons import why
from zaitaku.operating.setting_words import in_japanese
from zaitaku.reception.posters.service import PosterService
from zaitaku.reception.printing import PrintService
from zaitaku.reception.service import ReceptionService
from zaitaku.reception.tokens import UrlTokens
from zaitaku.settings import Settings

_BLANK: Final = "\u3000"

CHANNEL_OPTION: Final = click.Choice([channel.value for channel in Channel])

_WORDS: Final[Mapping[str, str]] = {
    "facility-exists": (
        "この医療機関等コードは、すでに登録されています。"
        "前に別の医療機関等のものだったコードも、使えません。"
    ),
    "not-found": "この医療機関等コードの施設は、登録されていません。",
    "cannot-revert": "いまのURLは最初のURLです。変更前のURLはありません。",
    "cannot-reset": "いまのURLは、すでに最初のURLです。",
    "conflict": (
        "ほかの人が先にURLを変更したため、何も変更していません。"
        "zaitaku url show で今のURLを確かめてから、もう一度お試しください。"
    ),
}


@dataclass(frozen=True)
class Desk:
    """The services that an operator's command calls."""

    database: Database
    facilities: FacilityService
    registry: FacilityRegistry
    reception: ReceptionService
    printing: PrintService
    posters: PosterService


@contextmanager
def opened_desk() -> Iterator[Desk]:
    """Open the services of the deployment that the environment describes.

    Raises:
        click.ClickException: a foreseen failure, in words (exit status 1).
    """
    try:
        with _desk() as desk:
            yield desk
    except ZaitakuError as error:
        raise click.ClickException(words_for(error)) from error


def words_for(error: ZaitakuError) -> str:
    """Return what the operator reads about a failure: what happened, and what to do."""
    if isinstance(error, InvalidField):
        return mistake_words(error) or setting_mistake(error) or _unnamed(error)
    if isinstance(error, SettingsError):
        return in_japanese(error.detail)
    if isinstance(error, StoreUnavailable):
        return _away(error)
    return _WORDS.get(error.code) or _unnamed(error)


def _away(error: StoreUnavailable) -> str:
    return (
        f"データベースを使えないため、終わらせられませんでした（{why(error)}）。"
        "何かを変更するコマンドだったときは、変わっていないかを show や list で確かめてから、"
        "もう一度お試しください。"
    )


def _unnamed(error: ZaitakuError) -> str:
    return f"できませんでした（{error.code}）: {error.detail}"


def harmless(text: str) -> str:
    """Return kept text for a terminal, which would obey the control characters in it."""
    return "".join(
        character if character.isprintable() or character == _BLANK else f"(U+{ord(character):04X})"
        for character in text
    )


def institution_code(_context: click.Context, _option: click.Parameter, digits: str) -> str:
    """Check a 医療機関等コード where click reads it, before anything is opened."""
    try:
        return InstitutionCode(digits).digits
    except InvalidField as error:
        raise click.BadParameter(words_for(error)) from error


def found_facility(desk: Desk, digits: str) -> Facility:
    """Return the facility of a code; where it was another's code before, say which one's.

    Raises:
        NotFound: nobody has or had the code.
        click.ClickException: a facility had it before.
    """
    code = InstitutionCode(digits)
    try:
        return desk.facilities.find(code)
    except NotFound:
        renamed = desk.registry.formerly(code)
    raise click.ClickException(f"この医療機関等コードは、{renamed.code} に変わっています。")


def confirm(question: str) -> None:
    """Ask, and go on only after a yes.

    Raises:
        click.exceptions.Exit: the answer was no, or there was none (exit status 1).
    """
    try:
        is_meant = _is_yes(question)
    except click.Abort:
        click.echo()
        is_meant = False
    if not is_meant:
        click.echo("やめました。何も変更していません。", err=True)
        raise click.exceptions.Exit(1)


def _is_yes(question: str) -> bool:
    # click's own question says in English that an answer is neither of the two.
    while True:
        typed = click.prompt(f"{question} [y/N]", default="", show_default=False)
        answer = unicodedata.normalize("NFKC", typed).strip().lower()
        if answer in {"y", "yes"}:
            return True
        if answer in {"", "n", "no"}:
            return False
        click.echo("y（はい）か n（いいえ）で答えてください。")


def tell_agreement(channel: Channel) -> None:
    """Tell that whoever switches a channel on agrees to its terms of use (domain.md §3)."""
    click.echo(
        f"{TERMS[SWITCHES[channel]]}を利用するには、利用規約への同意が要ります。"
        "実行すると、運用者が医療機関等を代表して同意したことになります。"
    )


def operator() -> str:
    """Return the actor that the history names for a command."""
    return f"operator:{getpass.getuser()}"


def japan_time(moment: datetime) -> str:
    """Return a moment in Japan, with the year."""
    return f"{moment.astimezone(JST):%Y-%m-%d %H:%M}"


@contextmanager
def _desk() -> Iterator[Desk]:
    settings, clock = Settings.from_env(), SystemClock()
    database = Database(settings.database_url)
    reception = ReceptionService(
        database=database,
        tokens=UrlTokens(settings.url_keys),
        origin=settings.origin,
        clock=clock,
    )
    try:
        yield Desk(
            database=database,
            facilities=FacilityService(database=database, clock=clock),
            registry=FacilityRegistry(database=database, clock=clock),
            reception=reception,
            printing=PrintService.of(settings, database=database, reception=reception, clock=clock),
            posters=PosterService(database=database, clock=clock),
        )
    finally:
        database.close()
