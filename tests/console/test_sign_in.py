"""Passkeys, the second step, recovery codes and one's devices, as pages."""

from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

import pytest

from tests.accounts.software_key import SoftwareKey
from tests.console.office import PASSWORD, Browser, Office
from tests.patient.lint import words
from zaitaku.accounts.model import Role
from zaitaku.accounts.sign_in_model import RECOVERY_CODES
from zaitaku.accounts.sign_in_store import SignInStore
from zaitaku.audit.model import Act
from zaitaku.audit.store import AuditTrail

ORIGIN = "http://localhost:8000"
MENU = "メニュー"
SECOND_STEP = "パスキーで確かめます"
FIRST = "はじめに、パスキーを登録してください"
CODES = "回復コードを控えてください"


@pytest.fixture
def key() -> SoftwareKey:
    return SoftwareKey(ORIGIN)


def make(browser: Browser, key: SoftwareKey, name: str = "受付") -> int:
    """Answer the page's request for a new passkey."""
    answer = key.create(browser.form().attrib["data-options"])
    return browser.send(answer=answer, name=name)


def prove(browser: Browser, key: SoftwareKey) -> int:
    """Answer the page's request for a proof."""
    return browser.send(answer=key.get(browser.form().attrib["data-options"]))


def registered(office: Office, key: SoftwareKey, role: Role = Role.ADMIN) -> Browser:
    browser = office.logged_in(role)
    browser.get("/console/own-sign-in/passkeys/new")
    assert make(browser, key) == 200
    return browser


def codes_of(browser: Browser) -> list[str]:
    return [words(each) for each in browser.page.iter("code")]


def acts(office: Office) -> Iterator[Act]:
    with office.services.database.reading() as connection:
        trail = AuditTrail(connection, office.world.facility.id)
        yield from [entry.act for entry in trail.entries()]


def require(office: Office, key: SoftwareKey) -> Browser:
    browser = registered(office, key)
    browser.get("/console/second-factor")
    browser.send()
    return browser


def test_a_passkey_is_registered_and_logs_in_alone(office: Office, key: SoftwareKey) -> None:
    browser = registered(office, key)
    assert browser.heading == CODES
    assert len(codes_of(browser)) == RECOVERY_CODES
    browser.follow("控えました（先へ進む）")
    assert "削除（受付）" in browser.links()
    other = office.browser()
    other.get("/console/login")
    other.follow("パスキーでログインする")
    assert prove(other, key) == 200
    assert other.heading == MENU
    other.get("/console/own-sign-in")
    assert "パスキー" in other.text


def test_codes_are_shown_once(office: Office, key: SoftwareKey) -> None:
    browser = registered(office, key)
    shown = codes_of(browser)
    browser.get("/console/own-sign-in/recovery-codes")
    assert not any(code in browser.answer.text for code in shown)
    browser.send()
    assert not set(shown) & set(codes_of(browser))
    assert len(codes_of(browser)) == RECOVERY_CODES


def test_a_name_that_is_missing_is_named_and_another_try_works(
    office: Office, key: SoftwareKey
) -> None:
    browser = office.logged_in()
    browser.get("/console/own-sign-in/passkeys/new")
    assert make(browser, key, "") == 422
    assert "パスキーの名前を入力してください。" in browser.text
    assert make(browser, key, "<受付>") == 200
    browser.get("/console/own-sign-in")
    assert "削除（<受付>）" in browser.links()


def test_an_answer_that_proves_nothing_is_told_and_the_name_kept(office: Office) -> None:
    browser = office.logged_in()
    browser.get("/console/own-sign-in/passkeys/new")
    assert browser.send(answer="{}", name="受付の") == 422
    assert browser.title.startswith("エラー：")
    assert 'value="受付の"' in browser.answer.text
    other = office.browser()
    other.get("/console/login/passkey")
    assert other.send(answer="{}") == 422
    assert "このパスキーでは確かめられませんでした" in other.text
    assert "不正" not in other.answer.text


