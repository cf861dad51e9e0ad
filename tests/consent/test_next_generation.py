"""A record that a card on P-384 signed proves itself, too."""

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP384R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.consent.world import World
from zaitaku.consent.errors import EvidenceBroken
from zaitaku.consent.evidence import verify_record
from zaitaku.consent.model import ConsentRecord
from zaitaku.facilities.model import Channel
from zaitaku.wire import statement


@pytest.fixture
def record(world: World) -> ConsentRecord:
    """A record whose evidence is of the coming generation."""
    document = world.document(Channel.ONLINE)
    world.consent.register(world.sign(document))
    return _signed_anew(world.record(document.journey))


def _signed_anew(record: ConsentRecord) -> ConsentRecord:
    key, old = generate_private_key(SECP384R1()), record.evidence
    message = statement(origin=old.origin, nonce=old.nonce, document=record.document)
    spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    evidence = replace(
        old,
        signature=key.sign(message, ECDSA(SHA384())),
        public_key=spki,
        algorithm="ecdsa-p384-sha384",
    )
    return replace(record, evidence=evidence)


def test_it_proves_itself(world: World, record: ConsentRecord) -> None:
    assert verify_record(record=record, wordings=world.wordings).record == record


def test_under_the_other_algorithms_name_it_does_not(world: World, record: ConsentRecord) -> None:
    renamed = replace(record.evidence, algorithm="rsa-2048-pkcs1-sha256")
    with pytest.raises(EvidenceBroken) as broken:
        verify_record(record=replace(record, evidence=renamed), wordings=world.wordings)
    assert broken.value.part == "public-key"


def test_a_changed_signature_is_found(world: World, record: ConsentRecord) -> None:
    signature = bytearray(record.evidence.signature)
    signature[-1] ^= 1
    changed = replace(record.evidence, signature=bytes(signature))
    with pytest.raises(EvidenceBroken) as broken:
        verify_record(record=replace(record, evidence=changed), wordings=world.wordings)
    assert broken.value.part == "signature"
