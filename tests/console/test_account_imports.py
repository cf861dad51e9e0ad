"""アカウント一括登録 as an administrator meets it: upload, check, confirm, result."""

import csv
import io
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from tests.console.office import Browser, Office
from zaitaku.accounts.import_result import LOST, TOLD_OUT
from zaitaku.accounts.import_seal import PasswordSeal
from zaitaku.accounts.import_table import HEADINGS, MOST_BYTES, MOST_ROWS
from zaitaku.accounts.model import Role
from zaitaku.accounts.operating import OperatedAccounts
from zaitaku.audit.model import Act
from zaitaku.audit.store import audit_entry
from zaitaku.core.signing import Keyring
from zaitaku.core.spooled import NoRoom, SpooledFile
from zaitaku.jobs.model import HELD_FOR, JobId
from zaitaku.work import runner, work_off

FRONT = "/console/account-imports"
GOOD = ("一般", "ippan01", "みどりたろう", "ミドリタロウ", "", "")


def table(*rows: Sequence[str], codec: str = "utf-8-sig") -> bytes:
    written = io.StringIO(newline="")
    csv.writer(written).writerows([HEADINGS, *rows])
    return written.getvalue().encode(codec)


def upload(browser: Browser, content: bytes, name: str = "職員.csv") -> int:
    browser.get(FRONT)
    token = browser.hidden(browser.form())["csrf_token"]
    # Written by hand: the test client would leave its temporary file open.
    part = b'--cut\r\nContent-Disposition: form-data; name="%s"'
    body = part % b"csrf_token" + b"\r\n\r\n" + token.encode() + b"\r\n"
    body += part % b"file" + b'; filename="' + name.encode() + b'"\r\n\r\n' + content
    answer = browser.client.post(
        FRONT,
        data=body + b"\r\n--cut--\r\n",
        content_type="multipart/form-data; boundary=cut",
        base_url=browser.office.services.settings.origin,
    )
    return browser._arrive(FRONT, answer)


def result(browser: Browser, path: str) -> list[list[str]]:
    """Fetch the result file by what the page offers."""
    posts = [form.attrib["action"] for form in browser.page.iter("form") if "action" in form.attrib]
    if f"{path}/result" in posts:
        assert browser.post(f"{path}/result", token_of(browser)) == 200
    else:
        assert browser.get(f"{path}/result") == 200
    name = browser.answer.headers["Content-Disposition"]
    assert name.startswith("attachment; filename*=UTF-8''%E3%82%A2")
    return list(csv.reader(io.StringIO(browser.answer.get_data().decode("utf-8-sig"))))


def token_of(browser: Browser) -> dict[str, str]:
    posts = [form for form in browser.page.iter("form") if form.attrib["method"] == "post"]
    return browser.hidden(posts[0])


def test_a_file_is_checked_confirmed_done_and_its_passwords_told_until_received(
    office: Office,
) -> None:
    browser = office.logged_in()
    assert browser.get("/console/") == 200
    assert browser.follow("アカウント一括登録") == 200
    assert "まだ一括登録をしていません" in browser.text
    assert upload(browser, table(GOOD, ("一般", "kanri", *GOOD[2:]))) == 200
    assert browser.heading == "アカウント一括登録：内容の確認"
    assert "職員.csv" in browser.text
    assert [row[1] for row in browser.rows()] == ["登録します", "ID重複：登録しません"]
    check, form = browser.path, post_form(browser)
    assert browser.post(check, form) == 200
    assert browser.heading.startswith("アカウント一括登録を受け付けました")
    path = browser.path
    assert "登録待ち" in browser.text
    assert "2026年11月20日 10:00" in browser.text
    assert browser.post(check, form) == 200  # a second click
    assert browser.path == path

    assert work_off(office.services) == 1
    browser.get(path)
    assert "登録完了(一部ID重複)" in browser.text
    assert "全2件（登録1件、ID重複1件、エラー0件）" in browser.text
    told = result(browser, path)
    assert [row[7] for row in told[1:]] == ["登録しました", "ID重複：登録していません"]
    (password, nothing) = (row[9] for row in told[1:])
    assert (len(password), nothing) == (19, "")
    browser.get(path)
    token = token_of(browser)
    assert [row[9] for row in result(browser, path)[1:]] == [password, ""]
    assert browser.post(f"{path}/receipt", token) == 200
    assert browser.path == path
    assert "初期パスワードは、消えています" in browser.text
    assert [row[9] for row in result(browser, path)[1:]] == [TOLD_OUT, ""]

    newcomer = office.browser()
    assert newcomer.log_in("ippan01", password) == 200
    assert newcomer.path.startswith("/console/password")


