"""URLの利用状況: what patients' browsers leave behind in the counts, and how staff see it."""

import re
from datetime import date, timedelta

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from tests.console.office import Browser, Office
from zaitaku.blueprints.console.plots import HEIGHT, LEFT, MOST_LINES, WIDTH, plot_of
from zaitaku.core.database import Database
from zaitaku.core.errors import StoreUnavailable
from zaitaku.core.ids import JourneyId
from zaitaku.facilities.model import Channel
from zaitaku.reception.model import UrlAct
from zaitaku.reception.posters.model import NO_POSTER, PosterNumber
from zaitaku.reception.posters.reports import Bar, Period, Report
from zaitaku.reception.posters.uses import UseCounter
from zaitaku.work import runner

TRAFFIC = "/console/reception-urls/online/traffic"
START = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')


def path_of(office: Office, number: int = NO_POSTER) -> str:
    reception = office.services.reception
    current = reception.show(office.world.facility.id, Channel.ONLINE).current
    address = reception.address(current, PosterNumber(number))
    return address.removeprefix(office.services.settings.origin)


def opened(office: Office, path: str, patient: FlaskClient | None = None) -> FlaskClient:
    """Open a page as a patient does, to the end of the answer: that is when it is counted."""
    patient = patient or office.app.test_client()
    patient.get(path, base_url=office.services.settings.origin).close()
    return patient


def scans(office: Office) -> dict[tuple[int, int], tuple[int, int]]:
    found = office.services.use_reports.recent(office.world.facility.id, Channel.ONLINE)
    return {
        (each.version_number, each.poster_number): (each.scans, each.completions) for each in found
    }


def named(office: Office, *names: str) -> None:
    for name in names:
        office.services.posters.add(
            office.world.facility.id, Channel.ONLINE, name=name, note="", actor="test"
        )


def rotate(office: Office) -> None:
    change(office, UrlAct.ROTATE)


def change(office: Office, act: UrlAct) -> None:
    facility = office.world.facility.id
    current = office.services.reception.show(facility, Channel.ONLINE).current.id
    office.services.reception.change(
        act, facility, Channel.ONLINE, expected=current, actor="test", reason="試験"
    )


def test_each_way_in_is_counted_once_for_a_browser_and_a_day(office: Office) -> None:
    named(office, "待合室", "退院窓口")
    patient = opened(office, path_of(office, 1))
    for path in (path_of(office, 1), f"{path_of(office, 1)}?lang=en", path_of(office)):
        opened(office, path, patient)
    assert scans(office) == {(1, 1): (1, 0)}
    opened(office, path_of(office, 2), patient)
    opened(office, path_of(office))
    assert scans(office) == {(1, 0): (1, 0), (1, 1): (1, 0), (1, 2): (1, 0)}
    office.clock.advance(timedelta(days=1))
    opened(office, path_of(office, 2), patient)
    assert scans(office)[1, 2] == (2, 0)


def test_a_damaged_mark_opens_the_page_and_counts_for_no_poster(office: Office) -> None:
    named(office, "待合室")
    tails = ("AAAA", "x", "____", "あ", "zzz")
    for tail in tails:
        answer = office.app.test_client().get(path_of(office) + tail)
        assert answer.status_code == 200
        answer.close()
    assert scans(office) == {(1, 0): (len(tails), 0)}


def test_a_longer_tail_is_another_url(office: Office) -> None:
    assert office.app.test_client().get(path_of(office) + "AAAAA").status_code == 404
    assert scans(office) == {}


def test_what_asks_without_a_person_is_not_counted(office: Office) -> None:
    client = office.app.test_client()
    client.head(path_of(office)).close()
    client.get(path_of(office), headers={"Sec-Purpose": "prefetch;prerender"}).close()
    assert scans(office) == {}


PAGES_THAT_WARN = (
    "/console/reception-urls",
    "/console/reception-urls/online/posters",
    TRAFFIC,
)
STILL_SCANNED = "使えなくなったURLが、まだ読み取られています"


