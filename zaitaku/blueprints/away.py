"""What is said while a store is away: only what is known, by what was asked and what answered."""

from typing import Final

from flask import g, request

from zaitaku.blueprints.i18n import mark
from zaitaku.core.errors import EphemeralStoreUnavailable

_CANNOT_OPEN: Final = mark(
    "この画面を、いま開けません。お使いのスマートフォンやパソコンの故障ではありません。"
)
_NOT_REGISTERED: Final = mark("送った内容は、登録されていません。")
_ANSWERS_ARE_KEPT: Final = mark("これまでの答えは残っています。")
_ANSWERS_MAY_BE_KEPT: Final = mark(
    "これまでの答えが残っているかどうかは、次に開いたときにわかります。"
)


def happened(error: Exception) -> tuple[str, ...]:
    """Return what the present request came to, as ``error`` kept it from its page."""
    first = _NOT_REGISTERED if request.method == "POST" else _CANNOT_OPEN
    if "journey" not in (request.view_args or {}):
        return (first,)
    # The journey was read in this request, and what holds it was not what failed.
    is_kept = "journey" in g and not isinstance(error, EphemeralStoreUnavailable)
    return first, _ANSWERS_ARE_KEPT if is_kept else _ANSWERS_MAY_BE_KEPT
