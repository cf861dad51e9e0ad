"""Answers that nobody here asked for, or that a cache gives: only their age speaks for them."""

from datetime import datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, HashAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import NOW
from tests.identity.test_flipped_bits import flipped, many, positions
from zaitaku.identity.revocation import Ocsp, RevocationStatus
from zaitaku.identity.revocation.answer import AnswerRefused, VerifiedAnswer
from zaitaku.identity.revocation.exchange import ANSWER_LIMIT
from zaitaku.identity.revocation.stapled import verify_stapled
from zaitaku.sandbox.authority import Generation, TestAuthority
from zaitaku.sandbox.profile import Signer

GOOD, REVOKED, UNKNOWN = (
    RevocationStatus.GOOD,
    RevocationStatus.REVOKED,
    RevocationStatus.UNKNOWN,
)
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)
WEEK = timedelta(days=7)


@pytest.fixture(scope="module")
def root(authority: TestAuthority) -> Signer:
    return authority.roots[Generation.SECOND]


def answer(
    card: Signer,
    root: Signer,
    *,
    signer: Signer | None = None,
    said: ocsp.OCSPCertStatus = ocsp.OCSPCertStatus.GOOD,
    this_update: datetime = NOW,
    lasts: timedelta | None = WEEK,
    nonce: bytes | None = None,
    naming: HashAlgorithm | None = None,
) -> bytes:
    """Return an answer as a responder makes it beforehand, for everybody."""
    builder = (
        ocsp.OCSPResponseBuilder()
        .add_response(
            cert=card.certificate,
            issuer=root.certificate,
            algorithm=naming or SHA256(),
            cert_status=said,
            this_update=this_update,
            next_update=None if lasts is None else this_update + lasts,
            revocation_time=NOW if said is ocsp.OCSPCertStatus.REVOKED else None,
            revocation_reason=None,
        )
        .responder_id(ocsp.OCSPResponderEncoding.HASH, (signer or root).certificate)
    )
    if nonce is not None:
        builder = builder.add_extension(x509.OCSPNonce(nonce), critical=False)
    return builder.sign((signer or root).key, SHA256()).public_bytes(Encoding.DER)


def read(
    content: bytes, card: Signer, root: Signer, *, now: datetime = NOW, freshness: timedelta = HOUR
) -> VerifiedAnswer:
    return verify_stapled(
        content=content,
        certificate=card.certificate,
        issuer=root.certificate,
        freshness=freshness,
        now=now,
    )


@pytest.mark.parametrize("naming", [SHA1(), SHA256()], ids=["sha-1", "sha-256"])
def test_a_fresh_answer_is_believed(card: Signer, root: Signer, naming: HashAlgorithm) -> None:
    content = answer(card, root, naming=naming)
    assert read(content, card, root) == VerifiedAnswer(GOOD, NOW + HOUR)


def test_a_revocation_is_believed_too(card: Signer, root: Signer) -> None:
    content = answer(card, root, said=ocsp.OCSPCertStatus.REVOKED)
    assert read(content, card, root).status is REVOKED


def test_it_stands_no_longer_than_the_bound_though_it_says_a_week(
    card: Signer, root: Signer
) -> None:
    content = answer(card, root)
    assert read(content, card, root, now=NOW + HOUR).status is GOOD
    with pytest.raises(AnswerRefused, match="not fresh"):
        read(content, card, root, now=NOW + HOUR + SECOND)


def test_its_own_end_counts_when_it_comes_first(card: Signer, root: Signer) -> None:
    content = answer(card, root, lasts=timedelta(minutes=10))
    assert read(content, card, root).next_update == NOW + timedelta(minutes=10)
    with pytest.raises(AnswerRefused, match="out of date"):
        read(content, card, root, now=NOW + timedelta(minutes=16))


def test_one_from_the_future_is_refused(card: Signer, root: Signer) -> None:
    content = answer(card, root, this_update=NOW + HOUR)
    with pytest.raises(AnswerRefused, match="future"):
        read(content, card, root)


