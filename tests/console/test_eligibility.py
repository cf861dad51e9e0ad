"""資格確認結果: who may open it, what stands on it, and what it never shows."""

import pytest
from sqlalchemy import select

from tests.consent.test_withdrawal import withdraw
from tests.consent.world import HANAKOS_CARD, TARO, TAROS_CARD
from tests.console.office import Browser, Office
from zaitaku.accounts.model import Role
from zaitaku.audit.model import Act
from zaitaku.audit.store import audit_entry
from zaitaku.consent.tables import consent
from zaitaku.eligibility.errors import EligibilityFailed
from zaitaku.eligibility.kinds import SandboxKind
from zaitaku.eligibility.sandbox import SandboxEligibility
from zaitaku.eligibility.set_up import NewBinding, SandboxSetUp
from zaitaku.facilities.model import Channel

LIST = "/console/consented-patients"
AGAIN = "資格情報を再照会する"


def bind(
    office: Office, kind: SandboxKind, *, pmh_id: str = "", is_insurance_card: bool = True
) -> None:
    set_up = SandboxSetUp(
        office.services.database, office.clock, lambda _: (TAROS_CARD.subject_hashes,)
    )
    new = NewBinding(1, kind, is_insurance_card, pmh_id)
    set_up.bind(office.world.facility.id, new, actor="test")


def address(office: Office) -> str:
    (row,) = office.world.rows(consent)
    return f"{LIST}/{row['id']}/eligibility"


def opened(office: Office, role: Role = Role.GENERAL) -> Browser:
    browser = office.logged_in(role)
    browser.get(address(office))
    return browser


def facts(browser: Browser) -> dict[str, str]:
    keys = ["".join(each.itertext()) for each in browser.page.iter("dt")]
    values = ["".join(each.itertext()) for each in browser.page.iter("dd")]
    return dict(zip(keys, values, strict=True))


def test_the_result_stands_with_its_time_for_every_role_of_the_business(office: Office) -> None:
    office.world.register()
    for role in (Role.GENERAL, Role.MEDICAL_VIEW, Role.ADMIN):
        browser = opened(office, role)
        assert (browser.status, browser.heading) == (200, "資格確認結果")
        assert "照会日時：2026年11月20日" in browser.text
        assert "資格有効" in browser.text
        assert facts(browser)["氏名"] == TARO.name
        assert facts(browser)["住所"].startswith("架空県")
        assert "印刷する" in browser.text


def test_that_it_was_asked_is_recorded_without_a_name(office: Office) -> None:
    reference = office.world.register().receipt.reference
    opened(office)
    with office.services.database.reading() as connection:
        query = select(audit_entry).where(audit_entry.c.act == Act.CHECK_ELIGIBILITY)
        (entry,) = connection.execute(query).mappings()
    assert (entry["subject"], entry["actor"].split()[0]) == (reference, "ippan")
    assert TARO.name not in str(dict(entry))
    assert TARO.kana not in str(dict(entry))


def test_the_undisclosed_have_no_address(office: Office) -> None:
    office.world.register()
    bind(office, SandboxKind.UNDISCLOSED)
    browser = opened(office)
    assert facts(browser)["郵便番号・住所"] == "表示できません（不開示該当）"
    assert "架空県見本市" not in browser.text


@pytest.mark.parametrize("kind", [SandboxKind.WITHHELD, SandboxKind.ASSISTED_WITHHELD])
def test_of_the_withheld_no_page_shows_anything(office: Office, kind: SandboxKind) -> None:
    office.world.register()
    bind(office, kind)
    browser = opened(office, Role.ADMIN)
    assert "自己情報提供不可" in browser.text
    for path in (browser.path, LIST, f"{LIST}?q=太郎", f"{LIST}/export"):
        assert browser.get(path) == 200
        shown = browser.answer.get_data(as_text=True).replace('value="太郎"', "")
        for fact in (TARO.name, TARO.kana, "1941", "太郎　"):
            assert fact not in shown, (path, fact)
    browser.get(LIST)
    assert "表示できません（自己情報提供不可）" in browser.text
    browser.follow("表示できません（自己情報提供不可）")
    assert "受診しているかどうかも答えないでください" in browser.text
    assert "医療情報を閲覧する" not in browser.links()


def test_invalid_insurance_is_told_plainly(office: Office) -> None:
    office.world.register()
    bind(office, SandboxKind.NOT_INSURED)
    browser = opened(office)
    assert "資格無効" in browser.text
    assert "2026年10月31日まで" in facts(browser)["資格の期間"]


