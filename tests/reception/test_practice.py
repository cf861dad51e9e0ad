"""What a sandbox prints says so, on every copy; what production prints never does."""

import io
from dataclasses import replace
from itertools import pairwise

import pytest
import zxingcpp
from PIL import Image
from pypdfium2 import raw

from tests.reception.test_poster import ADDRESS, CONTENTS, LAYOUTS, ORDINARY, _page, _picture, _text
from tests.reception.world import World, make_world
from zaitaku.core.clock import FixedClock
from zaitaku.facilities.model import Channel
from zaitaku.facilities.practice import ENGLISH_MARK, MARK, WORDS, marked_png
from zaitaku.reception.poster import Layout, PosterContent, poster_pdf
from zaitaku.reception.printing import PrintKind
from zaitaku.reception.qr import qr_modules, qr_png

INK = 60
"""Any level below it is black on a copy without grey."""


def practice(content: PosterContent) -> PosterContent:
    named = "一階退院窓口よこの掲示板（東がわの柱）"
    return replace(content, is_practice=True, poster_name=named)


def squeezed(words: str) -> str:
    return "".join(words.split())


@LAYOUTS
@CONTENTS
def test_every_layout_says_it_and_can_be_scanned(content: PosterContent, layout: Layout) -> None:
    """On one page, as ``_text`` and ``_picture`` demand."""
    pdf, cards = poster_pdf(practice(content), layout), 10 if layout is Layout.SHEET else 1
    said = _text(pdf)
    assert said.count(squeezed(ENGLISH_MARK)) == cards
    if layout is Layout.A4:
        assert squeezed(WORDS["sentence"]) in said
        said = said.replace(squeezed(WORDS["sentence"]), "")
    assert said.count(MARK) == (2 if layout is Layout.A4 else cards)
    copy = _picture(pdf, 200).point(lambda level: 255 if level > 128 else 0)
    assert [each.text for each in zxingcpp.read_barcodes(copy)] == [content.address] * cards


@pytest.mark.parametrize(("layout", "points"), [(Layout.A4, 27), (Layout.CARD, 12)])
def test_the_mark_is_large_and_white_on_black(layout: Layout, points: float) -> None:
    pdf = poster_pdf(practice(ORDINARY), layout)
    with _page(pdf) as page:
        text, height = page.get_textpage(), page.get_height()
        place = text.get_text_range().index(MARK[0])
        assert raw.FPDFText_GetFontSize(text, place) == pytest.approx(points)
        left, bottom, right, top = text.get_charbox(place)
    scale = 200 / 72
    box = (left * scale, (height - top) * scale, right * scale, (height - bottom) * scale)
    levels = _picture(pdf, 200).crop(box).tobytes()
    assert min(levels) < INK
    assert max(levels) == 255


@CONTENTS
@pytest.mark.parametrize("layout", [Layout.A4, Layout.CARD])
def test_the_strip_covers_no_words_and_no_symbol(content: PosterContent, layout: Layout) -> None:
    """All that is not the strip's own stands to the left of it."""
    pdf = poster_pdf(practice(content), layout)
    picture = _picture(pdf, 200)
    strip = strip_begins(picture)
    at = zxingcpp.read_barcodes(picture)[0].position
    module = (at.top_right.x - at.top_left.x) / len(content.symbol)
    assert at.top_right.x + 4 * module < strip
    with _page(pdf) as page:
        text = page.get_textpage()
        for index, character in enumerate(text.get_text_range()):
            left, _, right, _ = (point * 200 / 72 for point in text.get_charbox(index))
            assert character.isspace() or right <= strip + 1 or left >= strip - 1, character


def strip_begins(picture: Image.Image) -> int:
    """Return the first column of the black strip that ends at the right edge."""
    row = picture.crop((0, picture.height - 3, picture.width, picture.height - 2)).tobytes()
    return max(x for x, level in enumerate(row) if level > INK) + 1


@LAYOUTS
@CONTENTS
def test_production_prints_no_mark(content: PosterContent, layout: Layout) -> None:
    said = _text(poster_pdf(content, layout))
    assert MARK not in said
    assert "SANDBOX" not in said
    assert squeezed(WORDS["sentence"]) not in said


@LAYOUTS
def test_the_marked_page_is_tagged(layout: Layout) -> None:
    assert b"<pdfuaid:part>1</pdfuaid:part>" in poster_pdf(practice(ORDINARY), layout)


@pytest.mark.parametrize("length", [0, 60, 240])
def test_a_marked_image_keeps_symbol_and_resolution(length: int) -> None:
    address = ADDRESS + "x" * length
    plain = qr_png(address)
    before, after = (Image.open(io.BytesIO(each)) for each in (plain, marked_png(plain)))
    symbol = after.crop((0, 0, before.width, before.height))
    assert symbol.convert("L").tobytes() == before.convert("L").tobytes()
    assert (after.width, after.info["dpi"]) == (before.width, before.info["dpi"])
    [read] = zxingcpp.read_barcodes(after)
    assert read.text == address
    assert words_in_band(after, before.height) == 2


def words_in_band(image: Image.Image, top: int) -> int:
    """Return how many groups of white columns the band has, each far from the next one."""
    band = image.convert("L").crop((0, top, image.width, image.height))
    columns = (band.crop((x, 0, x + 1, band.height)).tobytes() for x in range(band.width))
    lit = [x for x, column in enumerate(columns) if max(column) > 128]
    far = band.height // 3
    assert far // 2 <= lit[0] < lit[-1] < band.width - far // 2
    return 1 + sum(later - earlier > far for earlier, later in pairwise(lit))


@pytest.mark.parametrize("kind", list(PrintKind))
def test_a_deployment_marks_what_it_hands_out_whatever_is_kept(
    world: World, clock: FixedClock, kind: PrintKind
) -> None:
    """The image of the symbol is kept by whoever asks first; nothing of the mark stays in it."""
    facility = world.add_facility()
    current = world.current(facility, Channel.HOME_VISIT)
    sandbox = make_world(world.database, clock, is_practice=True).prints
    marked = sandbox.file(kind, facility, current)
    plain = world.prints.file(kind, facility, current)
    again = sandbox.file(kind, facility, current)
    assert marked == again != plain
    assert qr_modules(sandbox.qr_png(current)) == qr_modules(world.prints.qr_png(current))
    if kind is PrintKind.QR_CODE:
        assert plain == qr_png(world.reception.address(current))
        assert marked == marked_png(plain)
    else:
        assert (MARK in _text(marked), MARK in _text(plain)) == (True, False)