def test_between_the_two_steps_nothing_opens(office: Office, key: SoftwareKey) -> None:
    registered(office, key)
    browser = office.browser()
    browser.log_in("kanri")
    assert browser.heading == SECOND_STEP
    for path in ("/console/", "/console/consented-patients", "/console/password"):
        browser.get(path)
        assert browser.heading == SECOND_STEP
        assert "みどり坂クリニック" not in browser.answer.text
    news = browser.client.get("/console/consented-patients/news?since=x", base_url=ORIGIN)
    assert news.status_code == 401
    assert prove(browser, key) == 200
    assert browser.heading == MENU


def test_the_second_step_leads_to_where_one_was_going(office: Office, key: SoftwareKey) -> None:
    registered(office, key)
    browser = office.browser()
    browser.get("/console/consented-patients?sort=kana")
    browser.send(institution_code="1310123456", user_id="kanri", password=PASSWORD)
    prove(browser, key)
    assert browser.path == "/console/consented-patients?sort=kana"


def test_a_half_open_login_ends_after_ten_minutes_whatever_is_done(
    office: Office, key: SoftwareKey
) -> None:
    registered(office, key)
    browser = office.browser()
    browser.log_in("kanri")
    office.clock.advance(timedelta(minutes=6))
    browser.get("/console/login/second-step")
    office.clock.advance(timedelta(minutes=4))
    browser.get("/console/login/second-step")
    assert browser.heading == "ログイン"
    assert "10分のあいだにログインが終わらなかったため" in browser.text


def test_a_recovery_code_logs_in_once_and_says_what_to_do(office: Office, key: SoftwareKey) -> None:
    code = codes_of(registered(office, key))[0]
    for status, heading in ((200, "ログイン方法と利用中の端末"), (422, "回復コードでログイン")):
        browser = office.browser()
        browser.log_in("kanri")
        browser.follow("回復コードでログインする")
        assert browser.send(code=" ") == 422
        assert browser.send(code=code.upper()) == status
        assert browser.heading == heading
    assert Act.REFUSE_SECOND_FACTOR in acts(office)


def test_five_wrong_codes_lock_and_log_out(office: Office, key: SoftwareKey) -> None:
    registered(office, key)
    browser = office.browser()
    browser.log_in("kanri")
    browser.follow("回復コードでログインする")
    for _ in range(5):
        browser.send(code="wrong")
    assert browser.heading == "ログイン"
    assert "アカウントをロックしました" in browser.text
    assert browser.log_in("kanri") == 422


def test_renaming_and_removing_ask_and_tell(office: Office, key: SoftwareKey) -> None:
    browser = registered(office, key)
    browser.get("/console/own-sign-in")
    browser.follow("名前を変更（受付）")
    assert browser.send(name="あ" * 41) == 422
    browser.send(name="裏口")
    assert "パスキーの名前を変更しました。" in browser.text
    browser.follow("削除（裏口）")
    assert "パスワードだけでログインできるようになります" in browser.text
    browser.send()
    assert "パスキーを削除し、ほかのすべての端末をログアウトしました。" in browser.text
    assert office.browser().log_in("kanri") == 200


def test_somebody_elses_passkey_is_not_there(office: Office, key: SoftwareKey) -> None:
    browser = registered(office, key)
    browser.get("/console/own-sign-in")
    address = browser.links()["削除（受付）"]
    other = office.logged_in(Role.GENERAL)
    assert other.get(address) == 404
    office.employ(office.world.other)
    elsewhere = office.logged_in(facility=office.world.other)
    for path in (address, address.replace("removal", "name")):
        assert elsewhere.get(path) == 404


