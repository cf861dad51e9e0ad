"""同意取得済み患者一覧: what stands in it, searching, live news, CSV, other facilities."""

import csv
import io
import json
from datetime import timedelta
from html import escape
from urllib.parse import unquote

import pytest
from sqlalchemy import event, select
from sqlalchemy.exc import OperationalError

from tests.consent.world import HANAKOS_CARD, TARO, Card
from tests.console.office import Office
from zaitaku.accounts.model import Role
from zaitaku.accounts.service import AccountService
from zaitaku.audit.model import Act
from zaitaku.audit.store import audit_entry
from zaitaku.consent.model import ConsentItem, Decision
from zaitaku.core.errors import StoreUnavailable
from zaitaku.facilities.model import Channel, CharacterSet
from zaitaku.records import consented
from zaitaku.records.consented import ConsentedPatients

LIST = "/console/consented-patients"


def news_path(page: str) -> str:
    return page.partition('data-news="')[2].partition('"')[0].replace("&amp;", "&")


def test_a_consent_stands_in_the_list_at_once(office: Office) -> None:
    browser = office.logged_in(Role.GENERAL)
    receipt = office.world.register(
        Channel.ONLINE, decisions={ConsentItem.CHECKUP: Decision.REFUSE}
    ).receipt
    browser.get(LIST)
    assert browser.rows() == [
        [
            "○同意あり",
            "○同意あり",
            "○同意あり",
            "同意なし",
            "在宅 太郎ザイタク タロウ",
            "1941年3月3日",
            "オンライン診療等",
            "2026年11月20日 10:00",
            "2026年11月20日",
            "2026年11月21日まで",
            receipt.reference,
        ]
    ]
    assert "全1件" in browser.text


def test_a_name_that_is_not_obtained_says_so(office: Office) -> None:
    office.world.register(card=Card.named("unknown"))
    browser = office.logged_in(Role.GENERAL)
    browser.get(LIST)
    row = browser.rows()[0]
    assert row[4:6] == ["（未取得）", "（未取得）"]
    assert row[8:10] == ["－", "取消しまで"]


def test_an_expired_consent_says_so_in_words(office: Office) -> None:
    office.world.register(Channel.ONLINE)
    office.clock.advance(timedelta(days=3))
    browser = office.logged_in(Role.GENERAL)
    browser.get(LIST)
    assert browser.rows()[0][0] == "期限切れ"
    assert browser.rows()[0][9].split() == ["期限切れ", "2026年11月21日まで"]


def test_an_empty_list_tells_what_will_come(office: Office) -> None:
    browser = office.logged_in(Role.GENERAL)
    browser.get(LIST)
    assert "まだ同意を登録した患者さんはいません" in browser.text


def test_searching_and_finding_nobody(office: Office) -> None:
    office.world.register()
    office.world.register(card=HANAKOS_CARD)
    browser = office.logged_in(Role.GENERAL)
    browser.get(f"{LIST}?q=ざいたく")
    assert [row[4] for row in browser.rows()] == ["在宅 太郎ザイタク タロウ"]
    assert 'value="ざいたく"' in browser.answer.text
    browser.get(f"{LIST}?q=だれもいない")
    assert "条件に合う患者さんはいません" in browser.text
    browser.get(f"{LIST}?channel=online")
    assert "条件に合う患者さんはいません" in browser.text