def test_assistance_and_subsidies_show_only_where_the_facility_uses_them(office: Office) -> None:
    office.world.register()
    bind(office, SandboxKind.INSURED_AND_ASSISTED, pmh_id="PMH-1")
    browser = opened(office)
    assert "公費負担者番号" not in browser.text
    office.world.change_settings(medical_assistance=True)
    browser = opened(office)
    assert {"医療券（医科・歯科）", "調剤券（薬局）", "公費負担者番号"} <= facts(browser).keys()
    assert "医療費助成" not in browser.text


def test_a_subsidy_shows_where_the_facility_uses_it(office: Office) -> None:
    office.world.register()
    bind(office, SandboxKind.INSURED, pmh_id="PMH-1")
    assert "医療費助成" not in opened(office).text
    office.world.change_settings(subsidy=True)
    assert "医療費助成" in opened(office).text


def test_who_has_assistance_alone_is_not_left_without_a_word(office: Office) -> None:
    office.world.register()
    bind(office, SandboxKind.ASSISTED_NOT_ENTRUSTED)
    assert "医療扶助情報は、環境設定情報で「利用しない」" in opened(office).text
    office.world.change_settings(medical_assistance=True)
    browser = opened(office)
    assert (facts(browser)["委託"], facts(browser)["医療券・調剤券"]) == ("未委託", "ありません")


def test_a_provider_that_fails_gives_a_calm_page_that_asks_again(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.world.register()

    def away(*_: object) -> None:
        raise EligibilityFailed("away")

    with monkeypatch.context() as patched:
        patched.setattr(SandboxEligibility, "check", away)
        browser = opened(office)
    assert (browser.status, browser.heading) == (503, "資格情報を照会できませんでした")
    assert browser.follow("もう一度照会する") == 200
    assert facts(browser)["氏名"] == TARO.name


def test_a_first_time_that_times_out_says_so_and_the_next_shows_the_name(office: Office) -> None:
    bind(office, SandboxKind.FIRST_TIMES_OUT)
    office.world.register()
    bind(office, SandboxKind.FIRST_TIMES_OUT)
    browser = opened(office)
    assert browser.status == 503
    assert "決められた時間のうちに、回答がありませんでした" in browser.text
    assert browser.follow("もう一度照会する") == 200
    browser.get(LIST)
    assert TARO.name in browser.answer.text


def test_an_online_consent_that_is_over_is_not_asked_about(office: Office) -> None:
    office.world.register(Channel.ONLINE)
    office.clock.moment = office.clock.moment.replace(day=25)
    browser = opened(office)
    assert (browser.status, browser.heading) == (403, "資格情報の再照会はできません")


def test_at_home_nobody_is_asked_about_after_everything_is_withdrawn(office: Office) -> None:
    office.world.register()
    patient = address(office).removesuffix("/eligibility")
    browser = office.logged_in(Role.GENERAL)
    browser.get(patient)
    assert AGAIN in browser.links()
    withdraw(office.world)
    assert browser.get(patient) == 200
    assert AGAIN not in browser.links()
    assert browser.get(address(office)) == 403
    assert browser.heading == "資格情報の再照会はできません"
    assert "すべての同意が取り消された" in browser.text
    browser.follow("患者さんの画面へ")
    assert browser.path == patient


def test_the_pages_lead_back_to_the_patient(office: Office) -> None:
    office.world.register()
    patient = address(office).removesuffix("/eligibility")
    assert opened(office).links()["戻る"] == patient
    bind(office, SandboxKind.WITHHELD)
    assert opened(office).links()["戻る"] == patient


def test_a_head_asks_nobody(office: Office) -> None:
    office.world.register()
    browser = office.logged_in(Role.GENERAL)
    head = browser.client.head(address(office), base_url=office.services.settings.origin)
    assert head.status_code == 405
    with office.services.database.reading() as connection:
        query = select(audit_entry).where(audit_entry.c.act == Act.CHECK_ELIGIBILITY)
        assert connection.execute(query).all() == []


def test_somebody_unknown_is_told_calmly(office: Office) -> None:
    office.world.register()
    bind(office, SandboxKind.INSURED, is_insurance_card=False)
    browser = opened(office)
    assert (browser.status, browser.heading) == (404, "資格情報が見つかりません")


def test_another_facilitys_patient_is_not_there(office: Office) -> None:
    office.world.register(facility=office.world.other, card=HANAKOS_CARD)
    browser = opened(office, Role.ADMIN)
    assert (browser.status, browser.heading) == (404, "画面が見つかりません")
