"""The sandbox's people in the durable store."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Date,
    ForeignKey,
    RowMapping,
    Select,
    String,
    Table,
    Uuid,
    bindparam,
    null,
    select,
    union_all,
)

from zaitaku.core.asking import Question, Row
from zaitaku.core.database import Database, Moment, metadata
from zaitaku.core.ids import FacilityId
from zaitaku.eligibility.bindings import REGISTERED_AT_FIRST, Binding, Category
from zaitaku.eligibility.kinds import SandboxKind
from zaitaku.eligibility.model import Insured, Sex

EVERYBODY = ""
"""``person_key`` of a category that is registered for all of a facility's bound people."""

sandbox_person = Table(
    "sandbox_person",
    metadata,
    Column("subject_hash", String(64), primary_key=True),
    Column("person_key", String(64), nullable=False),
    Column("name", String(100), nullable=False),
    Column("kana", String(200), nullable=False),
    Column("birth_date", Date, nullable=False),
    Column("sex", String(8), nullable=False),
)

sandbox_binding = Table(
    "sandbox_binding",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("facility_id", Uuid, ForeignKey("facility.id"), nullable=False, index=True),
    Column("kind", String(30), nullable=False),
    Column("is_insurance_card", Boolean, nullable=False),
    Column("pmh_id", String(20), nullable=False),
    Column("has_timed_out", Boolean, nullable=False),
    Column("bound_at", Moment, nullable=False),
    Column("person_key", String(64), nullable=False, index=True),
    Column("name", String(100), nullable=False),
    Column("kana", String(200), nullable=False),
    Column("birth_date", Date, nullable=False),
    Column("sex", String(8), nullable=False),
)

sandbox_card = Table(
    "sandbox_card",
    metadata,
    Column("subject_hash", String(64), primary_key=True),
    Column("binding_id", Uuid, ForeignKey("sandbox_binding.id"), nullable=False, index=True),
)

sandbox_data = Table(
    "sandbox_data",
    metadata,
    Column("facility_id", Uuid, ForeignKey("facility.id"), primary_key=True),
    Column("category", String(20), primary_key=True),
    Column("person_key", String(64), primary_key=True),
    Column("is_registered", Boolean, nullable=False),
    Column("at", Moment, nullable=False),
)


@dataclass(frozen=True)
class SandboxPerson:
    """Somebody invented, and how the check answers for them."""

    insured: Insured
    kind: SandboxKind = SandboxKind.INSURED
    binding: Binding | None = None
    """``None``: bound by no facility, only by the operator."""

    @property
    def is_known(self) -> bool:
        """Whether the check knows the person at all (健康保険証利用登録)."""
        return self.binding is None or self.binding.is_insurance_card


_BINDING: Final = tuple(
    column for column in sandbox_binding.columns if column.name not in sandbox_person.columns
)
_PERSON: Final = ("person_key", "name", "kana", "birth_date", "sex")


def person_of(database: Database, subject_hashes: tuple[str, ...]) -> SandboxPerson | None:
    """Return the person of the first hash that is known; what a facility bound goes first."""
    if not subject_hashes:
        return None
    names = {f"hash_{number}": name for number, name in enumerate(subject_hashes)}
    rows = database.ask(_question_of(len(subject_hashes)), **names)
    ranked = sorted(
        rows, key=lambda row: (row["id"] is None, subject_hashes.index(row["subject_hash"]))
    )
    return _person(ranked[0]) if ranked else None


@cache
def _question_of(count: int) -> Question:
    hashes = [bindparam(f"hash_{number}", type_=String) for number in range(count)]
    bound = (
        select(sandbox_card.c.subject_hash, *_BINDING, *(sandbox_binding.c[n] for n in _PERSON))
        .join(sandbox_binding, sandbox_binding.c.id == sandbox_card.c.binding_id)
        .where(sandbox_card.c.subject_hash.in_(hashes))
    )
    unbound = (null().label(column.name) for column in _BINDING)
    given = select(
        sandbox_person.c.subject_hash, *unbound, *(sandbox_person.c[n] for n in _PERSON)
    ).where(sandbox_person.c.subject_hash.in_(hashes))
    return Question(union_all(bound, given))


def _person(row: Row) -> SandboxPerson:
    if row["id"] is None:
        return SandboxPerson(_insured(row))
    bound = _binding(row)
    return SandboxPerson(bound.person, bound.kind, bound)


