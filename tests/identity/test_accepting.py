"""One challenge takes one proof, and takes that one as often as its answer is lost."""

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest

from tests.identity.asking import DOCUMENT, JOURNEY, LIFETIME, Opener, ask, proof_of
from tests.identity.world import KEYS
from zaitaku import wire
from zaitaku.core.clock import FixedClock
from zaitaku.core.ephemeral import EphemeralStore
from zaitaku.core.errors import StoreUnavailable
from zaitaku.core.signing import Keyring
from zaitaku.identity.errors import (
    CertificateRevoked,
    ChallengeUnknown,
    OutcomeForeign,
    RevocationUnknown,
    UnknownAuthority,
)
from zaitaku.identity.revocation import RevocationStatus
from zaitaku.identity.service import IdentityService
from zaitaku.sandbox.profile import Signer


@pytest.fixture
def proof(service: IdentityService, card: Signer) -> wire.CardProof:
    """A good card's proof for a living challenge."""
    return proof_of(service, ask(service), card)


def at_once(service: IdentityService, proofs: list[wire.CardProof]) -> list[str | None]:
    """Post all proofs at the same moment; ``None`` where the challenge was unknown."""
    together = Barrier(len(proofs))

    def post(one: wire.CardProof) -> str | None:
        together.wait()
        try:
            return service.accept(one)
        except ChallengeUnknown:
            return None

    with ThreadPoolExecutor(len(proofs)) as pool:
        return list(pool.map(post, proofs))


def variants(proof: wire.CardProof, count: int) -> list[wire.CardProof]:
    """Return the proof and others for its challenge: each has a signature of its own."""
    return [proof, *(replace(proof, signature=f"{number:04x}") for number in range(count - 1))]


def test_the_same_proof_again_gives_the_same_code(
    service: IdentityService, proof: wire.CardProof, clock: FixedClock
) -> None:
    code = service.accept(proof)
    verified = service.outcome(code, JOURNEY)
    clock.advance(LIFETIME - timedelta(seconds=1))
    assert service.accept(proof) == code
    assert service.outcome(code, JOURNEY) == verified


def test_the_same_proof_after_the_challenges_life_is_late(
    service: IdentityService, proof: wire.CardProof, clock: FixedClock
) -> None:
    service.accept(proof)
    clock.advance(LIFETIME)
    with pytest.raises(ChallengeUnknown):
        service.accept(proof)


@pytest.mark.parametrize("part", ["certificate", "signature"])
def test_another_proof_for_an_answered_challenge_is_refused(
    service: IdentityService, proof: wire.CardProof, part: str
) -> None:
    code = service.accept(proof)
    with pytest.raises(ChallengeUnknown):
        service.accept(replace(proof, **{part: "00"}))
    assert service.accept(proof) == code


def test_bytes_do_not_move_between_the_parts_of_a_proof(
    service: IdentityService, proof: wire.CardProof
) -> None:
    service.accept(proof)
    moved = replace(
        proof,
        certificate=proof.certificate + proof.signature[:2],
        signature=proof.signature[2:],
    )
    with pytest.raises(ChallengeUnknown):
        service.accept(moved)


def test_a_refused_proof_gives_its_code_again_too(
    service: IdentityService, foreign_card: Signer
) -> None:
    refused = proof_of(service, ask(service), foreign_card)
    code = service.accept(refused)
    assert service.accept(refused) == code
    with pytest.raises(UnknownAuthority):
        service.outcome(code, JOURNEY)


def test_of_sixteen_different_proofs_at_once_exactly_one_wins(
    service: IdentityService, proof: wire.CardProof
) -> None:
    proofs = variants(proof, 16)
    codes = at_once(service, proofs)
    winners = [place for place, code in enumerate(codes) if code is not None]
    assert len(winners) == 1
    assert service.accept(proofs[winners[0]]) == codes[winners[0]]


def test_sixteen_times_the_same_proof_at_once_is_one_code(
    service: IdentityService, proof: wire.CardProof
) -> None:
    codes = at_once(service, [proof] * 16)
    assert len(set(codes)) == 1
    assert service.outcome(codes[0] or "", JOURNEY).document == DOCUMENT


def test_the_code_follows_from_a_key_that_the_store_does_not_have(
    service: IdentityService, proof: wire.CardProof
) -> None:
    code = service.accept(proof)
    other = Keyring(("another-key-of-thirty-two-characters",))
    service.verifier = replace(service.verifier, subject_keys=other)
    assert service.accept(proof) != code


def test_after_a_change_of_keys_either_code_leads_to_the_outcome(
    service: IdentityService, proof: wire.CardProof
) -> None:
    first = service.accept(proof)
    newer = Keyring(("a-newer-key-of-thirty-two-characters", *KEYS.keys))
    service.verifier = replace(service.verifier, subject_keys=newer)
    for code in (first, service.accept(proof)):
        assert service.outcome(code, JOURNEY).document == DOCUMENT


