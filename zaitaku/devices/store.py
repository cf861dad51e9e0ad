"""Activation codes and devices in the durable store; nothing is ever deleted."""

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    ForeignKey,
    Index,
    RowMapping,
    Select,
    String,
    Table,
    Uuid,
    func,
    or_,
    select,
)

from zaitaku.core.database import Moment, metadata
from zaitaku.core.ids import AccountId, ActivationCodeId, DeviceId, FacilityId
from zaitaku.devices.model import ActivationCode, CodeQuery, CodeSort, CodeState, Device

PAGE_SIZE: Final = 50

activation_code = Table(
    "activation_code",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("facility_id", Uuid, ForeignKey("facility.id"), nullable=False),
    Column("digits", String(12), nullable=False, unique=True),
    Column("memo", String(40), nullable=False),
    Column("issued_at", Moment, nullable=False),
    Column("registered_at", Moment),
    Column("invalidated_at", Moment),
    Column("updated_at", Moment, nullable=False),
    Index(None, "facility_id", "updated_at"),
)

device = Table(
    "device",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("facility_id", Uuid, ForeignKey("facility.id"), nullable=False),
    Column("code_id", Uuid, ForeignKey("activation_code.id"), nullable=False, unique=True),
    Column("account_id", Uuid, ForeignKey("account.id"), nullable=False),
    Column("name", String(60), nullable=False),
    Column("key_sha256", String(64), nullable=False, unique=True),
    Column("registered_at", Moment, nullable=False),
)


_SORTED_BY: Final[Mapping[CodeSort, ColumnElement[Any]]] = {
    CodeSort.STATE: activation_code.c.registered_at.is_(None),
    CodeSort.CODE: activation_code.c.digits,
    CodeSort.MEMO: activation_code.c.memo,
    CodeSort.INVALIDATED: activation_code.c.invalidated_at.is_(None),
    CodeSort.UPDATED: activation_code.c.updated_at,
}


@dataclass(frozen=True)
class Page:
    """One page of codes, in the order that was asked for."""

    codes: tuple[ActivationCode, ...]
    total: int
    number: int
    pages: int


