"""URLの利用状況: how often each way in was scanned, and how often that led to a consent."""

from collections.abc import Generator, Mapping
from contextlib import closing
from datetime import date
from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode

from flask import Response, render_template, request, url_for

from zaitaku.accounts.model import Permission
from zaitaku.blueprints.console.files import made_response
from zaitaku.blueprints.console.plots import plot_of
from zaitaku.blueprints.console.presenting import SHORT_CHANNEL_NAMES
from zaitaku.blueprints.console.room import blueprint
from zaitaku.blueprints.console.sources import GONE, poster_names, source_views
from zaitaku.blueprints.console.urls import CHANNEL, channel_view
from zaitaku.blueprints.edge import refuse_head, services
from zaitaku.blueprints.permissions import current_staff, no_page, requires
from zaitaku.core.errors import InvalidField
from zaitaku.core.spreadsheets import Codec, encode_row, file_start
from zaitaku.facilities.model import Channel
from zaitaku.reception.posters.model import MOST_POSTERS, PosterNumber
from zaitaku.reception.posters.reports import Period, Report, period_of

_NOT_A_DAY: Final = "は、2026-11-20 のように日付で入力してください。"
_MISTAKES: Final[Mapping[tuple[str, str], str]] = {
    ("from", "not-a-date"): f"「いつから」{_NOT_A_DAY}",
    ("to", "not-a-date"): f"「いつまで」{_NOT_A_DAY}",
    ("from", "out-of-range"): "「いつから」は、2020年1月1日からあとの日付にしてください。",
    ("to", "out-of-range"): "「いつまで」は、2020年1月1日から今日までの日付にしてください。",
    ("to", "before-from"): "「いつまで」は、「いつから」と同じ日か、あとの日付にしてください。",
    ("from", "too-long"): "期間は、2年以内にしてください。",
    ("poster", "unknown"): "ポスターを一覧から選んでください。",
}
_COLUMNS: Final = ("日付", "URLの版", "ポスター", "読み取り回数", "登録件数")


@blueprint.get(f"/reception-urls/{CHANNEL}/traffic")
@requires(Permission.SEE_RECEPTION_URLS)
def traffic(channel: str) -> str | tuple[str, HTTPStatus]:
    """Show the plot, the ways in, and the days of what the address asks for."""
    facility, of = current_staff().facility, Channel(channel)
    names = poster_names(services().posters.all(facility.id, of))
    try:
        number = _poster_of(request.args)
        period = period_of(request.args, services().use_reports.today())
    except InvalidField as error:
        words = {error.field: _MISTAKES[error.field, error.rule]}
        return _page(of, names, errors=words), HTTPStatus.UNPROCESSABLE_ENTITY
    report = services().use_reports.report(facility.id, of, period, number)
    return _page(of, names, report=report)


def _page(
    channel: Channel,
    names: Mapping[PosterNumber, str],
    *,
    report: Report | None = None,
    errors: Mapping[str, str] | None = None,
) -> str:
    view = channel_view(channel)
    choices = [{"value": "", "label": "すべて"}]
    choices += [{"value": str(number), "label": name} for number, name in names.items()]
    return render_template(
        "console/traffic.html",
        view=view,
        report=report,
        plot=plot_of(report) if report else None,
        sources=source_views(report.sources, names, view.url.current.number) if report else [],
        choices=choices,
        typed=request.args,
        keep_days=services().settings.traffic_days,
        errors=errors or {},
        export=_export_address(channel, report.period) if report else "",
    )


def _export_address(channel: Channel, period: Period) -> str:
    asked = {"from": period.first.isoformat(), "to": period.last.isoformat()}
    return f"{url_for('console.traffic_file', channel=channel.value)}?{urlencode(asked)}"


def _poster_of(values: Mapping[str, str]) -> PosterNumber | None:
    typed = values.get("poster", "")
    if not typed:
        return None
    if not typed.isascii() or not typed.isdigit() or len(typed) > len(str(MOST_POSTERS)):
        raise InvalidField("poster", "unknown")
    return PosterNumber(int(typed))


@blueprint.get(f"/reception-urls/{CHANNEL}/traffic/file")
@requires(Permission.SEE_RECEPTION_URLS)
@no_page
def traffic_file(channel: str) -> Response | tuple[str, HTTPStatus]:
    """Return the counts of the days as CSV, a line for each day, version and poster."""
    refuse_head()
    facility, of = current_staff().facility, Channel(channel)
    names = poster_names(services().posters.all(facility.id, of))
    try:
        period = period_of(request.args, services().use_reports.today())
    except InvalidField as error:
        words = {error.field: _MISTAKES[error.field, error.rule]}
        return _page(of, names, errors=words), HTTPStatus.UNPROCESSABLE_ENTITY
    codec = Codec[facility.settings.character_set.name]
    lines = services().use_reports.lines(facility.id, of, period)
    dates = f"{period.first:%Y%m%d}-{period.last:%Y%m%d}"
    name = f"URL利用状況_{SHORT_CHANNEL_NAMES[of]}_{facility.code}_{dates}.csv"
    return made_response(name, codec.content_type, _csv(lines, names, codec), record=None)


def _csv(
    lines: Generator[tuple[date, int, PosterNumber, int, int], None, None],
    names: Mapping[PosterNumber, str],
    codec: Codec,
) -> Generator[bytes, None, None]:
    yield file_start(codec) + encode_row(_COLUMNS, codec)
    with closing(lines):
        for day, version, number, scans, completions in lines:
            name = names.get(number, GONE)
            cells = (day.isoformat(), f"第{version}版", name, str(scans), str(completions))
            yield encode_row(cells, codec)
