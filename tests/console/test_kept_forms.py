"""A form whose session ended comes back in its own page, to the same account, and is sent once."""

from collections.abc import Callable
from datetime import timedelta
from xml.etree.ElementTree import Element

import pytest

from tests.console.office import PASSWORD, Browser, Office
from tests.console.test_patient_detail import open_patient, walk
from zaitaku.accounts.model import Account, Role
from zaitaku.blueprints.kept_forms import MOST_BYTES
from zaitaku.consent.tables import consent_withdrawal
from zaitaku.core.errors import StoreUnavailable

ORIGIN = "http://localhost:8000"
FORM = "/console/activation-codes/new"
HEADING = "アクティベーションコードを発行する"
ROTATE = "/console/reception-urls/online/rotate"
BACK = "ログアウトの前の入力を戻しました"
SENT = "この入力は、もう送られています"
MENU = "メニュー"


def by_time(office: Office, _browser: Browser) -> None:
    office.clock.advance(timedelta(minutes=31))


def by_settings_of_another(office: Office, _browser: Browser) -> None:
    office.world.change_settings(checkup=False)


def by_logout_from_afar(office: Office, _browser: Browser) -> None:
    other = office.logged_in()
    other.get("/console/own-sign-in/sessions/others/end")
    other.send()


ENDINGS: list[Callable[[Office, Browser], None]] = [
    by_time,
    by_settings_of_another,
    by_logout_from_afar,
]


def in_the_middle(office: Office, path: str = FORM) -> Browser:
    browser = office.logged_in()
    browser.get(path)
    return browser


def log_in_again(browser: Browser, user_id: str = "kanri") -> None:
    assert browser.heading == "ログイン"
    browser.send(institution_code="1310123456", user_id=user_id, password=PASSWORD)


def lost(office: Office, **typed: str) -> Browser:
    """Type into the form after half an hour, and log in again."""
    browser = in_the_middle(office)
    by_time(office, browser)
    browser.send(**typed)
    log_in_again(browser)
    return browser


def shown(form: Element) -> dict[str, str]:
    """Return what a browser sends of a form that nobody touches."""
    fields = {}
    for each in form.iter("input"):
        is_off = each.attrib["type"] in {"radio", "checkbox"} and "checked" not in each.attrib
        if not is_off:
            fields[each.attrib["name"]] = each.attrib.get("value", "")
    for each in form.iter("textarea"):
        fields[each.attrib["name"]] = (each.text or "").removeprefix("\n")
    return fields


def codes(office: Office) -> int:
    with office.services.database.reading() as connection:
        query = "SELECT count(*) FROM activation_code"
        return int(connection.exec_driver_sql(query).scalar_one())


@pytest.mark.parametrize("end", ENDINGS)
def test_what_was_typed_comes_back_in_its_own_page(
    office: Office, end: Callable[[Office, Browser], None]
) -> None:
    browser = in_the_middle(office)
    end(office, browser)
    browser.send(memo="<2階>の携帯")
    log_in_again(browser)
    assert (browser.heading, browser.path) == (HEADING, FORM)
    assert BACK in browser.text
    fields = shown(browser.form())
    assert fields["memo"] == "<2階>の携帯"
    assert browser.send(**fields) == 200
    assert "<2階>の携帯" in browser.text
    assert codes(office) == 1


def test_it_is_sent_once_and_gone_then(office: Office) -> None:
    browser = lost(office, memo="携帯1")
    fields = shown(browser.form())
    browser.send(**fields)
    assert browser.post(FORM, fields) == 409
    assert browser.heading == SENT
    assert codes(office) == 1
    browser.get("/console/continue")
    assert "残っている入力はありません" in browser.text
    browser.get(FORM)
    assert BACK not in browser.text
    assert shown(browser.form())["memo"] == ""
    by_settings_of_another(office, browser)
    browser.get("/console/")
    log_in_again(browser)
    assert browser.heading == MENU


