"""Named posters of a channel: which hang where, which are still used, and all of them at once."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlencode

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from zaitaku.accounts.model import Permission
from zaitaku.blueprints.console.room import blueprint
from zaitaku.blueprints.console.sources import poster_names, source_views
from zaitaku.blueprints.console.urls import CHANNEL, DOWNLOADS, ChannelView, channel_view
from zaitaku.blueprints.edge import services
from zaitaku.blueprints.permissions import current_staff, requires
from zaitaku.core.errors import Conflict, InvalidField
from zaitaku.core.texts import without_control_characters
from zaitaku.facilities.errors import UnprintableCharacters
from zaitaku.facilities.mistakes import named_characters
from zaitaku.facilities.model import Channel
from zaitaku.reception.posters.model import (
    MOST_POSTERS,
    NAME_CHARACTERS,
    NO_POSTER,
    NOTE_CHARACTERS,
    Poster,
    PosterNumber,
    Shelf,
    TooManyPosters,
)
from zaitaku.reception.posters.service import MistakenFields
from zaitaku.reception.posters.store import Source

_REVISION: Final = re.compile(r"[0-9]{1,9}")

Page = str | Response | tuple[str, HTTPStatus]

SHELF: Final = f"<any({', '.join(shelf.value for shelf in Shelf)}):shelf>"
_BASE: Final = f"/reception-urls/{CHANNEL}/posters"
_ONE: Final = f"{_BASE}/<int:poster>"
_MISTAKES: Final[Mapping[tuple[str, str], str]] = {
    ("name", "required"): "名前を入力してください。",
    ("name", "too-long"): f"名前は{NAME_CHARACTERS}文字以内で入力してください。",
    ("name", "taken"): "同じ名前のポスターがあります。区別できる名前にしてください。",
    ("note", "too-long"): f"メモは{NOTE_CHARACTERS}文字以内で入力してください。",
    ("note", "characters"): "メモに使えない文字が入っています。入力し直してください。",
}

_TOO_MANY: Final = (
    f"ポスターは、1つの機能に{MOST_POSTERS}枚までです。"
    "使わなくなったポスターの名前を変えて、お使いください。"
)


@dataclass(frozen=True)
class PosterView:
    """One poster on the page, with what happened to it in the last 30 days."""

    poster: Poster
    scans: int
    completions: int
    last_scanned: date | None


@dataclass(frozen=True)
class PosterForm:
    """What was typed, and the revision that the person had before their eyes."""

    name: str = ""
    note: str = ""
    seen: int = 0


def _view(poster: Poster, sources: Sequence[Source]) -> PosterView:
    own = [each for each in sources if each.poster_number == poster.number]
    days = [each.last_scanned for each in own if each.last_scanned]
    return PosterView(
        poster,
        scans=sum(each.scans for each in own),
        completions=sum(each.completions for each in own),
        last_scanned=max(days, default=None),
    )


SORTS: Final[Mapping[str, tuple[str, Callable[[PosterView], Any]]]] = MappingProxyType(
    {
        "name": ("名前", lambda view: view.poster.name),
        "scans": ("読み取り", lambda view: view.scans),
        "completions": ("登録", lambda view: view.completions),
        "last": ("最後の読み取り", lambda view: view.last_scanned or date.min),
    }
)
"""What the list can be sorted by: the heading, and the value that decides."""


def _sorted(views: Sequence[PosterView], wanted: str) -> list[PosterView]:
    """Return the lines in the wanted order (``name``, ``-name``); else in that of their numbers."""
    _, value = SORTS.get(wanted.removeprefix("-"), ("", lambda view: view.poster.number))
    return sorted(views, key=value, reverse=wanted.startswith("-"))


def _headings(channel: str, wanted: str) -> list[dict[str, str]]:
    kept = {name: request.args[name] for name in ("q", "state") if name in request.args}
    here = url_for("console.posters", channel=channel)
    columns: dict[str, dict[str, str]] = {}
    for key, (label, _) in SORTS.items():
        other = f"-{key}" if wanted == key else key
        columns[key] = {
            "label": label,
            "href": f"{here}?{urlencode({**kept, 'sort': other})}",
            "sort": {key: "ascending", f"-{key}": "descending"}.get(wanted, "none"),
        }
    fixed = [{"label": "メモ"}, {"label": "状態"}]
    return [columns["name"], *fixed, columns["scans"], columns["completions"], columns["last"]]


def _is_wanted(poster: Poster, words: str, state: str) -> bool:
    is_of_state = not state or (state == "archived") is poster.is_archived
    return is_of_state and words in f"{poster.name} {poster.note}"


@blueprint.get(_BASE)
@requires(Permission.SEE_RECEPTION_URLS)
def posters(channel: str) -> str:
    """List the channel's posters with their use in the last 30 days."""
    facility, of = current_staff().facility, Channel(channel)
    words = " ".join(without_control_characters(request.args.get("q", "")).split())
    state, sort = request.args.get("state", "in-use"), request.args.get("sort", "")
    kept = services().posters.all(facility.id, of)
    recent = services().use_reports.recent(facility.id, of)
    view = channel_view(of)
    shown = [_view(each, recent) for each in kept if _is_wanted(each, words, state)]
    return render_template(
        "console/posters.html",
        view=view,
        shown=_sorted(shown, sort),
        headings=_headings(channel, sort),
        sort=sort,
        total=len(kept),
        words=words,
        state=state,
        sources=source_views(recent, poster_names(kept), view.url.current.number),
        nameless=sum(each.scans for each in recent if each.poster_number == NO_POSTER),
    )


