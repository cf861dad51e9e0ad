"""Posters and hand-outs: what is on the paper, read back from the PDF and from its picture."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date

import pypdfium2
import pytest
import zxingcpp
from PIL import Image, ImageEnhance, ImageFilter
from pypdfium2 import raw

from tests.reception.world import World
from zaitaku.facilities.channels import CHANNEL_NAMES
from zaitaku.facilities.model import Channel
from zaitaku.reception.model import UrlAct
from zaitaku.reception.poster import Layout, PosterContent, poster_pdf
from zaitaku.reception.qr import qr_modules, qr_png

ADDRESS = "https://zaitaku.example/r/AAc2dNE.zDMS2-awmrzk8jQA4NWFPg"
ORDINARY = PosterContent(
    facility_name="みどり在宅クリニック",
    channel=Channel.HOME_VISIT,
    phone="03-1234-5678",
    hours="月〜金 9:00〜17:00（祝日は休み）",
    address=ADDRESS,
    symbol=qr_modules(qr_png(ADDRESS)),
    typed_address="https://zaitaku.example/e",
    typed_number="1234-5678-901",
    version=3,
    issued_on=date(2026, 11, 20),
)
LONG_HOST = "https://" + "w" * 63 + ".clinic-and-hospital-network.example.jp"
LONG_ADDRESS = f"{LONG_HOST}/r/AAc2dNE.zDMS2-awmrzk8jQA4NWFPg"
FULLEST = replace(
    ORDINARY,
    facility_name=(
        "社会医療法人社団みどり会地域医療支援病院みどりが丘総合在宅医療センター"
        "附属東口訪問診療クリニック分院総合受付窓口係みどり"
    ),
    channel=Channel.ONLINE,
    phone="0120-000-000",
    hours=(
        "月・火・木・金 9:00〜12:30、14:00〜18:30／水・土 9:00〜12:30"
        "（日曜・祝日・年末年始・お盆は休み。急な時はお電話ください。）"
    ),
    address=LONG_ADDRESS,
    symbol=qr_modules(qr_png(LONG_ADDRESS)),
    typed_address=f"{LONG_HOST}/e",
    version=128,
)
SMALLEST = replace(
    ORDINARY, facility_name="森", hours="", typed_address="http://127.0.0.1:8080/e", version=1
)
BY_PHONE = replace(FULLEST, by_phone=True)
CONTENTS = pytest.mark.parametrize(
    "content",
    [ORDINARY, FULLEST, SMALLEST, BY_PHONE],
    ids=["ordinary", "fullest", "smallest", "by phone"],
)
LAYOUTS = pytest.mark.parametrize("layout", list(Layout))

Degrade = Callable[[Image.Image], Image.Image]


@contextmanager
def _page(pdf: bytes) -> Iterator[pypdfium2.PdfPage]:
    document = pypdfium2.PdfDocument(pdf)
    try:
        assert len(document) == 1
        yield document[0]
    finally:
        document.close()


def _picture(pdf: bytes, dpi: int) -> Image.Image:
    with _page(pdf) as page:
        picture: Image.Image = page.render(scale=dpi / 72).to_pil()
        return picture.convert("L")


def _text(pdf: bytes) -> str:
    with _page(pdf) as page:
        return "".join(page.get_textpage().get_text_range().split())


def _squeezed(text: str) -> str:
    return "".join(text.split())


@LAYOUTS
@CONTENTS
def test_the_symbols_on_the_page_are_the_address(content: PosterContent, layout: Layout) -> None:
    dpi = 150 if layout is not Layout.SHEET else 200
    read = zxingcpp.read_barcodes(_picture(poster_pdf(content, layout), dpi))
    assert {each.text for each in read} == {content.address}
    assert len(read) == (10 if layout is Layout.SHEET else 1)


@pytest.mark.parametrize(
    "degrade",
    [
        lambda picture: picture.rotate(8, expand=True, fillcolor=255),
        lambda picture: picture.rotate(-17, expand=True, fillcolor=255),
        lambda picture: picture.filter(ImageFilter.GaussianBlur(1.6)),
        lambda picture: ImageEnhance.Contrast(picture).enhance(0.25),
        lambda picture: picture.resize((picture.width // 2, picture.height // 2)),
        lambda picture: picture.point(lambda level: 255 if level > 128 else 0),
    ],
    ids=["turned", "turned-more", "blurred", "faded", "far-away", "two-tone-copy"],
)
@pytest.mark.parametrize("layout", [Layout.A4, Layout.CARD])
def test_a_bad_picture_of_the_page_can_still_be_read(layout: Layout, degrade: Degrade) -> None:
    picture = degrade(_picture(poster_pdf(ORDINARY, layout), 150))
    assert [each.text for each in zxingcpp.read_barcodes(picture)] == [ORDINARY.address]


@CONTENTS
@pytest.mark.parametrize(("layout", "millimetres"), [(Layout.A4, 60), (Layout.CARD, 30)])
def test_the_symbol_is_large_enough(
    content: PosterContent, layout: Layout, millimetres: int
) -> None:
    dpi = 300
    [read] = zxingcpp.read_barcodes(_picture(poster_pdf(content, layout), dpi))
    at = read.position
    width = (at.top_right.x - at.top_left.x) / dpi * 25.4
    height = (at.bottom_left.y - at.top_left.y) / dpi * 25.4
    assert min(width, height) >= millimetres


@CONTENTS
def test_the_quiet_zone_is_clear(content: PosterContent) -> None:
    for layout in (Layout.A4, Layout.CARD):
        picture = _picture(poster_pdf(content, layout), 300)
        at = zxingcpp.read_barcodes(picture)[0].position
        modules = len(content.symbol)
        zone = int(4 * (at.top_right.x - at.top_left.x) / modules) - 3
        left, top, right, bottom = (
            at.top_left.x - 3,
            at.top_left.y - 3,
            at.bottom_right.x + 3,
            at.bottom_right.y + 3,
        )
        for box in (
            (left - zone, top - zone, right + zone, top),
            (left - zone, bottom, right + zone, bottom + zone),
            (left - zone, top, left, bottom),
            (right, top, right + zone, bottom),
        ):
            assert picture.crop(box).getextrema() == (255, 255)


@LAYOUTS
@CONTENTS
def test_all_that_must_be_said_can_be_selected_and_searched(
    content: PosterContent, layout: Layout
) -> None:
    text = _text(poster_pdf(content, layout))
    for said in (
        content.facility_name,
        CHANNEL_NAMES[content.channel],
        content.phone,
        content.hours,
        content.typed_address,
        content.typed_number,
        f"第{content.version}版",
        "2026年11月20日発行",
        "マイナンバーカード",
        "4桁の暗証番号",
        "暗証番号は、だれにも教えないでください",
        "読み取る",
        "選ぶ",
        "スマートフォン" if content.by_phone else "カードリーダー",
        "Never tell anyone your PIN.",
    ):
        assert _squeezed(said) in text


def test_the_poster_gives_readings_after_all_other_text() -> None:
    text = _text(poster_pdf(ORDINARY, Layout.A4))
    words, _, readings = text.partition("NevertellanyoneyourPIN.")
    for reading in ("どうい", "てつづ", "あんしょうばんごう", "しんりょう", "おし", "ばんごう"):
        assert reading in readings
        assert reading not in words


@LAYOUTS
def test_the_page_is_tagged_and_embeds_its_fonts(layout: Layout) -> None:
    pdf = poster_pdf(ORDINARY, layout)
    assert b"<pdfuaid:part>1</pdfuaid:part>" in pdf
    with _page(pdf) as page:
        assert raw.FPDFCatalog_IsTagged(page.pdf)
        names = {_font(each) for each in page.get_objects([raw.FPDF_PAGEOBJ_TEXT])}
    assert {name.split("+")[-1] for name, _ in names} == {
        "BIZUDPGothic-Regular",
        "BIZUDPGothic-Bold",
    }
    assert all(is_embedded for _, is_embedded in names)


def _font(text_object: pypdfium2.PdfObject) -> tuple[str, bool]:
    font = raw.FPDFTextObj_GetFont(text_object)
    room = raw.FPDFFont_GetBaseFontName(font, None, 0)
    name = bytearray(room)
    buffer = (raw.c_char * room).from_buffer(name)
    raw.FPDFFont_GetBaseFontName(font, buffer, room)
    return name.rstrip(b"\0").decode(), bool(raw.FPDFFont_GetIsEmbedded(font))


@CONTENTS
def test_japanese_on_the_poster_is_14_points_or_more(content: PosterContent) -> None:
    with _page(poster_pdf(content, Layout.A4)) as page:
        text = page.get_textpage()
        sizes = {
            character: raw.FPDFText_GetFontSize(text, at)
            for at, character in enumerate(text.get_text_range())
            # Readings are the only hiragana that may be smaller; they stand over these.
            if "一" <= character <= "鿿" or "゠" <= character <= "ヿ"
        }
    assert sizes
    assert min(sizes.values()) >= 14


@pytest.mark.parametrize(
    ("content", "smallest"),
    [(ORDINARY, 7), (SMALLEST, 7), (FULLEST, 5)],
    ids=["ordinary", "smallest", "fullest"],
)
def test_what_is_needed_is_printed_as_large_as_the_hand_out_has_room(
    content: PosterContent, smallest: float
) -> None:
    needed = "4桁の暗証番号"
    with _page(poster_pdf(content, Layout.CARD)) as page:
        text = page.get_textpage()
        place = text.get_text_range().index(needed)
        assert raw.FPDFText_GetFontSize(text, place) >= smallest - 0.01


@pytest.mark.parametrize(
    "name",
    [
        '#panic("x")医院',
        '#image("/etc/passwd") [*_`$\\<>@~{}|]',
        "{医院|いいん}",
        '"; #let x = 1 //医院',
        "= 見出し",
        "- 一覧 + 二 / 三",
        "みどり\u00a0医院",
    ],
)
@LAYOUTS
def test_a_name_is_never_read_as_markup(name: str, layout: Layout) -> None:
    text = _text(poster_pdf(replace(ORDINARY, facility_name=name, hours=name), layout))
    assert text.count(_squeezed(name)) >= (20 if layout is Layout.SHEET else 2)


def test_the_same_content_gives_the_same_bytes() -> None:
    assert poster_pdf(ORDINARY, Layout.A4) == poster_pdf(ORDINARY, Layout.A4)


def test_light_words_on_dark_bands_stay_readable_in_grey() -> None:
    picture = _picture(poster_pdf(ORDINARY, Layout.A4), 100)
    band = picture.crop((0, 0, 12, 12))
    darkest, lightest = band.getextrema()
    assert darkest == lightest
    assert band.tobytes()[0] < 60


def test_a_facility_prints_the_version_that_it_asks_for(world: World) -> None:
    facility = world.add_facility()
    channel = Channel.HOME_VISIT
    first = world.current(facility, channel)
    world.reception.change(
        UrlAct.ROTATE, facility.id, channel, expected=first.id, actor="a", reason="x"
    )
    current = world.current(facility, channel)
    for version, other in ((current, first), (first, current)):
        pdf = world.prints.poster_pdf(facility, version, Layout.A4)
        [read] = zxingcpp.read_barcodes(_picture(pdf, 150))
        assert read.text == world.reception.address(version)
        text = _text(pdf)
        assert version.typed_number in text
        assert other.typed_number not in text
        assert f"第{version.number}版" in text
