"""Alembic's entry: runs migrations on the connection that ``zaitaku.schema`` hands over."""

from typing import Any, Literal, cast

from alembic import context
from alembic.autogenerate.api import AutogenContext
from alembic.runtime.migration import MigrationContext, MigrationInfo
from sqlalchemy import update

from zaitaku.core.database import Moment
from zaitaku.core.revisions import schema_promise
from zaitaku.schema import all_tables


def _render(kind: str, item: Any, _context: AutogenContext) -> str | Literal[False]:
    # A migration stands for itself: it names no type of ours that may change later.
    if kind == "type" and isinstance(item, Moment):
        return "sa.DateTime(timezone=True)"
    return False


def _promise(ctx: MigrationContext, step: MigrationInfo, **_: object) -> None:
    # A migration that older versions do not survive names the first that does: in its own
    # transaction, so that both hold or neither.
    if not step.is_upgrade or ctx.script is None or ctx.connection is None:
        return
    script = ctx.script.get_revision(step.up_revision_id or "")
    serves_from = getattr(script.module, "SERVES_FROM", None)
    if serves_from is not None:
        ctx.connection.execute(update(schema_promise).values(serves_from=serves_from))


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=all_tables(),
    render_as_batch=True,
    compare_type=True,
    render_item=_render,
    on_version_apply=cast("Any", _promise),
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