def test_somebody_elses_nonce_says_nothing(card: Signer, root: Signer) -> None:
    content = answer(card, root, nonce=bytes(32))
    assert read(content, card, root).status is GOOD
    with pytest.raises(AnswerRefused, match="not fresh"):
        read(content, card, root, now=NOW + 2 * HOUR)


def test_one_about_another_card_is_refused(card: Signer, other_card: Signer, root: Signer) -> None:
    with pytest.raises(AnswerRefused, match="another certificate"):
        read(answer(other_card, root), card, root)


def test_one_of_another_authority_is_refused(
    authority: TestAuthority, card: Signer, root: Signer
) -> None:
    foreign = authority.roots[Generation.FOREIGN]
    with pytest.raises(AnswerRefused, match="not signed"):
        read(answer(card, root, signer=foreign), card, root)


@pytest.mark.parametrize("content", [b"", b"\x30\x03\x0a\x01\x00", b"nonsense"])
def test_what_is_no_answer_is_refused(card: Signer, root: Signer, content: bytes) -> None:
    with pytest.raises(AnswerRefused):
        read(content, card, root)


def test_an_overlong_one_is_refused_unread(card: Signer, root: Signer) -> None:
    with pytest.raises(AnswerRefused, match="too long"):
        read(answer(card, root) + bytes(ANSWER_LIMIT), card, root)


@many
@given(position=positions)
def test_no_bit_of_it_can_change_what_was_said(card: Signer, root: Signer, position: int) -> None:
    content = flipped(answer(card, root), position)
    try:
        assert read(content, card, root) == VerifiedAnswer(GOOD, NOW + HOUR)
    except AnswerRefused as refused:
        assert str(refused)


@given(age=st.timedeltas(-2 * HOUR, 9 * 24 * HOUR), freshness=st.timedeltas(SECOND, 24 * HOUR))
def test_it_is_believed_exactly_within_the_bound(
    card: Signer, root: Signer, age: timedelta, freshness: timedelta
) -> None:
    made = NOW - age
    made = made.replace(microsecond=0)
    content = answer(card, root, this_update=made)
    is_fresh = made - timedelta(minutes=5) <= NOW <= made + freshness
    try:
        said = read(content, card, root, freshness=freshness)
    except AnswerRefused:
        assert not is_fresh
        return
    assert is_fresh
    assert said.next_update == min(made + freshness, made + WEEK)


class Cache:
    """A cache before a responder: one answer for everybody who asks."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.asked = 0

    def __call__(self, question: bytes) -> bytes:
        self.asked += 1
        return self.content


def ask(cache: Cache, card: Signer, root: Signer, freshness: timedelta | None) -> RevocationStatus:
    source = Ocsp("http://127.0.0.1:9/", exchange=cache, freshness=freshness)
    return source.status(card.certificate, root.certificate, NOW)


def test_a_caches_answer_is_taken_only_where_the_operator_sets_a_bound(
    card: Signer, root: Signer
) -> None:
    cache = Cache(answer(card, root, this_update=NOW - HOUR))
    assert ask(cache, card, root, None) is UNKNOWN
    assert ask(cache, card, root, HOUR - SECOND) is UNKNOWN
    assert ask(cache, card, root, HOUR) is GOOD


def test_a_wrong_nonce_is_refused_however_fresh(card: Signer, root: Signer) -> None:
    assert ask(Cache(answer(card, root, nonce=bytes(32))), card, root, HOUR) is UNKNOWN


def test_what_a_cache_said_is_remembered_to_the_bound_only(card: Signer, root: Signer) -> None:
    cache = Cache(answer(card, root, this_update=NOW - HOUR / 2))
    source = Ocsp("http://127.0.0.1:9/", exchange=cache, freshness=HOUR)
    for later, asked in ((timedelta(0), 1), (HOUR / 2 - SECOND, 1), (HOUR / 2, 2)):
        source.status(card.certificate, root.certificate, NOW + later)
        assert cache.asked == asked