class SandboxPeople:
    """Synthetic people by the keyed hash of their cards, and by their keys."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def put(self, subject_hash: str, insured: Insured) -> None:
        """Let the hash stand for ``insured`` from now on."""
        same = sandbox_person.c.subject_hash == subject_hash
        self._connection.execute(sandbox_person.delete().where(same))
        values = {"subject_hash": subject_hash, **_written(insured)}
        self._connection.execute(sandbox_person.insert().values(values))

    def of_key(self, person_key: str) -> SandboxPerson | None:
        """Return the person with this key; what a facility bound last goes first."""
        query = select(sandbox_binding).where(sandbox_binding.c.person_key == person_key)
        newest = query.order_by(sandbox_binding.c.bound_at.desc(), sandbox_binding.c.id.desc())
        row = self._connection.execute(newest.limit(1)).mappings().first()
        if row:
            bound = _binding(row)
            return SandboxPerson(bound.person, bound.kind, bound)
        by_operator = select(sandbox_person).where(sandbox_person.c.person_key == person_key)
        row = self._connection.execute(by_operator.limit(1)).mappings().first()
        return SandboxPerson(_insured(row)) if row else None

    def bound(self, subject_hashes: tuple[str, ...]) -> Binding | None:
        """Return the binding of the first hash that some facility has bound."""
        query = (
            select(sandbox_card.c.subject_hash, sandbox_binding)
            .join(sandbox_binding, sandbox_binding.c.id == sandbox_card.c.binding_id)
            .where(sandbox_card.c.subject_hash.in_(subject_hashes))
        )
        row = self._first(query, subject_hashes)
        return _binding(row) if row else None

    def of_operator(self, subject_hashes: tuple[str, ...]) -> Insured | None:
        """Return the person that the operator gave to the first hash that is known."""
        query = select(sandbox_person).where(sandbox_person.c.subject_hash.in_(subject_hashes))
        row = self._first(query, subject_hashes)
        return _insured(row) if row else None

    def take_first_time(self, binding: Binding) -> bool:
        """Tell whether this is the first time that the card is asked for; true only once."""
        waiting = (sandbox_binding.c.id == binding.id) & ~sandbox_binding.c.has_timed_out
        taken = sandbox_binding.update().where(waiting).values(has_timed_out=True)
        return self._connection.execute(taken).rowcount == 1

    def _first(self, query: Select[Any], subject_hashes: tuple[str, ...]) -> RowMapping | None:
        rows = {row["subject_hash"]: row for row in self._connection.execute(query).mappings()}
        return next((rows[name] for name in subject_hashes if name in rows), None)


class FacilityBindings:
    """What one facility has set up for its tests."""

    def __init__(self, connection: Connection, facility_id: FacilityId) -> None:
        self._connection = connection
        self._facility_id = facility_id

    def all(self) -> tuple[Binding, ...]:
        """Return every binding, newest first."""
        query = select(sandbox_binding).where(self._own)
        newest = query.order_by(sandbox_binding.c.bound_at.desc(), sandbox_binding.c.id.desc())
        return tuple(_binding(row) for row in self._connection.execute(newest).mappings())

    def add(self, binding: Binding, subject_hashes: tuple[str, ...]) -> None:
        """Bind a card that is known by any of the hashes.

        Raises:
            IntegrityError: another binding has one of them.
        """
        self._connection.execute(
            sandbox_binding.insert().values(
                id=binding.id,
                facility_id=self._facility_id,
                kind=binding.kind.value,
                is_insurance_card=binding.is_insurance_card,
                pmh_id=binding.pmh_id,
                has_timed_out=binding.has_timed_out,
                bound_at=binding.bound_at,
                **_written(binding.person),
            )
        )
        cards = [{"subject_hash": name, "binding_id": binding.id} for name in subject_hashes]
        self._connection.execute(sandbox_card.insert(), cards)

    def remove(self, name: UUID) -> None:
        """Undo one binding."""
        self._remove(self._own & (sandbox_binding.c.id == name))

    def remove_all(self) -> int:
        """Undo every binding, and return how many there were."""
        return self._remove(self._own)

    def set_data(
        self, category: Category, *, person_key: str, is_registered: bool, at: datetime
    ) -> None:
        """Register or delete a category; ``person_key`` may be ``EVERYBODY``."""
        same = self._data(category) & (sandbox_data.c.person_key == person_key)
        self._connection.execute(sandbox_data.delete().where(same))
        self._connection.execute(
            sandbox_data.insert().values(
                facility_id=self._facility_id,
                category=category.value,
                person_key=person_key,
                is_registered=is_registered,
                at=at,
            )
        )

    def clear_data(self, category: Category) -> None:
        """Forget what was registered for single people."""
        self._connection.execute(sandbox_data.delete().where(self._data(category)))

    def registered(self, category: Category) -> bool:
        """Tell whether a category is registered for everybody."""
        everybody = self._data(category) & (sandbox_data.c.person_key == EVERYBODY)
        said = self._connection.scalar(select(sandbox_data.c.is_registered).where(everybody))
        return category in REGISTERED_AT_FIRST if said is None else bool(said)

    def people_with(self, category: Category) -> frozenset[str]:
        """Return the keys of the single people for whom a category is registered."""
        alone = self._data(category) & (sandbox_data.c.person_key != EVERYBODY)
        return frozenset(self._connection.scalars(select(sandbox_data.c.person_key).where(alone)))

    @property
    def _own(self) -> ColumnElement[bool]:
        return sandbox_binding.c.facility_id == self._facility_id

    def _data(self, category: Category) -> ColumnElement[bool]:
        own = sandbox_data.c.facility_id == self._facility_id
        return own & (sandbox_data.c.category == category.value)

    def _remove(self, condition: ColumnElement[bool]) -> int:
        chosen = select(sandbox_binding.c.id).where(condition)
        cards = sandbox_card.delete().where(sandbox_card.c.binding_id.in_(chosen))
        self._connection.execute(cards)
        return self._connection.execute(sandbox_binding.delete().where(condition)).rowcount


def _written(insured: Insured) -> dict[str, Any]:
    return {
        "person_key": insured.person_key,
        "name": insured.name,
        "kana": insured.kana,
        "birth_date": insured.birth_date,
        "sex": insured.sex.value,
    }


def _insured(row: Row) -> Insured:
    return Insured(
        person_key=row["person_key"],
        name=row["name"],
        kana=row["kana"],
        birth_date=row["birth_date"],
        sex=Sex(row["sex"]),
    )


def _binding(row: Row) -> Binding:
    return Binding(
        id=row["id"],
        facility_id=FacilityId(row["facility_id"]),
        kind=SandboxKind(row["kind"]),
        is_insurance_card=row["is_insurance_card"],
        pmh_id=row["pmh_id"],
        has_timed_out=row["has_timed_out"],
        bound_at=row["bound_at"],
        person=_insured(row),
    )
