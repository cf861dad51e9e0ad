"""What people are told about a mistake in an account's values: on pages, in files, in a shell."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from zaitaku.accounts.model import KANA_CHARACTERS, LONGEST_USER_ID, NAME_CHARACTERS
from zaitaku.accounts.registering import FIRST_YEAR, LAST_YEAR
from zaitaku.core.errors import InvalidField

USER_ID_TAKEN: Final = (
    "このユーザIDは、この医療機関で使われているか、前に使われていました。"
    "別のユーザIDを入力してください。"
)
"""Also against deleted accounts (domain.md §5)."""

_DAYS: Final = MappingProxyType(
    {
        "starts_on": "利用開始年月日",
        "ends_on": "利用終了年月日",
        "starts_from": "利用開始年月日（から）",
        "starts_to": "利用開始年月日（まで）",
        "ends_from": "利用終了年月日（から）",
        "ends_to": "利用終了年月日（まで）",
    }
)
_TEXTS: Final = MappingProxyType({"user_id": "ユーザID", "name": "ユーザ名", "kana": "カナ"})

_USER_ID: Final = {
    "letters-and-digits": "ユーザIDは、半角の英字と数字で入力してください。",
    f"2-to-{LONGEST_USER_ID}": f"ユーザIDは、2文字以上{LONGEST_USER_ID}文字以内で"
    "入力してください。",
    f"3-to-{LONGEST_USER_ID}": "この権限区分のユーザIDは、3文字以上"
    f"{LONGEST_USER_ID}文字以内で入力してください。",
    "prefix": "この権限区分のユーザIDは、決まった2文字から始めてください。"
    "WebAPI用はA0（薬局はA1）、連携アプリ用はR0（薬局はR1）、顔認証用はF0です。",
    "reserved-prefix": "一般と医療情報閲覧のユーザIDは、A0〜A9、R0〜R9、F0〜F9から始められません。",
}
_USER_NAME: Final = {
    "missing": "ユーザ名を入力してください。",
    f"at-most-{NAME_CHARACTERS}": f"ユーザ名は、{NAME_CHARACTERS}文字以内で入力してください。",
    "characters": "ユーザ名は、ひらがな・カタカナ・英字・数字で入力してください。"
    "漢字、空白、記号は使えません。",
}
_USER_KANA: Final = {
    "missing": "ユーザ名（カナ）を入力してください。",
    f"at-most-{KANA_CHARACTERS}": f"ユーザ名（カナ）は、{KANA_CHARACTERS}文字以内で"
    "入力してください。",
    "characters": "ユーザ名（カナ）は、カタカナ・英字・数字で入力してください。"
    "漢字、空白、記号は使えません。",
}
_ENDS_ON: Final = {
    "before-start": "利用終了年月日は、利用開始年月日と同じ日か、あとの日付にしてください。",
    "in-past": "利用終了年月日は、今日か、あとの日付にしてください。",
}
_WORDS: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        "role": {
            "not-allowed": "権限区分を、登録できるものの中から選んでください。",
            "not-a-choice": "権限区分を一覧から選んでください。",
        },
        "user_id": _USER_ID,
        "user_name": _USER_NAME,
        "user_kana": _USER_KANA,
        "ends_on": _ENDS_ON,
        "validity": {"not-a-choice": "有効/無効を一覧から選んでください。"},
        "lock": {"not-a-choice": "アカウントロックを一覧から選んでください。"},
        "sort": {"not-a-choice": "並べ替えは、表の見出しから選んでください。"},
        "page": {"not-a-page": "ページは、表の下の番号から選んでください。"},
    }
)


def mistake_words(mistake: InvalidField) -> str:
    """Return what to tell about a mistake that a rule of this room has found."""
    known = _WORDS.get(mistake.field, {}).get(mistake.rule)
    if known:
        return known
    return _day_words(mistake) if mistake.field in _DAYS else _search_words(mistake)


def _day_words(mistake: InvalidField) -> str:
    name = _DAYS[mistake.field]
    if mistake.rule == "out-of-range":
        return f"{name}は、{FIRST_YEAR}年から{LAST_YEAR}年までの日付で入力してください。"
    if mistake.rule == "before-from":
        return f"{name}は、「から」と同じ日か、あとの日付にしてください。"
    return f"{name}は、2026-11-20 のように、実際にある日付で入力してください。"


def _search_words(mistake: InvalidField) -> str:
    name = _TEXTS[mistake.field]
    if mistake.rule == "search-too-long":
        return f"{name}は、{KANA_CHARACTERS}文字以内で入力してください。"
    return f"{name}は、ふつうの文字で入力してください。"
