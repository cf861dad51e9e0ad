"""Our PC/SC transport against a real pcscd with the virtual reader, in namespaces of its own."""

import dataclasses
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

from tests.cardbridge.cards import PIN, WRONG_PIN, Material, make_card, my_number_card, typed
from tests.e2e.traces import traces
from tests.pcscd import (
    READER,
    card_in_pcscd,
    log_of,
    pcscd,
    wait_for,
    wait_for_card,
    wait_for_no_card,
)
from zaitaku.cardbridge.card.cardwork import CardWork
from zaitaku.cardbridge.card.jpki import JpkiCard, PinRequired, PinWrong
from zaitaku.cardbridge.card.transport import (
    CardBusy,
    CardConnection,
    CardPresence,
    CardRemoved,
    CardTrouble,
    NoCard,
    NoReader,
    NoService,
    ReaderFacts,
    TransportTrouble,
)
from zaitaku.cardbridge.pcsc.service import PcscService
from zaitaku.cardbridge.virtual.card import VirtualCard
from zaitaku.cardbridge.virtual.cardfile import CardFile, CardKind
from zaitaku.cardbridge.virtual.reader import VirtualReader

DATA = b"what the patient agreed to"


@pytest.fixture
def plugged(virtual_reader: VirtualReader) -> Iterator[VirtualReader]:
    """The ordinary card, in the running daemon's reader."""
    with pcscd(), card_in_pcscd(virtual_reader):
        yield virtual_reader


def fast() -> PcscService:
    """The real service, which does not wait for a busy card."""
    return PcscService(patience=0)


