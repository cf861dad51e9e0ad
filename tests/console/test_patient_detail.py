"""The page of one patient, the record as it was, withdrawing step by step."""

import re
from datetime import timedelta
from typing import Any

import pytest

from tests.consent.test_withdrawal import asked, present, service, states
from tests.consent.world import HANAKO, HANAKOS_CARD, TARO, VISIT_DAY, Card
from tests.console.office import Browser, Office
from zaitaku.accounts.model import Role
from zaitaku.audit.store import audit_entry
from zaitaku.consent.model import ConsentItem, Decision
from zaitaku.consent.present import PresentConsents
from zaitaku.consent.tables import consent, consent_withdrawal
from zaitaku.consent.withdrawal import Withdrawal
from zaitaku.consent.withdrawing import WithdrawalStore
from zaitaku.core.errors import NotFound, StoreUnavailable
from zaitaku.core.ids import ConsentId
from zaitaku.core.languages import Language
from zaitaku.facilities.model import Channel
from zaitaku.records.detail import PatientDetails

LIST = "/console/consented-patients"


def page_of(office: Office) -> str:
    return f"{LIST}/{present(office.world).id}"


def open_patient(office: Office, role: Role = Role.GENERAL) -> Browser:
    browser = office.logged_in(role)
    browser.get(page_of(office))
    return browser


def test_the_page_tells_who_what_stands_and_what_was_said(office: Office) -> None:
    first = office.world.register(decisions={ConsentItem.CHECKUP: Decision.REFUSE}).receipt
    office.world.register(Channel.ONLINE, visit_date=VISIT_DAY, language=Language.ENGLISH)
    browser = open_patient(office)
    assert browser.heading == "同意取得済み患者の詳細"
    assert TARO.name.replace("　", " ") in browser.text
    assert TARO.name not in browser.title
    assert "○ 同意あり" in browser.text
    assert "全2件" in browser.text
    assert "受診日 2026年11月20日" in browser.text
    assert first.reference in browser.text
    assert "この施設での取消し" not in browser.text
    assert browser.get(f"{page_of(office)}?page=99999999") == 200
    assert browser.get(f"{page_of(office)}?page=x") == 200


def test_a_record_shows_the_exact_words_in_the_language_they_were_read_in(office: Office) -> None:
    receipt = office.world.register(language=Language.ENGLISH).receipt
    browser = open_patient(office)
    browser.follow(f"{receipt.reference}の記録")
    assert browser.heading == "同意の記録と控え"
    wording = receipt.lines[0].wording
    assert wording.question in browser.text
    assert all(paragraph in browser.text for paragraph in wording.explanation)
    assert 'lang="en"' in browser.answer.text
    assert receipt.document_sha256 in browser.text
    assert "マイナンバーカードの電子署名" in browser.text


def test_readings_stand_as_they_were_shown(office: Office) -> None:
    receipt = office.world.register(language=Language.EASY_JAPANESE).receipt
    browser = open_patient(office)
    browser.follow(f"{receipt.reference}の記録")
    assert "<ruby>" in browser.answer.text


def test_records_of_others_are_not_found(office: Office) -> None:
    office.world.register(card=HANAKOS_CARD)
    hanakos = page_of(office)
    reference = present(office.world).reference
    office.world.register(Channel.ONLINE)
    taros = f"{LIST}/{present(office.world, Channel.ONLINE).id}"
    office.employ(office.world.other)
    stranger = office.logged_in(Role.ADMIN, office.world.other)
    browser = office.logged_in()
    assert browser.get(f"{hanakos}/records/{reference}") == 200
    assert HANAKO.name.replace("　", " ") in browser.text
    assert browser.get(f"{taros}/records/{reference}") == 404
    for path in (hanakos, f"{hanakos}/records/{reference}", f"{hanakos}/withdrawal"):
        assert stranger.get(path) == 404


@pytest.fixture
def elsewhere(office: Office) -> Withdrawal:
    """The same card consented at both facilities, and at the other one something is withdrawn."""
    office.world.register()
    office.world.register(facility=office.world.other)
    (name,) = [
        row["id"]
        for row in office.world.rows(consent)
        if row["facility_id"] == office.world.other.id
    ]
    with office.world.database.reading() as connection:
        seen = PresentConsents(connection, office.world.other.id).find(ConsentId(name))
    request = asked(seen, ConsentItem.CHECKUP, reason="よその薬局だけの理由")
    return service(office.world).withdraw(office.world.other.id, request, actor="yoso ほか")


def test_nothing_of_another_facility_stands_on_the_page(
    office: Office, elsewhere: Withdrawal
) -> None:
    browser = open_patient(office)
    assert "全1件" in browser.text
    assert "この患者さんの、ほかの同意" not in browser.text
    assert "この施設での取消し" not in browser.text
    for secret in (elsewhere.reference, elsewhere.reason, "yoso", str(office.world.other.name)):
        assert secret not in browser.answer.text
    assert browser.get(f"{page_of(office)}/records/{elsewhere.reference}") == 404


