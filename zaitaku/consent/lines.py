"""What the list of consented patients looks for, kept on each consent (domain.md §8).

A list of a million lines is read in the order of an index, and an index has the columns of one
table only: so a consent tells again what its items come to and how its patient is read.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, ScalarSelect, case, exists, or_, select

from zaitaku.consent.model import ConsentItem, ConsentState, Decision
from zaitaku.consent.tables import consent, consent_item, patient


def keep_lines(connection: Connection, condition: ColumnElement[bool]) -> None:
    """Bring the consents that ``condition`` chooses up to their items and patients.

    Whoever changes an item's state or a patient calls it in the same transaction.
    """
    connection.execute(consent.update().where(condition).values(present_lines()))


def first_lines(decisions: Mapping[ConsentItem, Decision]) -> dict[str, Any]:
    """Return what a new consent's items come to; who its patient is comes beside it."""
    is_granted = Decision.GRANT in decisions.values()
    state = ConsentState.GRANT if is_granted else ConsentState.REFUSE
    return {"standing": state.value, "is_listed": is_granted}


def present_lines() -> dict[str, Any]:
    """Return how each column of an updated consent is found from its items and its patient.

    What was granted once stays in the list, whatever becomes of it.
    """
    granted, withdrawn = _has(ConsentState.GRANT), _has(ConsentState.WITHDRAWN)
    return {
        "standing": case(
            (granted, ConsentState.GRANT.value),
            (withdrawn, ConsentState.WITHDRAWN.value),
            else_=ConsentState.REFUSE.value,
        ),
        "is_listed": or_(consent.c.is_listed, granted, withdrawn),
        "kana_key": _of_patient(patient.c.kana_key),
        "birth_date": _of_patient(patient.c.birth_date),
    }


def _has(state: ConsentState) -> ColumnElement[bool]:
    return exists().where(
        consent_item.c.consent_id == consent.c.id, consent_item.c.state == state.value
    )


def _of_patient(column: ColumnElement[Any]) -> ScalarSelect[Any]:
    return select(column).where(patient.c.id == consent.c.patient_id).scalar_subquery()
