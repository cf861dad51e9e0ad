"""Viewing medical information in the console, and the history of it."""

import csv
import io
from dataclasses import replace
from datetime import timedelta
from urllib.parse import unquote
from zipfile import ZipFile

import pytest

from tests.consent.test_withdrawal import present, withdraw
from tests.consent.world import TARO, TAROS_CARD, Card
from tests.console.office import Browser, Office
from zaitaku.accounts.model import Role
from zaitaku.audit.store import audit_entry
from zaitaku.consent.model import ConsentItem, Decision
from zaitaku.eligibility.medical import MedicalInformationFailed, MedicalInformationWithheld
from zaitaku.eligibility.sandbox import SandboxEligibility
from zaitaku.facilities.model import Channel
from zaitaku.records.store import view_record
from zaitaku.work import work_off

LIST = "/console/consented-patients"
HISTORY = "/console/view-history"
SANDBOX = "zaitaku.eligibility.sandbox_medical.SandboxMedicalInformation"
YEAR = "period=latest&months=12"


def page_of(office: Office) -> str:
    return f"{LIST}/{present(office.world).id}/medical-information"


def view(office: Office, query: str, role: Role = Role.MEDICAL_VIEW) -> Browser:
    browser = office.logged_in(role)
    browser.get(f"{page_of(office)}?{query}")
    return browser


def test_choosing_and_seeing(office: Office) -> None:
    office.world.register()
    browser = office.logged_in(Role.MEDICAL_VIEW)
    browser.get(f"{LIST}/{present(office.world).id}")
    browser.follow("医療情報を閲覧する")
    assert browser.heading == "医療情報の閲覧：見る情報を選ぶ"
    assert office.world.count(view_record) == 0
    browser.get(f"{page_of(office)}?kind=treatment&{YEAR}")
    assert browser.heading == "手術・診療・薬剤情報の閲覧"
    assert TARO.name not in browser.title
    assert "2025年12月〜2026年11月" in browser.text
    assert "履歴に記録しました" in browser.text
    assert "利用していないため表示していない情報：処方情報" in browser.text
    assert [
        words for words in ("手術情報", "診療情報", "薬剤情報") if words not in browser.text
    ] == []
    (row,) = office.world.rows(view_record)
    assert (row["first_month"], row["last_month"]) == ("2025-12", "2026-11")
    browser.get(f"{page_of(office)}?kind=medication&period=chosen&from=2026-01&to=2026-06")
    assert "2026年1月〜2026年6月" in browser.text
    browser.get(f"{page_of(office)}?kind=checkup&{YEAR}")
    assert browser.status == 200
    assert office.world.count(view_record) == 3
    browser.follow("ほかの情報・期間を選ぶ")
    assert office.world.count(view_record) == 3


def test_the_marks_of_the_list_lead_to_the_choice(office: Office) -> None:
    office.world.register()
    general, viewer = office.logged_in(Role.GENERAL), office.logged_in(Role.MEDICAL_VIEW)
    general.get(LIST)
    assert "○同意あり" not in general.links()
    viewer.get(LIST)
    viewer.follow("○同意あり")
    assert viewer.heading == "医療情報の閲覧：見る情報を選ぶ"
    assert 'value="checkup" checked' in viewer.answer.text
    assert office.world.count(view_record) == 0


def test_shared_charts_have_a_page_of_their_own(office: Office) -> None:
    office.world.change_settings(chart_sharing=True)
    office.world.register()
    browser = view(office, f"kind=chart&{YEAR}")
    assert browser.heading == "臨床情報の閲覧"
    assert "傷病名" in browser.text
    browser.get(f"{page_of(office)}?kind=treatment&{YEAR}")
    assert "処方情報" in browser.text
    assert "表示していない" not in browser.text


def test_what_the_address_says_wrongly_is_named(office: Office) -> None:
    office.world.register()
    browser = office.logged_in(Role.MEDICAL_VIEW)
    for query, message in (
        (YEAR, "見る情報を選んで"),
        ("kind=cat&period=latest&months=3", "見る情報を選んで"),
        ("kind=checkup&period=cat", "選び方"),
        ("kind=checkup&period=latest&months=x", "月数"),
        ("kind=checkup&period=latest&months=61", "月数"),
        ("kind=checkup&period=latest&months=0", "月数"),
        ("kind=checkup&period=chosen&from=2026&to=2026-01", "「から」は"),
        ("kind=checkup&period=chosen&from=2026-01&to=2026-13", "「まで」は"),
        ("kind=checkup&period=chosen&from=2026-02&to=2026-01", "あとの月"),
        ("kind=checkup&period=chosen&from=2020-01&to=2026-01", "60か月以内"),
    ):
        assert browser.get(f"{page_of(office)}?{query}") == 422, query
        assert message in browser.text, query
    assert office.world.count(view_record) == 0


