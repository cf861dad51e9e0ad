"""The diagnosis: what it finds, what it says to do, and what it never tells."""

import getpass
import platform
import re
from dataclasses import dataclass, replace
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given

from tests.cardbridge.cards import PIN
from tests.cardbridge.server.rig import PORT, Rig, page_name
from zaitaku.cardbridge.card.transport import (
    CardConnection,
    CardPresence,
    CardTrouble,
    NoReader,
    NoService,
    ReaderFacts,
    ReaderFault,
)
from zaitaku.cardbridge.reading.observations import TROUBLES_KEPT, Observations, Trouble
from zaitaku.cardbridge.web import diagnosis as room
from zaitaku.cardbridge.web.bridge import EXTENSION
from zaitaku.cardbridge.web.diagnosis import Diagnosis, Finding, State, system_name, without_serial
from zaitaku.cardbridge.web.words import Language, Words

WORDS = Words.load()
SERIAL = "53311942702331"
READER = ReaderFacts(
    f"SCM Microsystems Inc. SCR 3310 [CCID Interface] ({SERIAL}) 00 00",
    vendor="Identiv",
    driver="1.5.2",
    card=CardPresence.PRESENT,
)


@dataclass
class Readers:
    """A reader service that says what it is told to."""

    found: tuple[ReaderFacts, ...] = ()
    trouble: CardTrouble | None = None

    def facts(self) -> tuple[ReaderFacts, ...]:
        if self.trouble is not None:
            raise self.trouble
        return self.found

    def readers(self) -> list[str]:
        raise NoReader

    def connect(self, reader: str) -> CardConnection:
        raise NoReader


def seen(rig: Rig) -> Diagnosis:
    with rig.app.app_context():
        return room.diagnose(rig.app.extensions[EXTENSION])


def with_readers(rig: Rig, readers: Readers) -> Rig:
    return Rig(rig.site, readers, rig.state)


def told(diagnosis: Diagnosis) -> dict[str, Finding]:
    return {finding.subject: finding for finding in diagnosis.findings()}


@pytest.mark.parametrize(
    ("presence", "state", "page"),
    [
        (CardPresence.PRESENT, State.GOOD, ""),
        (CardPresence.EMPTY, State.CHECK, "no-card"),
        (CardPresence.MUTE, State.CHECK, "card-unresponsive"),
        (CardPresence.IN_USE, State.CHECK, "card-busy"),
        (CardPresence.UNKNOWN, State.UNKNOWN, ""),
    ],
)
def test_what_lies_in_the_reader_is_told(
    rig: Rig, presence: CardPresence, state: State, page: str
) -> None:
    mine = with_readers(rig, Readers((replace(READER, card=presence),)))
    found = told(seen(mine))
    assert (found["card"].state, found["card"].page) == (state, page)
    assert found["reader"].state is State.GOOD
    assert f"card {presence}" in seen(mine).report()


@pytest.mark.parametrize("trouble", [NoService(), NoReader(), ReaderFault()])
def test_readers_that_cannot_be_listed_are_told_of(rig: Rig, trouble: CardTrouble) -> None:
    mine = with_readers(rig, Readers(trouble=trouble))
    found = told(seen(mine))
    is_stopped = isinstance(trouble, NoService)
    assert found["service"].state is (State.CHECK if is_stopped else State.GOOD)
    assert found["service" if is_stopped else "reader"].page == trouble.code
    assert trouble.code in seen(mine).report()
    answer = mine.get("/diagnosis")
    assert answer.status_code == 200
    assert WORDS.speaker(Language.JAPANESE).lines(f"{trouble.code}.steps")[0] in answer.text


