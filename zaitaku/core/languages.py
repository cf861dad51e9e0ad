"""The languages that patients can choose."""

from enum import StrEnum
from typing import Final


class Language(StrEnum):
    """BCP 47 tags (RFC 5646); the private subtag marks やさしい日本語."""

    JAPANESE = "ja"
    EASY_JAPANESE = "ja-x-yasashii"
    ENGLISH = "en"


NAMES: Final = {
    Language.JAPANESE: "日本語",
    Language.EASY_JAPANESE: "やさしい日本語",
    Language.ENGLISH: "English",
}
"""Each language, named in itself."""