class DeviceStore:
    """The activation codes and devices of one facility."""

    def __init__(self, connection: Connection, facility_id: FacilityId) -> None:
        self._connection = connection
        self._facility_id = facility_id

    def insert_code(self, values: Mapping[str, Any]) -> None:
        """Add a code; digits that exist break a unique constraint."""
        row = {**values, "facility_id": self._facility_id}
        self._connection.execute(activation_code.insert().values(row))

    def digits_exist(self, digits: str) -> bool:
        """Tell whether any facility ever had these digits."""
        query = select(activation_code.c.id).where(activation_code.c.digits == digits)
        return self._connection.execute(query).first() is not None

    def page(self, query: CodeQuery) -> Page:
        """Return one page of what is asked for; two statements whatever its size."""
        conditions = list(self._conditions(query))
        counted = select(func.count()).select_from(activation_code).where(*conditions)
        total = self._connection.execute(counted).scalar_one()
        pages = max(1, -(-total // PAGE_SIZE))
        number = min(query.page, pages)
        rows = select(activation_code).where(*conditions).order_by(*_order(query))
        found = self._connection.execute(rows.limit(PAGE_SIZE).offset((number - 1) * PAGE_SIZE))
        return Page(tuple(_code(row) for row in found.mappings()), total, number, pages)

    def code(self, code_id: ActivationCodeId) -> ActivationCode | None:
        """Return a code of this facility."""
        return self._one_code(activation_code.c.id == code_id)

    def locked_code(self, code_id: ActivationCodeId) -> ActivationCode | None:
        """Return a code; its row waits for this transaction's end (PostgreSQL)."""
        return self._one_code(activation_code.c.id == code_id, is_locked=True)

    def locked_by_digits(self, digits: str) -> ActivationCode | None:
        """Return the code of these digits; its row waits for this transaction's end."""
        return self._one_code(activation_code.c.digits == digits, is_locked=True)

    def update_code(self, code_id: ActivationCodeId, values: Mapping[str, Any]) -> None:
        """Set columns of one code."""
        own = activation_code.c.facility_id == self._facility_id
        same = activation_code.c.id == code_id
        self._connection.execute(activation_code.update().where(own, same).values(values))

    def insert_device(self, added: Device, key_sha256: str) -> None:
        """Add a device; a second one for the same code breaks a unique constraint."""
        self._connection.execute(
            device.insert().values(
                id=added.id,
                facility_id=self._facility_id,
                code_id=added.code_id,
                account_id=added.account_id,
                name=added.name,
                key_sha256=key_sha256,
                registered_at=added.registered_at,
            )
        )

    def device_of(self, code_id: ActivationCodeId) -> tuple[Device, str] | None:
        """Return the device of a code and the hash of its key."""
        own = device.c.facility_id == self._facility_id
        query = select(device).where(own, device.c.code_id == code_id)
        row = self._connection.execute(query).mappings().one_or_none()
        return (_device(row), row["key_sha256"]) if row else None

    def _one_code(
        self, condition: ColumnElement[bool], *, is_locked: bool = False
    ) -> ActivationCode | None:
        own = activation_code.c.facility_id == self._facility_id
        query: Select[Any] = select(activation_code).where(own, condition)
        if is_locked:
            query = query.with_for_update()
        row = self._connection.execute(query).mappings().one_or_none()
        return _code(row) if row else None

    def _conditions(self, query: CodeQuery) -> Iterator[ColumnElement[bool]]:
        yield activation_code.c.facility_id == self._facility_id
        if query.valid_only:
            yield activation_code.c.invalidated_at.is_(None)
        if query.state is CodeState.REGISTERED:
            yield activation_code.c.registered_at.is_not(None)
        if query.state is CodeState.UNREGISTERED:
            yield activation_code.c.registered_at.is_(None)
        if query.search:
            digits = unicodedata.normalize("NFKC", query.search).replace("-", "")
            by_memo = activation_code.c.memo.contains(query.search, autoescape=True)
            by_digits = activation_code.c.digits.contains(digits, autoescape=True)
            yield or_(by_memo, by_digits) if digits.isdigit() else by_memo


@dataclass(frozen=True)
class KnownDevice:
    """A device with the code that it stands on."""

    device: Device
    code: ActivationCode


def find_device(connection: Connection, key_sha256: str) -> KnownDevice | None:
    """Return the device of a key's hash: the key is what names the facility."""
    query = (
        select(device, *(column.label(f"activation_{column.name}") for column in activation_code.c))
        .join_from(device, activation_code, activation_code.c.id == device.c.code_id)
        .where(device.c.key_sha256 == key_sha256)
    )
    row = connection.execute(query).mappings().one_or_none()
    return KnownDevice(_device(row), _code(row, "activation_")) if row else None


def _code(row: RowMapping, prefix: str = "") -> ActivationCode:
    return ActivationCode(
        id=ActivationCodeId(row[f"{prefix}id"]),
        facility_id=FacilityId(row[f"{prefix}facility_id"]),
        digits=row[f"{prefix}digits"],
        memo=row[f"{prefix}memo"],
        issued_at=row[f"{prefix}issued_at"],
        registered_at=row[f"{prefix}registered_at"],
        invalidated_at=row[f"{prefix}invalidated_at"],
        updated_at=row[f"{prefix}updated_at"],
    )


def _device(row: RowMapping) -> Device:
    return Device(
        id=DeviceId(row["id"]),
        facility_id=FacilityId(row["facility_id"]),
        code_id=ActivationCodeId(row["code_id"]),
        account_id=AccountId(row["account_id"]),
        name=row["name"],
        registered_at=row["registered_at"],
    )


def _order(query: CodeQuery) -> Iterator[ColumnElement[Any]]:
    sought = (_SORTED_BY[query.sort], activation_code.c.updated_at, activation_code.c.id)
    for column in sought:
        yield column.desc() if query.descending else column.asc()
