"""Alembic's entry: runs migrations on the connection that ``zaitaku.schema`` hands over."""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext

from zaitaku.core.database import Moment
from zaitaku.schema import all_tables


def _render(kind: str, item: Any, _context: AutogenContext) -> str | Literal[False]:
    # A migration stands for itself: it names no type of ours that may change later.
    if kind == "type" and isinstance(item, Moment):
        return "sa.DateTime(timezone=True)"
    return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=all_tables(),
    render_as_batch=True,
    compare_type=True,
    render_item=_render,
)
with context.begin_transaction():
    context.run_migrations()