@pytest.mark.parametrize(("shift", "state"), [(0, State.GOOD), (86_400, State.CHECK)])
def test_the_clock_is_compared_with_the_site_that_asked_last(
    rig: Rig, shift: float, state: State
) -> None:
    assert told(seen(rig))["clock"].state is State.UNKNOWN
    rig.shift = shift
    rig.read(rig.token())
    assert told(seen(rig))["clock"].state is state
    difference = re.search(r"clock-difference-seconds: ([+-][0-9]+)", seen(rig).report())
    assert difference is not None
    assert abs(int(difference[1]) + shift) <= 5


def test_a_memory_that_cannot_be_read_and_a_bridge_without_sites_are_told_of(rig: Rig) -> None:
    rig.state.mkdir(exist_ok=True)
    (rig.state / "sites.json").write_text("{")
    found = told(seen(rig))
    assert found["memory"].state is State.CHECK
    assert found["sites"].state is State.GOOD
    nobody = Rig(rig.site, rig.readers, rig.state, extra={"test_origins": frozenset()})
    assert told(seen(nobody))["sites"].state is State.CHECK


def test_troubles_are_remembered_by_code_and_time(rig: Rig) -> None:
    rig.read("nonsense")
    rig.get("/nowhere")
    rig.get("/nowhere")
    codes = [trouble.code for trouble in seen(rig).troubles]
    assert codes == ["not-found", "malformed"]
    page = rig.get("/diagnosis").text
    assert "<dd>読み取りの依頼を受け取れませんでした</dd>" in page
    assert page.count("malformed") == 1  # in the report
    assert re.search(r"trouble: .* malformed", page)


def test_an_unusual_port_is_not_called_all_right(rig: Rig) -> None:
    assert told(seen(rig))["port"].state is State.GOOD
    elsewhere = replace(seen(rig), port=PORT + 1000)
    assert told(elsewhere)["port"].state is State.CHECK


@pytest.mark.parametrize("language", Language)
def test_its_steps_name_the_button_that_it_has(rig: Rig, language: Language) -> None:
    speaker = WORDS.speaker(language)
    assert speaker.plain("diagnosis.again") == speaker.plain("common.retry")
    empty = with_readers(rig, Readers((replace(READER, card=CardPresence.EMPTY),)))
    page = empty.get("/diagnosis", lang=language).text
    assert str(speaker.lines("no-card.steps")[-1]) in page


def test_pages_that_are_no_trouble_are_not_remembered(rig: Rig) -> None:
    opened = rig.opened()
    opened.page()
    opened.cancel()
    rig.get("/")
    rig.get("/diagnosis")
    assert seen(rig).troubles == ()


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 9)), max_size=40))
def test_only_the_latest_are_kept_newest_first(noted: list[tuple[str, int]]) -> None:
    observations = Observations()
    merged: list[Trouble] = []
    for code, at in noted:
        observations.note_trouble(code, at)
        if merged and merged[-1].code == code:
            merged.pop()
        merged.append(Trouble(code, at))
    assert observations.troubles == tuple(reversed(merged[-TROUBLES_KEPT:]))


def test_the_report_tells_nothing_private(rig: Rig, tmp_path: Path) -> None:
    mine = with_readers(rig, Readers((READER,)))
    opened = mine.opened()
    opened.enter(PIN)
    mine.get("/nowhere")
    for text in (seen(mine).report(), mine.get("/diagnosis").text):
        assert SERIAL not in text
        assert "SCR 3310" in text
        for private in (platform.node(), str(Path.home()), str(tmp_path), mine.site.origin, PIN):
            assert private not in text
        assert not re.search(rf"\b{re.escape(getpass.getuser())}\b", text)
        assert "c-1" not in text


@given(st.text(), st.from_regex(r"[0-9]{6,16}", fullmatch=True), st.text())
def test_a_serial_number_never_stays_in_a_name(before: str, serial: str, after: str) -> None:
    assert serial not in without_serial(f"{before} ({serial}) {after}")
    assert serial not in without_serial(f"{before} {serial} {after}")


