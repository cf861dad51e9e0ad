"""Use cases on facilities: register, find, change the environment settings."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from zaitaku.core.clock import Clock
from zaitaku.core.database import Database
from zaitaku.core.errors import Conflict, NotFound
from zaitaku.core.ids import FacilityId, new_uuid
from zaitaku.facilities.errors import FacilityExists
from zaitaku.facilities.model import (
    EnvironmentSettings,
    Facility,
    InstitutionCode,
    SettingsChange,
)
from zaitaku.facilities.names import check_display_name, check_hours, check_name, check_phone
from zaitaku.facilities.store import FacilityStore, lock_facility

Founding = Callable[[Connection, FacilityId, str], object]
"""What else comes into being with a facility: connection, facility, actor."""


class FacilityService:
    """Facilities and their settings; each use case is one transaction."""

    def __init__(self, *, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

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
    ) -> Facility:
        """Register a facility, and in the same transaction whatever ``founding`` makes for it.

        Raises:
            InvalidField: a name, number or text breaks its rule.
            FacilityExists: the code is taken.
        """
        added = Facility(
            id=FacilityId(new_uuid()),
            code=code,
            registered_name=check_name(registered_name),
            phone=check_phone(phone),
            hours=check_hours(hours),
            settings=_checked(settings, code),
            settings_version=1,
            created_at=self._now(),
        )
        with self._database.transaction() as connection:
            _insert(FacilityStore(connection), added, actor)
            if founding is not None:
                founding(connection, added.id, actor)
        return added

    def find(self, code: InstitutionCode) -> Facility:
        """Return the facility of a 医療機関等コード.

        Raises:
            NotFound: there is none.
        """
        with self._database.reading() as connection:
            return _present(FacilityStore(connection).by_code(code))

    def get(self, facility_id: FacilityId) -> Facility:
        """Return the facility of a row name.

        Raises:
            NotFound: there is none.
        """
        with self._database.reading() as connection:
            return _present(FacilityStore(connection).by_id(facility_id))

    def all(self) -> list[Facility]:
        """Return every facility, by code."""
        with self._database.reading() as connection:
            return FacilityStore(connection).all()

    def change_settings(
        self,
        facility_id: FacilityId,
        settings: EnvironmentSettings,
        *,
        expected_version: int,
        actor: str,
    ) -> Facility:
        """Let ``settings`` hold from now on; the former ones stay readable.

        Raises:
            InvalidField: the display name breaks its rule, or the kind of facility lacks a setting.
            NotFound: there is no such facility.
            Conflict: the settings are no longer at ``expected_version``.
        """
        with self._database.transaction() as connection:
            lock_facility(connection, facility_id)
            store = FacilityStore(connection)
            present = _present(store.by_id(facility_id))
            if present.settings_version != expected_version:
                raise Conflict(f"settings are at version {present.settings_version}")
            checked = _checked(settings, present.code)
            version = expected_version + 1
            store.append_settings(facility_id, version, checked, at=self._now(), actor=actor)
        return replace(present, settings=checked, settings_version=version)

    def settings_history(self, facility_id: FacilityId) -> tuple[SettingsChange, ...]:
        """Return every version of a facility's settings, oldest first, with who and when."""
        with self._database.reading() as connection:
            return FacilityStore(connection).settings_history(facility_id)

    def _now(self) -> datetime:
        return self._clock.now()


def _insert(store: FacilityStore, added: Facility, actor: str) -> None:
    try:
        store.insert(added)
    except IntegrityError as error:
        raise FacilityExists(added.code.digits) from error
    store.append_settings(added.id, 1, added.settings, at=added.created_at, actor=actor)


def _checked(settings: EnvironmentSettings, code: InstitutionCode) -> EnvironmentSettings:
    settings.check_for(code.kind)
    return replace(settings, display_name=check_display_name(settings.display_name))


def _present(found: Facility | None) -> Facility:
    if found is None:
        raise NotFound("facility")
    return found
