"""How the console says what was wrong with a passkey."""

from typing import Final

from zaitaku.accounts.sign_in_model import (
    MOST_PASSKEYS,
    PASSKEY_NAME_CHARACTERS,
    PasskeyRefused,
    PasskeyTaken,
)
from zaitaku.core.errors import InvalidField, ZaitakuError

PROOF_REFUSED: Final = (
    "このパスキーでは確かめられませんでした。もう一度お試しください。"
    "続くときは、別のパスキーを使うか、パスワードや回復コードでログインしてください。"
)
REGISTRATION_REFUSALS: Final = (InvalidField, PasskeyRefused, PasskeyTaken)
TOO_MANY: Final = (
    f"パスキーは{MOST_PASSKEYS}個まで登録できます。使わないものを削除してから登録してください。"
)

_NAME_RULES: Final = {
    "missing": "パスキーの名前を入力してください。",
    "too-long": f"パスキーの名前は{PASSKEY_NAME_CHARACTERS}文字以内で入力してください。",
    "characters": "パスキーの名前に使えない文字が入っています。入力し直してください。",
}
_WORDS: Final = {
    PasskeyRefused.code: "パスキーを作れなかったか、時間がたちました。もう一度お試しください。",
    PasskeyTaken.code: "このパスキーは、もう登録されています。",
}


def refusal_of(refusal: ZaitakuError) -> dict[str, str]:
    """Return what is to be mended, by field."""
    if isinstance(refusal, InvalidField):
        return {"name": _NAME_RULES[refusal.rule]}
    return {"passkey": _WORDS[refusal.code]}