def test_nothing_of_another_facility_is_found_in_the_records(
    office: Office, elsewhere: Withdrawal
) -> None:
    world, own = office.world, present(office.world)
    with world.database.reading() as connection:
        details = PatientDetails(connection, world.facility.id, world.wordings)
        found = details.find(own.id)
        assert [each.receipt.reference for each in found.statements] == [own.reference]
        assert (found.total, found.others, found.withdrawals) == (1, (), ())
        with pytest.raises(NotFound):
            details.statement(own.id, elsewhere.reference)
        (theirs,) = WithdrawalStore(connection, world.other.id).of_patient(own.patient_id)
        assert theirs == elsewhere
        (submission,) = [row["submission"] for row in world.rows(consent_withdrawal)]
        assert WithdrawalStore(connection, world.facility.id).find(submission) is None


def test_a_name_that_is_not_obtained_says_so(office: Office) -> None:
    office.world.register(card=Card.named("unknown"))
    assert "（未取得）" in open_patient(office).text


def walk(browser: Browser, *items: str, reason: str = "電話で申し出") -> None:
    """Walk from the patient's page to the confirmation."""
    browser.follow("同意を取り消す")
    hidden = browser.hidden(browser.form())
    form: Any = {**hidden, "items": list(items), "requester": "family", "reason": reason}
    browser.post(browser.path, form)
    assert browser.heading == "警告：情報が見られなくなります", browser.text
    browser.send()
    assert browser.heading == "同意の取消し：確認"


def test_withdrawing_step_by_step(office: Office) -> None:
    office.world.register()
    browser = open_patient(office)
    walk(browser, "checkup", "surgery")
    assert "手術、特定健診" in browser.text
    assert "家族" in browser.text
    assert set(states(office.world).values()) == {"grant"}
    browser.send()
    assert browser.heading == "同意を取り消しました"
    assert states(office.world)["checkup"] == states(office.world)["surgery"] == "withdrawn"
    browser.get(browser.path)
    assert browser.heading == "同意を取り消しました"
    browser.get(page_of(office))
    assert "取消し" in browser.text
    assert "電話で申し出" in browser.text
    (row,) = [row for row in office.world.rows(audit_entry) if row["act"] == "withdraw_consent"]
    assert row["actor"] == "ippan みどり"
    assert "電話" not in str(row["detail"])
    browser.get(LIST)
    assert "取消し" in browser.rows()[0][0]


def test_the_warning_tells_only_what_concerns_the_channel(office: Office) -> None:
    """Online a re-query goes on until the day is over, whatever is withdrawn (domain.md §12)."""
    office.world.register()
    office.world.register(Channel.ONLINE, visit_date=VISIT_DAY)
    browser = office.logged_in(Role.GENERAL)
    for channel, is_told in ((Channel.HOME_VISIT, True), (Channel.ONLINE, False)):
        browser.get(f"{LIST}/{present(office.world, channel).id}")
        browser.follow("同意を取り消す")
        assert ("再照会もできなくなります" in browser.text) is is_told
        browser.send(items="checkup", requester="self", reason="電話で申し出")
        assert browser.heading == "警告：情報が見られなくなります"
        assert ("再照会もできなくなります" in browser.text) is is_told
        assert "訪問診療等の同意をすべて" not in browser.text


def test_the_last_button_pressed_twice_withdraws_once(office: Office) -> None:
    office.world.register()
    browser = open_patient(office)
    walk(browser, "checkup")
    path, form = browser.path, browser.hidden(browser.form())
    browser.send()
    browser.post(path, form)
    assert browser.heading == "同意を取り消しました"
    assert office.world.count(consent_withdrawal) == 1


OTHER_TAB = "別の画面で、内容を選び直しています"


def test_a_tab_never_does_what_another_tab_chose(office: Office) -> None:
    office.world.register()
    browser = open_patient(office)
    walk(browser, "surgery", reason="先のタブ")
    path, first = browser.path, browser.hidden(browser.form())
    browser.get(page_of(office))
    walk(browser, "checkup", reason="後のタブ")
    warning = path.replace("confirmation", "warning")
    for step in (path, warning):
        assert browser.post(step, first) == 409
        assert browser.heading == OTHER_TAB
    assert set(states(office.world).values()) == {"grant"}
    browser.get(path)
    assert "特定健診" in browser.text
    browser.send()
    assert states(office.world)["checkup"] == "withdrawn"
    assert states(office.world)["surgery"] == "grant"
    assert browser.post(path, first) == 409


def test_steps_cannot_be_skipped(office: Office) -> None:
    office.world.register()
    browser = open_patient(office)
    for step in ("warning", "confirmation", "completion"):
        browser.get(f"{page_of(office)}/withdrawal/{step}")
        assert browser.heading == "同意の取消し：内容の入力"
    token = browser.hidden(browser.form())
    browser.post(f"{page_of(office)}/withdrawal/confirmation", token)
    assert browser.heading == "同意の取消し：内容の入力"
    assert office.world.count(consent_withdrawal) == 0


