"""Use cases on facilities: register, find, change the environment settings."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime
from types import MappingProxyType
from typing import Final

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from zaitaku.audit.model import Act
from zaitaku.audit.store import append
from zaitaku.core.clock import Clock, japan_date
from zaitaku.core.database import Database
from zaitaku.core.errors import Conflict, NotFound
from zaitaku.core.ids import FacilityId, new_uuid
from zaitaku.facilities.errors import FacilityExists
from zaitaku.facilities.model import (
    Channel,
    Enrolment,
    EnvironmentSettings,
    Facility,
    InstitutionCode,
    SettingsChange,
)
from zaitaku.facilities.names import check_display_name, check_hours, check_name, check_phone
from zaitaku.facilities.offers import Offer
from zaitaku.facilities.relations_store import refuse_former_code
from zaitaku.facilities.store import FacilityStore, lock_facility
from zaitaku.facilities.terms import Acceptance, Terms, TermsBook
from zaitaku.facilities.words import changed_settings

Founding = Callable[[Connection, FacilityId, str], object]
"""What else comes into being with a facility: connection, facility, actor."""

NOTHING_ACCEPTED: Final[Mapping[Channel, int]] = MappingProxyType({})


class FacilityService:
    """Facilities and their settings; each use case is one transaction."""

    def __init__(self, *, database: Database, clock: Clock, terms: TermsBook | None = None) -> None:
        self._database = database
        self._clock = clock
        self.terms: Final = terms or TermsBook.load()
        """利用規約 of the channels."""

    def add(
        self,
        code: InstitutionCode,
        *,
        registered_name: str,
        phone: str,
        hours: str,
        settings: EnvironmentSettings,
        actor: str,
        founding: Founding | None = None,
        enrolment: Enrolment | None = None,
    ) -> Facility:
        """Register a facility, and in the same transaction whatever ``founding`` makes for it.

        Where a channel is on from the beginning, ``actor`` agrees to its terms for the facility.

        Raises:
            InvalidField: a name, number, text or setting breaks its rule.
            FacilityExists: the code is taken, or was another facility's before.
        """
        joined = enrolment or Enrolment()
        Offer.to(code.kind, joined, self.today()).check(settings, EnvironmentSettings())
        added = Facility(
            id=FacilityId(new_uuid()),
            code=code,
            registered_name=check_name(registered_name),
            phone=check_phone(phone),
            hours=check_hours(hours),
            settings=_tidy(settings),
            settings_version=1,
            created_at=self._now(),
            enrolment=joined,
        )
        with self._database.transaction() as connection:
            _insert(connection, added)
            self._keep(connection, added, self._accepted_at_first(added.settings), actor)
            if founding is not None:
                founding(connection, added.id, actor)
            subject, at = added.code.digits, added.created_at
            append(connection, added.id, Act.REGISTER_FACILITY, actor=actor, at=at, subject=subject)
        return added

    def _accepted_at_first(self, settings: EnvironmentSettings) -> list[Terms]:
        return [self.terms.current(channel) for channel in Channel if settings.is_on(channel)]

    def _keep(
        self, connection: Connection, changed: Facility, accepted: Iterable[Terms], actor: str
    ) -> None:
        store, version, at = FacilityStore(connection), changed.settings_version, self._now()
        store.append_settings(changed.id, version, changed.settings, at=at, actor=actor)
        store.append_acceptances(changed.id, version, accepted, at=at, actor=actor)

    def find(self, code: InstitutionCode) -> Facility:
        """Return the facility of a 医療機関等コード.

        Raises:
            NotFound: there is none.
        """
        with self._database.reading() as connection:
            return present_facility(FacilityStore(connection).by_code(code))

    def get(self, facility_id: FacilityId) -> Facility:
        """Return the facility of a row name.

        Raises:
            NotFound: there is none.
        """
        with self._database.reading() as connection:
            return present_facility(FacilityStore(connection).by_id(facility_id))

    def all(self) -> list[Facility]:
        """Return every facility, by code."""
        with self._database.reading() as connection:
            return FacilityStore(connection).all()

    def offer(self, facility: Facility) -> Offer:
        """Return what the facility may set today."""
        return Offer.of(facility, self.today())

    def check_settings(self, facility: Facility, wanted: EnvironmentSettings) -> None:
        """Check settings as ``change_settings`` will; nothing is written.

        Raises:
            InvalidField: the display name breaks its rule, or a setting is not offered.
        """
        self.offer(facility).check(_tidy(wanted), facility.settings)

    def change_settings(
        self,
        facility_id: FacilityId,
        settings: EnvironmentSettings,
        *,
        expected_version: int,
        actor: str,
        accepted: Mapping[Channel, int] = NOTHING_ACCEPTED,
    ) -> Facility:
        """Let ``settings`` hold from now on; the former ones stay readable.

        ``accepted`` names the version of the terms of use to which ``actor`` said OK, for every
        channel that is switched on.

        Raises:
            InvalidField: the display name breaks its rule, or a setting is not offered.
            NotFound: there is no such facility.
            Conflict: the settings are no longer at ``expected_version``.
            TermsNotAccepted: a channel would be switched on without an OK to its newest terms.
        """
        with self._database.transaction() as connection:
            lock_facility(connection, facility_id)
            present = present_facility(FacilityStore(connection).by_id(facility_id))
            if present.settings_version != expected_version:
                raise Conflict(f"settings are at version {present.settings_version}")
            self.check_settings(present, settings)
            texts = self.terms.require(newly_on(present.settings, settings), accepted)
            changed = replace(
                present, settings=_tidy(settings), settings_version=expected_version + 1
            )
            self._keep(connection, changed, texts, actor)
            self._record(connection, present, changed, texts, actor)
        return changed

    def _record(
        self,
        connection: Connection,
        before: Facility,
        after: Facility,
        texts: Iterable[Terms],
        actor: str,
    ) -> None:
        at = self._now()
        for text in texts:
            detail = {"規約": text.title, "版": f"第{text.version}版"}
            act, subject = Act.ACCEPT_TERMS, text.channel.value
            append(connection, after.id, act, actor=actor, at=at, subject=subject, detail=detail)
        changes = changed_settings(before.settings, after.settings)
        append(
            connection,
            after.id,
            Act.CHANGE_SETTINGS,
            actor=actor,
            at=at,
            subject=f"第{after.settings_version}版",
            detail={change.term: change.change for change in changes},
        )

    def settings_history(self, facility_id: FacilityId) -> tuple[SettingsChange, ...]:
        """Return every version of a facility's settings, oldest first, with who and when."""
        with self._database.reading() as connection:
            return FacilityStore(connection).settings_history(facility_id)

    def acceptances(self, facility_id: FacilityId) -> tuple[Acceptance, ...]:
        """Return every OK to terms of use that was given for a facility, oldest first."""
        with self._database.reading() as connection:
            return FacilityStore(connection).acceptances(facility_id)

    def _now(self) -> datetime:
        return self._clock.now()

    def today(self) -> date:
        """Return the present day in Japan."""
        return japan_date(self._now())


def newly_on(before: EnvironmentSettings, after: EnvironmentSettings) -> list[Channel]:
    """Return the channels that ``after`` switches on."""
    return [channel for channel in Channel if after.is_on(channel) and not before.is_on(channel)]


def present_facility(found: Facility | None) -> Facility:
    """Return what was found.

    Raises:
        NotFound: nothing was.
    """
    if found is None:
        raise NotFound("facility")
    return found


def _insert(connection: Connection, added: Facility) -> None:
    try:
        FacilityStore(connection).insert(added)
    except IntegrityError as error:
        raise FacilityExists(added.code.digits) from error
    refuse_former_code(connection, added)


def _tidy(settings: EnvironmentSettings) -> EnvironmentSettings:
    return replace(settings, display_name=check_display_name(settings.display_name))
