"""A journey is registered once; whoever signs in it again is never told otherwise."""

from dataclasses import replace

import pytest

from tests.consent.world import HANAKOS_CARD, TAROS_CARD, Card, World
from zaitaku.consent.document import ConsentDocument
from zaitaku.consent.errors import JourneyRegistered
from zaitaku.consent.model import Decision
from zaitaku.consent.tables import consent_item, consent_record
from zaitaku.identity.model import VerifiedCard


def _other_answers(document: ConsentDocument) -> ConsentDocument:
    refused = tuple(replace(answer, decision=Decision.REFUSE) for answer in document.decisions)
    return replace(document, decisions=refused)


def _assert_told(world: World, card: VerifiedCard, reference: str) -> None:
    with pytest.raises(JourneyRegistered) as told:
        world.consent.register(card)
    assert told.value.reference == reference
    assert reference not in str(told.value)
    assert world.count(consent_record) == 1
    assert {row["state"] for row in world.rows(consent_item)} == {"grant"}


def test_other_answers_in_the_same_journey_are_not_called_registered(any_world: World) -> None:
    document = any_world.document()
    first = any_world.consent.register(any_world.sign(document)).receipt
    second = any_world.sign(_other_answers(document))
    _assert_told(any_world, second, first.reference)
    _assert_told(any_world, second, first.reference)


@pytest.mark.parametrize("card", [TAROS_CARD, HANAKOS_CARD])
def test_the_same_answers_signed_again_are_another_statement(any_world: World, card: Card) -> None:
    document = any_world.document()
    first = any_world.consent.register(any_world.sign(document)).receipt
    _assert_told(any_world, any_world.sign(document, card), first.reference)


def test_a_challenge_does_not_carry_other_answers_in(any_world: World) -> None:
    card = any_world.sign(any_world.document())
    first = any_world.consent.register(card).receipt
    document = _other_answers(ConsentDocument.parse_canonical(card.document))
    _assert_told(any_world, replace(card, document=document.canonical()), first.reference)


def test_a_statement_that_stands_only_at_the_second_look_is_told_too(
    any_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = any_world.document()
    first = any_world.consent.register(any_world.sign(document)).receipt
    second = any_world.sign(_other_answers(document))
    with monkeypatch.context() as patch:
        patch.setattr("zaitaku.consent.service.registered_record", lambda *_: None)
        _assert_told(any_world, second, first.reference)
