"""Two administrators change the settings at once; and what patients see at once."""

from tests.console.office import Browser, Office
from tests.console.test_settings import choose, opened, present
from zaitaku.facilities.model import Channel, Facility
from zaitaku.facilities.words import TERMS


def now(office: Office) -> Facility:
    return office.services.facilities.get(office.world.facility.id)


def overtaken(office: Office, **changes: str) -> Browser:
    """Somebody whose choice is on the check page when another saves 特定健診 = 利用しない."""
    browser = opened(office)
    assert choose(browser, **changes) == 200
    check = browser.path
    office.world.change_settings(checkup=False)
    browser.log_in("kanri")
    assert browser.get(check) == 409
    return browser


def test_the_later_one_is_told_and_nothing_is_overwritten(office: Office) -> None:
    browser = overtaken(office, surgery="off")
    assert browser.heading == "ほかの人が先に設定を変更しました"
    assert "特定健診情報：利用する → 利用しない" in browser.text
    assert f"{TERMS['surgery']}利用する利用しない" in browser.text
    assert present(office).surgery
    assert browser.send() == 200
    assert browser.heading == "環境設定情報更新：確認"
    assert browser.rows() == [[TERMS["surgery"], "利用する", "利用しない"]]
    browser.send()
    assert (present(office).surgery, present(office).checkup) == (False, False)


def test_what_both_changed_is_named(office: Office) -> None:
    browser = opened(office)
    choose(browser, display_name="みどりの森")
    check = browser.path
    office.world.change_settings(display_name="みどり坂")  # type: ignore[arg-type]
    browser.log_in("kanri")
    assert browser.get(check) == 409
    assert "Webに表示する名前は、ほかの人も変更しています" in browser.text


def test_what_contradicts_the_other_one_comes_back_as_a_form(office: Office) -> None:
    office.world.change_settings(clinical=False)
    browser = opened(office)
    choose(browser, medication="on")
    check = browser.path
    office.world.change_settings(clinical=True)
    browser.log_in("kanri")
    assert browser.get(check) == 409
    assert browser.send() == 422
    assert "診療情報を利用しないときだけ" in browser.text
    assert not present(office).medication


def test_the_same_choice_twice_is_no_conflict_to_solve(office: Office) -> None:
    browser = overtaken(office, checkup="off")
    assert "もう、いまの設定と同じです" in browser.text


def test_a_form_that_was_overtaken_before_it_was_sent(office: Office) -> None:
    browser = opened(office)
    office.world.change_settings(checkup=False)
    seen = {**browser.hidden(browser.form()), "version": "1", "surgery": "off"}
    browser.log_in("kanri")
    browser.get("/console/environment-settings")
    fresh = browser.hidden(browser.form())
    assert browser.post("/console/environment-settings", {**seen, **fresh, "version": "1"}) == 409
    assert "特定健診情報：利用する → 利用しない" in browser.text


def test_of_two_at_the_last_button_one_wins(office: Office) -> None:
    browser = opened(office)
    choose(browser, surgery="off")
    facilities = office.services.facilities
    change = facilities.change_settings

    def overtake(*args: object, **options: object) -> Facility:
        facilities.change_settings = change  # type: ignore[method-assign]
        office.world.change_settings(checkup=False)
        return change(*args, **options)  # type: ignore[arg-type]

    facilities.change_settings = overtake  # type: ignore[method-assign]
    assert browser.send() == 409
    assert "何も保存していません" in browser.text
    assert now(office).settings_version == 2


def test_a_changed_setting_changes_the_patients_pages_at_once(office: Office) -> None:
    browser = opened(office)
    choose(browser, display_name="みどりの森", online="off")
    browser.send()
    reception, origin = office.services.reception, office.services.settings.origin
    for channel, status in ((Channel.HOME_VISIT, 200), (Channel.ONLINE, 404)):
        url = reception.show(office.world.facility.id, channel).current
        path = reception.address(url).removeprefix(origin)
        answer = office.app.test_client().get(path, base_url=origin)
        assert answer.status_code == status
        assert "みどりの森" in answer.text
