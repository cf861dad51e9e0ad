"""The demo's cards: every case is there, reads as a card file, and survives a restart."""

import json
import re
import shutil
from collections.abc import Mapping
from contextlib import nullcontext
from datetime import date, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from tests.conftest import NOW
from tests.identity.world import CHALLENGE, KEYS, anchors_of
from zaitaku.cardbridge.virtual.cardfile import CardFile, CardKind, load_folder
from zaitaku.core.clock import FixedClock
from zaitaku.identity.errors import (
    CertificateExpired,
    CertificateRevoked,
    UnknownAuthority,
    VerificationFailed,
)
from zaitaku.identity.revocation import CrlFile, RevocationChain
from zaitaku.identity.verification import ProofVerifier, verify_card_proof
from zaitaku.sandbox.authority import TestAuthority
from zaitaku.sandbox.cards import DemoCard, make_demo_cards
from zaitaku.sandbox.people import Case, plans
from zaitaku.sandbox.profile import Signer

REFUSED: Mapping[Case, type[VerificationFailed]] = {
    Case.EXPIRED: CertificateExpired,
    Case.REVOKED: CertificateRevoked,
    Case.FOREIGN: UnknownAuthority,
}
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, TestAuthority]:
    """An authority of its own: the demo revokes."""
    folder = tmp_path_factory.mktemp("demo")
    return folder / "cards", TestAuthority.open(folder / "authority", FixedClock(NOW))


@pytest.fixture
def copied(demo: tuple[Path, TestAuthority], tmp_path: Path) -> TestAuthority:
    """The same authority under a clock that a test may move."""
    folder = shutil.copytree(demo[1].folder, tmp_path / "authority")
    return TestAuthority.open(folder, FixedClock(NOW))


@pytest.fixture
def folder(
    demo: tuple[Path, TestAuthority], cards: Mapping[Case, DemoCard], tmp_path: Path
) -> Path:
    """The cards of the demo, which a test may change."""
    return shutil.copytree(demo[0], tmp_path / "cards")


@pytest.fixture(scope="module")
def cards(demo: tuple[Path, TestAuthority]) -> Mapping[Case, DemoCard]:
    return dict(zip(Case, make_demo_cards(*demo), strict=True))


def loaded(card: CardFile) -> x509.Certificate:
    return x509.load_der_x509_certificate(card.certificate)


def _age(born: date, today: date) -> int:
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


def test_every_case_has_its_file_in_order(
    demo: tuple[Path, TestAuthority], cards: Mapping[Case, DemoCard]
) -> None:
    names = [path.name for path in sorted(demo[0].iterdir())]
    assert names == [f"{number:02d}-{case}.json" for number, case in enumerate(Case, start=1)]
    assert [plan.case for plan in plans(NOW.date())] == list(Case)


def test_virtual_card_reads_every_file(
    demo: tuple[Path, TestAuthority], cards: Mapping[Case, DemoCard]
) -> None:
    loaded = load_folder(demo[0])
    for file, made in zip(loaded, cards.values(), strict=True):
        assert (file.name, file.description) == (made.name, made.description)
        assert (file.kind.value, file.tries, file.pin) == (made.kind, made.tries, made.pin)
        assert (file.certificate, file.ca_certificate) == (made.certificate, made.ca_certificate)


def test_files_have_the_agreed_members(
    demo: tuple[Path, TestAuthority], cards: Mapping[Case, DemoCard]
) -> None:
    for path in demo[0].iterdir():
        assert path.stat().st_mode & 0o777 == 0o600
        body = json.loads(path.read_text())
        assert set(body) == {
            "name",
            "description",
            "kind",
            "pin",
            "tries",
            "certificate",
            "ca_certificate",
            "key",
            "person",
            "serial",
        }
        assert DemoCard.from_json(path.read_text()).to_json() == path.read_text()
        if body["kind"] == "jpki":
            parsed = x509.load_der_x509_certificate(bytes.fromhex(body["certificate"]))
            assert body["serial"] == str(parsed.serial_number)
            assert set(body["person"]) == {"name", "kana", "birth_date", "sex"}