def test_the_facility_asks_for_a_second_factor(office: Office, key: SoftwareKey) -> None:
    boss = office.logged_in()
    boss.get("/console/second-factor")
    assert boss.links()["パスキーを登録する"] == "/console/own-sign-in/passkeys/new"
    boss = require(office, key)
    assert "必須にする" in boss.text
    clerk, clerks = office.browser(), SoftwareKey(ORIGIN)
    clerk.log_in("ippan")
    assert clerk.heading == FIRST
    clerk.get("/console/consented-patients")
    assert clerk.heading == FIRST
    assert make(clerk, clerks, "") == 422
    assert make(clerk, clerks) == 200
    assert clerk.heading == CODES
    clerk.follow("控えました（先へ進む）")
    assert clerk.heading == MENU


def test_the_rule_is_not_set_without_an_own_passkey(office: Office) -> None:
    browser = office.logged_in()
    browser.get("/console/login")
    with browser.client.session_transaction(base_url=ORIGIN):
        token = Browser.hidden(browser.form())["csrf_token"]
    wish = {"csrf_token": token, "needs": "yes", "seen": "0"}
    assert browser.post("/console/second-factor", wish) == 409
    assert browser.heading == "先に、ご自分のパスキーを登録してください"


def test_the_later_of_two_administrators_is_told(office: Office, key: SoftwareKey) -> None:
    first, second = registered(office, key), office.browser()
    second.log_in("kanri")
    prove(second, key)
    for browser in (first, second):
        browser.get("/console/second-factor")
    assert first.send() == 200
    assert second.send() == 409
    assert "変更していません" in second.text
    assert "kanri みどり さんが設定を変更しました" in second.text


def test_the_last_passkey_stays_where_one_is_asked_for(office: Office, key: SoftwareKey) -> None:
    browser = require(office, key)
    browser.get("/console/own-sign-in")
    browser.follow("削除（受付）")
    assert browser.send() == 409
    assert browser.heading == "このパスキーは、いまは削除できません"


def test_devices_that_were_lost_are_forgotten_with_the_passkeys(
    office: Office, key: SoftwareKey
) -> None:
    registered(office, key, Role.GENERAL)
    facility = office.world.facility.id
    everybody = office.services.accounts.all_of(facility)
    (clerk,) = [each for each in everybody if each.user_id == "ippan"]
    with office.services.database.transaction() as connection:
        SignInStore(connection, facility).remove_all(clerk.id)
    browser = office.browser()
    browser.log_in("ippan")
    assert browser.heading == MENU


def test_a_device_is_logged_out_from_afar(office: Office) -> None:
    here, there = office.logged_in(), office.browser()
    there.client.environ_base["HTTP_USER_AGENT"] = (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 26_0 like Mac OS X) Version/26.0 Safari/604.1"
    )
    there.log_in("kanri")
    here.get("/console/own-sign-in")
    assert "2台でログインしています" in here.text
    (address,) = [href for label, href in here.links().items() if "iPhone・Safari" in label]
    here.get(address)
    here.send()
    assert "選んだ端末をログアウトしました。" in here.text
    there.get("/console/")
    assert there.heading == "ログイン"
    assert here.get(address) == 200
    assert "もうログアウトしています" in here.text
    assert Act.END_SESSIONS in acts(office)


def test_all_other_devices_are_logged_out_and_this_one_stays(office: Office) -> None:
    here, others = office.logged_in(), [office.logged_in(), office.logged_in()]
    colleague = office.logged_in(Role.GENERAL)
    here.get("/console/own-sign-in")
    here.follow("ほかのすべての端末をログアウトする")
    assert "ほかの2台" in here.text
    here.send()
    assert here.path.startswith("/console/own-sign-in")
    for browser in others:
        browser.get("/console/")
        assert browser.heading == "ログイン"
    colleague.get("/console/")
    assert colleague.heading == MENU


def test_a_colleagues_session_is_not_ended(office: Office) -> None:
    colleague = office.logged_in(Role.GENERAL)
    colleague.get("/console/own-sign-in")
    here = office.logged_in()
    here.get("/console/own-sign-in")
    assert "1台でログインしています" in here.text
    here.get(f"/console/own-sign-in/sessions/{uuid4()}/end")
    assert "もうログアウトしています" in here.text
    colleague.get("/console/")
    assert colleague.heading == MENU


