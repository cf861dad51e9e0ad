"""環境設定情報更新: what is shown, checked, saved, and what saving does (domain.md §4)."""

from datetime import date, timedelta

import pytest

from tests.console.office import Browser, Office
from zaitaku.accounts.model import Role
from zaitaku.facilities.model import (
    Channel,
    CharacterSet,
    Enrolment,
    EnvironmentSettings,
    InstitutionCode,
    PrescriptionUse,
)
from zaitaku.facilities.relations import FacilityFacts, RelatedFacility, Relation
from zaitaku.facilities.words import TERMS

PATH = "/console/environment-settings"


def present(office: Office) -> EnvironmentSettings:
    return office.services.facilities.get(office.world.facility.id).settings


def opened(office: Office) -> Browser:
    browser = office.logged_in()
    assert browser.get(PATH) == 200
    return browser


def chosen(browser: Browser) -> dict[str, str]:
    """What the form holds: every checked radio button and every typed text."""
    values = {}
    for each in browser.form().iter("input"):
        is_chosen = each.attrib["type"] == "radio" and "checked" in each.attrib
        if is_chosen or each.attrib["type"] == "text":
            values[each.attrib["name"]] = each.attrib.get("value", "")
    return values


def choose(browser: Browser, **changes: str) -> int:
    return browser.send(**{**chosen(browser), **changes})


def enrol(office: Office, **settled: object) -> None:
    """Let the operator settle something about the facility."""
    facility = office.services.facilities.get(office.world.facility.id)
    facts = FacilityFacts(
        facility.registered_name,
        facility.phone,
        facility.hours,
        Enrolment(**settled),  # type: ignore[arg-type]
    )
    office.services.registry.change_facts(
        facility.id, facts, expected_revision=facility.revision, actor="operator:test"
    )


def test_the_form_shows_every_setting_of_a_clinic_with_its_initial_value(office: Office) -> None:
    browser = opened(office)
    assert browser.heading == "環境設定情報更新"
    absent = {"electronic_prescription", "refill_prescription"}
    assert set(chosen(browser)) == set(TERMS) - absent
    for name in set(TERMS) - absent:
        assert TERMS[name] in browser.text
    assert "（初期値：利用しない）" in browser.text
    assert "（初期値：UTF-8）" in browser.text


def test_a_pharmacy_has_its_own_settings(office: Office) -> None:
    pharmacy = office.services.facilities.add(
        InstitutionCode("1340123456"),
        registered_name="あおば薬局",
        phone="03-0000-1234",
        hours="",
        settings=EnvironmentSettings(),
        actor="test",
        founding=office.services.reception.issue_first,
    )
    office.employ(pharmacy)
    browser = office.logged_in(facility=pharmacy)
    browser.get(PATH)
    absent = {"prescription_use", "prescription_timing", "subsidy", "chart_sharing"}
    assert set(chosen(browser)) == set(TERMS) - absent
    assert choose(browser, refill_prescription="on") == 422
    assert browser.text.count("電子処方箋も「利用する」に") == 2


def test_what_was_not_settled_is_not_shown(office: Office) -> None:
    enrol(office, chart_sharing_from=date(2026, 12, 1))
    assert not {"subsidy", "chart_sharing"} & set(chosen(opened(office)))
    office.clock.advance(timedelta(days=11))
    assert "chart_sharing" in chosen(opened(office))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"medication": "on"}, "診療情報を利用しないときだけ"),
        ({"prescription_timing": "at-eligibility-check"}, "電子処方箋利用区分を"),
        ({"display_name": "みどり🌲"}, "「🌲」"),
        ({"display_name": "あ" * 61}, "60文字以内"),
        ({"surgery": "maybe"}, "どれか一つ選んでください"),
        ({"character_set": "euc-jp"}, "どれか一つ選んでください"),
        ({}, "変更したところがありません"),
    ],
)
def test_what_cannot_be_is_explained_and_kept(
    office: Office, changes: dict[str, str], said: str
) -> None:
    browser = opened(office)
    assert choose(browser, **changes) == 422
    assert browser.title.startswith("エラー：")
    assert browser.text.count(said) == 2
    shown = chosen(browser)
    for name, value in changes.items():
        assert shown.get(name, value) == value
    assert present(office) == office.world.facility.settings


def test_all_mistakes_are_told_at_once(office: Office) -> None:
    browser = opened(office)
    choose(browser, medication="on", prescription_timing="at-eligibility-check", display_name="🌲")
    linked = [label for label in browser.links() if label.endswith("ください。")]
    assert len(linked) == 3


def test_the_check_page_shows_before_and_after_and_saving_logs_everybody_out(
    office: Office,
) -> None:
    colleague = office.logged_in(Role.GENERAL)
    browser = opened(office)
    assert choose(browser, checkup="off", display_name="みどりの森") == 200
    assert browser.heading == "環境設定情報更新：確認"
    assert browser.rows() == [
        ["特定健診情報", "利用する", "利用しない"],
        ["Webに表示する名前", "（なし）", "みどりの森"],
    ]
    assert "全員ログアウト" in browser.text
    assert "患者さんにたずねることが、すぐに変わります" in browser.text
    assert present(office) == office.world.facility.settings
    assert browser.send() == 200
    assert browser.heading == "環境設定情報を更新しました"
    assert not present(office).checkup
    assert present(office).display_name == "みどりの森"
    for each in (browser, colleague):
        each.get("/console/")
        assert each.path.startswith("/console/login")