def test_people_are_distinct_and_written_as_people_are(cards: Mapping[Case, DemoCard]) -> None:
    people = [card.person for card in cards.values() if card.person]
    assert len({person.name for person in people}) == len(people) == len(Case) - 1
    for person in people:
        assert re.fullmatch(r"\S+ \S+", person.name)
        assert re.fullmatch(r"[ァ-ヶー]+ [ァ-ヶー]+", person.kana)
        assert person.sex in {"female", "male"}


def test_one_is_85_and_one_a_child(cards: Mapping[Case, DemoCard]) -> None:
    for case, age in ((Case.KIYO, 85), (Case.CHILD, 9)):
        person = cards[case].person
        assert person is not None
        assert _age(person.birth_date, NOW.date()) == age


def test_names_and_descriptions_are_japanese_and_distinct(cards: Mapping[Case, DemoCard]) -> None:
    assert len({card.name for card in cards.values()}) == len(Case)
    assert len({card.description for card in cards.values()}) == len(Case)
    for card in cards.values():
        assert card.description.endswith("。")


def test_tries_are_those_of_the_case(cards: Mapping[Case, DemoCard]) -> None:
    tries = {case: card.tries for case, card in cards.items() if card.tries != 3}
    assert tries == {Case.LAST_TRY: 1, Case.LOCKED: 0}


def test_what_is_not_a_my_number_card_has_nothing(cards: Mapping[Case, DemoCard]) -> None:
    other = cards[Case.OTHER]
    assert other.kind == "other"
    assert (other.certificate, other.key, other.person) == (b"", "", None)


def test_one_expires_within_thirty_days(cards: Mapping[Case, DemoCard]) -> None:
    certificate = x509.load_der_x509_certificate(cards[Case.SOON].certificate)
    assert timedelta(0) < certificate.not_valid_after_utc - NOW <= 30 * DAY


@pytest.mark.parametrize("case", [case for case in Case if case is not Case.OTHER])
def test_each_card_is_accepted_or_refused_as_its_case_says(
    demo: tuple[Path, TestAuthority], cards: Mapping[Case, DemoCard], case: Case
) -> None:
    authority = demo[1]
    file = CardFile.load(next(demo[0].glob(f"*-{case}.json")))
    assert file.key is not None
    verifier = ProofVerifier(
        anchors_of(authority), RevocationChain([CrlFile(authority.crl_bundle)]), KEYS
    )
    expected = REFUSED.get(case)
    with pytest.raises(expected) if expected else nullcontext():
        verified = verify_card_proof(
            challenge=CHALLENGE,
            certificate=file.certificate,
            signature=Signer(loaded(file), file.key).sign(CHALLENGE.statement),
            verifier=verifier,
            now=NOW,
        )
        assert verified.certificate_expires > NOW


def test_restart_keeps_cards_and_sets_tries_back(
    folder: Path, copied: TestAuthority, cards: Mapping[Case, DemoCard]
) -> None:
    path = folder / "06-last-try.json"
    CardFile.load(path).save_tries(0)
    assert make_demo_cards(folder, copied) == tuple(cards.values())
    assert CardFile.load(path).tries == 1


def test_card_that_outlived_its_case_is_made_anew(
    folder: Path, copied: TestAuthority, cards: Mapping[Case, DemoCard]
) -> None:
    assert isinstance(copied.clock, FixedClock)
    copied.clock.advance(31 * DAY)
    after = dict(zip(Case, make_demo_cards(folder, copied), strict=True))
    assert {case for case in Case if cards[case] != after[case]} == {Case.SOON}


def test_cards_of_another_authority_are_made_anew(
    folder: Path, authority: TestAuthority, cards: Mapping[Case, DemoCard]
) -> None:
    after = dict(zip(Case, make_demo_cards(folder, authority), strict=True))
    assert {case for case in Case if cards[case] == after[case]} == {Case.OTHER}


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"name": 1}'])
def test_broken_file_is_made_anew(folder: Path, copied: TestAuthority, content: str) -> None:
    path = folder / "12-not-my-number-card.json"
    path.write_text(content)
    make_demo_cards(folder, copied)
    assert CardFile.load(path).kind is CardKind.OTHER
