"""同意取得済み患者一覧: search, sort, pages, live news, CSV (domain.md §8)."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from http import HTTPStatus
from typing import Final, TypeVar
from urllib.parse import urlencode

from flask import Response, current_app, jsonify, render_template, request, url_for
from markupsafe import Markup
from werkzeug.wrappers import Response as BaseResponse

from zaitaku.accounts.model import Permission
from zaitaku.blueprints.console.files import made_response
from zaitaku.blueprints.console.presenting import NOT_OBTAINED, SHORT_CHANNEL_NAMES, WITHHELD
from zaitaku.blueprints.console.room import blueprint
from zaitaku.blueprints.console.searches import address, asked, lead_on, shown_again
from zaitaku.blueprints.edge import refuse_head, services
from zaitaku.blueprints.kept_forms import repeatable
from zaitaku.blueprints.paging import paging
from zaitaku.blueprints.permissions import by_timer, current_staff, no_page, requires
from zaitaku.consent.model import ConsentItem
from zaitaku.core.clock import japan_date
from zaitaku.core.errors import InvalidField
from zaitaku.facilities.channels import CHANNEL_NAMES
from zaitaku.records.consented import MOST_EXAMINED, ConsentedPatients
from zaitaku.records.export import export_consented, file_name
from zaitaku.records.listing import (
    FIRST_YEAR,
    LAST_YEAR,
    LINE_STATE_NAMES,
    MAXIMUM_SEARCH,
    Cut,
    ItemState,
    ListQuery,
    Page,
    SortKey,
)
from zaitaku.records.news import SeenList
from zaitaku.records.ways import MOST_REFERENCES

log = logging.getLogger(__name__)

StrEnumT = TypeVar("StrEnumT", bound=StrEnum)

NEWS_SECONDS: Final = 15

_STATE_WORDS: Final = {
    ItemState.GRANTED: "同意あり",
    ItemState.REFUSED: "同意なし",
    ItemState.EXPIRED: "期限切れ",
    ItemState.WITHDRAWN: "取消し",
    ItemState.NOT_ASKED: "対象外",
}

_MISTAKES: Final = {
    "q": f"検索する言葉は、ふつうの文字で、{MAXIMUM_SEARCH}文字以内で入力してください。",
    "from": "同意日の「から」は、2026-11-20 のように日付で入力してください。",
    "to": "同意日の「まで」は、「から」と同じ日か、あとの日付にしてください。",
    "visit-from": "受診日の「から」は、2026-11-20 のように日付で入力してください。",
    "visit-to": "受診日の「まで」は、「から」と同じ日か、あとの日付にしてください。",
    "channel": "機能を一覧から選んでください。",
    "state": "状態を一覧から選んでください。",
    "item": "同意の内容を一覧から選んでください。",
    "sort": "並べ替えは、表の見出しから選んでください。",
    "page": "ページは、表の下の番号から選んでください。",
    "size": "1ページの件数は、200件までにしてください。",
}

_CUT_WORDS: Final = {
    Cut.LINES: f"並び順のはじめから{MOST_EXAMINED:,}件までを調べました。"
    "ほかにもいるかもしれません。条件を加えて絞り込んでください。",
    Cut.REFERENCES: f"受付番号は、新しいほうから{MOST_REFERENCES:,}件までを調べました。"
    "ほかにもいるかもしれません。番号を続けて入力してください。",
}

_DAYS: Final = {
    "from": "同意日の「から」",
    "to": "同意日の「まで」",
    "visit-from": "受診日の「から」",
    "visit-to": "受診日の「まで」",
}
_RULES: Final = {
    "not-a-date": "{day}は、2026-11-20 のように日付で入力してください。",
    "out-of-range": "{day}は、{first}年から{last}年までの日付で入力してください。",
}
"""Words for a mistake in a day that the field's usual words do not fit."""

_FIELDS: Final = frozenset({"q", "channel", "state", "item", *_DAYS})
"""What the search form asks for; a mistake elsewhere in the address is told for the whole page."""

