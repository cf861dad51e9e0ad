"""A PIN is nowhere but in the card: no log, no file, no answer, no exception, no memory of ours."""

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cardbridge.cards import Material, make_card, typed
from tests.cardbridge.hooks import HookedService, Moment
from tests.cardbridge.server.rig import Rig, choices
from tests.e2e.traces import traces
from zaitaku.cardbridge.card import apdu, cardwork
from zaitaku.cardbridge.card import pin as pin_room
from zaitaku.cardbridge.card.apdu import Command, Response
from zaitaku.cardbridge.card.cardwork import CardWork, NotInsisted
from zaitaku.cardbridge.card.jpki import CardChanged, PinLocked
from zaitaku.cardbridge.card.pin import pin_from
from zaitaku.cardbridge.card.transport import CardConnection, CardTrouble, ReaderFacts
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
    left = {
        "answer": answer,
        "log": own_lines(caplog),
        "printed": "".join(capfd.readouterr()),
        "environment": repr(dict(os.environ)),
        **{str(path): path.read_text("utf-8") for path in kept_files(tmp_path)},
    }
    for pin in (MARKED, OTHER):
        assert traces(pin, {place: text.encode() for place, text in left.items()}) == set()


def test_a_line_with_the_command_to_the_card_would_be_found(
    marked: Rig, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    sent = apdu._send

    def send_and_log(connection: CardConnection, command: Command) -> Response:
        logging.getLogger("zaitaku.cardbridge").info("APDU: %s", command.encode().hex(" "))
        return sent(connection, command)

    monkeypatch.setattr(apdu, "_send", send_and_log)
    succeed(marked)
    assert traces(MARKED, {"log": own_lines(caplog).encode()}) == {("log", "hex")}


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


@pytest.fixture
def buffers(monkeypatch: pytest.MonkeyPatch) -> list[bytearray]:
    """Every byte buffer that the bridge makes on the PIN's way from the form to the card.

    The garbage collector does not list them: they are watched where they are made.
    """
    made: list[bytearray] = []

    class Watched(bytearray):
        def __init__(self, *content: Any) -> None:
            super().__init__(*content)
            made.append(self)

    for room in (pin_room, cardwork, apdu):
        monkeypatch.setattr(room, "bytearray", Watched, raising=False)
    return made


def holding(buffers: list[bytearray]) -> list[bytes]:
    return [bytes(buffer) for buffer in buffers if MARKED.encode() in buffer]


@pytest.mark.parametrize("way", WAYS)
def test_no_byte_buffer_keeps_the_pin_after_a_reading(
    marked: Rig, buffers: list[bytearray], way: Callable[[Rig], str]
) -> None:
    way(marked)
    assert holding(buffers) == []
    assert len(buffers) >= (0 if way in {post_to_a_stranger, post_without_a_token} else 1)


@pytest.mark.parametrize(
    "case",
    [(1, "", NotInsisted), (3, "0" * 64, CardChanged), (0, "", PinLocked)],
)
def test_the_sessions_own_copy_is_wiped_when_nothing_was_shown(
    tmp_path: Path,
    material: Material,
    buffers: list[bytearray],
    case: tuple[int, str, type[Exception]],
) -> None:
    tries, mark, refusal = case
    card = make_card(tmp_path / "card.json", material, pin=MARKED, tries=tries)
    reader = VirtualReader()
    reader.insert(card)
    work = CardWork(InProcessService(reader))
    with pytest.raises(refusal):
        work.sign(typed(MARKED), b"statement", insisted=False, mark=mark)
    assert card.tries == tries
    own = [buffer for buffer in buffers if buffer == bytes(4)]
    assert own
    assert holding(buffers) == []


def test_a_buffer_that_is_not_wiped_would_be_found(
    marked: Rig, buffers: list[bytearray], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cardwork, "wipe", lambda _: None)
    with pytest.raises(CardChanged):
        CardWork(marked.readers).sign(typed(MARKED), b"", insisted=False, mark="0" * 64)
    assert holding(buffers) == [MARKED.encode()]


@given(st.text(alphabet="0123456789０１２３４５６７８９ 　-－ー", max_size=12))
def test_four_digits_are_found_among_fillers(text: str) -> None:
    digits = [str(int(character)) for character in text if character.isdecimal()]
    expected = bytearray("".join(digits), "ascii") if len(digits) == 4 else None
    assert pin_from(text) == expected


@given(st.text(max_size=8))
def test_whatever_is_typed_a_pin_is_four_ascii_digits_or_nothing(text: str) -> None:
    pin = pin_from(text)
    assert pin is None or (len(pin) == 4 and all(byte in b"0123456789" for byte in pin))
