"""The mark on everything that a sandbox prints: nobody may take it for the way to a reception.

It is put on when a file is handed out. What is kept (the images of the symbols) has none, so it
is right whatever the deployment was when it was made.
"""

import io
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from zaitaku.facilities.fonts import font_folder

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

MARK: Final = "練習用"
ENGLISH_MARK: Final = "SANDBOX / for practice"
WORDS: Final = MappingProxyType(
    {
        "mark": MARK,
        "english": ENGLISH_MARK,
        "sentence": "この紙は練習用です。貼ったり、患者さんに渡したりしないでください。",
    }
)
"""What the templates of printed matter say beside the mark."""

_BAND: Final = 0.16
"""Height of the image's band, as a part of its width."""
_LARGE: Final = 0.6
_SMALL: Final = 0.25
"""Sizes of its letters, as parts of its height."""
_WHITE: Final = 255
_BLACK: Final = 0


def marked_png(png: bytes) -> bytes:
    """Return the image of a symbol with the mark in a black band beneath its quiet zone.

    Every pixel of the symbol, and the resolution that the file states, stay as they are.
    """
    from PIL import Image, ImageDraw  # noqa: PLC0415 - large, and hardly a patient needs it

    with Image.open(io.BytesIO(png)) as opened:
        symbol, dpi = opened.convert("L"), opened.info["dpi"]
    width, height, band = symbol.width, symbol.height, round(symbol.width * _BAND)
    marked = Image.new("L", (width, height + band), _WHITE)
    marked.paste(symbol)
    draw = ImageDraw.Draw(marked)
    draw.rectangle((0, height, width, height + band), fill=_BLACK)
    middle, edge = height + band / 2, band / 3
    large, small = _font(round(band * _LARGE)), _font(round(band * _SMALL))
    draw.text((edge, middle), MARK, font=large, fill=_WHITE, anchor="lm")
    draw.text((width - edge, middle), ENGLISH_MARK, font=small, fill=_WHITE, anchor="rm")
    file = io.BytesIO()
    marked.save(file, "PNG", dpi=dpi, optimize=True)
    return file.getvalue()


def _font(pixels: int) -> "FreeTypeFont":
    from PIL import ImageFont  # noqa: PLC0415 - as above

    return ImageFont.truetype(font_folder() / "BIZUDPGothic-Bold.ttf", pixels)
