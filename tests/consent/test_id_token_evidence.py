"""A record whose card was read by phone proves itself from the ID token that it keeps."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from joserfc import jws
from joserfc.jwk import RSAKey
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from tests.conftest import NOW
from tests.consent.test_evidence import TAMPERED
from tests.consent.world import ORIGIN, World, rsa_key
from zaitaku.consent.document import ConsentDocument
from zaitaku.consent.errors import EvidenceBroken
from zaitaku.consent.evidence import APP_ALGORITHM, TokenProof, verify_record
from zaitaku.consent.model import ConsentRecord, Evidence, IdToken
from zaitaku.core.ids import ChallengeId, new_secret_name
from zaitaku.core.signing import Keyring
from zaitaku.identity.model import VerifiedToken
from zaitaku.identity.oidc.id_token import (
    TokenTrust,
    Witness,
    nonce_of,
    public_key_of,
    signature_of,
)
from zaitaku.identity.oidc.subjects import subject_hashes
from zaitaku.wire import document_digest, statement

NONCE = bytes(range(32))
ISSUER, CLIENT_ID, SUBJECT = "https://app.example", "RP00000001", "x"
KEYS = Keyring(("a-subject-key-for-the-tests-of-evidence-123456",))
TRUST = TokenTrust(frozenset({(ISSUER, CLIENT_ID)}), KEYS)
(HOLDER,) = subject_hashes(issuer=ISSUER, subject=SUBJECT, keys=KEYS)
TOKENS = TokenProof(HOLDER, TRUST)


def token_for(document: str, key: RSAKey, **claims: object) -> str:
    message = statement(origin=ORIGIN, nonce=NONCE, document=document)
    body = {
        "iss": ISSUER,
        "aud": CLIENT_ID,
        "sub": SUBJECT,
        "iat": int(NOW.timestamp()),
        "exp": int(NOW.timestamp()) + 300,
        "nonce": nonce_of(message),
        **claims,
    }
    return jws.serialize_compact({"alg": "RS256"}, json.dumps(body).encode(), key)


def jwk_of(key: RSAKey) -> str:
    public = key.as_dict(private=False)
    return json.dumps({name: public[name] for name in ("e", "kty", "n")}, separators=(",", ":"))


def provider_key(name: str = "provider") -> RSAKey:
    return RSAKey.import_key(rsa_key(name))


def read_by_phone(world: World, document: ConsentDocument) -> VerifiedToken:
    written, key = document.canonical(), provider_key()
    return VerifiedToken(
        challenge=ChallengeId(new_secret_name()),
        journey=document.journey,
        document=written,
        origin=ORIGIN,
        nonce=NONCE,
        token=token_for(written, key),
        key=jwk_of(key),
        subject_hashes=(HOLDER,),
        expires=world.clock.now() + timedelta(minutes=5),
        verified_at=world.clock.now(),
    )


def recorded(world: World) -> ConsentRecord:
    document = world.document()
    world.consent.register(read_by_phone(world, document))
    return world.record(document.journey)


@pytest.fixture
def record(world: World) -> ConsentRecord:
    """A record as it comes out of the database."""
    return recorded(world)


def test_a_record_by_phone_proves_itself(any_world: World) -> None:
    record = recorded(any_world)
    assert record.evidence.algorithm == APP_ALGORITHM
    any_world.clock.advance(timedelta(days=3650))
    proved = verify_record(record=record, wordings=any_world.wordings, tokens=TOKENS)
    assert proved.record == record
    assert proved.witness == Witness(ISSUER, provider_key().thumbprint(), (HOLDER,))


def test_the_same_token_again_gives_the_same_receipt(world: World) -> None:
    verified = read_by_phone(world, world.document())
    first, again = (world.consent.register(verified) for _ in range(2))
    assert (first.receipt, first.is_new, again.is_new) == (again.receipt, True, False)


def test_what_the_short_lived_store_gives_back_is_what_it_got(world: World) -> None:
    verified = read_by_phone(world, world.document())
    assert VerifiedToken.from_fields(verified.to_fields()) == verified


@pytest.mark.parametrize("column", ["id_token", "id_token_key"])
def test_the_token_cannot_be_changed(any_world: World, column: str) -> None:
    recorded(any_world)
    with pytest.raises(IntegrityError), any_world.database.transaction() as connection:
        connection.execute(text(f"UPDATE consent_record SET {column} = NULL"))


def _evidence(record: ConsentRecord, **changes: object) -> ConsentRecord:
    return replace(record, evidence=Evidence(**{**vars(record.evidence), **changes}))


def _token(record: ConsentRecord, **changes: str) -> ConsentRecord:
    kept = record.evidence.id_token
    assert kept
    return _evidence(record, id_token=replace(kept, **changes))


def _signed_anew(record: ConsentRecord) -> ConsentRecord:
    return _token(record, token=token_for(record.document, provider_key("another")))


def _other_nonce(record: ConsentRecord) -> ConsentRecord:
    return _token(record, token=token_for(record.document, provider_key(), nonce="another"))


def _signed_twice(record: ConsentRecord) -> ConsentRecord:
    return _token(record, token=token_for(record.document, provider_key(), sub="y"))


BROKEN: dict[str, tuple[Callable[[ConsentRecord], ConsentRecord], str]] = {
    name: TAMPERED[name]
    for name in ("decision", "digest", "white space", "journey", "words", "algorithm")
} | {
    "decision and digest": (TAMPERED["decision and digest"][0], "id-token"),
    "origin": (lambda record: _evidence(record, origin="https://evil.example"), "id-token"),
    "nonce": (lambda record: _evidence(record, nonce=bytes(32)), "id-token"),
    "signature": (lambda record: _evidence(record, signature=bytes(256)), "signature"),
    "key in the record": (lambda record: _evidence(record, public_key=b""), "public-key"),
    "another key's token": (_signed_anew, "id-token"),
    "a token about something else": (_other_nonce, "id-token"),
    "another token of the same key": (_signed_twice, "signature"),
    "no token": (lambda record: _token(record, token=""), "id-token"),
    "no key": (lambda record: _token(record, key="{}"), "id-token"),
    "garbage for a key": (lambda record: _token(record, key="["), "id-token"),
    "another key": (
        lambda record: _token(record, key=jwk_of(provider_key("another"))),
        "id-token",
    ),
    "the token taken away": (lambda record: _evidence(record, id_token=None), "algorithm"),
    "a card's algorithm": (
        lambda record: _evidence(record, algorithm="RSASSA-PKCS1-v1_5-SHA256"),
        "algorithm",
    ),
}


@pytest.mark.parametrize(("tamper", "part"), BROKEN.values(), ids=BROKEN.keys())
def test_a_tampered_record_is_found_out(
    world: World,
    record: ConsentRecord,
    tamper: Callable[[ConsentRecord], ConsentRecord],
    part: str,
) -> None:
    with pytest.raises(EvidenceBroken) as caught:
        verify_record(record=tamper(record), wordings=world.wordings, tokens=TOKENS)
    assert caught.value.part == part


def test_a_card_s_record_is_not_proved_by_a_token(world: World) -> None:
    document = world.document()
    world.consent.register(world.sign(document))
    record = world.record(document.journey)
    key = provider_key()
    forged = IdToken(token_for(record.document, key), jwk_of(key))
    with pytest.raises(EvidenceBroken):
        verify_record(
            record=_evidence(record, id_token=forged), wordings=world.wordings, tokens=TOKENS
        )


def _forged(record: ConsentRecord, **claims: object) -> ConsentRecord:
    """Answers turned round, signed by a key made on the spot, and everything made to fit."""
    document = record.document.replace('"grant"', '"refuse"')
    assert document != record.document
    key = provider_key("made on the spot")
    token, public = token_for(document, key, **claims), jwk_of(key)
    forged = _evidence(
        record,
        id_token=IdToken(token, public),
        signature=signature_of(token),
        public_key=public_key_of(public),
    )
    digest = document_digest(document).hex()
    return replace(forged, document=document, document_sha256=digest)


FORGED: dict[str, tuple[dict[str, object], str]] = {
    "another provider": ({"iss": "https://evil.example"}, "id-token"),
    "another site": ({"aud": "another site"}, "id-token"),
    "another day": ({"exp": 1}, "id-token"),
    "from the future": ({"iat": int(NOW.timestamp()) + 3600}, "id-token"),
    "somebody else": ({"sub": "somebody else"}, "holder"),
    "nothing": ({}, "provider-key"),
}


@pytest.mark.parametrize(("claims", "part"), FORGED.values(), ids=FORGED.keys())
def test_a_key_made_on_the_spot_proves_nothing(
    world: World, record: ConsentRecord, claims: dict[str, object], part: str
) -> None:
    known = frozenset({provider_key().thumbprint(), provider_key("made on the spot").thumbprint()})
    if part == "provider-key":
        known = frozenset({provider_key().thumbprint()})
    tokens = TokenProof(HOLDER, replace(TRUST, provider_keys=known))
    verify_record(record=record, wordings=world.wordings, tokens=tokens)
    with pytest.raises(EvidenceBroken) as caught:
        verify_record(record=_forged(record, **claims), wordings=world.wordings, tokens=tokens)
    assert caught.value.part == part


def test_without_knowing_the_provider_no_token_proves_anything(
    world: World, record: ConsentRecord
) -> None:
    for tokens in (None, TokenProof(HOLDER, replace(TRUST, clients=frozenset()))):
        with pytest.raises(EvidenceBroken, match="id-token"):
            verify_record(record=record, wordings=world.wordings, tokens=tokens)