MISTAKES: list[tuple[dict[str, str], str]] = [
    ({"requester": "self", "reason": "a"}, "取り消す同意を、1つ以上"),
    ({"items": "checkup", "reason": "a"}, "どなたの申し出か"),
    ({"items": "medication", "requester": "self", "reason": "a"}, "1つ以上"),
    ({"items": "checkup", "requester": "cat", "reason": "a"}, "どなたの申し出か"),
    ({"items": "checkup", "requester": "self"}, "理由を入力してください"),
    ({"items": "checkup", "requester": "self", "reason": "あ" * 201}, "200文字以内"),
    ({"items": "checkup", "requester": "self", "reason": "a\x80"}, "使えない文字"),
]


def test_what_is_missing_is_named_and_the_rest_kept(office: Office) -> None:
    office.world.register()
    browser = open_patient(office)
    browser.follow("同意を取り消す")
    for form, message in MISTAKES:
        assert browser.send(**form) == 422
        assert browser.title.startswith("エラー：")
        assert message in browser.text
        is_kept = bool(re.search(r'value="checkup" checked', browser.answer.text))
        assert is_kept == (form.get("items") == "checkup")


def test_a_consent_that_changed_meanwhile_is_told_and_the_typing_kept(office: Office) -> None:
    office.world.register()
    browser = open_patient(office)
    walk(browser, "checkup", reason="ご家族から")
    newer = office.world.register(decisions={ConsentItem.SURGERY: Decision.REFUSE}).receipt
    assert browser.send() == 409
    assert browser.heading == "画面を開いたあとに、同意が変わりました"
    assert newer.reference in browser.text
    assert office.world.count(consent_withdrawal) == 0
    browser.follow("もう一度、内容を確かめる")
    assert "ご家族から" in browser.answer.text
    assert re.search(r'value="checkup" checked', browser.answer.text)


def test_of_two_who_withdraw_the_later_is_told_what_the_other_did(office: Office) -> None:
    office.world.register()
    first, second = open_patient(office), open_patient(office, Role.ADMIN)
    walk(first, "checkup")
    second.follow("同意を取り消す")
    stale = second.hidden(second.form())
    first.send()
    form = {**stale, "items": "surgery", "requester": "self", "reason": "窓口で"}
    assert second.post(f"{page_of(office)}/withdrawal", form) == 409
    assert "特定健診、ippan みどり" in second.text
    second.follow("もう一度、内容を確かめる")
    assert "窓口で" in second.answer.text
    assert states(office.world)["surgery"] == "grant"


def buttons(browser: Browser) -> set[str]:
    """Return which ways on a patient's page are offered."""
    offered = {"医療情報を閲覧する", "同意を取り消す"}
    return offered & set(browser.links())


def test_after_everything_was_withdrawn_nothing_more_is_offered(office: Office) -> None:
    office.world.register(Channel.ONLINE, visit_date=VISIT_DAY)
    consent = present(office.world, Channel.ONLINE)
    path = f"{LIST}/{consent.id}"
    browser = office.logged_in(Role.ADMIN)
    browser.get(path)
    assert buttons(browser) == {"医療情報を閲覧する", "同意を取り消す"}
    last_day = "2026年11月21日まで"
    assert f"有効期限{last_day}" in browser.text
    request = asked(consent, *consent.items)
    service(office.world).withdraw(office.world.facility.id, request, actor="x")
    browser.get(path)
    assert buttons(browser) == set()
    assert "有効期限取消し済み" in browser.text
    assert last_day not in browser.text
    assert browser.get(f"{path}/withdrawal") == 200
    assert browser.heading == "取り消せる同意はありません"


def test_of_what_is_no_medical_information_none_is_offered(office: Office) -> None:
    said = dict.fromkeys(set(ConsentItem) - {ConsentItem.MEDICATION}, Decision.REFUSE)
    office.world.register(decisions=said | {ConsentItem.HIGH_COST_LIMIT: Decision.GRANT})
    browser = open_patient(office, Role.ADMIN)
    assert buttons(browser) == {"同意を取り消す"}


def test_who_agreed_to_nothing_has_no_validity(office: Office) -> None:
    office.world.register(Channel.ONLINE, visit_date=VISIT_DAY, decision=Decision.REFUSE)
    browser = office.logged_in(Role.ADMIN)
    browser.get(f"{LIST}/{present(office.world, Channel.ONLINE).id}")
    assert "有効期限－" in browser.text
    assert buttons(browser) == set()


def test_nothing_that_stands_is_nothing_to_withdraw(office: Office) -> None:
    office.world.register(Channel.ONLINE)
    office.clock.advance(timedelta(days=5))
    browser = office.logged_in(Role.GENERAL)
    browser.get(f"{LIST}/{present(office.world, Channel.ONLINE).id}/withdrawal")
    assert browser.heading == "取り消せる同意はありません"
    assert "期限切れ" in browser.text


def test_a_store_that_breaks_at_the_end_says_that_nobody_knows(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.world.register()
    browser = open_patient(office)
    walk(browser, "checkup")

    def away(*_: object, **__: object) -> None:
        raise StoreUnavailable

    monkeypatch.setattr("zaitaku.consent.withdrawing.WithdrawalService.withdraw", away)
    assert browser.send() == 503
    assert "確かめられません" in browser.heading
