"""The operator's use cases on facilities: facts, codes and succession, related facilities."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from typing import Final, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from zaitaku.audit.model import Act
from zaitaku.audit.store import append
from zaitaku.core.clock import Clock, japan_date
from zaitaku.core.database import Database
from zaitaku.core.errors import Conflict, InvalidField, NotFound
from zaitaku.core.ids import FacilityId
from zaitaku.facilities.errors import FacilityExists
from zaitaku.facilities.model import (
    Directory,
    EnvironmentSettings,
    Facility,
    InstitutionCode,
)
from zaitaku.facilities.offers import settings_under
from zaitaku.facilities.relations import (
    CODE_CHANGE_NAMES,
    RELATION_NAMES,
    CodeChange,
    CodeChangeKind,
    FacilityFacts,
    FormerCode,
    RelatedFacility,
    Relation,
)
from zaitaku.facilities.relations_store import (
    RelationStore,
    all_former_codes,
    facility_formerly,
    refuse_former_code,
)
from zaitaku.facilities.service import present_facility
from zaitaku.facilities.store import FacilityStore, lock_facility
from zaitaku.facilities.words import ChangedSetting, changed_settings

_ALL_OUT: Final = {"ログイン": "承継のため、全員ログアウト"}
_T = TypeVar("_T")
Ending = Callable[[Connection, FacilityId, str], _T]
"""What else ends with a facility, in the same transaction: connection, facility, actor."""


@dataclass(frozen=True)
class _Work:
    """A facility under its lock, in a transaction."""

    connection: Connection
    present: Facility
    actor: str


class FacilityRegistry:
    """What only the operator changes; each use case is one transaction and in the audit trail.

    A facility keeps its row through every change of code or owner. Consents, URLs, accounts and
    settings hang on the row, so nothing of them is moved and nothing is lost.
    """

    def __init__(self, *, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def change_facts(
        self, facility_id: FacilityId, facts: FacilityFacts, *, expected_revision: int, actor: str
    ) -> Facility:
        """Write name, telephone, hours, 利用開始日 and what else was settled.

        Settings that rested on what ends (see ``lost_settings``) return to 利用しない with it, and
        as with every change of the settings all sessions of the facility end.

        Raises:
            NotFound: there is no such facility.
            Conflict: it was changed since ``expected_revision``.
        """
        with self._locked(facility_id, actor, expected_revision) as work:
            changes = facts.changes_from(FacilityFacts.of(work.present))
            if not changes:
                return work.present
            changed = _with_facts(work.present, facts)
            FacilityStore(work.connection).update(changed)
            self._record(work, Act.CHANGE_FACILITY, changed.code.digits, changes)
            return self._with_settings(work, changed, {})

    def lost_settings(self, facility: Facility, facts: FacilityFacts) -> tuple[ChangedSetting, ...]:
        """Return which settings of ``facility`` return to 利用しない once ``facts`` hold."""
        return changed_settings(
            facility.settings, settings_under(facts.enrolment, facility, self._today())
        )

    def change_code(
        self,
        facility_id: FacilityId,
        change: CodeChange,
        *,
        expected_revision: int,
        actor: str,
        facts: FacilityFacts | None = None,
    ) -> Facility:
        """Give a facility another 医療機関等コード, with new ``facts`` where an owner brings them.

        A succession leaves the former code among the related facilities, closed the day before,
        and ends all sessions: the former owner's staff does not go on by itself. A related
        facility of the new code is one no longer: a facility is no relative of its own.

        Raises:
            InvalidField: the code is the same or of another kind, or takes effect in the future.
            FacilityExists: the code is or was another facility's.
            NotFound: there is no such facility.
            Conflict: it was changed since ``expected_revision``.
        """
        with self._locked(facility_id, actor, expected_revision) as work:
            former = work.present
            change.check(former.code, self._today())
            renewed = _with_facts(former, facts or FacilityFacts.of(former))
            changed = replace(renewed, code=change.code)
            _write_code(work.connection, changed)
            detail = {**_told(former, changed, change), **self._follow_up(work, change)}
            self._record(work, Act.CHANGE_CODE, change.code.digits, detail)
            is_new_owner = change.kind is CodeChangeKind.SUCCESSION
            return self._with_settings(work, changed, _ALL_OUT if is_new_owner else {})

    def close(self, facility_id: FacilityId, ending: Ending[_T], *, actor: str) -> _T:
        """End what a facility offers to patients, and with it what ``ending`` ends.

        It needs no revision: what was changed meanwhile, this ends all the same.

        Raises:
            NotFound: there is no such facility.
        """
        with self._locked(facility_id, actor) as work:
            closed = switched_off(work.present.settings)
            if closed != work.present.settings:
                self._write_settings(work, work.present, closed, {})
            return ending(work.connection, facility_id, actor)

    def _follow_up(self, work: _Work, change: CodeChange) -> dict[str, str]:
        former, relations = work.present, RelationStore(work.connection, work.present.id)
        relations.append_code(former.code, change, at=self._clock.now(), actor=work.actor)
        is_own_relative = relations.remove_related(change.code)
        if change.kind is CodeChangeKind.SUCCESSION:
            relations.put_related(_predecessor(former, change))
        return {"関連医療機関情報": f"{change.code} を外す"} if is_own_relative else {}

    def _with_settings(self, work: _Work, changed: Facility, reason: Mapping[str, str]) -> Facility:
        """Write the settings anew where they change or there is a ``reason`` to: sessions end."""
        settings = settings_under(changed.enrolment, work.present, self._today())
        if settings == changed.settings and not reason:
            return changed
        return self._write_settings(work, changed, settings, reason)

    def _write_settings(
        self,
        work: _Work,
        changed: Facility,
        settings: EnvironmentSettings,
        reason: Mapping[str, str],
    ) -> Facility:
        changes = changed_settings(changed.settings, settings)
        version, at = changed.settings_version + 1, self._clock.now()
        store = FacilityStore(work.connection)
        store.append_settings(changed.id, version, settings, at=at, actor=work.actor)
        detail = {**{each.term: each.change for each in changes}, **reason}
        self._record(work, Act.CHANGE_SETTINGS, f"第{version}版", detail)
        return replace(changed, settings=settings, settings_version=version)

    def _today(self) -> date:
        return japan_date(self._clock.now())

    def former_codes(self, facility_id: FacilityId) -> tuple[FormerCode, ...]:
        """Return every change of the facility's code, oldest first."""
        with self._database.reading() as connection:
            return RelationStore(connection, facility_id).former_codes()

    def formerly(self, code: InstitutionCode) -> Facility:
        """Return the facility that had ``code`` before, as it is now.

        Raises:
            NotFound: none had it.
        """
        with self._database.reading() as connection:
            facility_id = facility_formerly(connection, code)
            found = FacilityStore(connection).by_id(facility_id) if facility_id else None
            return present_facility(found)

    def directory(self) -> Directory:
        """Return every code that names a facility, or has named one."""
        with self._database.reading() as connection:
            return Directory(FacilityStore(connection).known(), all_former_codes(connection))

    def relate(self, facility_id: FacilityId, related: RelatedFacility, *, actor: str) -> None:
        """Add one of 関連医療機関情報, or write it anew.

        Raises:
            InvalidField: rule ``itself``: a facility is no relative of its own.
            NotFound: there is no such facility.
        """
        with self._locked(facility_id, actor) as work:
            if related.code == work.present.code:
                raise InvalidField("related_code", "itself")
            RelationStore(work.connection, facility_id).put_related(related)
            detail = {"名称": related.name, "関係": RELATION_NAMES[related.relation]}
            self._record(work, Act.RELATE_FACILITY, related.code.digits, detail)

    def unrelate(self, facility_id: FacilityId, code: InstitutionCode, *, actor: str) -> None:
        """Remove one of 関連医療機関情報.

        Raises:
            NotFound: there is no such facility, or it has no such relative.
        """
        with self._locked(facility_id, actor) as work:
            if not RelationStore(work.connection, facility_id).remove_related(code):
                raise NotFound("related facility")
            self._record(work, Act.RELATE_FACILITY, code.digits, {"関係": "削除"})

    def related(self, facility_id: FacilityId) -> tuple[RelatedFacility, ...]:
        """Return 関連医療機関情報, by code."""
        with self._database.reading() as connection:
            return RelationStore(connection, facility_id).related()

    @contextmanager
    def _locked(
        self, facility_id: FacilityId, actor: str, expected_revision: int | None = None
    ) -> Iterator[_Work]:
        with self._database.transaction() as connection:
            lock_facility(connection, facility_id)
            present = present_facility(FacilityStore(connection).by_id(facility_id))
            if expected_revision not in {None, present.revision}:
                raise Conflict(f"facility is at revision {present.revision}")
            yield _Work(connection, present, actor)

    def _record(self, work: _Work, act: Act, subject: str, detail: Mapping[str, str]) -> None:
        append(
            work.connection,
            work.present.id,
            act,
            actor=work.actor,
            at=self._clock.now(),
            subject=subject,
            detail=detail,
        )