def test_typed_markup_stays_text(office: Office) -> None:
    browser = office.logged_in(Role.GENERAL)
    typed = '"><script>alert(1)</script>'
    browser.get(f"{LIST}?q={typed}")
    assert typed not in browser.answer.text
    assert escape(typed, quote=False).replace('"', "&#34;") in browser.answer.text


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("from=yesterday", "「から」は、2026-11-20 のように"),
        ("to=2026-99-99", "「まで」は、2026-11-20 のように"),
        ("from=2026-11-20&to=2026-11-19", "あとの日付"),
        ("from=0001-01-01", "1900年から2999年まで"),
        ("to=9999-12-31", "1900年から2999年まで"),
        ("q=a%C2%80b", "ふつうの文字"),
        ("channel=other", "機能を一覧から"),
        ("sort=secret", "表の見出しから"),
        ("page=x", "表の下の番号から"),
        ("size=100000", "200件まで"),
        ("q=" + "あ" * 101, "100文字以内"),
    ],
)
def test_what_cannot_be_read_is_named(office: Office, query: str, words: str) -> None:
    browser = office.logged_in()
    for path in (LIST, f"{LIST}/export"):
        assert browser.get(f"{path}?{query}") == 422
        assert browser.title.startswith("エラー：同意取得済み患者一覧")
        assert words in browser.text


def test_sorting_stands_in_the_address_and_is_announced(office: Office) -> None:
    office.world.register()
    office.world.register(card=HANAKOS_CARD)
    browser = office.logged_in(Role.GENERAL)
    browser.get(LIST)
    assert 'aria-sort="descending"' in browser.answer.text
    browser.follow("氏名（カナ）")
    assert browser.path == f"{LIST}?sort=kana"
    assert [row[4].lstrip()[:2] for row in browser.rows()] == ["在宅", "訪問"]
    assert browser.answer.text.count("aria-sort") == 1
    browser.get(
        next(href for label, href in browser.links().items() if label.startswith("氏名（カナ）"))
    )
    assert browser.path == f"{LIST}?sort=-kana"
    assert [row[4].lstrip()[:2] for row in browser.rows()] == ["訪問", "在宅"]


def test_pages_keep_the_search(office: Office) -> None:
    for number in range(5):
        office.world.register(card=Card.named(f"somebody {number}"))
    browser = office.logged_in(Role.GENERAL)
    browser.get(f"{LIST}?size=2&channel=home-visit")
    assert "全5件" in browser.text
    assert "1〜2 件目" in browser.text
    browser.follow("3")
    assert browser.path == f"{LIST}?channel=home-visit&page=3&size=2"
    assert len(browser.rows()) == 1
    assert "5〜5 件目" in browser.text


def test_news_count_what_came_since_the_page_was_made(office: Office) -> None:
    browser = office.logged_in(Role.GENERAL)
    office.world.register()
    browser.get(LIST)
    news = news_path(browser.answer.text)
    assert browser.client.get(news, base_url="http://localhost:8000").json == {"added": 0}
    office.world.register(card=HANAKOS_CARD)
    office.world.register(card=Card.named("third"))
    assert browser.client.get(news, base_url="http://localhost:8000").json == {"added": 2}


def test_news_are_told_of_what_was_stamped_before_the_page_was_made(office: Office) -> None:
    browser = office.logged_in(Role.GENERAL)
    office.world.register()
    browser.get(LIST)
    news = news_path(browser.answer.text)
    office.clock.advance(timedelta(seconds=-60))
    office.world.register(card=HANAKOS_CARD)
    assert browser.client.get(news, base_url="http://localhost:8000").json == {"added": 1}


@pytest.mark.parametrize(
    "since",
    [
        "",
        "now",
        "2026-11-20T10:00:00",
        "0001-01-01T00:00:00%2B14:00",
        "9999-12-31T23:59:59-14:00",
    ],
)
def test_news_need_a_moment(office: Office, since: str) -> None:
    assert office.logged_in().get(f"{LIST}/news?since={since}") == 422


def test_news_do_not_keep_an_idle_session_alive(office: Office) -> None:
    browser = office.logged_in(Role.GENERAL)
    browser.get(LIST)
    news = news_path(browser.answer.text)
    office.clock.advance(timedelta(minutes=20))
    assert browser.client.get(news, base_url="http://localhost:8000").status_code == 200
    office.clock.advance(timedelta(minutes=11))
    answer = browser.client.get(news, base_url="http://localhost:8000")
    assert (answer.status_code, answer.json) == (401, {"error": "session-ended"})


def table(data: bytes, encoding: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode(encoding))))


