"""The sandbox's people in the durable store."""

from sqlalchemy import Column, Connection, Date, RowMapping, String, Table, select

from zaitaku.core.database import metadata
from zaitaku.eligibility.model import Insured, Sex

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


class SandboxPeople:
    """Synthetic people by the keyed hash of their cards."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def put(self, subject_hash: str, insured: Insured) -> None:
        """Let the hash stand for ``insured`` from now on."""
        same = sandbox_person.c.subject_hash == subject_hash
        self._connection.execute(sandbox_person.delete().where(same))
        self._connection.execute(
            sandbox_person.insert().values(
                subject_hash=subject_hash,
                person_key=insured.person_key,
                name=insured.name,
                kana=insured.kana,
                birth_date=insured.birth_date,
                sex=insured.sex.value,
            )
        )

    def find(self, subject_hashes: tuple[str, ...]) -> Insured | None:
        """Return the person of the first hash that is known."""
        query = select(sandbox_person).where(sandbox_person.c.subject_hash.in_(subject_hashes))
        rows = {row["subject_hash"]: row for row in self._connection.execute(query).mappings()}
        known = (rows[name] for name in subject_hashes if name in rows)
        return next((_insured(row) for row in known), None)


def _insured(row: RowMapping) -> Insured:
    return Insured(
        person_key=row["person_key"],
        name=row["name"],
        kana=row["kana"],
        birth_date=row["birth_date"],
        sex=Sex(row["sex"]),
    )
