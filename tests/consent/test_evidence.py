"""A record proves itself from what it holds, and any change of it is found."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP384R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as ec_key
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.consent.world import Card, World, rsa_key
from zaitaku.consent.errors import EvidenceBroken
from zaitaku.consent.evidence import VerifiedRecord, verify_record
from zaitaku.consent.model import ConsentRecord, Evidence
from zaitaku.consent.wording import Wordings
from zaitaku.core.languages import Language
from zaitaku.facilities.model import Channel
from zaitaku.wire import document_digest


@pytest.fixture
def record(world: World) -> ConsentRecord:
    """A record as it comes out of the database."""
    document = world.document(Channel.ONLINE)
    world.consent.register(world.sign(document))
    return world.record(document.journey)


@pytest.mark.parametrize("language", Language)
def test_a_record_proves_itself(any_world: World, language: Language) -> None:
    document = any_world.document(language=language)
    any_world.consent.register(any_world.sign(document, Card.named("taro", key_name="another")))
    record = any_world.record(document.journey)
    proved = verify_record(record=record, wordings=any_world.wordings)
    assert proved == VerifiedRecord(record, document)


def _redigested(record: ConsentRecord, document: str) -> ConsentRecord:
    digest = document_digest(document).hex()
    return replace(record, document=document, document_sha256=digest)


def _turned(record: ConsentRecord) -> ConsentRecord:
    return replace(record, document=record.document.replace('"grant"', '"refuse"', 1))


def _turned_with_digest(record: ConsentRecord) -> ConsentRecord:
    return _redigested(record, _turned(record).document)


def _respaced(record: ConsentRecord) -> ConsentRecord:
    return _redigested(record, json.dumps(json.loads(record.document)))


def _other_words(record: ConsentRecord) -> ConsentRecord:
    body = json.loads(record.document)
    body["notice"]["sha256"] = "0" * 64
    text = json.dumps(body, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
    return _redigested(record, text)


def _other_version(record: ConsentRecord) -> ConsentRecord:
    return _redigested(record, record.document.replace('"version":1', '"version":9', 1))


def _evidence(record: ConsentRecord, **changes: object) -> ConsentRecord:
    values = {**vars(record.evidence), **changes}
    return replace(record, evidence=Evidence(**values))


def _spki(key: RSAPrivateKey | EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


TAMPERED: dict[str, tuple[Callable[[ConsentRecord], ConsentRecord], str]] = {
    "decision": (_turned, "digest"),
    "decision and digest": (_turned_with_digest, "signature"),
    "digest": (lambda record: replace(record, document_sha256="0" * 64), "digest"),
    "white space": (_respaced, "document"),
    "not a document": (lambda record: _redigested(record, "{}"), "document"),
    "journey": (lambda record: replace(record, journey="another"), "journey"),
    "words": (_other_words, "wording"),
    "version": (_other_version, "wording"),
    "origin": (lambda record: _evidence(record, origin="https://evil.example"), "signature"),
    "nonce": (lambda record: _evidence(record, nonce=bytes(32)), "signature"),
    "signature": (lambda record: _evidence(record, signature=bytes(256)), "signature"),
    "empty signature": (lambda record: _evidence(record, signature=b""), "signature"),
    "another key": (
        lambda record: _evidence(record, public_key=_spki(rsa_key("another"))),
        "signature",
    ),
    "another kind of key": (
        lambda record: _evidence(record, public_key=_spki(ec_key(SECP384R1()))),
        "public-key",
    ),
    "no key": (lambda record: _evidence(record, public_key=b"\x30\x00"), "public-key"),
    "algorithm": (lambda record: _evidence(record, algorithm="none"), "algorithm"),
}


@pytest.mark.parametrize(("tamper", "part"), TAMPERED.values(), ids=TAMPERED.keys())
def test_a_tampered_record_is_found_out(
    record: ConsentRecord,
    wordings: Wordings,
    tamper: Callable[[ConsentRecord], ConsentRecord],
    part: str,
) -> None:
    with pytest.raises(EvidenceBroken) as caught:
        verify_record(record=tamper(record), wordings=wordings)
    assert caught.value.part == part


def test_a_text_changed_in_place_breaks_the_records_that_name_it(
    record: ConsentRecord, wordings: Wordings
) -> None:
    changed = [
        replace(text, ref=replace(text.ref, sha256="1" * 64)) if text.ref.id == "surgery" else text
        for text in wordings.all()
    ]
    with pytest.raises(EvidenceBroken, match="wording"):
        verify_record(record=record, wordings=Wordings(changed, {}))
