"""Walks whose steps are pages, when the same person opens the same walk in two windows.

A session has one draft. So what a page shows carries the draft's ``submission``, made anew at each
choice, and the act refuses a page that shows another choice than the one that would be done.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from flask import request

from zaitaku.blueprints.console.room import failure

FIELD: Final = "submission"


def is_of_this_page(draft: Mapping[str, str]) -> bool:
    """Tell whether the form that was sent showed what the draft holds now."""
    return request.form.get(FIELD, "") == draft.get(FIELD, "")


def chosen_elsewhere(start: str) -> tuple[str, HTTPStatus]:
    """Say that another window has chosen something else; ``start`` begins anew."""
    return failure(
        "別の画面で、内容を選び直しています",
        "この画面に表示していた内容は、別のタブやウィンドウで選び直した内容と違います。",
        "この操作では、何も変更していません。まだ必要なときは、はじめから内容を確かめてください。",
        action={"label": "はじめから確かめる", "href": start},
    ), HTTPStatus.CONFLICT