def test_who_may_not_is_refused(office: Office) -> None:
    office.world.register()
    assert view(office, f"kind=checkup&{YEAR}", Role.GENERAL).status == 403
    general = office.logged_in(Role.GENERAL)
    general.get(f"{LIST}/{present(office.world).id}")
    assert "医療情報を閲覧する" not in general.text
    assert view(office, f"kind=checkup&{YEAR}", Role.ADMIN).status == 200
    assert office.world.count(view_record) == 1
    office.employ(office.world.other)
    stranger = office.logged_in(Role.ADMIN, office.world.other)
    assert stranger.get(f"{page_of(office)}?kind=checkup&{YEAR}") == 404


def test_without_consent_a_calm_page_says_why(office: Office) -> None:
    office.world.register()
    withdraw(office.world, ConsentItem.CHECKUP)
    browser = view(office, f"kind=checkup&{YEAR}")
    assert (browser.status, browser.heading) == (403, "この情報は、いま見られません")
    assert "取り消されています" in browser.text
    browser.follow("患者の詳細へ")
    assert browser.status == 200
    assert office.world.count(view_record) == 0


def test_where_nothing_stands_there_is_no_form(office: Office) -> None:
    office.world.register()
    withdraw(office.world, *present(office.world).items)
    browser = office.logged_in(Role.MEDICAL_VIEW)
    assert browser.get(page_of(office)) == 200
    assert "いま見られる医療情報はありません" in browser.text
    assert browser.heading == "医療情報の閲覧"
    assert 'name="kind"' not in browser.answer.text
    assert browser.get(f"{page_of(office)}?kind=checkup&{YEAR}") == 403
    assert browser.get(f"{page_of(office)}?kind=checkup&period=latest&months=x") == 422
    assert 'name="kind"' not in browser.answer.text
    assert office.world.count(view_record) == 0


def test_a_head_is_no_view(office: Office) -> None:
    office.world.register()
    browser = office.logged_in(Role.MEDICAL_VIEW)
    path = f"{page_of(office)}?kind=checkup&{YEAR}"
    head = browser.client.head(path, base_url=office.services.settings.origin)
    assert head.status_code == 405
    assert office.world.count(view_record) == 0


def test_nothing_opens_of_a_card_that_is_another_persons_now(office: Office) -> None:
    office.world.register()
    old = page_of(office)
    another = replace(TARO, person_key="person-1b")
    SandboxEligibility(office.world.database).bind(TAROS_CARD.subject_hashes[0], another)
    office.world.register(decision=Decision.REFUSE)
    browser = office.logged_in(Role.MEDICAL_VIEW)
    for kind in ("treatment", "medication", "checkup"):
        assert browser.get(f"{old}?kind={kind}&{YEAR}") == 403
    assert office.world.count(view_record) == 0
    browser.get(old.removesuffix("/medical-information"))
    assert "○" not in browser.text
    assert "資格情報の変更" in browser.text
    assert "申し出ではありません" in browser.text


def test_whom_nobody_knows_is_told_calmly(office: Office) -> None:
    office.world.register(card=Card.named("unknown"))
    assert "どなたの情報か分かりません" in view(office, f"kind=checkup&{YEAR}").text