def switched_off(settings: EnvironmentSettings) -> EnvironmentSettings:
    """Return the settings of a facility that has closed: no way in for patients."""
    return replace(settings, home_visit=False, online=False)


def _with_facts(present: Facility, facts: FacilityFacts) -> Facility:
    return replace(
        present,
        registered_name=facts.registered_name,
        phone=facts.phone,
        hours=facts.hours,
        enrolment=facts.enrolment,
        revision=present.revision + 1,
    )


def _write_code(connection: Connection, changed: Facility) -> None:
    try:
        FacilityStore(connection).update(changed)
    except IntegrityError as error:
        raise FacilityExists(changed.code.digits) from error
    refuse_former_code(connection, changed)


def _predecessor(former: Facility, change: CodeChange) -> RelatedFacility:
    return RelatedFacility(
        code=former.code,
        name=former.registered_name,
        relation=Relation.SUCCESSION,
        opened_on=None,
        closed_on=change.former_closed_on,
    )


def _told(former: Facility, changed: Facility, change: CodeChange) -> dict[str, str]:
    return {
        "医療機関等コード": f"{former.code} → {changed.code}",
        "種類": CODE_CHANGE_NAMES[change.kind],
        "理由": change.reason,
        **FacilityFacts.of(changed).changes_from(FacilityFacts.of(former)),
    }