@blueprint.get(_ONE)
@requires(Permission.SEE_RECEPTION_URLS)
def poster(channel: str, poster: int) -> str:
    """Show one poster: its URL and QR code, its files, its use."""
    of, kept = Channel(channel), _found(channel, poster)
    view = channel_view(of)
    recent = services().use_reports.recent(current_staff().facility.id, of)
    return render_template(
        "console/poster.html",
        view=view,
        shown=_view(kept, recent),
        address=services().reception.address(view.url.current, kept.number),
        downloads=DOWNLOADS,
        printed=_last_printed(view, kept),
    )


def _last_printed(view: ChannelView, kept: Poster) -> datetime | None:
    prints = services().posters.prints(current_staff().facility.id, view.url.current.id)
    own = [each.last for each in prints if each.poster_number == kept.number]
    return max(own, default=None)


def _found(channel: str, number: int) -> Poster:
    facility = current_staff().facility
    return services().posters.find(facility.id, Channel(channel), PosterNumber(number))


def _form_page(
    channel: str,
    form: PosterForm,
    *,
    kept: Poster | None = None,
    errors: Mapping[str, str] | None = None,
    is_overtaken: bool = False,
) -> str:
    return render_template(
        "console/poster_form.html",
        view=channel_view(Channel(channel)),
        form=form,
        kept=kept,
        errors=errors or {},
        is_overtaken=is_overtaken,
    )


def _typed() -> PosterForm:
    seen = request.form.get("seen", "")
    return PosterForm(
        name=without_control_characters(request.form.get("name", "")),
        note=without_control_characters(request.form.get("note", "")),
        seen=int(seen) if _REVISION.fullmatch(seen) else 0,
    )


def _words_of(mistakes: Mapping[str, InvalidField]) -> dict[str, str]:
    return {field: _mistake(error) for field, error in mistakes.items()}


def _mistake(error: InvalidField) -> str:
    if isinstance(error, UnprintableCharacters):
        return (
            f"名前に、ポスターに印刷できない文字があります（{named_characters(error)}）。"
            "別の文字にしてください。"
        )
    return _MISTAKES[error.field, error.rule]


@blueprint.get(f"{_BASE}/new")
@requires(Permission.CHANGE_RECEPTION_URLS)
def new_poster(channel: str) -> str:
    """Ask for the name of a new poster."""
    return _form_page(channel, PosterForm())


@blueprint.post(f"{_BASE}/new")
@requires(Permission.CHANGE_RECEPTION_URLS)
def add_poster(channel: str) -> Page:
    """Make a poster and show it."""
    staff, form = current_staff(), _typed()
    try:
        made = services().posters.add(
            staff.facility.id,
            Channel(channel),
            name=form.name,
            note=form.note,
            actor=staff.account.label,
        )
    except MistakenFields as error:
        page = _form_page(channel, form, errors=_words_of(error.mistakes))
        return page, HTTPStatus.UNPROCESSABLE_ENTITY
    except TooManyPosters as error:
        return _form_page(channel, form, errors={"name": _TOO_MANY}), error.status
    return _to(channel, made)


def _to(channel: str, of: Poster) -> Response:
    address = url_for("console.poster", channel=channel, poster=of.number)
    return redirect(address, HTTPStatus.SEE_OTHER)


@blueprint.get(f"{_ONE}/edit")
@requires(Permission.CHANGE_RECEPTION_URLS)
def edit_poster(channel: str, poster: int) -> str:
    """Show name and note to be changed."""
    kept = _found(channel, poster)
    return _form_page(channel, PosterForm(kept.name, kept.note, kept.revision), kept=kept)


@blueprint.post(f"{_ONE}/edit")
@requires(Permission.CHANGE_RECEPTION_URLS)
def change_poster(channel: str, poster: int) -> Page:
    """Keep name and note, unless somebody else changed them since they were shown."""
    staff, form = current_staff(), _typed()
    try:
        changed = services().posters.change(
            staff.facility.id,
            Channel(channel),
            PosterNumber(poster),
            seen=form.seen,
            name=form.name,
            note=form.note,
            actor=staff.account.label,
        )
    except MistakenFields as error:
        page = _form_page(
            channel, form, kept=_found(channel, poster), errors=_words_of(error.mistakes)
        )
        return page, HTTPStatus.UNPROCESSABLE_ENTITY
    except Conflict as error:
        kept = _found(channel, poster)
        again = PosterForm(form.name, form.note, kept.revision)
        return _form_page(channel, again, kept=kept, is_overtaken=True), error.status
    return _to(channel, changed)


@blueprint.get(f"{_ONE}/{SHELF}")
@requires(Permission.CHANGE_RECEPTION_URLS)
def confirm_shelf(channel: str, poster: int, shelf: str) -> str:
    """Tell what taking a poster out of use, or back, does."""
    return _shelf_page(channel, _found(channel, poster), Shelf(shelf))


def _shelf_page(channel: str, kept: Poster, shelf: Shelf, error: str = "") -> str:
    return render_template(
        "console/poster_shelf.html",
        view=channel_view(Channel(channel)),
        kept=kept,
        is_archiving=shelf is Shelf.ARCHIVE,
        errors={"name": error} if error else {},
    )


@blueprint.post(f"{_ONE}/{SHELF}")
@requires(Permission.CHANGE_RECEPTION_URLS)
def move_poster(channel: str, poster: int, shelf: str) -> Page:
    """Take a poster out of use, or back."""
    staff = current_staff()
    try:
        moved = services().posters.shelve(
            Shelf(shelf),
            staff.facility.id,
            Channel(channel),
            PosterNumber(poster),
            actor=staff.account.label,
        )
    except MistakenFields:
        words = "同じ名前のポスターを使っています。先に、どちらかの名前を変えてください。"
        page = _shelf_page(channel, _found(channel, poster), Shelf(shelf), words)
        return page, HTTPStatus.CONFLICT
    return _to(channel, moved)