def test_an_old_poster_that_still_hangs_is_seen_from_the_next_day_on(office: Office) -> None:
    named(office, "待合室")
    old = path_of(office, 1)
    opened(office, old)
    rotate(office)
    opened(office, old)
    assert scans(office) == {(1, 1): (2, 0)}
    for page in PAGES_THAT_WARN:
        browser = office.logged_in()
        browser.get(page)
        assert STILL_SCANNED not in browser.text
    office.clock.advance(timedelta(days=1))
    opened(office, old)
    for page in PAGES_THAT_WARN:
        browser = office.logged_in()
        browser.get(page)
        assert STILL_SCANNED in browser.text
        assert "第1版 待合室：1回（最後は2026年11月21日）" in browser.text


def test_a_version_that_came_back_is_warned_of_no_more(office: Office) -> None:
    first = path_of(office)
    rotate(office)
    second = path_of(office)
    office.clock.advance(timedelta(days=1))
    for path in (first, second):
        opened(office, path)
    browser = office.logged_in()
    browser.get(TRAFFIC)
    assert "第1版 名前のないもの（リンク・番号の入力など）：1回" in browser.text
    change(office, UrlAct.REVERT)
    browser.get(TRAFFIC)
    assert STILL_SCANNED not in browser.text
    office.clock.advance(timedelta(days=1))
    opened(office, second)
    browser = office.logged_in()
    browser.get(TRAFFIC)
    assert "第2版 名前のないもの（リンク・番号の入力など）：1回" in browser.text
    assert "第1版 名前のないもの（リンク・番号の入力など）：1回" not in browser.text


def begin(office: Office, path: str) -> JourneyId:
    """Begin a journey as a patient does and return its name."""
    client = office.app.test_client()
    page = client.get(path)
    form = START.search(page.text)
    page.close()
    assert form is not None
    origin = office.services.settings.origin
    started = client.post(
        path, data={"csrf_token": form[1]}, base_url=origin, headers={"Referer": origin + path}
    )
    started.close()
    assert started.status_code == 303
    return JourneyId(started.location.split("/j/")[1].split("/")[0])


def test_a_journey_is_open_until_its_consent_and_counts_for_its_poster_once(
    office: Office,
) -> None:
    named(office, "待合室")
    uses = office.services.uses
    current = office.services.reception.show(office.world.facility.id, Channel.ONLINE).current.id
    journey, _ = begin(office, path_of(office, 1)), begin(office, path_of(office, 1))
    assert uses.open_journeys(current) == 2
    for _ in range(2):
        uses.completed(journey)
    assert uses.open_journeys(current) == 1
    assert scans(office) == {(1, 1): (2, 1)}
    browser = office.logged_in()
    browser.get("/console/reception-urls/online/rotate")
    assert "この60分に始めて、まだ登録していない手続きは、1件です" in browser.text
    office.clock.advance(timedelta(minutes=71))
    assert uses.open_journeys(current) == 0


