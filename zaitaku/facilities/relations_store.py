"""Former codes and related facilities in the durable store."""

from datetime import datetime

from sqlalchemy import Connection, RowMapping, func, select

from zaitaku.core.ids import FacilityId
from zaitaku.facilities.errors import FacilityExists
from zaitaku.facilities.model import Facility, InstitutionCode
from zaitaku.facilities.relations import (
    CodeChange,
    CodeChangeKind,
    FormerCode,
    RelatedFacility,
    Relation,
)
from zaitaku.facilities.tables import institution_code_change, related_facility


def refuse_former_code(connection: Connection, holder: Facility) -> None:
    """Keep a code from naming two facilities over time; call it once the code is written.

    Raises:
        FacilityExists: another facility had the code before.
    """
    changes = institution_code_change.c
    another = (changes.former_code == holder.code.digits) & (changes.facility_id != holder.id)
    query = select(changes.facility_id).where(another).limit(1)
    if connection.execute(query).one_or_none() is not None:
        raise FacilityExists(f"{holder.code}: another facility's before")


def facility_formerly(connection: Connection, code: InstitutionCode) -> FacilityId | None:
    """Return the facility that had ``code`` before."""
    changes = institution_code_change.c
    query = select(changes.facility_id).where(changes.former_code == code.digits).distinct()
    found = connection.execute(query).scalar_one_or_none()
    return None if found is None else FacilityId(found)


def all_former_codes(connection: Connection) -> frozenset[str]:
    """Return every code that a facility had before."""
    query = select(institution_code_change.c.former_code).distinct()
    return frozenset(connection.execute(query).scalars())


class RelationStore:
    """One facility's former codes and its relatives."""

    def __init__(self, connection: Connection, facility_id: FacilityId) -> None:
        self._connection = connection
        self._facility_id = facility_id

    def append_code(
        self, former: InstitutionCode, change: CodeChange, *, at: datetime, actor: str
    ) -> None:
        """Record that the facility has another code; call it under the facility's lock."""
        changes = institution_code_change
        of_facility = changes.c.facility_id == self._facility_id
        count = select(func.count()).select_from(changes).where(of_facility)
        self._connection.execute(
            changes.insert().values(
                facility_id=self._facility_id,
                sequence=self._connection.execute(count).scalar_one() + 1,
                former_code=former.digits,
                code=change.code.digits,
                kind=change.kind.value,
                effective_on=change.effective_on,
                reason=change.reason,
                changed_at=at,
                changed_by=actor,
            )
        )

    def former_codes(self) -> tuple[FormerCode, ...]:
        """Return every change of the code, oldest first."""
        changes = institution_code_change
        query = select(changes).where(changes.c.facility_id == self._facility_id)
        rows = self._connection.execute(query.order_by(changes.c.sequence)).mappings()
        return tuple(_former_from(row) for row in rows)

    def put_related(self, related: RelatedFacility) -> None:
        """Add a related facility, or write it anew."""
        self.remove_related(related.code)
        self._connection.execute(
            related_facility.insert().values(
                facility_id=self._facility_id,
                code=related.code.digits,
                name=related.name,
                relation=related.relation.value,
                opened_on=related.opened_on,
                closed_on=related.closed_on,
            )
        )

    def remove_related(self, code: InstitutionCode) -> bool:
        """Remove a related facility; tell whether there was one."""
        of_facility = related_facility.c.facility_id == self._facility_id
        row = related_facility.delete().where(of_facility, related_facility.c.code == code.digits)
        return self._connection.execute(row).rowcount > 0

    def related(self) -> tuple[RelatedFacility, ...]:
        """Return the related facilities, by code."""
        table = related_facility
        query = select(table).where(table.c.facility_id == self._facility_id)
        rows = self._connection.execute(query.order_by(table.c.code)).mappings()
        return tuple(_related_from(row) for row in rows)


def _former_from(row: RowMapping) -> FormerCode:
    change = CodeChange(
        kind=CodeChangeKind(row["kind"]),
        code=InstitutionCode(row["code"]),
        effective_on=row["effective_on"],
        reason=row["reason"],
    )
    return FormerCode(
        InstitutionCode(row["former_code"]), change, row["changed_at"], row["changed_by"]
    )


def _related_from(row: RowMapping) -> RelatedFacility:
    return RelatedFacility(
        code=InstitutionCode(row["code"]),
        name=row["name"],
        relation=Relation(row["relation"]),
        opened_on=row["opened_on"],
        closed_on=row["closed_on"],
    )
