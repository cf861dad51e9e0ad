"""Logging in and out, replacing the password, sessions that end."""

from datetime import timedelta

import pytest

from tests.console.office import PASSWORD, Browser, Office
from tests.console.test_permissions import EXAMPLES
from tests.patient.lint import words
from zaitaku.accounts.model import Role
from zaitaku.accounts.service import ATTEMPTS_PER_ACCOUNT, AccountService
from zaitaku.accounts.sessions import SessionName, Sessions
from zaitaku.blueprints.console import arriving
from zaitaku.blueprints.permissions import COOKIE_FIELD
from zaitaku.core.errors import StoreUnavailable


def test_the_right_words_open_the_menu(office: Office) -> None:
    browser = office.browser()
    assert browser.log_in("kanri") == 200
    assert (browser.path, browser.heading) == ("/console/", "メニュー")
    header = "".join(next(browser.page.iter("header")).itertext())
    assert "みどり坂クリニック" in header
    assert "みどり（管理・kanri）" in header


OWN = {"パスワード変更", "ログイン方法と利用中の端末"}
PATIENTS = {"同意取得済み患者一覧", "受診予定と同意の確認"}
ACCOUNTS = {"アカウント一覧・登録・更新", "パスワード再発行", "アカウント一括登録"}
RUNNING = {"医療機関別URL 取得・変更", "環境設定情報更新", "二要素認証の設定"}


@pytest.mark.parametrize(
    ("role", "held", "missing"),
    [
        (Role.ADMIN, OWN | PATIENTS | ACCOUNTS | RUNNING, set()),
        (Role.GENERAL, OWN | PATIENTS, ACCOUNTS | RUNNING),
        (Role.MEDICAL_VIEW, OWN | PATIENTS, ACCOUNTS | RUNNING),
        (Role.MASTER, OWN | ACCOUNTS, PATIENTS | RUNNING),
    ],
)
def test_the_menu_has_what_the_role_may_open_and_nothing_else(
    office: Office, role: Role, held: set[str], missing: set[str]
) -> None:
    browser = office.logged_in(role)
    shown = {words(link) for link in next(browser.page.iter("main")).iter("a")}
    assert held <= shown
    assert not missing & shown


def test_a_page_that_was_open_too_long_can_be_opened_again(office: Office) -> None:
    browser = office.browser()
    assert browser.post("/console/login", {"csrf_token": "old"}) == 400
    assert browser.heading == "画面を開き直してください"
    browser.follow("この画面を開き直す")
    assert browser.heading == "ログイン"


def test_an_unknown_page_leads_back(office: Office) -> None:
    browser = office.logged_in()
    assert browser.get("/console/nowhere/at-all") == 404
    assert browser.heading == "画面が見つかりません"


@pytest.mark.parametrize(
    "changes", [{"password": "wrong"}, {"user_id": "nobody"}, {"institution_code": "1310999999"}]
)
def test_a_refusal_is_the_same_whatever_was_wrong(office: Office, changes: dict[str, str]) -> None:
    browser = office.browser()
    browser.get("/console/login")
    right = {"institution_code": "1310123456", "user_id": "kanri", "password": PASSWORD}
    assert browser.send(**(right | changes)) == 422
    assert browser.title.startswith("エラー：ログイン")
    assert "組み合わせが登録と合いません" in browser.text
    assert "不正" not in browser.answer.text
    assert PASSWORD not in browser.answer.text


def test_what_was_typed_is_kept_but_the_password(office: Office) -> None:
    browser = office.browser()
    browser.get("/console/login")
    browser.send(institution_code="1310123456", user_id="kanri", password="wrong-password")
    assert 'value="1310123456"' in browser.answer.text
    assert 'value="kanri"' in browser.answer.text
    assert "wrong-password" not in browser.answer.text


def test_each_empty_field_is_named(office: Office) -> None:
    browser = office.browser()
    browser.get("/console/login")
    assert browser.send(institution_code=" ", user_id="", password="") == 422
    for label in ("医療機関等コード", "ユーザID", "パスワード"):
        assert f"{label}を入力してください。" in browser.text


def test_five_wrong_passwords_lock_and_say_nothing_new(office: Office) -> None:
    browser = office.browser()
    pages = []
    for _ in range(5):
        browser.log_in("kanri", "wrong")
        pages.append(browser.text)
    assert browser.log_in("kanri") == 422
    assert set(pages) == {browser.text}
    office.services.accounts.unlock(office.world.facility.id, "kanri", actor="test")
    assert browser.log_in("kanri") == 200


def test_too_many_tries_are_told_to_wait(office: Office) -> None:
    browser = office.browser()
    for _ in range(ATTEMPTS_PER_ACCOUNT):
        browser.log_in("nobody", "wrong")
    assert browser.log_in("nobody", "wrong") == 429
    assert "15分ほど待ってから" in browser.text


def test_a_login_gets_a_new_name_and_ends_the_former_session(office: Office) -> None:
    browser = office.logged_in()
    names = [session_name(browser)]
    browser.log_in("kanri")
    names.append(session_name(browser))
    assert names[0] != names[1]
    with pytest.raises(Exception, match="idle"):
        office.services.sessions.resume(SessionName(names[0]), by_person=True)


