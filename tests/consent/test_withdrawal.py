"""取消し by the facility: what ends, what stays, and who was faster."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import IntegrityError

from tests.consent.world import TARO, TAROS_CARD, Card, World
from zaitaku.audit.store import audit_entry
from zaitaku.consent.errors import NothingToWithdraw
from zaitaku.consent.model import ConsentItem, ConsentState, Decision
from zaitaku.consent.present import PresentConsent, PresentConsents
from zaitaku.consent.tables import consent, consent_item, consent_withdrawal
from zaitaku.consent.withdrawal import (
    Requester,
    Withdrawal,
    WithdrawalRequest,
    check_reason,
    ended_by,
    withdrawable,
)
from zaitaku.consent.withdrawing import WithdrawalService, WithdrawalStore
from zaitaku.core.errors import Conflict, InvalidField, NotFound
from zaitaku.core.ids import ConsentId, new_secret_name
from zaitaku.eligibility.sandbox import SandboxEligibility
from zaitaku.facilities.model import Channel

ITEM = ConsentItem
ACTOR = "kanri みどり"
RENEWED = Card.named("taro-renewed")
granted = st.frozensets(st.sampled_from(ConsentItem))


def present(world: World, channel: Channel = Channel.HOME_VISIT) -> PresentConsent:
    """The first facility's one consent on a channel."""
    (row,) = [
        row
        for row in world.rows(consent)
        if row["channel"] == channel and row["facility_id"] == world.facility.id
    ]
    with world.database.reading() as connection:
        return PresentConsents(connection, world.facility.id).find(ConsentId(row["id"]))


def asked(seen: PresentConsent, *items: ConsentItem, **changes: Any) -> WithdrawalRequest:
    values: dict[str, Any] = {
        "items": items or tuple(seen.items),
        "requester": Requester.SELF,
        "reason": "ご本人から電話で申し出",
        "expected": seen.version,
        "submission": new_secret_name(),
    }
    return WithdrawalRequest.checked(seen.id, **{**values, **changes})


def service(world: World) -> WithdrawalService:
    return WithdrawalService(world.database, world.clock)


def withdraw(world: World, *items: ConsentItem) -> Withdrawal:
    world.clock.advance(timedelta(seconds=1))
    request = asked(present(world), *items)
    return service(world).withdraw(world.facility.id, request, actor=ACTOR)


def states(world: World) -> dict[str, str]:
    return {item: standing.state.value for item, standing in present(world).items.items()}


@given(granted, granted)
def test_what_ends_was_granted_and_never_leaves_medication_behind_clinical(
    chosen: frozenset[ConsentItem], standing: frozenset[ConsentItem]
) -> None:
    ended = set(ended_by(chosen, standing))
    assert ended <= standing
    assert chosen & standing <= ended
    left = standing - ended
    both = {ITEM.CLINICAL, ITEM.MEDICATION}
    assert not both <= standing or both <= left or not both & left


@given(granted)
def test_choosing_all_that_is_offered_ends_everything(standing: frozenset[ConsentItem]) -> None:
    assert set(ended_by(withdrawable(standing), standing)) == standing


def test_named_items_end_and_the_others_stay(any_world: World) -> None:
    any_world.register()
    done = withdraw(any_world, ITEM.CLINICAL)
    assert done.items == (ITEM.CLINICAL, ITEM.MEDICATION)
    assert states(any_world) == {
        "surgery": "grant",
        "clinical": "withdrawn",
        "medication": "withdrawn",
        "checkup": "grant",
        "specific-disease": "grant",
        "high-cost-limit": "grant",
    }
    seen = present(any_world)
    assert ITEM.CLINICAL not in seen.granted(any_world.clock.now())
    assert seen.items[ITEM.CLINICAL].since == done.withdrawn_at
    with any_world.database.reading() as connection:
        told = WithdrawalStore(connection, any_world.facility.id).of_patient(seen.patient_id)
    assert told == [done]
    (entry,) = [row for row in any_world.rows(audit_entry) if row["act"] == "withdraw_consent"]
    assert (entry["actor"], entry["subject"]) == (ACTOR, seen.reference)
    assert entry["detail"] == {"項目": "診療・薬剤、薬剤", "申し出た人": "本人"}


def test_the_patient_is_told_on_the_page_of_the_receipt(any_world: World) -> None:
    document = any_world.document()
    any_world.consent.register(any_world.sign(document))
    withdraw(any_world, ITEM.SURGERY)
    standing = any_world.consent.standing_of(document.journey)
    assert standing is not None
    assert standing.has_withdrawn
    assert {line.item: line.decision for line in standing.lines}[ITEM.SURGERY] == "withdrawn"
    assert standing.receipt.lines[0].decision is Decision.GRANT
    withdraw(any_world)
    standing = any_world.consent.standing_of(document.journey)
    assert standing is not None
    assert standing.is_empty


def test_a_later_consent_stands_again(any_world: World) -> None:
    any_world.register()
    withdraw(any_world)
    assert set(states(any_world).values()) == {"withdrawn"}
    any_world.register(decisions={ITEM.SURGERY: Decision.REFUSE})
    assert states(any_world)["surgery"] == "refuse"
    assert states(any_world)["checkup"] == "grant"


def test_what_is_not_asked_again_stays_withdrawn(world: World) -> None:
    world.register()
    withdraw(world, ITEM.SURGERY)
    world.change_settings(surgery=False)
    world.register()
    assert states(world)["surgery"] == "withdrawn"


