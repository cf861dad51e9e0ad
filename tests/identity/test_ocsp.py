"""Asking the responder: what is asked, what is remembered, and what happens when it is away."""

import logging
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509 import ocsp as x509_ocsp

from tests.conftest import NOW
from tests.identity.world import Says, verify
from zaitaku.core.clock import FixedClock
from zaitaku.identity.connection import SourceAway
from zaitaku.identity.errors import CertificateRevoked, RevocationUnknown
from zaitaku.identity.revocation import CrlFile, Ocsp, RevocationChain, RevocationStatus
from zaitaku.identity.revocation.answer import VerifiedAnswer
from zaitaku.identity.revocation.memory import AnswerMemory
from zaitaku.sandbox.authority import LIST_LIFETIME, Generation, TestAuthority
from zaitaku.sandbox.ocsp import ANSWER_LIFETIME, answer
from zaitaku.sandbox.profile import Period, Signer

GOOD, REVOKED, UNKNOWN = (
    RevocationStatus.GOOD,
    RevocationStatus.REVOKED,
    RevocationStatus.UNKNOWN,
)
URL = "http://127.0.0.1:9/"


class Line:
    """An exchange that keeps every question and answers by the test authority, or not at all."""

    def __init__(self, authority: TestAuthority | None) -> None:
        self.authority = authority
        self.questions: list[bytes] = []

    def __call__(self, question: bytes) -> bytes:
        self.questions.append(question)
        if self.authority is None:
            raise SourceAway("NewConnectionError")
        return answer(self.authority, question)


@pytest.fixture
def root(authority: TestAuthority) -> x509.Certificate:
    return authority.roots[Generation.SECOND].certificate


def test_responder_decides(
    authority: TestAuthority, card: Signer, revoked_card: Signer, root: x509.Certificate
) -> None:
    source = Ocsp(URL, exchange=Line(authority))
    assert source.status(card.certificate, root, NOW) is GOOD
    assert source.status(revoked_card.certificate, root, NOW) is REVOKED


def test_responder_decides_for_the_older_generation(
    authority: TestAuthority, old_root_card: Signer
) -> None:
    first = authority.roots[Generation.FIRST].certificate
    source = Ocsp(URL, exchange=Line(authority))
    assert source.status(old_root_card.certificate, first, NOW) is GOOD


def test_responder_does_not_know_the_foreign_authority(
    authority: TestAuthority, foreign_card: Signer
) -> None:
    foreign = authority.roots[Generation.FOREIGN].certificate
    source = Ocsp(URL, exchange=Line(authority))
    assert source.status(foreign_card.certificate, foreign, NOW) is UNKNOWN


def test_certificate_that_was_never_issued_is_unknown(
    authority: TestAuthority, root: x509.Certificate
) -> None:
    responders = authority.responders[Generation.SECOND].certificate
    source = Ocsp(URL, exchange=Line(authority))
    assert source.status(responders, root, NOW) is UNKNOWN


def test_each_question_has_a_nonce_of_its_own(
    authority: TestAuthority, card: Signer, other_card: Signer, root: x509.Certificate
) -> None:
    line = Line(authority)
    source = Ocsp(URL, exchange=line)
    for one in (card, other_card):
        source.status(one.certificate, root, NOW)
    nonces = {
        x509_ocsp.load_der_ocsp_request(question)
        .extensions.get_extension_for_class(x509.OCSPNonce)
        .value.nonce
        for question in line.questions
    }
    assert len(nonces) == 2
    assert {len(nonce) for nonce in nonces} == {32}


def test_answer_is_remembered_until_it_ends(
    authority: TestAuthority, card: Signer, root: x509.Certificate
) -> None:
    line = Line(authority)
    source = Ocsp(URL, exchange=line)
    for moment in (NOW, NOW + ANSWER_LIFETIME - timedelta(seconds=1)):
        assert source.status(card.certificate, root, moment) is GOOD
    assert len(line.questions) == 1
    source.status(card.certificate, root, NOW + ANSWER_LIFETIME)
    assert len(line.questions) == 2


def test_silence_is_not_remembered(
    authority: TestAuthority, card: Signer, root: x509.Certificate
) -> None:
    line = Line(None)
    source = Ocsp(URL, exchange=line)
    assert source.status(card.certificate, root, NOW) is UNKNOWN
    line.authority = authority
    assert source.status(card.certificate, root, NOW) is GOOD