def test_logging_out_is_recorded(office: Office) -> None:
    browser = office.logged_in()
    browser.follow("ログアウト")
    browser.send()
    assert list(acts(office))[-1] is Act.LOGOUT


CONFIRM = "ご本人の確認"
NEWS = "パスキーが追加されています"


@pytest.mark.parametrize("page", ["passkeys/new", "recovery-codes"])
def test_ways_in_are_changed_only_after_a_proof(
    office: Office, key: SoftwareKey, page: str
) -> None:
    browser, path = office.logged_in(), f"/console/own-sign-in/{page}"
    browser.get(path)
    token = Browser.hidden(browser.form())["csrf_token"]
    office.clock.advance(timedelta(minutes=5))
    browser.post(path, {"csrf_token": token, "name": "x", "answer": "{}"})
    assert browser.heading == CONFIRM
    browser.get(path)
    assert browser.heading == CONFIRM
    assert browser.send(password="") == 422
    assert browser.send(password="wrong") == 422
    assert browser.send(password=PASSWORD) == 200
    assert browser.path == path
    assert Act.REGISTER_PASSKEY not in acts(office)


def test_a_passkey_proves_as_well_and_removing_and_deciding_need_it(
    office: Office, key: SoftwareKey
) -> None:
    browser = registered(office, key)
    browser.get("/console/own-sign-in")
    removal = browser.links()["削除（受付）"]
    browser.get("/console/second-factor")
    office.clock.advance(timedelta(minutes=5))
    browser.send()
    assert browser.heading == CONFIRM
    assert Act.CHANGE_SIGN_IN_POLICY not in acts(office)
    browser.get(removal)
    assert browser.heading == CONFIRM
    browser.follow("パスキーで確かめる")
    assert browser.send(answer="{}") == 422
    assert prove(browser, key) == 200
    assert browser.path == removal
    assert Act.CONFIRM_SELF in acts(office)


def test_five_wrong_proofs_lock_and_log_out_everywhere(office: Office) -> None:
    browser, elsewhere = office.logged_in(), office.logged_in()
    browser.get("/console/own-sign-in/confirmation")
    for _ in range(5):
        browser.send(password="wrong")
    assert browser.heading == "ログイン"
    assert "アカウントをロックしました" in browser.text
    elsewhere.get("/console/")
    assert elsewhere.heading == "ログイン"


def test_the_next_login_tells_of_a_passkey_that_was_added(office: Office, key: SoftwareKey) -> None:
    browser = office.logged_in()
    office.clock.advance(timedelta(minutes=1))
    browser.client.environ_base["HTTP_USER_AGENT"] = (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 26_0 like Mac OS X) Version/26.0 Safari/604.1"
    )
    browser.log_in("kanri")
    office.clock.advance(timedelta(minutes=1))
    browser.get("/console/own-sign-in/passkeys/new")
    make(browser, key, "知らない鍵")
    other = office.browser()
    other.get("/console/consented-patients")
    other.send(institution_code="1310123456", user_id="kanri", password=PASSWORD)
    prove(other, key)
    assert other.heading == NEWS
    ((name, _, device, _),) = other.rows()
    assert (name, device) == ("知らない鍵", "iPhone・Safari")
    other.follow("心あたりがあります（先へ進む）")
    assert other.path == "/console/consented-patients"
    office.clock.advance(timedelta(minutes=1))
    other.log_in("kanri")
    assert prove(other, key) == 200
    assert other.heading == MENU


def test_the_notice_leads_to_removing_it(office: Office, key: SoftwareKey) -> None:
    browser = office.logged_in()
    office.clock.advance(timedelta(minutes=1))
    browser.get("/console/own-sign-in/passkeys/new")
    make(browser, key)
    other = office.browser()
    other.get("/console/login/passkey")
    prove(other, key)
    assert other.heading == NEWS
    other.follow("削除（受付）")
    other.send()
    assert "パスキーを削除し" in other.text
    browser.get("/console/")
    assert browser.heading == "ログイン"