_ITEMS: Final = {
    ConsentItem.SURGERY: "手術",
    ConsentItem.CLINICAL: "診療・薬剤",
    ConsentItem.MEDICATION: "薬剤",
    ConsentItem.CHECKUP: "健診",
    ConsentItem.SPECIFIC_DISEASE: "特定疾病療養受療証",
    ConsentItem.HIGH_COST_LIMIT: "限度額適用認定証",
}

_CELL: Final = Markup('<span aria-hidden="true">{}</span><span class="visually-hidden">{}</span>')
_ITEM_HEADING: Final = Markup('{}<span class="visually-hidden">{}</span>')

_COLUMNS: Final = (
    (_ITEM_HEADING.format("手", "術"), None),
    (_ITEM_HEADING.format("診", "療・薬剤"), None),
    (_ITEM_HEADING.format("薬", "剤"), None),
    (_ITEM_HEADING.format("健", "診"), None),
    ("氏名（カナ）", SortKey.KANA),
    ("生年月日", SortKey.BIRTH_DATE),
    ("機能", None),
    ("同意日時", SortKey.RECORDED),
    ("受診日", SortKey.VISIT_DATE),
    ("有効期限", SortKey.VALID_UNTIL),
    ("受付番号", SortKey.REFERENCE),
)


@dataclass(frozen=True)
class _Heading:
    """One column's heading; ``href`` sorts by it, the other way round if it is sorted already."""

    label: str
    href: str
    sort: str


def _address(query: ListQuery) -> str:
    return address("console.consented_patients", query.to_mapping())


@blueprint.get("/consented-patients")
@requires(Permission.SEE_CONSENTED_PATIENTS)
def consented_patients() -> str | tuple[str, HTTPStatus]:
    """Show one page of the list as the address describes it."""
    try:
        query = ListQuery.from_mapping(asked())
    except InvalidField as error:
        return _unread(error), HTTPStatus.UNPROCESSABLE_ENTITY
    now = services().clock.now()
    with services().database.reading() as connection:
        store = ConsentedPatients(connection, current_staff().facility.id)
        seen = SeenList.of(store, now)
        page = store.page(query, now=now)
    _log("consented patients shown", lines=len(page.rows))
    return _list(query, page, seen)


@blueprint.post("/consented-patients")
@requires(Permission.SEE_CONSENTED_PATIENTS)
@repeatable
def search_patients() -> BaseResponse:
    """Lead on to the lines that the form asks for."""
    return lead_on()


def _log(message: str, **numbers: int) -> None:
    log.info(message, extra={"account": str(current_staff().account.id), **numbers})


def _list(query: ListQuery, page: Page, seen: SeenList) -> str:
    return render_template(
        "console/patients.html",
        page_of_list=page,
        query=query,
        typed=query.to_mapping(),
        errors={},
        headings=[_heading(_shown_as(query, page), label, key) for label, key in _COLUMNS],
        paging=paging(page.number, page.pages, lambda n: _address(replace(query, page=n))),
        first_row=(page.number - 1) * query.size + 1,
        is_filtered=bool(_FIELDS & query.to_mapping().keys()),
        here=_address(query),
        newest=_address(ListQuery()),
        export=address("console.export_patients", query.to_mapping()),
        news=f"{url_for('console.patient_news')}?{urlencode(seen.to_mapping())}",
        **_words(),
    )


def _shown_as(query: ListQuery, page: Page) -> ListQuery:
    if not page.is_reordered:
        return query
    return replace(query, sort=SortKey.RECORDED, descending=True)


