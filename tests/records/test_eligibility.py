"""資格情報の再照会: who is asked about, what is kept of the answer, and what nobody may see."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import select

from tests.consent.world import HANAKO, HANAKOS_CARD, TARO, TAROS_CARD, VISIT_DAY, Card, World
from zaitaku.audit.model import Act
from zaitaku.audit.store import audit_entry
from zaitaku.consent.model import ConsentItem, Decision
from zaitaku.consent.tables import consent, consent_gram, patient
from zaitaku.core.errors import NotFound
from zaitaku.core.ids import ConsentId
from zaitaku.eligibility.errors import EligibilityFailed, EligibilityTimedOut, PersonUnknown
from zaitaku.eligibility.kinds import SandboxKind
from zaitaku.eligibility.model import EligibilityResult, HighCostLimit, Insurance, Withheld
from zaitaku.eligibility.sandbox import SandboxEligibility
from zaitaku.eligibility.set_up import NewBinding, SandboxSetUp
from zaitaku.facilities.model import Channel
from zaitaku.records.consented import ConsentedPatients
from zaitaku.records.eligibility import EligibilityChecks
from zaitaku.records.errors import RequeryOver
from zaitaku.records.listing import ListQuery

SERIAL = 7


def checks_of(world: World, provider: object = None) -> EligibilityChecks:
    known = SandboxEligibility(world.database, world.clock)
    return EligibilityChecks(world.database, world.clock, provider or known)  # type: ignore[arg-type]


def bind(world: World, kind: SandboxKind, card: Card = TAROS_CARD) -> None:
    """Bind a card at the first facility to a kind."""
    set_up = SandboxSetUp(world.database, world.clock, lambda _: (card.subject_hashes,))
    new = NewBinding(SERIAL, kind, is_insurance_card=True, pmh_id="")
    set_up.bind(world.facility.id, new, actor="test")


def only_consent(world: World) -> ConsentId:
    (row,) = world.rows(consent)
    return ConsentId(row["id"])


def requery(world: World, provider: object = None) -> EligibilityResult | Withheld:
    checks = checks_of(world, provider)
    return checks.requery(world.facility.id, only_consent(world), actor="ippan みどり")


def names_in_list(world: World, search: str = "") -> list[str | None]:
    with world.database.reading() as connection:
        listed = ConsentedPatients(connection, world.facility.id)
        page = listed.page(ListQuery(search=search), now=world.clock.now())
    return [line.name for line in page.lines]