def test_a_store_that_was_away_has_not_used_it_up(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = lost(office, memo="携帯1")
    fields = shown(browser.form())

    def away(*_: object, **__: object) -> None:
        raise StoreUnavailable("away")

    with monkeypatch.context() as patch:
        patch.setattr(type(office.services.devices), "issue", away)
        assert browser.post(FORM, fields) == 503
    assert browser.post(FORM, fields) == 200
    assert codes(office) == 1


def test_mistakes_are_told_as_ever_and_mended_in_the_same_page(office: Office) -> None:
    browser = lost(office, memo=" ")
    assert browser.send(**shown(browser.form())) == 422
    assert browser.title.startswith("エラー：")
    assert browser.send(**shown(browser.form()) | {"memo": "携帯1"}) == 200


def test_settings_that_another_has_saved_are_not_overwritten(office: Office) -> None:
    browser = office.logged_in()
    browser.get("/console/environment-settings")
    chosen = shown(browser.form())
    by_settings_of_another(office, browser)
    browser.send(**chosen | {"display_name": "みどり坂"})
    log_in_again(browser)
    assert browser.heading == "環境設定情報更新"
    again = shown(browser.form())
    assert again["display_name"] == "みどり坂"
    radios = {name: value for name, value in chosen.items() if "csrf" not in name}
    assert {name: again[name] for name in radios} == radios | {"display_name": "みどり坂"}
    assert browser.send(**again) == 409


def test_what_asks_for_no_typing_is_not_given_back_but_its_page_opened(office: Office) -> None:
    browser = in_the_middle(office, ROTATE)
    by_time(office, browser)
    browser.send(ticked="yes")
    log_in_again(browser)
    assert browser.path == ROTATE
    assert BACK not in browser.text
    assert "ticked" not in shown(browser.form())
    browser.get("/console/continue")
    assert "残っている入力はありません" in browser.text


@pytest.mark.parametrize("end", ENDINGS)
def test_a_dialogue_of_many_steps_goes_on_where_it_was(
    office: Office, end: Callable[[Office, Browser], None]
) -> None:
    browser = in_the_middle(office, ROTATE)
    browser.send(ticked="yes")
    browser.send()
    assert browser.path == f"{ROTATE}/reason"
    end(office, browser)
    browser.send(reason="ポスターの<貼り替え>")
    log_in_again(browser)
    assert browser.path == f"{ROTATE}/reason"
    assert shown(browser.form())["reason"] == "ポスターの<貼り替え>"
    browser.send(**shown(browser.form()))
    assert browser.path == f"{ROTATE}/confirmation"
    end(office, browser)
    browser.send()
    log_in_again(browser)
    assert browser.path == f"{ROTATE}/confirmation"
    assert "ポスターの<貼り替え>" in browser.text
    assert browser.send() == 200
    assert browser.path == f"{ROTATE}/completion"


def test_the_deletion_of_an_account_goes_on_as_well(office: Office) -> None:
    (clerk,) = [each for each in everybody(office) if each.user_id == "ippan"]
    start = f"/console/accounts/{clerk.id}/deletion"
    browser = in_the_middle(office, start)
    browser.send(ticked="yes")
    by_time(office, browser)
    browser.send()
    log_in_again(browser)
    assert browser.path == f"{start}/confirmation"
    browser.send()
    assert clerk.id not in {each.id for each in everybody(office)}


@pytest.mark.parametrize("end", [by_time, by_settings_of_another])
def test_a_withdrawal_goes_on_with_all_that_was_chosen(
    office: Office, end: Callable[[Office, Browser], None]
) -> None:
    office.world.register()
    browser = open_patient(office)
    walk(browser, "checkup")
    path = browser.path
    end(office, browser)
    browser.send()
    log_in_again(browser, "ippan")
    assert browser.path == path
    assert "特定健診" in browser.text
    browser.send()
    assert browser.heading == "同意を取り消しました"
    assert office.world.count(consent_withdrawal) == 1


def everybody(office: Office) -> tuple[Account, ...]:
    return office.services.accounts.all_of(office.world.facility.id)


def test_what_another_account_had_begun_is_not_carried_on(office: Office) -> None:
    browser = in_the_middle(office, ROTATE)
    browser.send(ticked="yes")
    by_time(office, browser)
    browser.send()
    office.register(Role.ADMIN, "kanri2", office.world.facility)
    log_in_again(browser, "kanri2")
    assert browser.path == ROTATE
    browser.follow("ログアウト")
    browser.send()
    browser.log_in("kanri")
    browser.get(f"{ROTATE}/warning")
    assert browser.path == ROTATE


def test_who_logs_out_leaves_nothing_to_carry_on(office: Office) -> None:
    browser = in_the_middle(office, ROTATE)
    browser.send(ticked="yes")
    browser.follow("ログアウト")
    browser.send()
    browser.log_in("kanri")
    browser.get(f"{ROTATE}/warning")
    assert browser.path == ROTATE


def test_another_account_gets_nothing_and_ends_it(office: Office) -> None:
    browser = in_the_middle(office)
    by_time(office, browser)
    browser.send(memo="秘密")
    log_in_again(browser, "etsuran")
    assert browser.heading == MENU
    browser.get("/console/continue")
    assert "残っている入力はありません" in browser.text
    browser.log_in("kanri")
    assert browser.heading == MENU


def test_another_browser_gets_nothing(office: Office) -> None:
    browser = in_the_middle(office)
    by_time(office, browser)
    browser.send(memo="携帯1")
    other = office.logged_in()
    other.get(FORM)
    assert BACK not in other.text


def test_it_is_gone_after_half_an_hour(office: Office) -> None:
    browser = in_the_middle(office)
    by_time(office, browser)
    browser.send(memo="携帯1")
    office.clock.advance(timedelta(minutes=30))
    log_in_again(browser)
    assert browser.path == FORM
    assert BACK not in browser.text


def test_passwords_are_never_kept(office: Office) -> None:
    browser = office.logged_in()
    browser.get("/console/password")
    by_time(office, browser)
    browser.send(current=PASSWORD, new_password="atarashii-pass-1", again="atarashii-pass-1")
    log_in_again(browser)
    assert browser.path == "/console/password"
    assert "atarashii" not in browser.answer.text
    assert BACK not in browser.text


def test_secrets_of_other_forms_are_left_out(office: Office) -> None:
    browser = in_the_middle(office)
    fields = Browser.hidden(browser.form()) | {"memo": "携帯1", "some_password": "hush"}
    by_time(office, browser)
    browser.post(FORM, fields)
    with browser.client.session_transaction(base_url=ORIGIN) as session:
        name = session["kept"]
    kept = office.services.ephemeral.read(f"kept-form:{name}") or {}
    assert kept["pairs"].startswith("zs1.")  # unreadable for whoever reads the store
    pairs = office.services.database.seal.opened_text(kept["pairs"], "kept-form", name)
    assert pairs == '[["memo", "\\u643a\\u5e2f1"]]'


def test_a_form_that_is_too_large_is_not_kept(office: Office) -> None:
    browser = lost(office, memo="x" * MOST_BYTES)
    assert browser.path == FORM
    assert BACK not in browser.text


def test_it_can_be_thrown_away(office: Office) -> None:
    browser = lost(office, memo="携帯1")
    browser.follow("戻した入力を捨てる")
    browser.send()
    assert browser.heading == HEADING
    assert shown(browser.form())["memo"] == ""
    browser.get("/console/continue")
    assert "残っている入力はありません" in browser.text


def test_the_cookie_says_neither_who_nor_what(office: Office) -> None:
    browser = in_the_middle(office)
    by_time(office, browser)
    browser.send(memo="himitsu")
    with browser.client.session_transaction(base_url=ORIGIN) as session:
        carried = str(dict(session))
    for word in ("himitsu", "kanri", *(str(account.id) for account in everybody(office))):
        assert word not in carried


def test_a_page_that_leaves_by_itself_keeps_what_it_holds(office: Office) -> None:
    browser = in_the_middle(office)
    fields = Browser.hidden(browser.form()) | {"memo": "携帯1", "kept_address": FORM}
    by_time(office, browser)
    assert browser.post("/console/keep-form", fields) == 204
    browser.get("/console/login?ended=idle")
    log_in_again(browser)
    assert browser.path == FORM
    assert shown(browser.form())["memo"] == "携帯1"


STRANGE_ADDRESSES = (
    "https://evil.example/console/activation-codes/new",
    "//evil.example/console/activation-codes/new",
    "/console/own-sign-in/recovery-codes",
    "/console/keep-form",
    "/console/nowhere",
    "/r/abc",
    "",
)


def test_nothing_is_kept_for_an_address_that_takes_no_such_form(office: Office) -> None:
    browser = in_the_middle(office)
    fields = Browser.hidden(browser.form()) | {"memo": "携帯1"}
    for address in STRANGE_ADDRESSES:
        browser.post("/console/keep-form", fields | {"kept_address": address})
        browser.get("/console/continue")
        assert "残っている入力はありません" in browser.text, address


def test_nothing_is_kept_for_who_was_never_logged_in(office: Office) -> None:
    browser = office.browser()
    browser.get("/console/login")
    fields = Browser.hidden(browser.form()) | {"memo": "携帯1", "kept_address": FORM}
    assert browser.post("/console/keep-form", fields) == 204
    browser.get("/console/login")
    log_in_again(browser)
    assert browser.heading == MENU


def test_a_role_that_may_not_open_the_page_is_not_led_there(office: Office) -> None:
    browser = office.logged_in(Role.MEDICAL_VIEW)
    browser.get("/console/logout")
    token = Browser.hidden(browser.form())["csrf_token"]
    by_time(office, browser)
    browser.post(FORM, {"csrf_token": token, "memo": "携帯1"})
    log_in_again(browser, "etsuran")
    assert browser.heading == MENU