class Failing:
    """A store that is away at one call of ``accept``, before or after it did its work."""

    def __init__(self, store: EphemeralStore, at: int, *, after: bool) -> None:
        self.store = store
        self.at = at
        self.after = after
        self.calls = 0

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return lambda *given: self._call(getattr(self.store, name), given)

    def _call(self, method: Callable[..., Any], given: tuple[Any, ...]) -> Any:
        self.calls += 1
        if self.calls == self.at and not self.after:
            raise StoreUnavailable
        answer = method(*given)
        if self.calls == self.at:
            raise StoreUnavailable
        return answer


@dataclass
class Hears:
    """A revocation source that gives one answer after the other."""

    answers: list[RevocationStatus]

    def status(self, *_: object) -> RevocationStatus:
        return self.answers.pop(0)


@pytest.mark.parametrize(
    ("later", "failure"),
    [
        (RevocationStatus.GOOD, None),
        (RevocationStatus.REVOKED, CertificateRevoked),
        (RevocationStatus.UNKNOWN, RevocationUnknown),
    ],
)
def test_the_same_proof_is_settled_once_the_revocation_source_is_back(
    opened: Opener, card: Signer, later: RevocationStatus, failure: type[Exception] | None
) -> None:
    service = opened(Hears([RevocationStatus.UNKNOWN, later]))
    proof = proof_of(service, ask(service), card)
    code = service.accept(proof)
    with pytest.raises(RevocationUnknown):
        service.outcome(code, JOURNEY)
    assert service.accept(proof) == code
    with pytest.raises(failure) if failure else nullcontext():
        assert service.outcome(code, JOURNEY).document == DOCUMENT


@pytest.mark.parametrize("first", [RevocationStatus.GOOD, RevocationStatus.REVOKED])
@pytest.mark.parametrize("later", list(RevocationStatus))
def test_what_was_settled_stays(
    opened: Opener, card: Signer, first: RevocationStatus, later: RevocationStatus
) -> None:
    service = opened(Hears([first, later]))
    proof = proof_of(service, ask(service), card)
    code = service.accept(proof)
    service.accept(proof)
    is_good = first is RevocationStatus.GOOD
    with nullcontext() if is_good else pytest.raises(CertificateRevoked):
        assert service.outcome(code, JOURNEY).document == DOCUMENT


def test_a_hand_over_s_outcome_is_for_that_hand_over_alone(
    service: IdentityService, card: Signer
) -> None:
    request = ask(service, hand_over="first")
    code = service.accept(proof_of(service, request, card))
    for place in ("", "second"):
        with pytest.raises(OutcomeForeign):
            service.outcome(code, JOURNEY, hand_over=place)
    assert service.outcome(code, JOURNEY, hand_over="first").challenge == request.challenge


def test_an_outcome_of_the_journey_s_own_browser_is_for_no_hand_over(
    service: IdentityService, proof: wire.CardProof
) -> None:
    code = service.accept(proof)
    with pytest.raises(OutcomeForeign):
        service.outcome(code, JOURNEY, hand_over="first")


def test_a_withdrawn_challenge_takes_no_proof(
    service: IdentityService, proof: wire.CardProof
) -> None:
    service.challenges.withdraw(proof.challenge)
    with pytest.raises(ChallengeUnknown):
        service.accept(proof)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_store_that_fails_in_between_does_not_cost_the_proof(
    service: IdentityService, proof: wire.CardProof, at: int, *, after: bool
) -> None:
    store = service.ephemeral
    service.ephemeral = Failing(store, at, after=after)
    with pytest.raises(StoreUnavailable):
        service.accept(proof)
    service.ephemeral = store
    code = service.accept(proof)
    assert service.outcome(code, JOURNEY).document == DOCUMENT


def test_a_challenge_that_outlived_its_time_in_the_store_is_refused(
    service: IdentityService, proof: wire.CardProof, clock: FixedClock
) -> None:
    """As after an old snapshot of the store was restored."""
    key = f"challenge:{hashlib.sha256(proof.challenge.encode()).hexdigest()}"
    fields = service.ephemeral.take(key)
    assert fields is not None
    clock.advance(LIFETIME)
    service.ephemeral.create(key, fields, LIFETIME)
    with pytest.raises(ChallengeUnknown, match="expired"):
        service.accept(proof)


def test_the_proof_itself_is_not_kept(service: IdentityService, proof: wire.CardProof) -> None:
    service.accept(proof)
    key = f"accepted:{hashlib.sha256(proof.challenge.encode()).hexdigest()}"
    claim = service.ephemeral.read(key)
    assert claim is not None
    assert {name: len(value) for name, value in claim.items()} == {"proof": 64}
