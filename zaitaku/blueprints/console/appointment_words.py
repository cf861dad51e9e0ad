"""What the pages of appointments say."""

from types import MappingProxyType
from typing import Final

from zaitaku.core.errors import InvalidField
from zaitaku.records.appointments.matching import Doubt, Standing
from zaitaku.records.appointments.model import (
    FIRST_YEAR,
    LAST_YEAR,
    LONGEST_KANA,
    LONGEST_NAME,
    LONGEST_NUMBER,
)

STANDING_WORDS: Final = MappingProxyType(
    {
        Standing.MISSING: "まだ登録していません",
        Standing.UNSURE: "確かめてください",
        Standing.CONSENTED: "同意あり",
        Standing.CERTIFICATES: "医療情報の同意なし",
        Standing.REFUSED: "同意しないと回答",
        Standing.WITHDRAWN: "取消し",
    }
)
DOUBT_WORDS: Final = MappingProxyType(
    {
        Doubt.SEVERAL_PATIENTS: "カナと生年月日が同じ方が、同意取得済み患者一覧に2人以上います。",
        Doubt.SEVERAL_APPOINTMENTS: "カナと生年月日が同じ方が、この日の予定に2人以上います。",
        Doubt.NAME_DIFFERS: "カナと生年月日は同じですが、氏名の書き方が違います。",
    }
)

_DAY: Final = "{name}は、2026-11-20 のように日付で入力してください。"
_YEARS: Final = f"{{name}}は、{FIRST_YEAR}年から{LAST_YEAR}年までの日付で入力してください。"
_MISTAKES: Final = MappingProxyType(
    {
        ("day", "missing"): "予約日を入力してください。",
        ("day", "not-a-date"): _DAY.format(name="予約日"),
        ("day", "out-of-range"): _YEARS.format(name="予約日"),
        ("time", "missing"): "予約時刻を入力してください。",
        ("time", "not-a-time"): "予約時刻は、9:30 のように入力してください。",
        ("patient_number", "too-long"): f"患者番号は{LONGEST_NUMBER}文字以内で入力してください。",
        (
            "patient_number",
            "characters",
        ): "患者番号に使えない文字が入っています。入力し直してください。",
        ("name", "missing"): "氏名を入力してください。",
        ("name", "too-long"): f"氏名は{LONGEST_NAME}文字以内で入力してください。",
        ("name", "characters"): "氏名に使えない文字が入っています。入力し直してください。",
        ("kana", "missing"): "カナを入力してください。",
        ("kana", "too-long"): f"カナは{LONGEST_KANA}文字以内で入力してください。",
        ("kana", "characters"): "カナは、カタカナで入力してください。例：ザイタク タロウ",
        ("birth_date", "missing"): "生年月日を入力してください。",
        ("birth_date", "not-a-date"): _DAY.format(name="生年月日"),
        ("birth_date", "out-of-range"): "生年月日は、予約日より前の日付で入力してください。",
        ("channel", "missing"): "機能を選んでください。",
        (
            "channel",
            "off",
        ): "この機能は、環境設定情報で「利用しない」になっています。設定を確かめてください。",
        ("channel", "unknown"): "機能は「訪問診療等」か「オンライン診療等」にしてください。",
    }
)


def mistake(error: InvalidField) -> str:
    """Return the sentence that says what to mend in a field."""
    return mistake_in(error.field, error.rule)


def mistake_in(field: str, rule: str) -> str:
    """Return the sentence for a field and the rule that it breaks."""
    return _MISTAKES[field, rule]
