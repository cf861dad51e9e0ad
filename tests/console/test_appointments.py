"""受診予定と同意の確認: telling appointments, and who of them is still missing."""

import io
from urllib.parse import unquote

import pytest
from sqlalchemy import select

from tests.consent.world import TARO
from tests.console.office import Browser, Office
from zaitaku.accounts.model import Role
from zaitaku.audit.store import audit_entry
from zaitaku.blueprints.console import appointment_forms
from zaitaku.consent.model import Decision
from zaitaku.records.appointments import service
from zaitaku.records.appointments.store import appointment

DAY = "/console/appointments"
HEAD = "予約日,予約時刻,患者番号,氏名,カナ,生年月日,機能\r\n"
TARO_LINE = "2026/11/21,9:30,12,在宅 太郎,ザイタク タロウ,1941/3/3,訪問診療等\r\n"
HANAKO_LINE = "2026/11/21,10:00,,訪問 花子,ホウモン ハナコ,1950/7/21,訪問診療等\r\n"
TYPED = {
    "day": "2026-11-21",
    "time": "9:30",
    "patient_number": "12",
    "name": TARO.name,
    "kana": TARO.kana,
    "birth_date": "1941-03-03",
    "channel": "home-visit",
}


def upload(browser: Browser, content: bytes, name: str = "予定.csv") -> int:
    browser.get(f"{DAY}/file")
    fields = browser.hidden(browser.form())
    values = {**fields, "file": (io.BytesIO(content), name)}
    return browser._arrive(
        f"{DAY}/file",
        browser.client.post(f"{DAY}/file", data=values, base_url=browser._origin),
    )


def test_without_appointments_the_page_says_what_to_do(office: Office) -> None:
    browser = office.logged_in(Role.GENERAL)
    assert browser.get(DAY) == 200
    assert browser.heading == "受診予定と同意の確認"
    assert "2026年11月21日" in browser.text
    assert "この日の受診予定は登録されていません" in browser.text
    assert "受診予定と同意の確認" in browser.links()


def test_one_typed_appointment_stands_as_missing_until_the_patient_consents(
    office: Office,
) -> None:
    browser = office.logged_in(Role.GENERAL)
    browser.get(f"{DAY}/new")
    assert browser.send(**TYPED) == 200
    assert "追加1件、更新0件" in browser.text
    (row,) = browser.rows()
    assert row[:5] == ["09:30", "12", "在宅 太郎ザイタク タロウ", "1941年3月3日", "訪問診療等"]
    assert row[5].startswith("まだ登録していません")
    assert "http://localhost:8000/" in browser.text
    news = browser.answer.text.partition('data-news="')[2].partition('"')[0].replace("&amp;", "&")
    browser.get(news)
    assert browser.answer.json == {"added": 0}
    office.world.register()
    browser.get(news)
    assert browser.answer.json == {"added": 1}
    browser.get(f"{DAY}?day=2026-11-21")
    assert "まだの方はいません" in browser.text
    browser.follow("全員を表示する")
    assert browser.rows()[0][5].startswith("同意あり")


def test_every_mistake_of_the_form_is_told_at_once(office: Office) -> None:
    browser = office.logged_in()
    browser.get(f"{DAY}/new")
    wrong = {**TYPED, "day": "あした", "kana": "漢字", "channel": "", "birth_date": ""}
    assert browser.send(**wrong) == 422
    assert browser.title.startswith("エラー：受診予定を1件登録する")
    for words in ("予約日は、2026-11-20", "カナは、カタカナで", "機能を選んで", "生年月日を入力"):
        assert words in browser.text
    assert f'value="{TARO.name}"' in browser.answer.text
    assert office.world.count(appointment) == 0


def test_a_file_is_kept_once(office: Office) -> None:
    browser = office.logged_in(Role.MEDICAL_VIEW)
    content = (HEAD + TARO_LINE + HANAKO_LINE).encode("cp932")
    assert upload(browser, content) == 200
    assert "追加2件、更新0件" in browser.text
    assert [row[0] for row in browser.rows()] == ["09:30", "10:00"]
    assert upload(browser, content) == 200
    assert "追加0件、更新2件" in browser.text


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "ファイルが空です"),
        (b"PK\x03\x04", "CSVファイルではありません"),
        (b"a,b\r\n1,2\r\n", "見出しが様式と違います"),
        ((HEAD + TARO_LINE.replace("1941/3/3", "?")).encode(), "2行目生年月日は"),
    ],
)
def test_a_file_that_does_not_fit_changes_nothing(
    office: Office, content: bytes, words: str
) -> None:
    browser = office.logged_in()
    assert upload(browser, content) == 422
    assert words in browser.text.replace(" ", "")
    assert office.world.count(appointment) == 0