def test_the_export_has_everything_that_is_found_and_a_telling_name(office: Office) -> None:
    office.world.register()
    office.world.register(card=HANAKOS_CARD)
    browser = office.logged_in(Role.MEDICAL_VIEW)
    browser.get(f"{LIST}?q=太郎")
    browser.follow("CSV形式でダウンロード（1件）")
    disposition = browser.answer.headers["Content-Disposition"]
    name = unquote(disposition.rpartition("UTF-8''")[2])
    assert name == "同意取得済み患者_1310123456_20261120.csv"
    assert browser.answer.data.startswith("\ufeff".encode())
    headings, *rows = table(browser.answer.data, "utf-8-sig")
    assert [row[headings.index("氏名")] for row in rows] == [TARO.name]


def test_the_file_says_what_the_list_says(office: Office) -> None:
    office.world.register()
    browser = office.logged_in(Role.MEDICAL_VIEW)
    browser.get(LIST)
    (shown,) = browser.rows()
    assert ">機能<" in browser.answer.text
    browser.follow("CSV形式でダウンロード（1件）")
    headings, line = table(browser.answer.data, "utf-8-sig")
    assert line[headings.index("有効期限")] == shown[9] == "取消しまで"
    assert line[headings.index("機能")] == shown[6] == "訪問診療等"


def test_the_export_is_in_the_facilitys_character_set(office: Office) -> None:
    office.world.change_settings(character_set=CharacterSet.SHIFT_JIS)  # type: ignore[arg-type]
    office.world.register()
    browser = office.logged_in()
    browser.get(f"{LIST}/export")
    assert browser.answer.mimetype_params["charset"] == "Shift_JIS"
    assert table(browser.answer.data, "cp932")[1][1] == TARO.name


