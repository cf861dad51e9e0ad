"""QR codes of reception URLs (ISO/IEC 18004).

Error correction Q: a quarter of the symbol may be damaged. No logo inside; four light modules
around, as ISO/IEC 18004 §6.3.8 demands.
"""

import io
from itertools import groupby
from math import ceil
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from qrcode.main import QRCode

QUIET_ZONE: Final = 4
"""Light modules on each side."""
PRINT_MILLIMETRES: Final = 60
"""Edge of the symbol without its quiet zone, when the PNG is printed at its own resolution."""
MINIMUM_PPI: Final = 300
MILLIMETRES_PER_INCH: Final = 25.4
_DARK: Final = 0

Modules = tuple[tuple[bool, ...], ...]
"""Rows of the symbol without its quiet zone; true is dark."""


def qr_modules(png: bytes) -> Modules:
    """Return the symbol of an image that ``qr_png`` made: what is printed is what is kept."""
    from PIL import Image  # noqa: PLC0415 - large, and hardly a patient needs it

    with Image.open(io.BytesIO(png)) as opened:
        image = opened.convert("L")
    # The upper left corner of every symbol is dark (the finder pattern, ISO/IEC 18004 §6.3.3).
    edge = next(at for at in range(image.width) if image.getpixel((at, at)) == _DARK)
    pixels = edge // QUIET_ZONE
    centres = range(edge + pixels // 2, image.width - edge, pixels)
    return tuple(tuple(image.getpixel((x, y)) == _DARK for x in centres) for y in centres)


def screen_modules(text: str) -> Modules:
    """Return the symbol of ``text`` for a screen."""
    return tuple(tuple(bool(module) for module in row) for row in _code(text).modules)


def qr_png(text: str) -> bytes:
    """Return the symbol of ``text`` as PNG: every module the same whole number of pixels.

    The symbol is the smallest version that holds the text.

    Printed at the resolution that the file states (300 ppi or a little more), the symbol is 60 mm
    wide.
    """
    from qrcode.image.pil import PilImage  # noqa: PLC0415 - as above

    code = _code(text)
    inches = PRINT_MILLIMETRES / MILLIMETRES_PER_INCH
    code.box_size = ceil(MINIMUM_PPI * inches / code.modules_count)
    ppi = code.modules_count * code.box_size / inches
    file = io.BytesIO()
    code.make_image(PilImage).save(file, "PNG", dpi=(ppi, ppi), optimize=True)
    return file.getvalue()


def qr_svg(modules: Modules) -> str:
    """Return the symbol as an SVG of one path, one unit a module, quiet zone included."""
    size = len(modules) + 2 * QUIET_ZONE
    path = "".join(_row_path(y, row) for y, row in enumerate(modules))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}">'
        f'<rect width="{size}" height="{size}" fill="#fff"/><path d="{path}"/></svg>'
    )


def _code(text: str) -> "QRCode[Any]":
    from qrcode.constants import ERROR_CORRECT_Q  # noqa: PLC0415 - with all its kinds of images
    from qrcode.main import QRCode  # noqa: PLC0415

    code: QRCode[Any] = QRCode(error_correction=ERROR_CORRECT_Q, border=QUIET_ZONE)
    code.add_data(text, optimize=0)
    code.make(fit=True)
    return code


def _row_path(y: int, row: tuple[bool, ...]) -> str:
    """Draw each run of dark modules as one rectangle, so that no hairline shows between them."""
    parts = []
    x = QUIET_ZONE
    for dark, run in groupby(row):
        width = len(list(run))
        if dark:
            parts.append(f"M{x} {y + QUIET_ZONE}h{width}v1h-{width}z")
        x += width
    return "".join(parts)
