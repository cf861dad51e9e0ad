"""``zaitaku facility set``: the environment settings, changed by the operator."""

from collections.abc import Callable

import click
import pytest

from tests.commands.conftest import CODE, Run
from zaitaku.commands.settings_words import described, option_name, with_changes
from zaitaku.core.clock import FixedClock
from zaitaku.core.database import Database
from zaitaku.facilities.model import (
    CharacterSet,
    EnvironmentSettings,
    Facility,
    InstitutionCode,
    PrescriptionTiming,
    PrescriptionUse,
)
from zaitaku.facilities.service import FacilityService
from zaitaku.facilities.words import TERMS

PHARMACY = "1340123456"


@pytest.fixture
def facilities(database: Database, clock: FixedClock) -> FacilityService:
    return FacilityService(database=database, clock=clock)


def kept(facilities: FacilityService, code: str = CODE) -> Facility:
    return facilities.find(InstitutionCode(code))


def test_every_setting_can_be_set_and_is_shown(clinic: Run, facilities: FacilityService) -> None:
    settled = ("--subsidy-pilot", "--chart-sharing-from", "2026-01-01", "--yes")
    assert clinic("facility", "change", CODE, *settled).exit_code == 0
    typed = [
        *("character-set=shift-jis", "surgery=on", "clinical=on", "medication=off"),
        *("checkup=off", "specific-disease=off", "chart-sharing=on", "emergency=on"),
        *("prescription-use=both", "prescription-timing=at-eligibility-check"),
        *("medical-assistance=on", "subsidy=on", "home-visit=off", "online=on"),
        "display-name=みどり",
    ]
    done = clinic("facility", "set", CODE, *typed, "--yes")
    assert done.exit_code == 0, done.output
    assert kept(facilities).settings == EnvironmentSettings(
        character_set=CharacterSet.SHIFT_JIS,
        surgery=True,
        clinical=True,
        medication=False,
        checkup=False,
        specific_disease=False,
        chart_sharing=True,
        emergency=True,
        prescription_use=PrescriptionUse.BOTH,
        prescription_timing=PrescriptionTiming.AT_ELIGIBILITY_CHECK,
        medical_assistance=True,
        subsidy=True,
        home_visit=False,
        online=True,
        display_name="みどり",
    )
    shown = clinic("facility", "show", CODE).output
    assert "環境設定情報（第2版）" in shown
    for line in (
        "利用文字コード: Shift-JIS [character-set]",
        "手術情報（傷病名・感染症情報）: 利用する [surgery]",
        "薬剤情報（処方情報）: 利用しない [medication]",
        "発行形態選択タイミング: 資格確認時に確認する [prescription-timing]",
        "Webに表示する名前: みどり [display-name]",
    ):
        assert line in shown


def test_no_setting_is_without_a_term() -> None:
    assert set(TERMS) == set(EnvironmentSettings().to_mapping())
    assert len(described(EnvironmentSettings())) == len(TERMS)
    assert with_changes(EnvironmentSettings(), [f"{option_name('surgery')}=on"]).surgery


def test_a_change_shows_before_and_after_and_asks(clinic: Run, facilities: FacilityService) -> None:
    for answer in ("n\n", ""):
        asked = clinic("facility", "set", CODE, "surgery=on", typed=answer)
        assert asked.exit_code == 1
        assert "手術情報（傷病名・感染症情報）: 利用しない → 利用する" in asked.output
        assert "全員ログアウトされます" in asked.output
        assert "利用規約" not in asked.output
        assert kept(facilities).settings_version == 1
    done = clinic("facility", "set", CODE, "surgery=on", typed="y\n")
    assert done.exit_code == 0
    assert kept(facilities).settings.surgery
    assert facilities.settings_history(kept(facilities).id)[-1].actor.startswith("operator:")


def test_switching_a_channel_on_tells_of_the_terms(clinic: Run) -> None:
    on = clinic("facility", "set", CODE, "online=on", "--yes").output
    assert "オンライン診療等・外来診療等（通常とは異なる動線）機能を利用するには" in on
    assert "代表して同意したことになります" in on
    off = clinic("facility", "set", CODE, "online=off", "--yes").output
    assert "利用規約" not in off


def test_what_is_already_so_is_not_written(clinic: Run, facilities: FacilityService) -> None:
    same = clinic("facility", "set", CODE, "checkup=on", "--yes")
    assert same.exit_code == 0
    assert "何も変更していません" in same.output
    assert kept(facilities).settings_version == 1


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("clinical=on", "medication=off も書いてください"),
        ("refill-prescription=on", "electronic-prescription=on も書いてください"),
        ("electronic-prescription=on", "電子処方箋は、薬局だけの設定です"),
        ("prescription-timing=at-eligibility-check", "prescription-use も書いてください"),
        ("subsidy=on", "PMHの先行実施に参加している医療機関等だけ"),
        ("chart-sharing=on", "開始日になってから設定できます"),
        ("surgery=yes", "on か off"),
        ("character-set=euc-jp", "utf-8、shift-jis のどれか"),
        ("colour=red", "「colour」という設定はありません"),
        ("surgery", "名前=値 と書いてください"),
        ("display-name=🏥", "印刷できない文字"),
    ],
)
def test_what_cannot_be_set_is_said_in_words(
    clinic: Run, facilities: FacilityService, typed: str, said: str
) -> None:
    refused = clinic("facility", "set", CODE, typed, "--yes")
    assert refused.exit_code == 1
    assert said in refused.output
    assert kept(facilities).settings_version == 1


def test_a_pharmacy_has_its_own_settings(clinic: Run, facilities: FacilityService) -> None:
    clinic("facility", "add", PHARMACY, "--name", "あおば薬局", "--phone", "0312345678")
    for typed in ("prescription-use=both", "prescription-timing=at-eligibility-check"):
        refused = clinic("facility", "set", PHARMACY, typed, "--yes")
        assert "薬局では変えられません" in refused.output
    typed_both = ("electronic-prescription=on", "refill-prescription=on")
    done = clinic("facility", "set", PHARMACY, *typed_both, "--yes")
    assert done.exit_code == 0, done.output
    assert kept(facilities, PHARMACY).settings.refill_prescription


def test_a_colleague_who_was_first_wins(
    clinic: Run, facilities: FacilityService, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer_late(*_: object, **__: object) -> str:
        before = kept(facilities)
        facilities.change_settings(
            before.id,
            EnvironmentSettings(checkup=False),
            expected_version=before.settings_version,
            actor="other",
        )
        return "y"

    answer: Callable[..., str] = answer_late
    monkeypatch.setattr(click, "prompt", answer)
    refused = clinic("facility", "set", CODE, "surgery=on")
    assert refused.exit_code == 1
    assert "ほかの人が先に設定を変更した" in refused.output
    assert not kept(facilities).settings.surgery