def test_no_file_is_asked_for_again(office: Office) -> None:
    browser = office.logged_in()
    browser.get(f"{DAY}/file")
    assert browser.send() == 422
    assert "CSVファイルを選んでください" in browser.text


def test_many_mistakes_are_told_in_part(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(appointment_forms, "MOST_MISTAKES", 1)
    browser = office.logged_in()
    assert upload(browser, (HEAD + TARO_LINE.replace("9:30", "朝") * 3).encode()) == 422
    assert "3行に直すところがあります" in browser.text
    assert "ほかに2行あります" in browser.text


def test_a_day_that_is_full_says_so(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MOST_A_DAY", 1)
    browser = office.logged_in()
    assert upload(browser, (HEAD + TARO_LINE + HANAKO_LINE).encode()) == 422
    assert "2026年11月21日の予定が" in browser.text
    browser.get(f"{DAY}/new")
    browser.send(**TYPED)
    browser.get(f"{DAY}/new")
    assert browser.send(**{**TYPED, "time": "11:00"}) == 422


def test_the_template_is_a_file_that_can_be_sent_back(office: Office) -> None:
    browser = office.logged_in()
    browser.get(f"{DAY}/file")
    browser.get(browser.links()["様式をダウンロード（Shift-JIS）"])
    disposition = unquote(browser.answer.headers["Content-Disposition"])
    assert disposition.endswith("受診予定様式_1310123456.csv")
    assert upload(browser, browser.answer.data) == 200


def test_removing_asks_first_and_leaves_the_consent(office: Office) -> None:
    office.world.register()
    browser = office.logged_in(Role.GENERAL)
    upload(browser, (HEAD + TARO_LINE + HANAKO_LINE).encode())
    browser.follow("削除（訪問 花子）")
    assert browser.heading == "受診予定を削除します"
    assert browser.send() == 200
    assert [row[1] for row in browser.rows()] == ["12"]
    browser.follow("この日の予定をすべて削除する")
    assert "1件を削除します" in browser.text
    assert browser.send() == 200
    assert "登録されていません" in browser.text
    browser.get("/console/consented-patients")
    assert len(browser.rows()) == 1


def test_a_day_that_cannot_be_read_is_named(office: Office) -> None:
    browser = office.logged_in()
    assert browser.get(f"{DAY}?day=きのう") == 422
    assert "日付は、2026-11-20 のように" in browser.text
    assert browser.get(f"{DAY}/news?day=x") == 422
    assert browser.get(f"{DAY}/day-removal?day=x") == 404


def test_another_facilitys_appointment_is_out_of_reach(office: Office) -> None:
    office.employ(office.world.other)
    there = office.logged_in(facility=office.world.other)
    upload(there, (HEAD + TARO_LINE).encode())
    with office.services.database.reading() as connection:
        name = connection.scalar(select(appointment.c.id))
    browser = office.logged_in()
    assert browser.get(f"{DAY}/{name}/removal") == 404
    browser.get(f"{DAY}?day=2026-11-21")
    assert "登録されていません" in browser.text


def test_no_name_is_logged_or_recorded(office: Office, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    browser = office.logged_in()
    upload(browser, (HEAD + TARO_LINE).encode())
    browser.get(f"{DAY}?day=2026-11-21")
    assert "太郎" not in " ".join(str(record.__dict__) for record in caplog.records)
    with office.services.database.reading() as connection:
        recorded = connection.execute(select(audit_entry)).all()
    assert any("keep_appointments" in str(row) for row in recorded)
    assert "太郎" not in str(recorded)


def test_who_refused_is_not_told_as_consented(office: Office) -> None:
    office.world.register(decision=Decision.REFUSE)
    browser = office.logged_in()
    browser.get(f"{DAY}/new")
    browser.send(**TYPED)
    assert "全員が回答しています。同意あり0件、同意しないと回答1件です。" in browser.text
    assert "全員の同意を確かめられました" not in browser.text


def test_a_channel_that_is_switched_off_takes_no_appointment(office: Office) -> None:
    office.world.change_settings(home_visit=False)
    browser = office.logged_in()
    browser.get(f"{DAY}/new")
    assert browser.send(**TYPED) == 422
    assert "「利用しない」になっています" in browser.text
    assert upload(browser, (HEAD + TARO_LINE).encode()) == 422
    assert office.world.count(appointment) == 0