def test_the_same_form_twice_is_one_withdrawal(any_world: World) -> None:
    any_world.register()
    request = asked(present(any_world), ITEM.CHECKUP)
    first = service(any_world).withdraw(any_world.facility.id, request, actor=ACTOR)
    any_world.clock.advance(timedelta(seconds=5))
    assert service(any_world).withdraw(any_world.facility.id, request, actor=ACTOR) == first
    assert any_world.count(consent_withdrawal) == 1


def test_nothing_is_changed_when_it_is_no_longer_as_it_was_seen(any_world: World) -> None:
    any_world.register()
    seen = present(any_world)
    any_world.register()
    with pytest.raises(Conflict):
        service(any_world).withdraw(any_world.facility.id, asked(seen), actor=ACTOR)
    assert set(states(any_world).values()) == {"grant"}
    assert any_world.count(consent_withdrawal) == 0


def test_what_does_not_stand_cannot_be_withdrawn(world: World) -> None:
    world.register(decisions={ITEM.SURGERY: Decision.REFUSE})
    with pytest.raises(NothingToWithdraw):
        withdraw(world, ITEM.SURGERY)
    world.register(Channel.ONLINE)
    world.clock.advance(timedelta(days=3))
    expired = asked(present(world, Channel.ONLINE))
    with pytest.raises(NothingToWithdraw):
        service(world).withdraw(world.facility.id, expired, actor=ACTOR)


def test_another_facility_reaches_nothing(world: World) -> None:
    world.register()
    with pytest.raises(NotFound):
        service(world).withdraw(world.other.id, asked(present(world)), actor=ACTOR)
    assert set(states(world).values()) == {"grant"}


@pytest.mark.parametrize(
    ("reason", "rule"), [(" \n", "missing"), ("あ" * 201, "too-long"), ("a\x80b", "characters")]
)
def test_a_reason_has_a_rule(reason: str, rule: str) -> None:
    with pytest.raises(InvalidField) as caught:
        check_reason(reason)
    assert (caught.value.field, caught.value.rule) == ("reason", rule)


def test_a_request_names_something(world: World) -> None:
    world.register()
    with pytest.raises(InvalidField):
        asked(present(world), items=())


def test_the_record_of_it_never_changes(any_world: World) -> None:
    any_world.register()
    withdraw(any_world)
    for statement in (
        "UPDATE consent_withdrawal SET reason = ''",
        "DELETE FROM consent_withdrawal",
    ):
        with (
            pytest.raises(IntegrityError, match="append-only"),
            any_world.database.transaction() as connection,
        ):
            connection.exec_driver_sql(statement)


def _at_once(*acts: Callable[[], object]) -> list[object]:
    barrier = Barrier(len(acts))

    def run(act: Callable[[], object]) -> object:
        barrier.wait(30)
        try:
            return act()
        except Conflict as told:
            return told

    with ThreadPoolExecutor(len(acts)) as pool:
        return [future.result(60) for future in [pool.submit(run, act) for act in acts]]


def test_a_registration_at_the_same_moment_comes_before_or_after(any_world: World) -> None:
    any_world.register()
    request = asked(present(any_world))
    card = any_world.sign(any_world.document())
    withdrawn, _ = _at_once(
        lambda: service(any_world).withdraw(any_world.facility.id, request, actor=ACTOR),
        lambda: any_world.consent.register(card),
    )
    assert isinstance(withdrawn, Conflict) == (any_world.count(consent_withdrawal) == 0)
    assert set(states(any_world).values()) == {"grant"}


def test_many_that_send_the_same_form_make_one_withdrawal(any_world: World) -> None:
    any_world.register()
    request = asked(present(any_world), ITEM.CHECKUP)

    def act() -> Withdrawal:
        return service(any_world).withdraw(any_world.facility.id, request, actor=ACTOR)

    done = _at_once(*[act] * 6)
    assert all(isinstance(each, Withdrawal) for each in done)
    assert any_world.count(consent_withdrawal) == 1


@pytest.mark.parametrize("is_whole", [True, False])
def test_a_withdrawal_is_kept_when_patients_are_joined(any_world: World, is_whole: bool) -> None:
    any_world.register(card=RENEWED)
    any_world.change_settings(surgery=False)
    any_world.register(card=TAROS_CARD)
    seen = [row for row in any_world.rows(consent) if row["channel"] == Channel.HOME_VISIT]
    (taros,) = [row for row in seen if row["recorded_at"] == max(r["recorded_at"] for r in seen)]
    with any_world.database.reading() as connection:
        mine = PresentConsents(connection, any_world.facility.id).find(ConsentId(taros["id"]))
    any_world.clock.advance(timedelta(seconds=1))
    items = tuple(mine.items) if is_whole else (ITEM.CHECKUP,)
    service(any_world).withdraw(any_world.facility.id, asked(mine, *items), actor=ACTOR)
    SandboxEligibility(any_world.database).bind(RENEWED.subject_hashes[0], TARO)
    any_world.register(Channel.ONLINE, card=RENEWED)
    assert states(any_world)["checkup"] == "withdrawn"
    assert states(any_world)["surgery"] == ("withdrawn" if is_whole else "grant")
    assert (ConsentState.GRANT in states(any_world).values()) == (not is_whole)
    assert any_world.count(consent_item) > 0