def session_name(browser: Browser) -> str:
    with browser.client.session_transaction(base_url="http://localhost:8000") as session:
        return str(session[COOKIE_FIELD])


def test_a_name_set_from_outside_is_not_taken_over(office: Office) -> None:
    browser = office.browser()
    browser.get("/console/login")
    with browser.client.session_transaction(base_url="http://localhost:8000") as session:
        session[COOKIE_FIELD] = "chosen-by-somebody-else"
    browser.get("/console/login")
    browser.log_in("kanri")
    assert session_name(browser) != "chosen-by-somebody-else"


def test_logging_out_asks_first_and_then_ends_the_session(office: Office) -> None:
    browser = office.logged_in()
    name = session_name(browser)
    browser.follow("ログアウト")
    assert browser.heading == "ログアウトしますか"
    browser.send()
    assert browser.heading == "ログアウトしました"
    with pytest.raises(Exception, match="idle"):
        office.services.sessions.resume(SessionName(name), by_person=True)
    browser.get("/console/")
    assert browser.heading == "ログイン"


def test_whoever_is_not_logged_in_comes_back_to_the_page_after_logging_in(office: Office) -> None:
    browser = office.browser()
    browser.get("/console/consented-patients?q=ザイタク&sort=kana")
    assert browser.heading == "ログイン"
    browser.send(institution_code="1310123456", user_id="ippan", password=PASSWORD)
    assert browser.path.startswith("/console/consented-patients?q=")
    assert browser.heading == "同意取得済み患者一覧"


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example/",
        "https://evil.example/console/help",
        "//evil.example/",
        "//evil.example/console/help",
        "/e",
        "/\\evil",
        "/console/x\n",
        "/console/help\n",
        "/console/\r\nSet-Cookie: a=b",
        "/console/help?q=\x80",
        "/console//help",
        "/console/../e",
        "/console/nowhere",
        "/console/login",
        "/console/logout",
        "/console/logged-out",
        "/console/stay",
        "/console/consented-patients/news?since=x",
        "/console/consented-patients/export",
        "/console/reception-urls/online/qr-image",
        "/console/reception-urls/online/poster/file",
    ],
)
def test_nobody_is_sent_elsewhere_after_logging_in(office: Office, wanted: str) -> None:
    browser = office.browser()
    browser.get("/console/login")
    words = {"institution_code": "1310123456", "user_id": "ippan", "password": PASSWORD}
    browser.send(**words, next=wanted)
    assert browser.path == "/console/"


def test_an_idle_session_says_why_it_ended(office: Office) -> None:
    browser = office.logged_in()
    office.clock.advance(timedelta(minutes=31))
    browser.get("/console/reception-urls")
    assert browser.heading == "ログイン"
    assert "30分のあいだ操作がなかったため" in browser.text


def test_a_sign_of_life_keeps_the_session(office: Office) -> None:
    browser = office.logged_in()
    for _ in range(3):
        office.clock.advance(timedelta(minutes=20))
        assert browser.get("/console/stay") == 204
    assert browser.get("/console/") == 200


def test_no_session_is_older_than_twelve_hours(office: Office) -> None:
    browser = office.logged_in()
    for _ in range(36):
        office.clock.advance(timedelta(minutes=20))
        browser.get("/console/stay")
    browser.get("/console/?")
    assert browser.heading == "ログイン"


def test_changed_settings_log_everybody_of_the_facility_out(office: Office) -> None:
    office.employ(office.world.other)
    browsers = office.logged_in(), office.logged_in(Role.GENERAL)
    elsewhere = office.logged_in(facility=office.world.other)
    office.world.change_settings(checkup=False)
    for browser in browsers:
        browser.get("/console/")
        assert browser.heading == "ログイン"
        assert "設定またはアカウントが変更された" in browser.text
    assert elsewhere.get("/console/") == 200
    assert elsewhere.heading == "メニュー"


def new_account(office: Office) -> str:
    return office.services.accounts.reset_password(
        office.world.facility.id, "ippan", actor="test"
    ).password


def test_the_initial_password_opens_only_its_replacement(office: Office) -> None:
    initial = new_account(office)
    browser = office.browser()
    browser.log_in("ippan", initial)
    assert browser.heading == "はじめのパスワードを変更する"
    for path in ("/console/", "/console/consented-patients", "/console/reception-urls"):
        browser.get(path)
        assert browser.path == "/console/password"
    browser.send(current=initial, new_password="atarashii-pass-1", again="atarashii-pass-1")
    assert browser.heading == "パスワードを変更しました"
    assert browser.get("/console/consented-patients") == 200
    assert office.browser().log_in("ippan", "atarashii-pass-1") == 200