def test_silence_is_logged_without_the_serial_number(
    card: Signer, root: x509.Certificate, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        assert Ocsp(URL, exchange=Line(None)).status(card.certificate, root, NOW) is UNKNOWN
    serial = card.certificate.serial_number
    assert "SourceAway" in caplog.text
    assert str(serial) not in caplog.text
    assert f"{serial:x}" not in caplog.text.lower()


def test_answer_of_a_clock_a_day_off_is_not_believed(
    authority: TestAuthority, card: Signer, root: x509.Certificate
) -> None:
    day = timedelta(days=1)
    for moment in (NOW - day, NOW + day):
        source = Ocsp(URL, exchange=Line(authority))
        assert source.status(card.certificate, root, moment) is UNKNOWN


def test_memory_is_bounded_and_forgets_the_oldest(
    card: Signer, other_card: Signer, revoked_card: Signer, root: x509.Certificate
) -> None:
    memory = AnswerMemory(size=2)
    said = VerifiedAnswer(GOOD, NOW + timedelta(hours=1))
    for one in (card, other_card, revoked_card):
        memory.keep(one.certificate, root, said, NOW)
    assert len(memory) == 2
    assert memory.recall(card.certificate, root, NOW) is None
    assert memory.recall(revoked_card.certificate, root, NOW) is GOOD


def test_memory_is_no_longer_than_an_hour(card: Signer, root: x509.Certificate) -> None:
    clock = FixedClock(NOW)
    memory = AnswerMemory()
    memory.keep(card.certificate, root, VerifiedAnswer(GOOD, NOW + timedelta(days=7)), NOW)
    clock.advance(timedelta(minutes=59))
    assert memory.recall(card.certificate, root, clock.now()) is GOOD
    clock.advance(timedelta(minutes=1))
    assert memory.recall(card.certificate, root, clock.now()) is None


def test_a_clock_that_is_set_back_makes_the_memory_no_longer(
    card: Signer, root: x509.Certificate
) -> None:
    memory, later = AnswerMemory(), NOW + timedelta(hours=3)
    memory.keep(card.certificate, root, VerifiedAnswer(GOOD, NOW + timedelta(days=7)), later)
    assert memory.recall(card.certificate, root, later) is GOOD
    assert memory.recall(card.certificate, root, NOW) is None


def test_memory_keeps_no_serial_number(card: Signer, root: x509.Certificate) -> None:
    memory = AnswerMemory()
    memory.keep(card.certificate, root, VerifiedAnswer(GOOD, NOW + timedelta(hours=1)), NOW)
    content = repr(vars(memory))
    serial = card.certificate.serial_number
    assert str(serial) not in content
    assert repr(serial.to_bytes(8, "big"))[2:-1] not in content


@pytest.mark.parametrize(
    "sources",
    [
        (Says(REVOKED), Says(GOOD)),
        (Says(GOOD), Says(REVOKED)),
        (Says(UNKNOWN), Says(GOOD), Says(REVOKED)),
    ],
)
def test_what_any_source_revokes_is_revoked(
    card: Signer, root: x509.Certificate, sources: tuple[Says, ...]
) -> None:
    assert RevocationChain(sources).status(card.certificate, root, NOW) is REVOKED


@pytest.mark.parametrize("sources", [(Says(GOOD),), (Says(GOOD), Says(GOOD))])
def test_good_is_what_every_source_calls_good(
    card: Signer, root: x509.Certificate, sources: tuple[Says, ...]
) -> None:
    assert RevocationChain(sources).status(card.certificate, root, NOW) is GOOD


@pytest.mark.parametrize(
    "sources",
    [(Says(UNKNOWN), Says(GOOD)), (Says(GOOD), Says(UNKNOWN))],
)
def test_one_source_that_does_not_know_is_enough_to_refuse(
    card: Signer, root: x509.Certificate, sources: tuple[Says, ...]
) -> None:
    assert RevocationChain(sources).status(card.certificate, root, NOW) is UNKNOWN


def test_a_good_list_does_not_stand_in_for_a_responder_that_is_away(
    authority: TestAuthority, card: Signer, root: x509.Certificate
) -> None:
    listed = CrlFile(authority.crl_file)
    away = RevocationChain((listed, Ocsp(URL, exchange=Line(None))))
    there = RevocationChain((listed, Ocsp(URL, exchange=Line(authority))))
    assert away.status(card.certificate, root, NOW) is UNKNOWN
    assert there.status(card.certificate, root, NOW) is GOOD


def test_a_good_answer_does_not_stand_in_for_a_list_that_has_ended(
    tmp_path: Path,
) -> None:
    clock = FixedClock(NOW)
    own = TestAuthority.open(tmp_path, clock)
    issued = own.issue_for(Period(NOW - timedelta(days=1), NOW + timedelta(days=99)))
    root = own.roots[Generation.SECOND].certificate
    chain = RevocationChain((CrlFile(own.crl_file), Ocsp(URL, exchange=Line(own))))
    clock.advance(LIST_LIFETIME + timedelta(seconds=1))
    assert chain.status(issued.certificate, root, clock.now()) is UNKNOWN
    clock.advance(ANSWER_LIFETIME)
    assert chain.status(issued.certificate, root, clock.now()) is GOOD


def test_nobody_is_asked_after_a_revocation(card: Signer, root: x509.Certificate) -> None:
    last = Says(GOOD)
    RevocationChain((Says(REVOKED), last)).status(card.certificate, root, NOW)
    assert last.asked == 0


@pytest.mark.parametrize("sources", [(), (Says(UNKNOWN),), (Says(UNKNOWN), Says(UNKNOWN))])
def test_chain_in_which_nobody_knows_is_unknown(
    card: Signer, root: x509.Certificate, sources: tuple[Says, ...]
) -> None:
    assert RevocationChain(sources).status(card.certificate, root, NOW) is UNKNOWN


def test_proof_is_refused_when_the_responder_is_away(
    authority: TestAuthority, card: Signer
) -> None:
    with pytest.raises(RevocationUnknown):
        verify(authority, card, revocation=RevocationChain((Ocsp(URL, exchange=Line(None)),)))


def test_proof_of_a_revoked_card_is_refused(authority: TestAuthority, revoked_card: Signer) -> None:
    with pytest.raises(CertificateRevoked):
        verify(authority, revoked_card, revocation=Ocsp(URL, exchange=Line(authority)))
