"""Posters and hand-outs: typeset by typst, tagged (PDF/UA-1, ISO 14289-1), fonts embedded."""

import json
from dataclasses import dataclass
from datetime import date, datetime, time
from enum import StrEnum
from pathlib import Path
from typing import Final

from zaitaku.core.clock import JST
from zaitaku.facilities.channels import CHANNEL_NAMES
from zaitaku.facilities.fonts import font_folder
from zaitaku.facilities.model import Channel
from zaitaku.facilities.practice import WORDS
from zaitaku.reception.qr import QUIET_ZONE, Modules, qr_svg

_ENGLISH: Final = (
    "Scan the code to choose whether this facility may view your medical information. "
    "You need your My Number Card, its 4-digit PIN, and {reader}. "
    "Never tell anyone your PIN."
)
ENGLISH: Final = _ENGLISH.format(reader="a computer with a card reader")
ENGLISH_BY_PHONE: Final = _ENGLISH.format(reader="a phone that reads it or a card reader")
_TEMPLATES: Final = Path(__file__).parent / "printed"


class Layout(StrEnum):
    """What is printed; the value is the template's name."""

    A4 = "poster"
    """A poster; the symbol is 68 mm wide."""
    CARD = "card"
    """A hand-out of 91 × 55 mm on a page of its own size; the symbol is 31 mm wide."""
    SHEET = "sheet"
    """Ten hand-outs on A4 with crop marks."""


@dataclass(frozen=True)
class PosterContent:
    """Everything that varies between posters."""

    facility_name: str
    channel: Channel
    phone: str
    hours: str
    """May be empty."""
    address: str
    """The URL in the symbol."""
    symbol: Modules
    typed_address: str
    """The page on which ``typed_number`` can be typed."""
    typed_number: str
    version: int
    issued_on: date
    by_phone: bool = False
    """Whether a phone's app can read the card, too."""
    is_practice: bool = False
    """Whether it leads to a sandbox, and says so in large letters."""
    poster_name: str = ""
    """Which of the facility's posters this is; empty where it has no name."""


def poster_pdf(content: PosterContent, layout: Layout) -> bytes:
    """Return the PDF; the same content gives the same bytes.

    Raises:
        typst.TypstError: the font lacks a character (names are checked when they are saved).
    """
    midnight = datetime.combine(content.issued_on, time(), JST)
    # Seven megabytes of every process, and few ever print.
    import typst  # noqa: PLC0415

    pdf = typst.compile(
        _TEMPLATES / f"{layout}.typ",
        root=_TEMPLATES,
        font_paths=[font_folder()],
        ignore_system_fonts=True,
        format="pdf",
        pdf_standards="ua-1",
        sys_inputs={"content": json.dumps(_values(content))},
        timestamp=int(midnight.timestamp()),
    )
    return bytes(pdf)


def _values(content: PosterContent) -> dict[str, str | int | bool | dict[str, str] | None]:
    issued = content.issued_on
    return {
        "title": f"{content.facility_name} {CHANNEL_NAMES[content.channel]} 同意の手続きのご案内",
        "facility_name": content.facility_name,
        "channel": CHANNEL_NAMES[content.channel],
        "phone": content.phone,
        "hours": content.hours,
        "address": content.address,
        "typed_address": content.typed_address,
        "typed_number": content.typed_number,
        "issued": f"{issued.year}年{issued.month}月{issued.day}日発行",
        "version": f"第{content.version}版",
        "by_phone": content.by_phone,
        "poster_name": content.poster_name,
        "practice": dict(WORDS) if content.is_practice else None,
        "english": ENGLISH_BY_PHONE if content.by_phone else ENGLISH,
        "qr": qr_svg(content.symbol),
        "modules": len(content.symbol),
        "quiet_zone": QUIET_ZONE,
    }