def test_a_display_name_alone_does_not_change_what_is_asked(office: Office) -> None:
    browser = opened(office)
    choose(browser, display_name="みどりの森")
    assert "患者さんにたずねること" not in browser.text


def test_the_way_back_keeps_what_was_chosen(office: Office) -> None:
    browser = opened(office)
    choose(browser, checkup="off")
    browser.follow("選び直す")
    assert chosen(browser)["checkup"] == "off"
    assert choose(browser, surgery="off") == 200
    assert [row[0] for row in browser.rows()] == [TERMS["surgery"], TERMS["checkup"]]


def test_switching_a_channel_off_warns_of_what_stops(office: Office) -> None:
    browser = opened(office)
    choose(browser, online="off")
    assert f"{TERMS['online']}が止まります" in browser.text
    browser.send()
    assert not present(office).online


def test_a_channel_is_switched_on_only_with_an_ok_to_its_terms(office: Office) -> None:
    office.world.change_settings(online=False, home_visit=False)
    browser = opened(office)
    choose(browser, online="on", home_visit="on")
    for function in ("home_visit", "online"):
        assert browser.heading == f"{TERMS[function]} 利用規約"
        assert browser.send() == 422
        assert "チェックを入れてください" in browser.text
        assert browser.send(accepted="yes", version="2") == 422
        assert browser.send(accepted="yes") == 200
    assert browser.heading == "環境設定情報更新：確認"
    assert browser.text.count("利用規約に同意しました") == 2
    browser.send()
    assert present(office).home_visit
    accepted = office.services.facilities.acceptances(office.world.facility.id)[-2:]
    assert [(each.channel, each.actor) for each in accepted] == [
        (Channel.HOME_VISIT, "kanri みどり"),
        (Channel.ONLINE, "kanri みどり"),
    ]


def test_nobody_gets_past_the_terms(office: Office) -> None:
    office.world.change_settings(online=False)
    browser = opened(office)
    choose(browser, online="on")
    check = browser.path.partition("/terms/")[0] + "/check"
    browser.get(check)
    assert browser.heading.endswith("利用規約")
    token = browser.hidden(browser.form())
    browser.post(check, token)
    assert browser.heading.endswith("利用規約")
    assert not present(office).online


def test_terms_can_be_read_again_with_who_agreed(office: Office) -> None:
    browser = opened(office)
    assert browser.follow("利用規約（訪問診療等）") == 200
    assert browser.heading == f"{TERMS['home_visit']} 利用規約"
    assert "第1版" in browser.text
    assert [row[1] for row in browser.rows()] == ["test"]
    assert browser.get(f"{PATH}/terms/online/99") == 404


def test_a_draft_is_its_owners_alone(office: Office) -> None:
    browser = opened(office)
    choose(browser, checkup="off")
    check = browser.path
    office.register(Role.ADMIN, "kanri2", office.world.facility)
    other = office.browser()
    other.log_in("kanri2")
    other.get(check)
    assert "途中だった内容が見つかりません" in other.text
    office.clock.advance(timedelta(minutes=20))
    assert browser.get(check) == 200
    assert browser.heading == "環境設定情報更新：確認"


def test_a_draft_that_was_saved_is_gone(office: Office) -> None:
    browser = opened(office)
    choose(browser, checkup="off")
    check = browser.path
    browser.send()
    browser.log_in("kanri")
    browser.get(check)
    assert "途中だった内容が見つかりません" in browser.text


def test_the_history_tells_who_changed_what(office: Office) -> None:
    browser = opened(office)
    choose(browser, character_set=CharacterSet.SHIFT_JIS.value, prescription_use="both")
    browser.send()
    browser.log_in("kanri")
    browser.get(f"{PATH}/history")
    newest, first = browser.rows()
    assert newest[0] == "第2版"
    assert newest[2] == "kanri みどり"
    assert "利用文字コード：UTF-8 → Shift-JIS" in newest[3]
    assert first[0] == "第1版"
    assert "登録したときの設定" in first[3]
    assert present(office).prescription_use is PrescriptionUse.BOTH


def test_what_the_operator_keeps_can_be_read(office: Office) -> None:
    facility = office.world.facility
    browser = opened(office)
    browser.follow("医療機関等の登録内容")
    assert facility.phone in browser.text
    assert "関連する医療機関等は、登録されていません" in browser.text
    dental = RelatedFacility(
        InstitutionCode("1330000001"), "みどり歯科", Relation.DOUBLE_STATUS, date(2020, 4, 1), None
    )
    office.services.registry.relate(facility.id, dental, actor="test")
    browser.get(browser.path)
    assert browser.rows() == [["1330000001", "みどり歯科", "医科・歯科併設", "2020年4月1日", "－"]]
