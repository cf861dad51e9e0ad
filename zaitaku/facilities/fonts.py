"""The one font of printed matter: BIZ UDPGothic (SIL Open Font License 1.1)."""

from functools import cache
from pathlib import Path
from typing import Final

from zaitaku.core.resources import resource_folder

FAMILY: Final = "BIZ UDPGothic"
_FOLDER: Final = "biz-udpgothic"


def font_folder() -> Path:
    """Return the folder of the font files."""
    return resource_folder("fonts") / _FOLDER


@cache
def printable_characters() -> frozenset[int]:
    """Return the code points that both weights of the font can draw."""
    return _code_points("BIZUDPGothic-Regular.ttf") & _code_points("BIZUDPGothic-Bold.ttf")


def _code_points(file_name: str) -> frozenset[int]:
    from fontTools.ttLib import TTFont  # noqa: PLC0415 - large, and no patient needs it

    with TTFont(font_folder() / file_name, lazy=True) as font:
        return frozenset(font.getBestCmap())
