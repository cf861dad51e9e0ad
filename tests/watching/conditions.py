"""Conditions in which a deployment may be found."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from zaitaku.watching.certificates import CertificateEnd
from zaitaku.watching.condition import AuditCondition, Condition, JobsCondition
from zaitaku.watching.door import Door
from zaitaku.watching.postgres import PostgresCondition, Standby
from zaitaku.watching.presence import Instance, Role


def sound(at: datetime, **changes: Any) -> Condition:
    """Return the condition of a deployment with which all is well."""
    standby = Standby("b", "streaming", True, 2048, timedelta(seconds=0.2))
    condition = Condition(
        at=at,
        version="1.2.3",
        database_answers=True,
        ephemeral_answers=True,
        schema="202611230117",
        schema_fits=True,
        instances=(
            Instance("one:1", Role.WEB, "1.2.3", at),
            Instance("two:2", Role.WORKER, "1.2.3", at - timedelta(minutes=1)),
        ),
        door=Door(permits=5),
        jobs=JobsCondition(waiting=1, running=2, failed=0, oldest_waiting=at),
        postgres=PostgresCondition(
            is_primary=True,
            is_synchronous=True,
            standbys=(standby, replace(standby, name="c", is_synchronous=False)),
            archived_at=at,
            archive_fails=False,
        ),
        audit=AuditCondition(at, is_whole=True),
        backup_at=at,
        crl_ends=at + timedelta(days=5),
        crl_is_readable=True,
        certificates=(
            CertificateEnd("root", at + timedelta(days=900)),
            CertificateEnd("tls", at + timedelta(days=60)),
        ),
    )
    return replace(condition, **changes)
