"""医療機関別URL 取得・変更: the URL of each channel, and its history (domain.md §3)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from flask import render_template
from werkzeug.wrappers import Response as BaseResponse

from zaitaku.accounts.model import Permission
from zaitaku.blueprints.console.presenting import ACT_NAMES, SHORT_CHANNEL_NAMES
from zaitaku.blueprints.console.room import blueprint
from zaitaku.blueprints.console.searches import asked, lead_on
from zaitaku.blueprints.console.sources import SourceView, recent_sources
from zaitaku.blueprints.edge import services
from zaitaku.blueprints.kept_forms import repeatable
from zaitaku.blueprints.permissions import current_staff, requires
from zaitaku.core.errors import InvalidField
from zaitaku.core.queries import check_period, choice_of, moment_of, words_of
from zaitaku.facilities.channels import CHANNEL_NAMES
from zaitaku.facilities.model import Channel
from zaitaku.reception.model import ReceptionUrl, UrlAct, UrlEvent
from zaitaku.reception.printing import PrintKind

CHANNEL: Final = f"<any({', '.join(repr(channel.value) for channel in Channel)}):channel>"
"""The part of an address that names a channel; any other name is no route."""


@dataclass(frozen=True)
class ChannelView:
    """One channel on the page."""

    channel: Channel
    is_on: bool
    url: ReceptionUrl
    address: str

    @property
    def name(self) -> str:
        """The channel's full name."""
        return CHANNEL_NAMES[self.channel]

    @property
    def short_name(self) -> str:
        """The channel's name where there is little room."""
        return SHORT_CHANNEL_NAMES[self.channel]

    @property
    def sources(self) -> list[SourceView]:
        """The ways in that were used within the last 30 days."""
        return recent_sources(self.url)


@dataclass(frozen=True)
class EventView:
    """One line of the history, in words."""

    event: UrlEvent

    @property
    def act(self) -> str:
        """What was done."""
        return ACT_NAMES[self.event.act]

    @property
    def change(self) -> str:
        """Which version stopped and which works since."""
        if self.event.act is UrlAct.ISSUE:
            return f"第{self.event.to_number}版を発行"
        return f"第{self.event.from_number}版 → 第{self.event.to_number}版"


def channel_view(channel: Channel) -> ChannelView:
    """Return a channel of the facility that is logged in, as it stands."""
    facility, reception = current_staff().facility, services().reception
    url = reception.show(facility.id, channel)
    is_on = facility.settings.is_on(channel)
    return ChannelView(channel, is_on, url, reception.address(url.current))


def event_views(channel: Channel) -> list[EventView]:
    """Return the channel's history, newest first."""
    events = services().reception.history(current_staff().facility.id, channel)
    return [EventView(event) for event in reversed(events)]


MOST_WORDS: Final = 100
_MISTAKES: Final = {
    "from": "「いつから」は、2026-11-20 のように日付で入力してください。",
    "to": "「いつまで」は、「いつから」と同じ日か、あとの日付で入力してください。",
    "act": "操作を一覧から選んでください。",
    "q": f"検索する言葉は、ふつうの文字で、{MOST_WORDS}文字以内で入力してください。",
}

DOWNLOADS: Final = (
    (PrintKind.QR_CODE, "PNG形式でダウンロード"),
    (PrintKind.POSTER, "PDF形式でダウンロード（A4ポスター）"),
    (PrintKind.CARD, "PDF形式でダウンロード（配布カード）"),
    (PrintKind.SHEET, "PDF形式でダウンロード（配布カード10枚）"),
)


@blueprint.get("/reception-urls")
@requires(Permission.SEE_RECEPTION_URLS)
def reception_urls() -> str:
    """Show both channels: URL, QR code, downloads, and what can be changed."""
    return render_template(
        "console/urls.html",
        channels=[channel_view(channel) for channel in Channel],
        downloads=DOWNLOADS,
        typed_address=services().reception.typed_address,
        may_change=Permission.CHANGE_RECEPTION_URLS in current_staff().permissions,
    )


@blueprint.get(f"/reception-urls/{CHANNEL}/history")
@requires(Permission.SEE_RECEPTION_URLS)
def url_history(channel: str) -> str | tuple[str, HTTPStatus]:
    """Show who changed a channel's URL, when and why: all of it, or what the address asks for."""
    view, every = channel_view(Channel(channel)), event_views(Channel(channel))
    errors: dict[str, str] = {}
    try:
        found = searched(every, asked())
    except InvalidField as error:
        errors, found = {error.field: _MISTAKES[error.field]}, []
    page = render_template(
        "console/url_history.html",
        view=view,
        events=found,
        total=len(every),
        acts=[{"value": act.value, "label": name} for act, name in ACT_NAMES.items()],
        typed=asked(),
        errors=errors,
    )
    return (page, HTTPStatus.UNPROCESSABLE_ENTITY) if errors else page


@blueprint.post(f"/reception-urls/{CHANNEL}/history")
@requires(Permission.SEE_RECEPTION_URLS)
@repeatable
def search_url_history(**_: str) -> BaseResponse:
    """Lead on to the lines that the form asks for."""
    return lead_on()


def searched(events: Iterable[EventView], values: Mapping[str, str]) -> list[EventView]:
    """Return the lines of a history that the values ask for, in their order.

    Raises:
        InvalidField: a value is not of its field's kind.
    """
    begin, end = moment_of(values, "from"), moment_of(values, "to", is_end=True)
    check_period(begin, end)
    act = choice_of(values, "act", UrlAct)
    words = words_of(values, "q", longest=MOST_WORDS)
    return [
        line
        for line in events
        if (begin is None or begin <= line.event.at)
        and (end is None or line.event.at < end)
        and (act is None or line.event.act is act)
        and words in f"{line.event.actor} {line.event.reason}"
    ]
