"""Use cases on activation codes and devices (domain.md §7)."""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from math import ceil

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from zaitaku.accounts.service import AccountService, LoginAttempt, Staff
from zaitaku.audit.model import Act
from zaitaku.audit.store import append
from zaitaku.core.clock import Clock, japan_date
from zaitaku.core.database import Database
from zaitaku.core.errors import NotFound
from zaitaku.core.ids import ActivationCodeId, DeviceId, FacilityId, new_uuid, random_digits
from zaitaku.devices.errors import (
    AccountUnfit,
    CodeInvalidated,
    CodeTooYoung,
    CodeUnknown,
    CodeUsed,
    DeviceRefused,
    HomeVisitOff,
    KeyUsed,
)
from zaitaku.devices.model import (
    CODE_DIGITS,
    DEVICE_ROLES,
    ActivationCode,
    CodeQuery,
    Device,
    check_device_key,
    check_device_name,
    check_memo,
    read_code,
)
from zaitaku.devices.store import DeviceStore, KnownDevice, Page, find_device
from zaitaku.facilities.errors import NotBegun
from zaitaku.facilities.model import Facility
from zaitaku.facilities.store import FacilityStore


@dataclass(frozen=True, repr=False)
class DeviceRequest:
    """What a device sends to be registered. Never printed."""

    login: LoginAttempt
    activation_code: str
    device_key: str
    """Made by the device itself and kept by it alone; the server keeps the hash."""
    device_name: str


@dataclass(frozen=True)
class Registration:
    """What became of a device's request."""

    device: Device
    facility: Facility
    is_new: bool
    """False when this very device was registered by the same code before: a retry."""


