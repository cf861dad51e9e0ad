"""Keeping what an answer told of who a patient is, or that nothing of them may be shown."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from sqlalchemy.exc import IntegrityError

from zaitaku.consent.patients import PatientMoved, PatientStore
from zaitaku.core.database import Database
from zaitaku.core.errors import StoreUnavailable

ATTEMPTS: Final = 5
"""How often it begins anew when others write of the same patient."""


def keep_learnt(
    database: Database, asked_at: datetime, act: Callable[[PatientStore], object]
) -> None:
    """Run ``act`` in a transaction of its own, again when the patient was joined meanwhile.

    ``asked_at`` is the moment before the question, so that a late answer never undoes a newer one.

    Raises:
        StoreUnavailable: nothing was kept.
    """
    for _ in range(ATTEMPTS):
        try:
            with database.transaction() as connection:
                act(PatientStore(connection, asked_at))
                return
        except (IntegrityError, PatientMoved):
            continue  # somebody else was faster: the next try sees what they wrote
    raise StoreUnavailable("what was learnt of a patient kept colliding")