def test_a_provider_that_fails_or_withholds(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.world.register()
    browser = office.logged_in(Role.MEDICAL_VIEW)
    path = f"{page_of(office)}?kind=checkup&{YEAR}"
    for error, status, words in (
        (MedicalInformationFailed, 503, "取り寄せられませんでした"),
        (MedicalInformationWithheld, 403, "自己情報提供不可"),
    ):

        def fail(*_: object, error: type[Exception] = error, **__: object) -> None:
            raise error

        monkeypatch.setattr(f"{SANDBOX}.checkups", fail)
        assert browser.get(path) == status
        assert words in browser.heading
    assert office.world.count(view_record) == 2


def test_the_history_tells_who_viewed_whose_what(office: Office) -> None:
    receipt = office.world.register().receipt
    view(office, f"kind=checkup&{YEAR}")
    office.clock.advance(timedelta(minutes=10))
    view(office, f"kind=medication&{YEAR}", Role.ADMIN)
    browser = office.logged_in()
    browser.get(HISTORY)
    assert browser.heading == "医療情報閲覧履歴照会"
    assert browser.rows() == [
        ["2026年11月20日 10:10", "kanri みどり", *whom(receipt.reference), "薬剤情報", *PERIOD[:2]],
        [
            "2026年11月20日 10:00",
            "etsuran みどり",
            *whom(receipt.reference),
            "健診情報",
            *PERIOD[2:],
        ],
    ]
    for query, found in (
        ("from=2026-11-20T10:10", 1),
        ("to=2026-11-20T10:00", 1),
        ("from=2026-11-20T10:00&to=2026-11-20T10:10", 2),
        ("kind=checkup", 1),
        ("who=ETSU", 1),
        ("who=みどり", 2),
    ):
        browser.get(f"{HISTORY}?{query}")
        assert len(browser.rows()) == found, query
    for query in ("kind=chart", "who=%25", "from=2026-11-21"):
        browser.get(f"{HISTORY}?{query}")
        assert "条件に合う閲覧の記録はありません" in browser.text
    for query in ("from=x", "to=2026-99-01", "kind=cat", "page=x", "who=" + "a" * 41):
        assert browser.get(f"{HISTORY}?{query}") == 422
        assert browser.get(f"{HISTORY}/export?{query}") == 422


def test_the_history_is_asked_for_by_the_manuals_kinds(office: Office) -> None:
    browser = office.logged_in()
    browser.get(HISTORY)
    kinds = [each.text for each in browser.page.iter("option")]
    assert kinds == ["すべて", "手術・診療・薬剤情報", "薬剤情報", "健診情報", "臨床情報"]
    fields = {each.attrib["name"]: each.attrib["type"] for each in browser.page.iter("input")}
    assert (fields["from"], fields["to"]) == ("datetime-local", "datetime-local")


PERIOD = ("薬剤情報", "2025-12〜2026-11", "特定健診情報", "2025-12〜2026-11")


def whom(reference: str) -> tuple[str, str]:
    return "在宅 太郎ザイタク タロウ", reference


def test_the_file_and_the_archive_say_the_same(office: Office) -> None:
    office.world.register(Channel.HOME_VISIT)
    view(office, f"kind=checkup&{YEAR}")
    view(office, f"kind=medication&{YEAR}")
    office.clock.advance(timedelta(seconds=1))
    browser = office.logged_in()
    browser.get(f"{HISTORY}/export")
    name = unquote(browser.answer.headers["Content-Disposition"])
    assert name.endswith("医療情報閲覧履歴_1310123456_20261120.csv")
    lines = list(csv.reader(io.StringIO(browser.answer.data.decode("utf-8-sig"))))
    assert lines[0][0] == "閲覧日時"
    assert len(lines) == 3
    assert lines[1][1] == "etsuran みどり"
    whole = browser.answer.data
    browser.get(HISTORY)
    browser.send()
    assert browser.heading == "医療情報閲覧履歴：分けて作成したファイル"
    assert work_off(office.services) == 1
    browser.get(browser.path)
    assert "2件（ファイル1個）" in browser.text
    browser.follow("ZIP形式でダウンロード")
    archive = ZipFile(io.BytesIO(browser.answer.data))
    assert archive.namelist() == ["医療情報閲覧履歴_1310123456_20261120_1.csv"]
    assert archive.read(archive.namelist()[0]) == whole
    acts = [row for row in office.world.rows(audit_entry) if row["act"] == "export_view_history"]
    assert [row["actor"] for row in acts] == ["kanri みどり"] * 2


def test_too_much_for_one_file_is_refused_with_advice(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.world.register()
    view(office, f"kind=checkup&{YEAR}")
    view(office, f"kind=checkup&{YEAR}")
    office.clock.advance(timedelta(seconds=1))
    for module in ("view_history", "view_export"):
        monkeypatch.setattr(f"zaitaku.records.{module}.MOST_ROWS", 1)
    browser = office.logged_in()
    assert browser.get(f"{HISTORY}/export?kind=checkup") == 422
    assert "件を超えるため、ダウンロードできません" in browser.heading
    browser.follow("条件を絞り直す")
    assert browser.path == f"{HISTORY}?kind=checkup"
    assert "超えています" in browser.text
    assert "CSV形式でダウンロード" not in browser.text
    browser.send()
    work_off(office.services)
    browser.get(browser.path)
    browser.follow("ZIP形式でダウンロード")
    assert len(ZipFile(io.BytesIO(browser.answer.data)).namelist()) == 2