class DeviceService:
    """Activation codes and devices of all facilities; each method names its facility."""

    def __init__(
        self,
        *,
        database: Database,
        accounts: AccountService,
        clock: Clock,
        digits: Callable[[int], str] = random_digits,
    ) -> None:
        self._database = database
        self._accounts = accounts
        self._clock = clock
        self._digits = digits

    def issue(self, facility: Facility, memo: str, *, actor: str) -> ActivationCode:
        """Issue a code for one device; it can be used ten minutes later.

        Raises:
            InvalidField: the memo breaks its rule.
            HomeVisitOff: the facility makes no home visits.
            StoreUnavailable: the database is away; nothing was issued.
        """
        checked, now = check_memo(memo), self._clock.now()
        with self._database.transaction() as connection:
            self._check_open(connection, facility.id)
            store = DeviceStore(connection, facility.id)
            issued = self._new_code(store, facility.id, checked, now)
            _record(connection, issued, Act.ISSUE_ACTIVATION_CODE, actor, now)
        return issued

    def _new_code(
        self, store: DeviceStore, facility_id: FacilityId, memo: str, now: datetime
    ) -> ActivationCode:
        digits = self._digits(CODE_DIGITS)
        while store.digits_exist(digits):
            digits = self._digits(CODE_DIGITS)
        code_id = ActivationCodeId(new_uuid())
        issued = ActivationCode(code_id, facility_id, digits, memo, now, None, None, now)
        store.insert_code(
            {"id": code_id, "digits": digits, "memo": memo, "issued_at": now, "updated_at": now}
        )
        return issued

    def page(self, facility_id: FacilityId, query: CodeQuery) -> Page:
        """Return one page of the facility's codes."""
        with self._database.reading() as connection:
            return DeviceStore(connection, facility_id).page(query)

    def code(self, facility_id: FacilityId, code_id: ActivationCodeId) -> ActivationCode:
        """Return one code.

        Raises:
            NotFound: the facility has no such code.
        """
        with self._database.reading() as connection:
            return _present(DeviceStore(connection, facility_id).code(code_id))

    def device_of(self, facility_id: FacilityId, code_id: ActivationCodeId) -> Device | None:
        """Return the device that was registered with a code, if any."""
        with self._database.reading() as connection:
            found = DeviceStore(connection, facility_id).device_of(code_id)
        return found[0] if found else None

    def invalidate(
        self, facility_id: FacilityId, code_id: ActivationCodeId, *, actor: str
    ) -> ActivationCode:
        """Make a code dead for ever; its device stops working. Doing it twice changes nothing.

        Raises:
            NotFound: the facility has no such code.
            StoreUnavailable: the database is away; nobody knows until the list is read again.
        """
        now = self._clock.now()
        with self._database.transaction() as connection:
            store = DeviceStore(connection, facility_id)
            present = _present(store.locked_code(code_id))
            if not present.is_invalidated:
                store.update_code(code_id, {"invalidated_at": now, "updated_at": now})
                _record(connection, present, Act.INVALIDATE_ACTIVATION_CODE, actor, now)
            return _present(store.code(code_id))

    def register(self, request: DeviceRequest) -> Registration:
        """Register a device by code, facility and account.

        The account is looked at first, with all its limits, so that nobody can try codes who is
        not of the facility. The same device may ask again: an answer that got lost costs nothing.

        Raises:
            LoginRefused, InitialPasswordOver, AccountNotUsable, TooManyAttempts: the account.
            AccountUnfit: not a person's account, or its initial password was never replaced.
            InvalidField: code, key or name is not of its form.
            HomeVisitOff: the facility makes no home visits.
            NotBegun: its 利用開始日 has not come.
            CodeUnknown, CodeTooYoung, CodeInvalidated, CodeUsed: the code.
            KeyUsed: another registration has the device's key.
            StoreUnavailable: a store is away; asking again is right.
        """
        digits, key = read_code(request.activation_code), check_device_key(request.device_key)
        name = check_device_name(request.device_name)
        staff = self._accounts.authenticate(request.login)
        if staff.account.role not in DEVICE_ROLES or staff.account.must_change_password:
            raise AccountUnfit
        with self._database.transaction() as connection:
            self._check_open(connection, staff.facility.id)
            try:
                return self._enter(connection, staff, digits, key, name)
            except IntegrityError as error:
                raise CodeUsed(
                    "another device was faster, or the key is another device's"
                ) from error

    def _check_open(self, connection: Connection, facility_id: FacilityId) -> None:
        facility = FacilityStore(connection).by_id(facility_id)
        if facility is None or not facility.settings.home_visit:
            raise HomeVisitOff
        if not facility.has_begun(japan_date(self._clock.now())):
            raise NotBegun

    def _enter(
        self, connection: Connection, staff: Staff, digits: str, key: str, name: str
    ) -> Registration:
        store, now = DeviceStore(connection, staff.facility.id), self._clock.now()
        code = _usable(store.locked_by_digits(digits), now)
        known = store.device_of(code.id)
        if known is not None:
            device, kept = known
            if not hmac.compare_digest(kept, _digest(key)):
                raise CodeUsed
            return Registration(device, staff.facility, is_new=False)
        if find_device(connection, _digest(key)) is not None:
            raise KeyUsed
        device = Device(
            DeviceId(new_uuid()), staff.facility.id, code.id, staff.account.id, name, now
        )
        store.insert_device(device, _digest(key))
        store.update_code(code.id, {"registered_at": now, "updated_at": now})
        _record(connection, code, Act.REGISTER_DEVICE, staff.account.label, now)
        return Registration(device, staff.facility, is_new=True)

    def present(self, device_key: str) -> KnownDevice:
        """Return the device of a key, as long as it may work.

        Raises:
            DeviceRefused: the key is unknown or its code was invalidated.
            HomeVisitOff: the facility makes no home visits any more.
            NotBegun: its 利用開始日 was moved and has not come.
            StoreUnavailable: the database is away.
        """
        with self._database.reading() as connection:
            known = find_device(connection, _digest(device_key))
            if known is None or known.code.is_invalidated:
                raise DeviceRefused
            self._check_open(connection, known.device.facility_id)
        return known


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def _usable(code: ActivationCode | None, now: datetime) -> ActivationCode:
    if code is None:
        raise CodeUnknown
    if code.is_invalidated:
        raise CodeInvalidated
    if code.is_waiting(now):
        raise CodeTooYoung(retry_after=ceil((code.usable_from - now).total_seconds()))
    return code


def _present(code: ActivationCode | None) -> ActivationCode:
    if code is None:
        raise NotFound("activation code")
    return code


def _record(
    connection: Connection, code: ActivationCode, act: Act, actor: str, at: datetime
) -> None:
    detail = {"端末メモ": code.memo}
    append(
        connection, code.facility_id, act, actor=actor, at=at, subject=code.ending, detail=detail
    )