def test_an_initial_password_is_over_after_thirty_days(office: Office) -> None:
    initial = new_account(office)
    office.clock.advance(timedelta(days=30))
    browser = office.browser()
    assert browser.log_in("ippan", initial) == 403
    assert "はじめのパスワードの期限（30日）が過ぎています" in browser.text


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"current": ""}, "今のパスワードを入力してください。"),
        ({"current": "wrong"}, "今のパスワードが登録と合いません。"),
        ({"new_password": "", "again": ""}, "新しいパスワードを入力してください。"),
        ({"again": "another"}, "もう一度入力してください。"),
        ({"new_password": "short", "again": "short"}, "12文字以上にしてください。"),
        ({"new_password": "a" * 20, "again": "a" * 20}, "ちがう文字を6つ以上使って"),
        (
            {"new_password": "sakurasakura2025", "again": "sakurasakura2025"},
            "新しいパスワードは、password や年号のような、よくある言葉やキーの並びだけでは",
        ),
        ({"new_password": "a-kanri-word-1", "again": "a-kanri-word-1"}, "ユーザIDを入れないで"),
        ({"new_password": PASSWORD, "again": PASSWORD}, "今のパスワードと違うもの"),
    ],
)
def test_what_is_to_be_mended_is_named(office: Office, typed: dict[str, str], words: str) -> None:
    browser = office.logged_in()
    browser.get("/console/password")
    good = "atarashii-pass-1"
    fields = {"current": PASSWORD, "new_password": good, "again": good}
    assert browser.send(**(fields | typed)) == 422
    assert browser.title.startswith("エラー：")
    assert words in browser.text
    assert good not in browser.answer.text
    assert office.browser().log_in("kanri") == 200


def test_what_a_password_has_to_be_is_told_before_one_is_typed(office: Office) -> None:
    browser = office.logged_in()
    browser.get("/console/password")
    assert (
        "12文字以上で、ちがう文字を6つ以上使ってください。password や年号のような、"
        "よくある言葉やキーの並びだけでは作れません。ユーザIDは入れないでください。"
    ) in browser.text
    assert "種類" not in browser.text


def test_a_changed_password_ends_the_other_sessions(office: Office) -> None:
    browser, other = office.logged_in(), office.logged_in()
    office.clock.advance(timedelta(seconds=1))
    browser.get("/console/password")
    browser.send(current=PASSWORD, new_password="atarashii-pass-1", again="atarashii-pass-1")
    assert browser.get("/console/") == 200
    assert browser.heading == "メニュー"
    other.get("/console/")
    assert other.heading == "ログイン"


def test_guessing_the_present_password_locks_and_logs_out(office: Office) -> None:
    browser = office.logged_in()
    for _ in range(5):
        browser.get("/console/password")
        browser.send(current="wrong", new_password="atarashii-pass-1", again="atarashii-pass-1")
    assert browser.heading == "ログイン"
    assert "アカウントをロックしました" in browser.text
    browser.get("/console/")
    assert browser.heading == "ログイン"


def test_a_master_account_opens_a_menu_of_its_own_and_no_patients(office: Office) -> None:
    browser = office.browser()
    browser.log_in("master")
    assert browser.heading == "メニュー"
    assert browser.get("/console/consented-patients") == 403
    assert browser.heading == "このアカウントでは開けない画面です"


def test_nothing_personal_is_logged(office: Office, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    browser = office.logged_in()
    browser.log_in("kanri", "a-wrong-password")
    browser.get("/console/consented-patients?q=ザイタク")
    logged = " ".join(str(record.__dict__) for record in caplog.records)
    for word in (PASSWORD, "a-wrong-password", "kanri", "ザイタク", session_name(browser)):
        assert word not in logged


def test_every_other_page_may_be_come_back_to(office: Office) -> None:
    rules = [rule for rule in office.app.url_map.iter_rules() if "GET" in (rule.methods or ())]
    with office.app.test_request_context():
        landing = [rule for rule in rules if rule.endpoint in arriving.landing_pages()]
    assert len(landing) > 10
    browser = office.logged_in()
    for rule in landing:
        _, path = rule.build({name: EXAMPLES[name] for name in rule.arguments}) or ("", "")
        # What the examples name need not be there; what is there must be a page.
        assert browser.get(path) in {200, 404}, path
        assert browser.answer.mimetype == "text/html", path


def away(*_: object, **__: object) -> None:
    raise StoreUnavailable("OperationalError")


def send_new_password(browser: Browser) -> int:
    browser.get("/console/password")
    return browser.send(current=PASSWORD, new_password="atarashii-pass-1", again="atarashii-pass-1")


def test_a_lost_answer_to_a_new_password_is_not_called_nothing(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = office.logged_in()
    with monkeypatch.context() as broken:
        broken.setattr(AccountService, "change_password", away)
        assert send_new_password(browser) == 503
    assert browser.heading == "パスワードが変わったかどうか、いまは確かめられません"
    assert "何も変更していません" not in browser.text


def test_a_changed_password_is_told_even_when_no_session_can_be_opened(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = office.logged_in()
    with monkeypatch.context() as broken:
        broken.setattr(Sessions, "open", away)
        assert send_new_password(browser) == 200
    assert browser.heading == "パスワードを変更しました"
    assert office.browser().log_in("kanri", "atarashii-pass-1") == 200
