"""Passkeys, recovery codes and the rule of a facility in the durable store."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    ForeignKey,
    Integer,
    LargeBinary,
    RowMapping,
    Select,
    String,
    Table,
    Uuid,
    func,
    select,
)

from zaitaku.accounts.sign_in_model import Passkey, PasskeyId, SignInPolicy
from zaitaku.core.database import Moment, metadata
from zaitaku.core.ids import AccountId, FacilityId

passkey = Table(
    "passkey",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("facility_id", Uuid, ForeignKey("facility.id"), nullable=False),
    Column("account_id", Uuid, ForeignKey("account.id"), nullable=False, index=True),
    Column("credential_id", LargeBinary, nullable=False, unique=True),
    Column("public_key", LargeBinary, nullable=False),
    Column("sign_count", BigInteger, nullable=False),
    Column("transports", String(100), nullable=False),
    Column("is_backed_up", Boolean, nullable=False),
    Column("name", String(40), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("used_at", Moment),
    Column("suspended_at", Moment),
)

recovery_code = Table(
    "recovery_code",
    metadata,
    Column("account_id", Uuid, ForeignKey("account.id"), primary_key=True),
    Column("digest", String(64), primary_key=True),
    Column("facility_id", Uuid, ForeignKey("facility.id"), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("used_at", Moment),
)

sign_in_policy = Table(
    "sign_in_policy",
    metadata,
    Column("facility_id", Uuid, ForeignKey("facility.id"), primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("needs_second_factor", Boolean, nullable=False),
    Column("changed_by", String(100), nullable=False),
    Column("changed_at", Moment, nullable=False),
)
"""Without a row: nobody has ever decided, and a password is enough."""


class SignInStore:
    """How the accounts of one facility may sign in."""

    def __init__(self, connection: Connection, facility_id: FacilityId) -> None:
        self._connection = connection
        self._facility_id = facility_id

    def passkeys(self, account_id: AccountId) -> tuple[Passkey, ...]:
        """Return an account's passkeys, the oldest first."""
        query = self._passkeys().where(passkey.c.account_id == account_id)
        rows = self._connection.execute(query.order_by(passkey.c.created_at, passkey.c.id))
        return tuple(_passkey_from(row) for row in rows.mappings())

    def by_credential(self, credential_id: bytes) -> Passkey | None:
        """Return the passkey of a credential; its row waits for this transaction's end."""
        query = self._passkeys().where(passkey.c.credential_id == credential_id)
        row = self._connection.execute(query.with_for_update()).mappings().one_or_none()
        return _passkey_from(row) if row else None

    def add_passkey(self, values: Mapping[str, Any]) -> None:
        """Add a passkey; a known credential breaks a unique constraint."""
        self._connection.execute(passkey.insert().values(facility_id=self._facility_id, **values))

    def is_known(self, credential_id: bytes) -> bool:
        """Tell whether the credential is anybody's."""
        query = select(passkey.c.id).where(passkey.c.credential_id == credential_id)
        return self._connection.execute(query).first() is not None

    def update_passkey(self, passkey_id: PasskeyId, values: Mapping[str, Any]) -> None:
        """Set columns of one passkey."""
        self._connection.execute(
            passkey.update()
            .where(passkey.c.id == passkey_id, passkey.c.facility_id == self._facility_id)
            .values(values)
        )

    def remove_passkey(self, passkey_id: PasskeyId) -> None:
        """Remove one passkey; the audit trail remembers it."""
        self._connection.execute(
            passkey.delete().where(
                passkey.c.id == passkey_id, passkey.c.facility_id == self._facility_id
            )
        )

    def remove_all(self, account_id: AccountId) -> int:
        """Remove all passkeys and recovery codes of an account; return how many passkeys."""
        of_account = passkey.c.account_id == account_id
        removed = self._connection.execute(
            passkey.delete().where(of_account, passkey.c.facility_id == self._facility_id)
        )
        self._drop_codes(account_id)
        return removed.rowcount

    def replace_codes(
        self, account_id: AccountId, digests: Collection[str], created_at: datetime
    ) -> None:
        """Replace an account's recovery codes: the former ones open nothing any more."""
        self._drop_codes(account_id)
        rows = [
            {
                "account_id": account_id,
                "digest": digest,
                "facility_id": self._facility_id,
                "created_at": created_at,
            }
            for digest in digests
        ]
        self._connection.execute(recovery_code.insert(), rows)

    def take_code(self, account_id: AccountId, digest: str, used_at: datetime) -> bool:
        """Use up an unused recovery code: of many takers exactly one gets it."""
        taken = self._connection.execute(
            recovery_code.update()
            .where(
                recovery_code.c.account_id == account_id,
                recovery_code.c.facility_id == self._facility_id,
                recovery_code.c.digest == digest,
                recovery_code.c.used_at.is_(None),
            )
            .values(used_at=used_at)
        )
        return taken.rowcount == 1

    def codes_left(self, account_id: AccountId) -> int:
        """Return how many recovery codes the account has not used yet."""
        query = select(func.count()).where(
            recovery_code.c.account_id == account_id,
            recovery_code.c.facility_id == self._facility_id,
            recovery_code.c.used_at.is_(None),
        )
        return int(self._connection.execute(query).scalar_one())

    def policy(self) -> SignInPolicy:
        """Return the facility's rule."""
        query = select(sign_in_policy).where(sign_in_policy.c.facility_id == self._facility_id)
        row = self._connection.execute(query).mappings().one_or_none()
        return _policy_from(row) if row else SignInPolicy(0, needs_second_factor=False)

    def save_policy(self, policy: SignInPolicy) -> None:
        """Keep the rule; the caller holds the facility's lock."""
        values = {
            "revision": policy.revision,
            "needs_second_factor": policy.needs_second_factor,
            "changed_by": policy.changed_by,
            "changed_at": policy.changed_at,
        }
        update = sign_in_policy.update().where(sign_in_policy.c.facility_id == self._facility_id)
        if self._connection.execute(update.values(values)).rowcount == 0:
            insert = sign_in_policy.insert()
            self._connection.execute(insert.values(facility_id=self._facility_id, **values))

    def without_passkey(self, account_ids: Collection[AccountId]) -> int:
        """Return how many of the accounts have no passkey."""
        query = select(passkey.c.account_id).where(passkey.c.facility_id == self._facility_id)
        having = set(self._connection.execute(query.distinct()).scalars())
        return len(set(account_ids) - having)

    def _drop_codes(self, account_id: AccountId) -> None:
        self._connection.execute(
            recovery_code.delete().where(
                recovery_code.c.account_id == account_id,
                recovery_code.c.facility_id == self._facility_id,
            )
        )

    def _passkeys(self) -> Select[Any]:
        return select(passkey).where(passkey.c.facility_id == self._facility_id)


def whose_credential(
    connection: Connection, credential_id: bytes
) -> tuple[FacilityId, Passkey] | None:
    """Return the passkey that a login shows, with its facility: the browser names neither."""
    query = select(passkey).where(passkey.c.credential_id == credential_id)
    row = connection.execute(query).mappings().one_or_none()
    return (FacilityId(row["facility_id"]), _passkey_from(row)) if row else None


def _passkey_from(row: RowMapping) -> Passkey:
    return Passkey(
        id=PasskeyId(row["id"]),
        account_id=AccountId(row["account_id"]),
        name=row["name"],
        credential_id=row["credential_id"],
        public_key=row["public_key"],
        sign_count=row["sign_count"],
        transports=tuple(row["transports"].split()),
        is_backed_up=row["is_backed_up"],
        created_at=row["created_at"],
        used_at=row["used_at"],
        suspended_at=row["suspended_at"],
    )


def _policy_from(row: RowMapping) -> SignInPolicy:
    return SignInPolicy(
        revision=row["revision"],
        needs_second_factor=row["needs_second_factor"],
        changed_by=row["changed_by"],
        changed_at=row["changed_at"],
    )