@given(
    st.text(),
    st.from_regex(r"(?=[0-9]*[A-Z])(?=[A-Z]*[0-9])[0-9A-Z]{8,20}", fullmatch=True).filter(
        lambda serial: not serial.startswith(("ACR", "SCR", "SCL", "CIR", "ADR"))
    ),
)
def test_a_serial_number_of_letters_and_digits_never_stays(before: str, serial: str) -> None:
    for name in (f"{before} {serial} 00 00", f"{before}:{serial}_0", f"{before} ({serial}) 0"):
        assert serial not in without_serial(name)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Reader SN:AB12CD34EF 00 00", "Reader … 00 00"),
        ("Reader 1A2B3C4D5E 0", "Reader … 0"),
        ("Reader S/N: AB-12 0", "Reader … 0"),
        ("Reader serial number AB12 0", "Reader … 0"),
        ("Reader 1A2B-3C4D-5E6F 0", "Reader … 0"),
        ("Reader 00:1a:2b:3c:4d:5e 0", "Reader … 0"),
        ("Reader_ABCD1234EF_0", "Reader_…_0"),
    ],
)
def test_serial_numbers_of_any_form_are_hidden(name: str, shown: str) -> None:
    assert without_serial(name) == shown


@pytest.mark.parametrize(
    "name",
    [
        *("ACS ACR39U ICC Reader 00 00", "Sony FeliCa Port/PaSoRi 4.0 0", "NTT Com SCR3310-v2"),
        *(
            "ACS ACR1252U 00 00",
            "SCM SCR331DI 0",
            "SONY FeliCa RC-S300/P 0",
            "SCR3310v2",
            "CIR315A",
        ),
        *("HID Global OMNIKEY 3x21 Smart Card Reader 0", "Gemalto PC Twin Reader 00 00"),
    ],
)
def test_names_of_common_readers_stay_readable(name: str) -> None:
    assert without_serial(name) == name


def test_brackets_go_with_what_stands_in_them_and_long_names_are_cut() -> None:
    assert without_serial("a [b (c) d] e") == "a e"
    assert len(without_serial("x" * 500)) <= room.NAME_LIMIT


def test_the_system_is_named_without_the_computer() -> None:
    assert platform.machine() in system_name()
    assert platform.node() not in system_name()


@pytest.mark.parametrize("language", Language)
def test_every_finding_has_its_words(rig: Rig, language: Language) -> None:
    pads = tuple(replace(READER, has_pinpad=True, card=presence) for presence in CardPresence)
    for readers in (Readers(pads), Readers((READER,)), Readers(trouble=NoService())):
        mine = with_readers(rig, readers)
        for difference in (None, 0.4, 500.0):
            if difference is not None:
                mine.app.extensions[EXTENSION].observations.note_clock(difference)
            answer = mine.get("/diagnosis", lang=language.value)
            assert answer.status_code == 200
            assert page_name(answer) == "diagnosis"
            assert "$" not in answer.text


def test_every_trouble_leads_to_the_diagnosis_and_from_there_back(rig: Rig) -> None:
    assert "/diagnosis?" in rig.get("/").text
    assert "/diagnosis?" in rig.read("nonsense").text
    opened = rig.opened()
    reading = opened.path.rsplit("/", 1)[1]
    answer = rig.get("/diagnosis", reading=reading, lang="en")
    assert f'href="{opened.path}"' in answer.text
    assert 'lang="en"' in answer.text
    assert opened.path not in rig.get("/diagnosis", reading="gone").text


def test_another_page_cannot_look_at_it(rig: Rig) -> None:
    framed = rig.get_as("/diagnosis", {"Sec-Fetch-Dest": "iframe", "Sec-Fetch-Site": "cross-site"})
    assert framed.status_code == 403
    fetched = rig.get_as("/diagnosis", {"Sec-Fetch-Dest": "empty", "Sec-Fetch-Site": "cross-site"})
    assert fetched.status_code == 403
