"""Several readers: which card is held, which are let go, and what is remembered."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cardbridge.cards import Material, make_card, make_material, typed
from zaitaku.cardbridge.card.cardwork import CardState, CardWork
from zaitaku.cardbridge.card.finding import found_card
from zaitaku.cardbridge.card.jpki import CardChanged, NotMyNumberCard
from zaitaku.cardbridge.card.transport import CardTrouble, ChooseReader, NoCard, NoReader
from zaitaku.cardbridge.reading.preferences import Preferences
from zaitaku.cardbridge.virtual.cardfile import CardKind
from zaitaku.cardbridge.virtual.inprocess import InProcessService
from zaitaku.cardbridge.virtual.reader import VirtualReader

NAMES = ("left", "middle", "right")
STATEMENT = b"what the patient agreed to"


class Readers:
    """Three readers; each holds a card of some kind, or none."""

    def __init__(self, folder: Path, material: Material, kinds: Sequence[CardKind | None]) -> None:
        self.readers = [VirtualReader(name) for name in NAMES]
        self.service = InProcessService(*self.readers)
        for reader, kind in zip(self.readers, kinds, strict=True):
            if kind is not None:
                path = folder / f"{reader.name}.json"
                reader.insert(make_card(path, material, kind=kind.value))

    def tries(self) -> list[int | None]:
        """The tries of each card."""
        return [reader.card.tries if reader.card else None for reader in self.readers]

    def are_free(self) -> bool:
        """Whether every card can be taken, and is given back."""
        for reader in self.readers:
            if reader.card is not None:
                reader.release(reader.take())
        return True


MINE, OTHER = CardKind.JPKI, CardKind.LICENCE


def test_one_card_among_several_readers_is_found(tmp_path: Path, material: Material) -> None:
    made = Readers(tmp_path, material, [None, OTHER, MINE])
    view = CardWork(made.service).look()
    assert (view.page, view.reader, view.readers) == ("pin", "right", NAMES)
    assert made.are_free()


def test_two_cards_are_asked_about(tmp_path: Path, material: Material) -> None:
    made = Readers(tmp_path, material, [MINE, None, MINE])
    work = CardWork(made.service)
    view = work.look()
    assert (view.state, view.page) == (CardState.TROUBLE, "choose-reader")
    assert (view.reader, view.readers) == ("", ("left", "right"))
    pin = typed()
    with pytest.raises(ChooseReader):
        work.sign(pin, STATEMENT, insisted=False)
    assert pin == bytearray(4)
    assert made.are_free()


@pytest.mark.parametrize("name", ["left", "right"])
def test_the_one_that_was_chosen_is_read(tmp_path: Path, material: Material, name: str) -> None:
    made = Readers(tmp_path, material, [MINE, None, MINE])
    work = CardWork(made.service)
    assert work.look(name).reader == name
    assert work.sign(typed(), STATEMENT, insisted=False, reader=name).signature
    assert made.are_free()


def test_a_chosen_reader_without_the_card_does_not_hide_another(
    tmp_path: Path, material: Material
) -> None:
    made = Readers(tmp_path, material, [None, MINE, None])
    work = CardWork(made.service)
    assert work.look("left").reader == "middle"
    assert work.look("unplugged since").reader == "middle"


def test_a_pin_goes_to_no_other_reader_than_the_one_that_was_shown(
    tmp_path: Path, material: Material
) -> None:
    made = Readers(tmp_path, material, [None, MINE, OTHER])
    work = CardWork(made.service)
    troubles: dict[str, type[CardTrouble]] = {
        "left": NoCard,
        "right": NotMyNumberCard,
        "unplugged": NoReader,
    }
    for name, trouble in troubles.items():
        with pytest.raises(trouble):
            work.sign(typed("0000"), STATEMENT, insisted=False, reader=name)
    assert made.tries() == [None, 3, 3]


class TestAnotherCard:
    def swapped(self, tmp_path: Path, material: Material, kind: str) -> tuple[VirtualReader, str]:
        """A reader whose card was exchanged after it was seen, and the mark of the first."""
        reader = VirtualReader()
        first = make_card(tmp_path / "first.json", material, kind=kind)
        reader.insert(first)
        self.work = CardWork(InProcessService(reader))
        view = self.work.look()
        assert first.card.pin not in view.mark
        reader.insert(make_card(tmp_path / "second.json", make_material(), pin="5555"))
        return reader, view.mark

    def test_it_is_not_shown_a_pin(self, tmp_path: Path, material: Material) -> None:
        reader, mark = self.swapped(tmp_path, material, "jpki")
        pin = typed()
        with pytest.raises(CardChanged):
            self.work.sign(pin, STATEMENT, insisted=False, mark=mark)
        assert pin == bytearray(4)
        assert reader.card is not None
        assert reader.card.tries == 3
        mine = self.work.look().mark
        assert mine != mark
        assert self.work.sign(typed("5555"), STATEMENT, insisted=False, mark=mine).signature

    def test_the_same_card_may_come_back(self, tmp_path: Path, material: Material) -> None:
        made = Readers(tmp_path, material, [None, MINE, None])
        work = CardWork(made.service)
        mark = work.look().mark
        card = made.readers[1].card
        assert card is not None
        made.readers[1].insert(card)
        assert work.look().mark == mark
        assert work.sign(typed(), STATEMENT, insisted=False, mark=mark).signature

    @pytest.mark.parametrize(("first", "second"), [("jpki", "android"), ("android", "jpki")])
    def test_a_phone_is_no_card_and_a_card_no_phone(
        self, tmp_path: Path, material: Material, first: str, second: str
    ) -> None:
        reader, mark = self.swapped(tmp_path, material, first)
        reader.insert(make_card(tmp_path / "third.json", make_material(), kind=second))
        for shown in (mark, ""):
            with pytest.raises(CardChanged):
                self.work.sign(typed(), STATEMENT, insisted=False, mark=shown)
        assert reader.card is not None
        assert reader.card.tries == 3

    def test_phones_are_told_apart_by_their_readers_only(
        self, tmp_path: Path, material: Material
    ) -> None:
        made = Readers(tmp_path, material, [CardKind.ANDROID, None, CardKind.ANDROID])
        work = CardWork(made.service)
        left, right = work.look("left"), work.look("right")
        assert left.mark == work.look("left").mark != right.mark
        with pytest.raises(CardChanged):
            work.sign(typed("0000"), STATEMENT, insisted=False, reader="right", mark=left.mark)
        assert made.tries() == [3, None, 3]
        assert work.sign(
            typed(), STATEMENT, insisted=False, reader="left", mark=left.mark
        ).signature

    def test_a_mark_means_nothing_to_another_bridge(
        self, tmp_path: Path, material: Material
    ) -> None:
        made = Readers(tmp_path, material, [None, MINE, None])
        marks = {CardWork(made.service).look().mark for _ in range(2)}
        assert len(marks) == 2
        assert not any(mark in repr(CardWork(made.service).look()) for mark in marks)


@pytest.mark.parametrize(
    ("kinds", "page"),
    [
        ([None, None, None], "no-card"),
        ([None, OTHER, None], "drivers-licence"),
        ([None, CardKind.OTHER, CardKind.NO_PIN], "no-pin-card"),
    ],
)
def test_the_trouble_that_helps_most_is_told(
    tmp_path: Path, material: Material, kinds: list[CardKind | None], page: str
) -> None:
    assert CardWork(Readers(tmp_path, material, kinds).service).look().page == page


@given(
    kinds=st.lists(st.sampled_from([None, MINE, OTHER]), min_size=3, max_size=3),
    preferred=st.sampled_from([None, *NAMES, "none of them"]),
    only=st.sampled_from([None, *NAMES]),
)
def test_a_card_is_held_only_where_it_is_meant_and_none_stays_held(
    material: Material,
    tmp_path_factory: pytest.TempPathFactory,
    kinds: list[CardKind | None],
    preferred: str | None,
    only: str | None,
) -> None:
    made = Readers(tmp_path_factory.mktemp("readers"), material, kinds)
    mine = [name for name, kind in zip(NAMES, kinds, strict=True) if kind is MINE]
    allowed = [name for name in mine if only in (None, name)]
    meant = preferred if preferred in allowed else allowed[0] if len(allowed) == 1 else None
    try:
        with found_card(made.service, preferred=preferred, only=only) as found:
            assert found.reader == meant
            assert found.card.tries_left() == 3
    except ChooseReader as several:
        assert meant is None
        assert list(several.readers) == allowed
    except CardTrouble:
        assert allowed == []
    assert made.are_free()


class TestRemembering:
    def test_the_chosen_reader(self, tmp_path: Path) -> None:
        folder = tmp_path / "state"
        assert Preferences(folder).reader() is None
        Preferences(folder).remember_reader("ACME リーダー 00 00")
        assert Preferences(folder).reader() == "ACME リーダー 00 00"
        assert {path.name for path in folder.iterdir()} == {"preferences.json"}
        assert folder.stat().st_mode & 0o777 == 0o700
        assert (folder / "preferences.json").stat().st_mode & 0o777 == 0o600

    @pytest.mark.parametrize(
        "content",
        [b"", b"{", b"[]", b"\xff", b'{"reader": 1}', b'{"reader": ""}', b"null"],
    )
    def test_what_cannot_be_read_is_forgotten(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "preferences.json").write_bytes(content)
        assert Preferences(tmp_path).reader() is None
        Preferences(tmp_path).remember_reader("left")
        assert Preferences(tmp_path).reader() == "left"

    def test_what_cannot_be_written_is_no_failure(self, tmp_path: Path) -> None:
        (tmp_path / "state").write_text("a file where the folder should be")
        Preferences(tmp_path / "state").remember_reader("left")
        assert Preferences(tmp_path / "state").reader() is None

    @pytest.mark.parametrize("name", ["", "x" * 300])
    def test_what_is_no_name_of_a_reader_changes_nothing(self, tmp_path: Path, name: str) -> None:
        Preferences(tmp_path).remember_reader("left")
        Preferences(tmp_path).remember_reader(name)
        assert json.loads((tmp_path / "preferences.json").read_text()) == {"reader": "left"}
