"""A PIN is nowhere but in the card: no log, no file, no answer, no exception, no memory of ours."""

import gc
import logging
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cardbridge.cards import Material, make_card, typed
from tests.cardbridge.hooks import HookedService, Moment
from tests.cardbridge.server.rig import Rig, choices
from zaitaku.cardbridge.card.cardwork import CardWork, NotInsisted
from zaitaku.cardbridge.card.pin import pin_from
from zaitaku.cardbridge.card.transport import CardTrouble, ReaderFacts
from zaitaku.cardbridge.virtual.inprocess import InProcessService
from zaitaku.cardbridge.virtual.reader import VirtualReader
from zaitaku.cardbridge.web import reading_views

MARKED = "7359"
OTHER = "7358"


@pytest.fixture
def marked(rig: Rig, tmp_path: Path, material: Material) -> Rig:
    """A bridge with a card whose PIN can be told apart from everything else."""
    card = make_card(tmp_path / "cards.json", material, pin=MARKED)
    reader = VirtualReader()
    reader.insert(card)
    return Rig(rig.site, InProcessService(reader), tmp_path / "state")


def succeed(rig: Rig) -> str:
    return rig.opened().enter(MARKED).text


def miss(rig: Rig) -> str:
    return rig.opened().enter(OTHER).text


def mistype(rig: Rig) -> str:
    return rig.opened().enter(MARKED + "0").text


def fail_to_send(rig: Rig) -> str:
    rig.site.proof_status = 500
    return rig.opened().enter(MARKED).text


def crash(rig: Rig) -> str:
    opened = rig.opened()
    fields = opened.fields()
    rig.app.extensions["zaitaku-bridge"].cards._readers = Crashing()
    return rig.post(f"{opened.path}/pin", **fields, pin=MARKED).text


def post_to_a_stranger(rig: Rig) -> str:
    return rig.post("/reading/unknown/pin", pin=MARKED).text


def post_without_a_token(rig: Rig) -> str:
    return rig.post(f"{rig.opened().path}/pin", pin=MARKED).text


class Crashing:
    """Readers that fail in a way that nobody foresees, with the caller's values in reach."""

    def readers(self) -> list[str]:
        raise ValueError(f"no reader for {MARKED}")

    def connect(self, reader: str) -> None:
        raise AssertionError(reader)

    def facts(self) -> tuple[ReaderFacts, ...]:
        return ()


WAYS = [succeed, miss, mistype, fail_to_send, crash, post_to_a_stranger, post_without_a_token]


@pytest.mark.parametrize("way", WAYS)
def test_a_pin_is_in_no_log_line_no_answer_and_no_file(
    marked: Rig,
    way: Callable[[Rig], str],
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    answer = way(marked)
    printed = "".join(capfd.readouterr())
    for pin in (MARKED, OTHER):
        assert pin not in answer
        assert pin not in own_lines(caplog)
        assert pin not in printed
        assert [path for path in kept_files(tmp_path) if pin in path.read_text("utf-8")] == []


def own_lines(caplog: pytest.LogCaptureFixture) -> str:
    """Return what was logged, but for the fake site's own lines, which name ports and times."""
    records = [record for record in caplog.records if not record.name.startswith("werkzeug")]
    return "\n".join(logging.Formatter().format(record) for record in records)


def kept_files(folder: Path) -> list[Path]:
    return [path for path in (folder / "state").rglob("*") if path.is_file()]


def test_no_certificate_request_or_document_is_logged(
    marked: Rig, material: Material, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    token = marked.token()
    marked.read(token)
    succeed(marked)
    lines = own_lines(caplog)
    assert "reading done" in lines
    for secret in (material.certificate.hex()[:40], token[-40:], choices()[0].wording, "5a5a5a"):
        assert secret not in lines


def answers(readers: InProcessService, pin: bytearray, *, insisted: bool) -> None:
    try:
        CardWork(readers).sign(pin, b"statement", insisted=insisted)
    except (CardTrouble, NotInsisted):
        return


@pytest.mark.parametrize("digits", [MARKED, OTHER])
@pytest.mark.parametrize("tries", [0, 1, 3])
@pytest.mark.parametrize("insisted", [True, False])
def test_the_pin_is_wiped_whatever_happens(
    tmp_path: Path, material: Material, digits: str, tries: int, insisted: bool
) -> None:
    reader = VirtualReader()
    reader.insert(make_card(tmp_path / "card.json", material, pin=MARKED, tries=tries))
    pin = typed(digits)
    answers(InProcessService(reader), pin, insisted=insisted)
    assert pin == bytearray(4)


def test_the_pin_is_wiped_when_the_card_is_gone_or_the_reader_crashes(
    tmp_path: Path, material: Material
) -> None:
    pin = typed(MARKED)
    answers(InProcessService(), pin, insisted=False)
    assert pin == bytearray(4)
    reader = VirtualReader()
    reader.insert(make_card(tmp_path / "card.json", material, pin=MARKED))

    def crash_late(number: int, moment: Moment) -> None:
        if number == 5:
            raise ValueError

    again = typed(MARKED)
    with pytest.raises(ValueError, match=r"^$"):
        CardWork(HookedService(reader, hook=crash_late)).sign(again, b"", insisted=False)
    assert again == bytearray(4)


def stale(rig: Rig, fields: dict[str, str], path: str) -> None:
    answer = rig.post(path, **{**fields, "turn": "7"}, pin=MARKED)
    assert "カードには触れていません" in answer.text


def cut_off(rig: Rig, fields: dict[str, str], path: str) -> None:
    assert rig.post(path, **{**fields, "token": "x"}, pin=MARKED).status_code == 403


def finished_before(rig: Rig, fields: dict[str, str], path: str) -> None:
    rig.post(path.replace("/pin", "/cancel"), token=fields["token"])
    assert rig.post(path, **fields, pin=MARKED).status_code == 303


@pytest.mark.parametrize("way", [stale, cut_off, finished_before])
def test_a_pin_that_never_reaches_the_card_is_wiped_too(
    marked: Rig,
    monkeypatch: pytest.MonkeyPatch,
    way: Callable[[Rig, dict[str, str], str], None],
) -> None:
    made: list[bytearray | None] = []

    def kept(text: str) -> bytearray | None:
        made.append(pin_from(text))
        return made[-1]

    monkeypatch.setattr(reading_views, "pin_from", kept)
    opened = marked.opened()
    way(marked, opened.fields(), f"{opened.path}/pin")
    assert all(pin == bytearray(4) for pin in made)
    assert len(made) == (0 if way is cut_off else 1)


def test_no_byte_buffer_keeps_the_pin_after_a_reading(marked: Rig) -> None:
    succeed(marked)
    gc.collect()
    left = [found for found in gc.get_objects() if isinstance(found, bytearray)]
    assert [bytes(found) for found in left if MARKED.encode() in found] == []


@given(st.text(alphabet="0123456789０１２３４５６７８９ 　-－ー", max_size=12))
def test_four_digits_are_found_among_fillers(text: str) -> None:
    digits = [str(int(character)) for character in text if character.isdecimal()]
    expected = bytearray("".join(digits), "ascii") if len(digits) == 4 else None
    assert pin_from(text) == expected


@given(st.text(max_size=8))
def test_whatever_is_typed_a_pin_is_four_ascii_digits_or_nothing(text: str) -> None:
    pin = pin_from(text)
    assert pin is None or (len(pin) == 4 and all(byte in b"0123456789" for byte in pin))