def _words() -> Mapping[str, object]:
    return {
        "channels": _choices(CHANNEL_NAMES),
        "states": _choices(LINE_STATE_NAMES, "同意した方すべて"),
        "items": _choices(_ITEMS),
        "state_names": LINE_STATE_NAMES,
        "has_details": "console.consented_patient" in current_app.view_functions,
        "short_names": SHORT_CHANNEL_NAMES,
        "not_obtained": NOT_OBTAINED,
        "withheld": WITHHELD,
        "cell": _cell,
        "cut_words": _CUT_WORDS,
        "news_seconds": NEWS_SECONDS,
        "may_export": Permission.EXPORT_CONSENTED_PATIENTS in current_staff().permissions,
    }


def _choices(names: Mapping[StrEnumT, str], every: str = "すべて") -> list[dict[str, str]]:
    return [
        {"value": "", "label": every},
        *({"value": value.value, "label": label} for value, label in names.items()),
    ]


def _cell(state: ItemState) -> Markup:
    return _CELL.format(state.mark, _STATE_WORDS[state])


def _unread(error: InvalidField) -> str:
    message = _MISTAKES[error.field]
    if error.field in _DAYS and error.rule in _RULES:
        day = _DAYS[error.field]
        message = _RULES[error.rule].format(day=day, first=FIRST_YEAR, last=LAST_YEAR)
    return render_template(
        "console/patients.html",
        page_of_list=None,
        typed=shown_again(),
        errors={error.field if error.field in _FIELDS else "main": message},
        **_words(),
    )


def _heading(query: ListQuery, label: str, key: SortKey | None) -> _Heading:
    if key is None:
        return _Heading(label, "", "")
    is_sorted = query.sort is key
    descending = not query.descending if is_sorted else key is SortKey.RECORDED
    order = "descending" if query.descending else "ascending"
    href = _address(replace(query, sort=key, descending=descending, page=1))
    return _Heading(label, href, order if is_sorted else "")


@blueprint.get("/consented-patients/news")
@requires(Permission.SEE_CONSENTED_PATIENTS)
@by_timer
def patient_news() -> tuple[Response, HTTPStatus]:
    """Tell how many lines are new since a page was made: no names, only the number."""
    try:
        seen = SeenList.from_mapping(request.args)
    except InvalidField as error:
        return jsonify(error=error.field), HTTPStatus.UNPROCESSABLE_ENTITY
    with services().database.reading() as connection:
        store = ConsentedPatients(connection, current_staff().facility.id)
        added = seen.added(store)
    return jsonify(added=added), HTTPStatus.OK


@blueprint.get("/consented-patients/export")
@requires(Permission.EXPORT_CONSENTED_PATIENTS)
@no_page
def export_patients() -> Response | tuple[str, HTTPStatus]:
    """Return everything that the address finds, on all pages, as CSV."""
    refuse_head()
    try:
        query = ListQuery.from_mapping(asked())
    except InvalidField as error:
        return _unread(error), HTTPStatus.UNPROCESSABLE_ENTITY
    staff, now = current_staff(), services().clock.now()
    facility = staff.facility
    lines = export_consented(
        services().database,
        facility.id,
        query,
        now=now,
        character_set=facility.settings.character_set,
    )
    content_type = facility.settings.character_set.codec.content_type

    def record() -> None:
        services().accounts.note_export(staff.account, _filters_used(query))
        _log("consented patients exported")

    name = file_name(facility.code, japan_date(now))
    return made_response(name, content_type, lines, record=record)


def _filters_used(query: ListQuery) -> Mapping[str, str]:
    """Return the conditions for the audit trail; of a searched name only that there was one."""
    said = {
        "検索": "氏名・カナ・受付番号で検索" if query.search else "",
        "機能": CHANNEL_NAMES[query.channel] if query.channel else "",
        "同意日": _span(query.recorded_from, query.recorded_to),
        "受診日": _span(query.visit_from, query.visit_to),
        "状態": LINE_STATE_NAMES[query.state] if query.state else "",
        "同意した内容": _ITEMS[query.item] if query.item else "",
    }
    return {name: words for name, words in said.items() if words} or {"条件": "なし"}


def _span(first: date | None, last: date | None) -> str:
    return f"{first or ''}〜{last or ''}" if first or last else ""
