"""What the list of consented patients looks for, kept on each consent (domain.md §8).

A list of a million lines is read in the order of an index, and an index has the columns of one
table only: so a consent tells again what its items come to and how its patient is read.
"""

from typing import Any

from sqlalchemy import ColumnElement, Connection, ScalarSelect, case, exists, or_, select

from zaitaku.consent.model import ConsentState
from zaitaku.consent.tables import consent, consent_item, patient


def keep_lines(connection: Connection, condition: ColumnElement[bool]) -> None:
    """Bring the consents that ``condition`` chooses up to their items and patients.

    Whoever changes an item's state or a patient calls it in the same transaction. What was
    granted once stays in the list, whatever becomes of it.
    """
    granted, withdrawn = _has(ConsentState.GRANT), _has(ConsentState.WITHDRAWN)
    values = {
        "standing": case(
            (granted, ConsentState.GRANT.value),
            (withdrawn, ConsentState.WITHDRAWN.value),
            else_=ConsentState.REFUSE.value,
        ),
        "is_listed": or_(consent.c.is_listed, granted, withdrawn),
        "kana_key": _of_patient(patient.c.kana_key),
        "birth_date": _of_patient(patient.c.birth_date),
    }
    connection.execute(consent.update().where(condition).values(values))


def _has(state: ConsentState) -> ColumnElement[bool]:
    return exists().where(
        consent_item.c.consent_id == consent.c.id, consent_item.c.state == state.value
    )


def _of_patient(column: ColumnElement[Any]) -> ScalarSelect[Any]:
    return select(column).where(patient.c.id == consent.c.patient_id).scalar_subquery()