def test_passwords_of_a_file_that_could_not_be_made_are_not_told(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else whoever has none of them could have them thrown away as received."""

    def full(*_: object) -> None:
        raise NoRoom("OSError")

    browser = office.logged_in()
    upload(browser, table(GOOD))
    browser.post(browser.path, post_form(browser))
    path = browser.path
    work_off(office.services)
    browser.get(path)
    token = token_of(browser)
    with monkeypatch.context() as patched:
        patched.setattr(SpooledFile, "of", full)
        assert browser.post(f"{path}/result", token) == 503
    assert not told(office)
    assert browser.post(f"{path}/receipt", token) == 409
    assert browser.heading == "まだダウンロードされていません"
    assert browser.post(f"{path}/result", token) == 200
    assert told(office)


def told(office: Office) -> bool:
    return any(row["act"] == Act.TELL_PASSWORDS for row in office.world.rows(audit_entry))


def post_form(browser: Browser) -> dict[str, str]:
    return browser.hidden(browser.form())


def test_mistakes_are_all_told_before_anything_happens_and_nothing_is_registered(
    office: Office,
) -> None:
    browser = office.logged_in()
    bad = [("一般", f"b{number}", "漢字", "", "", "") for number in range(60)]
    assert upload(browser, table(GOOD, *bad)) == 200
    assert "このままでは、1件も登録されません" in browser.text
    assert len(browser.rows()) == 50
    assert "漢字、空白、記号は使えません" in browser.rows()[0][1]
    assert "ユーザ名（カナ）を入力してください" in browser.rows()[0][1]
    assert browser.follow("2") == 200
    assert len(browser.rows()) == 10
    browser.get(browser.path.partition("?")[0] + "?show=all&page=999999")
    assert len(browser.rows()) == 11
    browser.get(browser.path.partition("?")[0] + "?show=duplicates")
    assert "この条件に合う行は、ありません。" in browser.text
    check = browser.path.partition("?")[0]
    browser.post(check, post_form(browser))
    path = browser.path
    work_off(office.services)
    browser.get(path)
    assert "登録失敗(入力チェックエラー)" in browser.text
    fates = [row[7] for row in result(browser, path)[1:]]
    assert fates == ["エラーなし：登録していません", *["エラー：登録していません"] * 60]
    assert office.browser().log_in("ippan01", "x") == 422


def test_files_that_are_no_table_are_refused_in_words(office: Office) -> None:
    browser = office.logged_in()
    for content, words in (
        (b"", "ファイルが空です"),
        (b"PK\x03\x04 a zip", "CSVファイルではありません"),
        (b"a,b\r\n", "1行目の見出しが様式と違います"),
        (table(), "1件以上入力してください"),
        (table(("一般", *"abcdef")), "2行目の列が多すぎます"),
        (table(("一般", "a" * 200_000)), "長すぎる項目があります"),
        (table() + b'"a', '2行目あたりの「"」の付け方が違う'),
        (table() + b",,,,,x\r\n" * (MOST_ROWS + 1), "データは10,000件までです"),
        (b"a" * (MOST_BYTES + 1), "4MB、10,000件までにしてください"),
    ):
        assert upload(browser, content) == 422
        assert browser.title.startswith("エラー：")
        assert words in browser.text
        if "エラー" in browser.title and "4MB" not in words:
            assert "登録失敗(ファイル構造エラー)" in browser.rows()[0][2]
            assert browser.rows()[0][0] in browser.text.partition("登録結果")[0]
            office.clock.advance(timedelta(seconds=1))
    number = browser.rows()[0][0]
    browser.follow(number)
    assert "データは10,000件までです" in browser.text
    assert "結果ファイルをダウンロード" not in browser.text


def test_no_file_and_a_million_rows(office: Office) -> None:
    browser = office.logged_in()
    assert upload(browser, b"", name="") == 422
    assert "CSVファイルを選んでください" in browser.text
    assert upload(browser, table() + b"a,b,c,d,e,f\r\n" * 1_000_000) == 413
    assert "送れるのは、4MBまでです" in browser.text


def test_the_second_of_two_is_told_to_wait_and_keeps_the_file(office: Office) -> None:
    first, second = office.logged_in(), office.logged_in()
    for browser, user_id in ((first, "ippan01"), (second, "ippan02")):
        upload(browser, table(("一般", user_id, *GOOD[2:])))
        if browser is first:
            first.post(first.path, post_form(first))
    check = second.path
    assert second.post(check, post_form(second)) == 409
    assert "1分ほど待って" in second.text
    work_off(office.services)
    assert second.follow("確認の画面に戻る") == 200
    second.post(second.path, post_form(second))
    work_off(office.services)
    second.get(FRONT)
    assert [row[2] for row in second.rows()] == ["登録完了", "登録完了"]


def test_the_newest_three_of_ones_own_are_listed(office: Office) -> None:
    browser = office.logged_in()
    for number in range(4):
        upload(browser, table(("一般", f"ippan0{number}", *GOOD[2:])), name=f"{number}.csv")
        browser.post(browser.path, post_form(browser))
        work_off(office.services)
        office.clock.advance(timedelta(minutes=1))
    browser.get(FRONT)
    assert [row[3] for row in browser.rows()] == ["3.csv", "2.csv", "1.csv"]
    one = next(href for label, href in browser.links().items() if label.isdecimal())
    master = office.logged_in(Role.MASTER)
    master.get(FRONT)
    assert "まだ一括登録をしていません" in master.text
    for path in (one, f"{one}/check", f"{one}/result", f"/console/jobs/{one.rsplit('/', 1)[1]}"):
        assert master.get(path) == 404
    assert browser.get(one) == 200


def test_the_list_asks_each_minute_about_what_still_runs(office: Office) -> None:
    browser = office.logged_in()
    upload(browser, table(GOOD))
    browser.post(browser.path, post_form(browser))
    browser.get(FRONT)
    (asking,) = [each for each in browser.page.iter("div") if "data-job" in each.attrib]
    assert asking.attrib["data-job-seconds"] == "60"
    assert browser.get(asking.attrib["data-job"]) == 200
    work_off(office.services)
    browser.get(FRONT)
    assert not [each for each in browser.page.iter("div") if "data-job" in each.attrib]


def test_master_registers_administrators_and_only_those(office: Office) -> None:
    master = office.logged_in(Role.MASTER)
    upload(master, table(("管理", "kanri02", *GOOD[2:]), GOOD))
    assert "このままでは" in master.text
    upload(master, table(("管理", "kanri02", *GOOD[2:])))
    master.post(master.path, post_form(master))
    path = master.path
    work_off(office.services)
    master.get(path)
    assert "登録完了" in master.text


def test_the_template_sent_as_it_is_registers_nobody(office: Office) -> None:
    browser = office.logged_in()
    for codec in ("utf-8", "shift-jis"):
        assert browser.get(f"{FRONT}/template/{codec}") == 200
        content = browser.answer.get_data()
        assert upload(browser, content) == 200
        assert "このままでは、1件も登録されません" in browser.text
        assert len(browser.rows()) == 5
        assert all("様式の例のままです" in row[1] for row in browser.rows())


def test_passwords_are_kept_until_they_were_fetched_and_words_tell_of_a_lost_key(
    office: Office,
) -> None:
    browser = office.logged_in()
    upload(browser, table(GOOD))
    browser.post(browser.path, post_form(browser))
    path = browser.path
    work_off(office.services)
    browser.get(path)
    token = token_of(browser)
    assert browser.post(f"{path}/receipt", token) == 409
    assert "まだダウンロードされていません" in browser.heading
    seal = PasswordSeal(Keyring(("another-key-" * 3,)))
    sealed = seal.sealed({2: "x"}, JobId(UUID(path.rpartition("/")[2])))
    with office.services.database.transaction() as connection:
        connection.execute(
            text("UPDATE job_piece SET content = :sealed WHERE part = 'secret'"),
            {"sealed": sealed},
        )
    browser.get(path)
    assert "初期パスワードは、復元できません" in browser.text
    assert [row[9] for row in result(browser, path)[1:]] == [LOST]
    assert browser.post(f"{path}/result", token) == 410
    assert "復元できません" in browser.heading


def test_who_was_closed_meanwhile_registers_nobody_and_is_told(office: Office) -> None:
    browser = office.logged_in()
    upload(browser, table(GOOD))
    browser.post(browser.path, post_form(browser))
    path, own = browser.path, office.world.facility.id
    office.register(Role.ADMIN, "kanri2", office.world.facility)
    accounts = OperatedAccounts(
        database=office.services.database,
        ephemeral=office.services.ephemeral,
        clock=office.clock,
    )
    accounts.set_enabled(own, "kanri", is_enabled=False, actor="test")
    work_off(office.services)
    accounts.set_enabled(own, "kanri", is_enabled=True, actor="test")
    again = office.logged_in()
    again.get(path)
    assert "登録失敗(システムエラー)" in again.text
    assert "使えなくなっていたため、1件も登録していません" in again.text


def test_a_page_can_follow_its_own_job(office: Office) -> None:
    browser = office.logged_in()
    upload(browser, table(GOOD))
    browser.post(browser.path, post_form(browser))
    job = browser.path.rsplit("/", 1)[1]
    browser.get(f"/console/jobs/{job}")
    waiting = {"state": "waiting", "words": "登録待ち", "percent": 0, "ended": False}
    assert browser.answer.get_json() == waiting
    assert browser.get(f"/console/jobs/{job}/result") == 404
    work_off(office.services)
    browser.get(f"/console/jobs/{job}")
    done = {"state": "done", "words": "登録完了", "percent": 100, "ended": True}
    assert browser.answer.get_json() == done
    assert browser.get(f"/console/jobs/{job}/result") == 404  # only the page of its own


def test_a_file_that_nobody_confirmed_is_forgotten(office: Office) -> None:
    browser = office.logged_in()
    upload(browser, table(GOOD))
    path = browser.path
    office.clock.advance(HELD_FOR + timedelta(seconds=1))
    late = office.logged_in()
    late.get(path)  # Nobody has swept yet.
    assert late.send() == 404
    assert "1時間" in late.text
    assert work_off(office.services) == 0
    runner(office.services).clean_up()
    again = office.logged_in()
    assert again.get(path) == 404
    assert "1時間" in again.text