def test_an_export_is_recorded_before_anything_is_sent(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = office.logged_in(Role.MEDICAL_VIEW)
    assert browser.get(f"{LIST}/export?q=だれか&state=refused&from=2026-11-01") == 200
    with office.services.database.reading() as connection:
        found = connection.execute(
            select(audit_entry.c.actor, audit_entry.c.at, audit_entry.c.detail).where(
                audit_entry.c.act == Act.EXPORT_PATIENTS
            )
        ).all()
    used = {
        "検索": "氏名・カナ・受付番号で検索",
        "同意日": "2026-11-01〜",
        "状態": "同意なし",
    }
    (entry,) = found
    assert tuple(entry[:2]) == ("etsuran みどり", office.clock.now())
    assert (json.loads(entry[2]) if isinstance(entry[2], str) else entry[2]) == used

    def away(*_: object) -> None:
        raise StoreUnavailable("OperationalError")

    monkeypatch.setattr(AccountService, "note_export", away)
    assert browser.get(f"{LIST}/export") == 503


def test_who_refused_stands_under_the_state_alone_and_until_no_day(office: Office) -> None:
    office.world.register(decision=Decision.REFUSE)
    browser = office.logged_in(Role.GENERAL)
    browser.get(LIST)
    assert TARO.name not in browser.text
    browser.get(f"{LIST}?state=refused")
    assert browser.rows()[0][9] == "－"


def test_a_search_that_stopped_says_so(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consented, "MOST_REFERENCES", 1)
    monkeypatch.setattr(consented, "MOST_EXAMINED", 1)
    references = [office.world.register().receipt.reference for _ in range(2)]
    browser = office.logged_in(Role.GENERAL)
    browser.get(f"{LIST}?q={references[0][:6]}")
    assert "受付番号は、新しいほうから" in browser.text
    office.world.register(Channel.ONLINE)
    browser.get(f"{LIST}?q=太郎&sort=kana")
    assert "件までを調べました" in browser.text
    assert "同意日時の新しい順に表示しています" in browser.text


def test_looking_at_the_list_is_logged_without_names(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    office.world.register()
    browser = office.logged_in(Role.GENERAL)
    browser.get(f"{LIST}?q=太郎")
    (line,) = [each for each in caplog.records if each.message == "consented patients shown"]
    (who,) = [
        each
        for each in office.services.accounts.all_of(office.world.facility.id)
        if each.user_id == "ippan"
    ]
    assert (line.__dict__["account"], line.__dict__["lines"]) == (str(who.id), 1)
    assert "太郎" not in str(line.__dict__)


def test_a_database_that_fails_at_the_query_gives_a_page_and_no_file(office: Office) -> None:
    browser = office.logged_in()

    def fail(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if "JOIN patient" in statement:
            raise OperationalError(statement, {}, Exception("away"))

    event.listen(office.services.database.engine, "before_cursor_execute", fail)
    assert browser.get(f"{LIST}/export") == 503
    assert browser.heading == "いま、つながりにくくなっています"
    assert "Content-Disposition" not in browser.answer.headers


def test_only_roles_that_may_export_are_offered_it(office: Office) -> None:
    office.world.register()
    browser = office.logged_in(Role.GENERAL)
    browser.get(LIST)
    assert "CSV" not in browser.text
    assert browser.get(f"{LIST}/export") == 403


def test_other_facilities_patients_are_out_of_reach(office: Office) -> None:
    office.employ(office.world.other)
    receipt = office.world.register(facility=office.world.other).receipt
    browser = office.logged_in()
    for path in (LIST, f"{LIST}?q={TARO.name}", f"{LIST}/export"):
        assert browser.get(path) == 200
        assert receipt.reference not in browser.answer.text
    since = "2026-11-01T00:00:00%2B09:00"
    browser.get(f"{LIST}/news?since={since}")
    assert browser.answer.json == {"added": 0}
    there = office.logged_in(facility=office.world.other)
    there.get(LIST)
    assert there.rows()[0][10] == receipt.reference


def test_a_database_that_is_away_has_a_page_of_its_own(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = office.logged_in()

    def away(*_: object, **__: object) -> None:
        raise StoreUnavailable("OperationalError")

    monkeypatch.setattr(ConsentedPatients, "page", away)
    assert browser.get(LIST) == 503
    assert browser.heading == "いま、つながりにくくなっています"
    assert browser.answer.headers["X-Request-Id"] in browser.text


def test_the_list_is_narrowed_by_state_item_and_visit_day(office: Office) -> None:
    office.world.register(Channel.ONLINE, decisions={ConsentItem.CHECKUP: Decision.REFUSE})
    office.world.register(card=HANAKOS_CARD)
    browser = office.logged_in(Role.GENERAL)
    for query, names in (
        ("item=checkup", ["訪問"]),
        ("state=valid", ["訪問", "在宅"]),
        ("visit-from=2026-11-20&visit-to=2026-11-20", ["在宅"]),
    ):
        browser.get(f"{LIST}?{query}")
        assert [row[4][:2] for row in browser.rows()] == names
    browser.get(f"{LIST}?state=withdrawn")
    assert "条件に合う患者さんはいません" in browser.text


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("visit-from=x", "受診日の「から」は、2026-11-20"),
        ("visit-from=2026-11-20&visit-to=2026-11-19", "受診日の「まで」は、「から」と同じ"),
        ("visit-to=3000-01-01", "1900年から2999年まで"),
        ("state=other", "状態を一覧から"),
        ("item=other", "同意の内容を一覧から"),
    ],
)
def test_a_filter_that_cannot_be_read_is_named(office: Office, query: str, words: str) -> None:
    browser = office.logged_in()
    assert browser.get(f"{LIST}?{query}") == 422
    assert words in browser.text


def test_a_list_that_is_too_long_says_where_it_ends(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consented, "MOST_COUNTED", 1)
    office.world.register()
    office.world.register(card=HANAKOS_CARD)
    browser = office.logged_in()
    browser.get(LIST)
    assert "1件以上" in browser.text
    assert "絞り込んで" in browser.text
    assert "CSV形式でダウンロード（すべて）" in browser.links()