def test_a_patient_never_notices_that_counting_fails(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise StoreUnavailable("OperationalError")

    with monkeypatch.context() as broken:
        broken.setattr(Database, "do", away)
        broken.setattr(UseCounter, "_open", away)
        answer = office.app.test_client().get(path_of(office))
        assert answer.status_code == 200
        answer.close()
        begin(office, path_of(office))
    assert scans(office) == {}


def test_the_page_shows_plot_table_and_file_of_the_days_asked_for(office: Office) -> None:
    named(office, "=待合室")
    opened(office, path_of(office, 1))
    browser = office.logged_in()
    browser.get(TRAFFIC)
    assert "読み取り 1回、登録 0件" in browser.text
    bars = [each for each in browser.page.iter() if each.get("class") == "plot__scans"]
    assert len(bars) == 30
    assert days_shown(browser) == 30
    browser.follow("CSV形式でダウンロード")
    assert browser.answer.data.decode("utf-8-sig").splitlines() == [
        "日付,URLの版,ポスター,読み取り回数,登録件数",
        "2026-11-20,第1版,'=待合室,1,0",
    ]
    browser.get(f"{TRAFFIC}?from=2026-11-01&to=2026-11-19")
    assert "この期間には、まだ読み取りがありません" in browser.text
    browser.get(f"{TRAFFIC}?from=2025-12-01&poster=1")
    assert days_shown(browser) == 12
    assert "読み取り 1回" in browser.text
    browser.get(f"{TRAFFIC}?poster=2")
    assert "読み取り 0回" in browser.text


def test_the_worker_forgets_what_is_too_old(office: Office) -> None:
    opened(office, path_of(office))
    keep = timedelta(days=office.services.settings.traffic_days)
    office.clock.advance(keep)
    runner(office.services).clean_up()
    facility, days = office.world.facility.id, office.services.use_reports
    every = Period(date(2026, 1, 1), days.today())
    assert days.report(facility, Channel.ONLINE, every).scans == 1
    office.clock.advance(timedelta(days=1))
    runner(office.services).clean_up()
    assert days.report(facility, Channel.ONLINE, every).scans == 0
    browser = office.logged_in()
    browser.get(TRAFFIC)
    assert "400日より前の回数は、残していません" in browser.text


def days_shown(browser: Browser) -> int:
    (table,) = [each for each in browser.page.iter("table") if each.get("id") == "bars"]
    return len(list(table.iter("tr"))) - 1


MISTAKES = (
    ("from=yesterday", "「いつから」は、2026-11-20 のように"),
    ("to=2026-11-21", "今日までの日付"),
    ("from=2026-11-20&to=2026-11-19", "「いつから」と同じ日か"),
    ("from=2024-01-01", "2年以内"),
    ("from=0001-01-01&to=0001-01-02", "2020年1月1日から"),
    ("poster=１", "ポスターを一覧から"),
    ("poster=-1", "ポスターを一覧から"),
)


def test_what_cannot_be_asked_is_told(office: Office) -> None:
    browser = office.logged_in()
    for asked, words in MISTAKES:
        assert browser.get(f"{TRAFFIC}?{asked}") == 422
        assert words in browser.text
        if "poster" not in asked:
            assert browser.get(f"{TRAFFIC}/file?{asked}") == 422


def test_the_counts_are_those_of_ones_own_facility(office: Office) -> None:
    opened(office, path_of(office))
    other = office.services.use_reports.recent(office.world.other.id, Channel.ONLINE)
    assert other == ()


def test_the_history_is_searched(office: Office) -> None:
    rotate(office)
    browser = office.logged_in()
    history = "/console/reception-urls/online/history"
    for asked, found in (
        ("", ["URLを変更する", "最初の発行"]),
        ("?act=rotate", ["URLを変更する"]),
        ("?q=試験&from=2026-11-20&to=2026-11-20", ["URLを変更する"]),
    ):
        browser.get(history + asked)
        assert [row[1] for row in browser.rows()] == found
    browser.get(f"{history}?to=2026-11-19")
    assert "条件に合う履歴はありません" in browser.text
    for asked in ("act=burn", "from=x", "to=2026-11-01&from=2026-11-02", "q=" + "あ" * 101):
        assert browser.get(f"{history}?{asked}") == 422
        assert browser.title.startswith("エラー：")


counted = st.lists(
    st.builds(
        Bar,
        st.dates(),
        st.integers(0, 10**6),
        st.integers(0, 10**6),
    ),
    min_size=1,
    max_size=62,
)


@given(counted)
def test_every_bar_stands_inside_the_plot_on_its_floor(shown: list[Bar]) -> None:
    plot = plot_of(Report(Period(shown[0].begin, shown[0].begin), tuple(shown), ()))
    assert len(plot.columns) == len(shown)
    assert 2 <= len(plot.lines) <= MOST_LINES + 1
    for column in plot.columns:
        assert column.x >= LEFT
        assert column.x + column.width <= WIDTH
        assert 0 <= column.scans_y <= HEIGHT
        assert column.scans_y + column.scans_height == pytest.approx(plot.floor, abs=0.2)
        assert column.completions_y + column.completions_height == pytest.approx(
            plot.floor, abs=0.2
        )
