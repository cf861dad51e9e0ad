"""What is told about a mistake in a facility's facts: on pages and in a shell."""

from collections.abc import Mapping
from typing import Final

from zaitaku.core.errors import InvalidField
from zaitaku.facilities.errors import UnprintableCharacters

_FIELDS: Final[Mapping[str, str]] = {
    "institution_code": "医療機関等コード",
    "related_code": "関連する医療機関等のコード",
    "related_name": "関連する医療機関等の名称",
    "registered_name": "施設名",
    "display_name": "Webに表示する名前",
    "phone": "電話番号",
    "hours": "受付時間",
    "home_visit": "訪問診療等機能",
    "online": "オンライン診療等機能",
    "reason": "理由",
    "starts_on": "利用開始日",
    "chart_sharing_from": "電子カルテ情報共有サービスの開始日",
    "opened_on": "開設日",
    "closed_on": "廃止日",
    "effective_on": "新しいコードの始まる日",
    "kind": "種類",
    "relation": "関係",
}
_RULES: Final[Mapping[str, str]] = {
    "required": "を入力してください。",
    "too-long": "が長すぎます。短くしてください。",
    "ten-digits": "は10桁の数字で入力してください。",
    "lost-zero": "の先頭の0が、表計算ソフトで消えているようです。"
    "列の書式を「文字列」にして、0から入力し直してください。",
    "lost-character": "に「?」があります。表計算ソフトが書けなかった文字のようです。"
    "「CSV UTF-8」で保存し直してください。",
    "use-or-not": "は「利用する」か「利用しない」にしてください（空なら「利用しない」です）。",
    "prefecture": "のはじめの2桁は、都道府県番号（01〜47）にしてください。",
    "kind": "の3桁目は、点数表番号（1、3、4、6のどれか）にしてください。",
    "characters": "に使えない文字が入っています。入力し直してください。",
    "phone": "は0で始まる10桁か11桁の番号にしてください（例：03-1234-5678）。",
    "not-a-date": "は 2026-11-20 のように、実際にある日付で入力してください。",
    "unknown": "を一覧から選んでください。",
    "same-code": "が、今と同じです。新しいコードを入力してください。",
    "other-kind": "は、今と同じ種類（点数表番号）のコードにしてください。"
    "種類が変わるときは、新しい医療機関等として登録してください。",
    "future": "は、今日までの日付にしてください。その日が来てから変更してください。",
    "itself": "が、この医療機関等のコードです。相手のコードを入力してください。",
    "before-opened": "は、開設日と同じ日か、あとの日付にしてください。",
}


def mistake_words(error: InvalidField) -> str | None:
    """Return what to tell about a mistake, or ``None`` where this room does not know it."""
    name = _FIELDS.get(error.field, error.field)
    if isinstance(error, UnprintableCharacters):
        named = "、".join(_named(character) for character in error.characters)
        return f"{name}に、ポスターに印刷できない文字があります: {named}"
    rule = _RULES.get(error.rule)
    return name + rule if rule else None


def named_characters(error: UnprintableCharacters) -> str:
    """Return the characters as a facility's staff reads them: some of them nobody can see."""
    return "、".join(
        f"「{each}」" if each.isprintable() else "目に見えない文字" for each in error.characters
    )


def _named(character: str) -> str:
    shown = f"「{character}」" if character.isprintable() else ""
    return f"{shown}(U+{ord(character):04X})"
