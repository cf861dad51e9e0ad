"""Who runs a deployment, as patients are told on every page.

Whoever takes in personal data has to be named, with a way to ask (個人情報の保護に関する法律
第21条, 第32条).
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

from zaitaku.core.errors import SettingsError
from zaitaku.core.web_addresses import is_https

_LONGEST_NAME: Final = 100
_PHONE: Final = re.compile(r"\+?[0-9]+(?:-[0-9]+)*")
_PHONE_DIGITS: Final = range(9, 16)
"""Of ITU-T E.164 at most 15; the shortest Japanese ones have nine."""
_HYPHENS: Final = re.compile(
    "[\N{KATAKANA-HIRAGANA PROLONGED SOUND MARK}\N{MINUS SIGN}\N{HYPHEN}–—―]"
)
"""What Japanese keyboards write for one."""
_VISIBLE: Final = re.compile(r"[!-~]+")


@dataclass(frozen=True)
class SiteOperator:
    """Name, telephone and policy of whoever runs the site; what is empty is not shown.

    Raises:
        SettingsError: a value breaks its rule.
    """

    name: str = ""
    """Who runs this site, as patients read it on every page, at most 100 characters."""
    phone: str = ""
    """Where patients can ask whoever runs this site, like ``03-1234-5678``."""
    privacy_url: str = ""
    """The page on which whoever runs this site tells how it handles personal data, https."""

    def __post_init__(self) -> None:
        if len(self.name) > _LONGEST_NAME or not all(map(_is_written, self.name)):
            raise SettingsError("ZAITAKU_OPERATOR_NAME must be one line of at most 100 characters")
        digits = sum(map(str.isdigit, self.phone))
        if self.phone and not (_PHONE.fullmatch(self.phone) and digits in _PHONE_DIGITS):
            raise SettingsError(
                "ZAITAKU_OPERATOR_PHONE must be a telephone number like 03-1234-5678"
            )
        if self.privacy_url and not _VISIBLE.fullmatch(self.privacy_url):
            raise SettingsError("ZAITAKU_PRIVACY_URL must be visible ASCII without spaces")
        if self.privacy_url and not is_https(self.privacy_url):
            raise SettingsError("ZAITAKU_PRIVACY_URL must be an https address")
        if not self.name and self.phone:
            raise SettingsError(
                "ZAITAKU_OPERATOR_NAME: not set, but other ZAITAKU_OPERATOR_PHONE are"
            )
        if not self.name and self.privacy_url:
            raise SettingsError("ZAITAKU_OPERATOR_NAME: not set, but other ZAITAKU_PRIVACY_URL are")

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Self:
        """Read it from environment variables.

        Raises:
            SettingsError: a value breaks its rule.
        """
        return cls(
            name=environ.get("ZAITAKU_OPERATOR_NAME", "").strip(),
            phone=_tidy_phone(environ.get("ZAITAKU_OPERATOR_PHONE", "")),
            privacy_url=environ.get("ZAITAKU_PRIVACY_URL", "").strip(),
        )


def _tidy_phone(text: str) -> str:
    return _HYPHENS.sub("-", unicodedata.normalize("NFKC", text).strip())


def _is_written(character: str) -> bool:
    # Spaces of any width are usual in names; ends of lines and what nobody sees are not.
    return character.isprintable() or unicodedata.category(character) == "Zs"
