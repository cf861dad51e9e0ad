"""QR codes: what another decoder reads, how large they print, and that each is made once."""

import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from qrcode.constants import ERROR_CORRECT_Q
from qrcode.main import QRCode

from tests.reception.world import ORIGIN, World, make_world
from zaitaku.core.clock import FixedClock
from zaitaku.core.signing import Keyring
from zaitaku.facilities.model import Channel
from zaitaku.reception import printing
from zaitaku.reception.model import UrlAct
from zaitaku.reception.poster import Layout
from zaitaku.reception.qr import QUIET_ZONE, qr_modules, qr_png, qr_svg

ADDRESS = f"{ORIGIN}/r/AAc2dNE.zDMS2-awmrzk8jQA4NWFPg"


def _decoded(png: bytes) -> zxingcpp.Barcode:
    found = zxingcpp.read_barcodes(Image.open(io.BytesIO(png)))
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize("length", [20, 56, 63 + 41, 300])
def test_the_png_says_the_address_at_correction_level_q(length: int) -> None:
    address = (
        ADDRESS.replace("zaitaku", "z" * (7 + length - len(ADDRESS)))
        if length > 56
        else (ADDRESS[:length])
    )
    read = _decoded(qr_png(address))
    assert (read.text, read.format) == (address, zxingcpp.BarcodeFormat.QRCode)
    assert read.ec_level == "Q"


@pytest.mark.parametrize("length", [20, 56, 120, 300])
def test_the_png_prints_at_60_millimetres_and_300_ppi_or_more(length: int) -> None:
    address = ADDRESS.ljust(length, "x")[:length]
    png = qr_png(address)
    modules = len(qr_modules(png))
    image = Image.open(io.BytesIO(png))
    assert image.width == image.height
    pixels_per_module, rest = divmod(image.width, modules + 2 * QUIET_ZONE)
    assert rest == 0
    symbol = pixels_per_module * modules
    ppi, vertical = image.info["dpi"]
    assert ppi == vertical
    assert symbol >= 709
    assert ppi >= 300
    assert symbol / ppi * 25.4 == pytest.approx(60, abs=0.05)


def test_four_modules_around_are_white() -> None:
    png = qr_png(ADDRESS)
    image = Image.open(io.BytesIO(png)).convert("L")
    border = QUIET_ZONE * image.width // (len(qr_modules(png)) + 2 * QUIET_ZONE)
    for box in (
        (0, 0, image.width, border),
        (0, image.height - border, image.width, image.height),
        (0, 0, border, image.height),
        (image.width - border, 0, image.width, image.height),
    ):
        assert image.crop(box).getextrema() == (255, 255)


def _computed(text: str) -> list[list[bool]]:
    code = QRCode(error_correction=ERROR_CORRECT_Q, border=0)
    code.add_data(text, optimize=0)
    return [[bool(module) for module in row] for row in code.get_matrix()]


@settings(deadline=None, max_examples=25)
@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=120))
def test_modules_image_and_drawing_are_one_symbol(text: str) -> None:
    png = qr_png(text)
    modules = qr_modules(png)
    assert all(len(row) == len(modules) for row in modules)
    assert list(map(list, modules)) == _computed(text)
    assert _decoded(png).text == text
    assert qr_svg(modules).count("z") == sum(
        sum(dark and not before for before, dark in zip((False, *row), row, strict=False))
        for row in modules
    )


@pytest.fixture
def drawings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every text whose image was drawn."""
    drawn: list[str] = []
    draw: Callable[[str], bytes] = qr_png

    def counted(text: str) -> bytes:
        drawn.append(text)
        return draw(text)

    monkeypatch.setattr(printing, "qr_png", counted)
    return drawn


def test_the_image_of_a_url_is_the_live_url(world: World) -> None:
    current = world.current(world.add_facility(), Channel.HOME_VISIT)
    assert _decoded(world.prints.qr_png(current)).text == world.reception.address(current)


def test_an_image_is_made_once_for_each_version_and_address(
    world: World, clock: FixedClock, drawings: list[str]
) -> None:
    facility = world.add_facility()
    first = world.current(facility, Channel.HOME_VISIT)
    kept = [world.prints.qr_png(first) for _ in range(3)]
    assert len(set(kept)) == 1
    second = world.reception.change(
        UrlAct.ROTATE, facility.id, Channel.HOME_VISIT, expected=first.id, actor="a", reason="x"
    ).current
    world.prints.qr_png(second)
    world.prints.qr_png(first)
    moved = make_world(world.database, clock, origin="https://new.example")
    rekeyed = make_world(world.database, clock, Keyring(("x" * 32, "n" * 32)))
    for other in (moved, rekeyed, moved, rekeyed):
        other.prints.qr_png(first)
    assert drawings == [
        world.reception.address(first),
        world.reception.address(second),
        moved.reception.address(first),
        rekeyed.reception.address(first),
    ]


def test_posters_carry_the_symbol_that_was_made_once(world: World, drawings: list[str]) -> None:
    facility = world.add_facility()
    current = world.current(facility, Channel.ONLINE)
    symbol = qr_modules(world.prints.qr_png(current))
    contents = [world.prints.poster_content(facility, current) for _ in range(3)]
    assert [content.symbol for content in contents] == [symbol] * 3
    for layout in (Layout.A4, Layout.A4, Layout.CARD):
        world.prints.poster_pdf(facility, current, layout)
    assert drawings == [world.reception.address(current)]


def test_two_processes_may_draw_the_same_image_at_once(any_world: World) -> None:
    current = any_world.current(any_world.add_facility(), Channel.ONLINE)
    with ThreadPoolExecutor(4) as pool:
        images = set(pool.map(any_world.prints.qr_png, [current] * 8))
    assert len(images) == 1