@pytest.mark.pcscd
@pytest.mark.enable_socket
class TestRealDaemon:
    def test_reads_certificate_and_signs(self, plugged: VirtualReader, material: Material) -> None:
        assert READER in fast().readers()
        with my_number_card(fast()) as card:
            assert card.tries_left() == 3
            card.verify_pin(typed())
            assert card.auth_certificate() == material.certificate
            signature = card.sign(DATA)
        material.public_key.verify(signature, DATA, PKCS1v15(), hashes.SHA256())

    def test_a_verified_pin_does_not_outlive_the_session(self, plugged: VirtualReader) -> None:
        with my_number_card(fast()) as card:
            card.verify_pin(typed())
        with closing(fast().connect(READER)) as connection:
            assert connection.transmit(bytes.fromhex("00a4020c020017")).hex() == "6a82"
        with my_number_card(fast()) as card, pytest.raises(PinRequired):
            card.sign(DATA)

    def test_wrong_pins_count(self, plugged: VirtualReader, tmp_path: Path) -> None:
        with my_number_card(fast()) as card:
            with pytest.raises(PinWrong) as refused:
                card.verify_pin(typed(WRONG_PIN))
            assert refused.value.tries_left == card.tries_left() == 2
        assert CardFile.load(tmp_path / "card.json").tries == 2

    def test_a_second_opener_is_told_that_the_card_is_busy(self, plugged: VirtualReader) -> None:
        with closing(fast().connect(READER)), pytest.raises(CardBusy):
            fast().connect(READER)
        wait_for_card()

    def test_a_program_elsewhere_is_kept_out_too(self, plugged: VirtualReader) -> None:
        with closing(fast().connect(READER)):
            other = subprocess.run(
                ["opensc-tool", "--reader", READER, "--name"], capture_output=True, check=False
            )
        assert other.returncode != 0

    def test_no_service(self) -> None:
        with pytest.raises(NoService):
            fast().readers()
        with pytest.raises(NoService):
            fast().connect(READER)

    def test_no_reader(self) -> None:
        with pcscd(readers=False), pytest.raises(NoReader):
            fast().readers()

    def test_no_card_and_no_such_reader(self) -> None:
        with pcscd():
            with pytest.raises(NoCard):
                fast().connect(READER)
            with pytest.raises(NoReader):
                fast().connect("a reader that was unplugged")
            with pytest.raises(NoCard), my_number_card(fast()):
                pytest.fail("there is no card")

    def test_the_daemon_ends_during_a_session(self, virtual_reader: VirtualReader) -> None:
        with pcscd(), card_in_pcscd(virtual_reader):
            connection = fast().connect(READER)
        with pytest.raises(TransportTrouble):
            JpkiCard(connection)
        connection.close()

    @pytest.mark.parametrize("step", ["select", "verify", "certificate", "sign"])
    def test_a_pulled_card_is_told_and_costs_no_try(
        self, plugged: VirtualReader, card: VirtualCard, step: str
    ) -> None:
        connection = fast().connect(READER)
        with closing(connection), pytest.raises(CardRemoved):
            _pull_before(step, connection, plugged)
        assert card.tries == 3
        wait_for_no_card()
        plugged.insert(card)
        wait_for_card()
        with my_number_card(fast()) as again:
            assert again.tries_left() == 3

    def test_cards_can_be_swapped_at_run_time(
        self, plugged: VirtualReader, card: VirtualCard
    ) -> None:
        locked = VirtualCard(dataclasses.replace(card.card, tries=0, path=None))
        plugged.insert(locked)
        tries = 3
        deadline = time.monotonic() + 10
        while tries and time.monotonic() < deadline:
            try:
                with my_number_card(fast()) as held:
                    tries = held.tries_left()
            except CardTrouble:
                time.sleep(0.05)
        assert tries == 0

    def test_pin_and_signature_are_quick(self, plugged: VirtualReader) -> None:
        assert min(_seconds_to_sign() for _ in range(5)) < 0.1

    def test_the_sign_follows_the_service_the_card_and_nothing_else(
        self, virtual_reader: VirtualReader, card: VirtualCard
    ) -> None:
        work = CardWork(fast())
        signs = [work.stamp()]

        def changes() -> bool:
            wait_for(lambda: work.stamp() != signs[-1] or None, "change")
            signs.append(work.stamp())
            return True

        with pcscd():
            assert changes()
            with card_in_pcscd(virtual_reader):
                assert changes()
                assert work.look().page == "pin"
                with closing(fast().connect(READER)):
                    time.sleep(0.2)
                assert work.stamp() == signs[-1]
                virtual_reader.remove()
                assert changes()
                virtual_reader.insert(card)
                assert changes()
                wait_for_card()
        assert changes()

    def test_readers_are_told_without_their_card(self, plugged: VirtualReader) -> None:
        assert _facts()[READER] == ReaderFacts(READER, card=CardPresence.PRESENT)
        with closing(fast().connect(READER)):
            assert _facts()[READER] == ReaderFacts(READER, card=CardPresence.IN_USE)

    @pytest.mark.parametrize("kind", [CardKind.TRANSIT, CardKind.PASSPORT, CardKind.PAYMENT])
    def test_another_card_is_recognised(
        self, tmp_path: Path, material: Material, kind: CardKind
    ) -> None:
        reader = VirtualReader()
        reader.insert(make_card(tmp_path / "stranger.json", material, kind=kind.value))
        with pcscd(), card_in_pcscd(reader):
            assert CardWork(fast()).look().page == kind.value

    @pytest.mark.parametrize(
        ("details", "is_logged"), [(("--error",), False), (("--debug", "--apdu"), True)]
    )
    def test_the_smart_card_layer_logs_no_pin(
        self,
        virtual_reader: VirtualReader,
        capfd: pytest.CaptureFixture[str],
        details: tuple[str, ...],
        *,
        is_logged: bool,
    ) -> None:
        with pcscd(details=details) as daemon, card_in_pcscd(virtual_reader):
            with my_number_card(fast()) as card:
                card.verify_pin(typed())
                card.sign(DATA)
            log = log_of(daemon)
        assert bool(traces(PIN, {"daemon": log})) is is_logged  # an administrator can make it log
        assert traces(PIN, {"own": "".join(capfd.readouterr()).encode()}) == set()


def _facts() -> dict[str, ReaderFacts]:
    return {fact.name: fact for fact in fast().facts()}


def _seconds_to_sign() -> float:
    with my_number_card(fast()) as card:
        begun = time.monotonic()
        card.verify_pin(typed())
        card.sign(DATA)
        return time.monotonic() - begun


def _pull_before(step: str, connection: CardConnection, reader: VirtualReader) -> None:
    acts: dict[str, Callable[[JpkiCard], object]] = {
        "verify": lambda card: card.verify_pin(typed()),
        "certificate": JpkiCard.auth_certificate,
        "sign": lambda card: card.sign(DATA),
    }
    if step == "select":
        reader.remove()
    card = JpkiCard(connection)
    for name, act in acts.items():
        if name == step:
            reader.remove()
        act(card)


def test_the_daemon_never_starts_outside() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import tests.pcscd as p\nwith p.pcscd(): pass"],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin"},
    )
    assert done.returncode != 0
    assert "only by way of" in done.stderr
