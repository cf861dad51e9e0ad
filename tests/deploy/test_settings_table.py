"""The table of settings is the code's own."""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from tools.settings_table import DOCUMENT, document, rows

HOUSE = Path(__file__).parents[2]
ELSEWHERE = {"ZAITAKU_DRAINING_FLAG"}
"""What the processes of an instance tell each other is no setting."""


def test_the_document_has_the_table_of_the_code() -> None:
    present = DOCUMENT.read_text("utf-8")
    assert present == document(present), "run python -m tools.settings_table"


def test_every_variable_that_the_code_names_has_one_row() -> None:
    places = [HOUSE / "zaitaku" / "settings.py", *(HOUSE / "zaitaku" / "core").glob("*.py")]
    code = "\n".join(path.read_text("utf-8") for path in places)
    named = set(re.findall(r'"(ZAITAKU_[A-Z0-9_]+)"', code)) - ELSEWHERE
    listed = [row.name for row in rows()]
    assert len(listed) == len(set(listed))
    assert set(listed) == named


def test_what_a_row_tells() -> None:
    found = {row.name: row for row in rows()}
    assert found["ZAITAKU_ORIGIN"].needed == "yes"
    assert found["ZAITAKU_OIDC_KEY_FILE"].needed == "with its group"
    assert found["ZAITAKU_JOB_RESULT_DAYS"].default == "`30`"
    assert found["ZAITAKU_OIDC_FRESHNESS"].default == "`proved`"
    assert found["ZAITAKU_BRIDGE_PORTS"].default == "`18231 18232 18233`"
    assert found["ZAITAKU_TRUSTED_PROXIES"].meaning.startswith("How many reverse proxies")


@dataclass(frozen=True)
class Silent:
    place: str

    @classmethod
    def from_env(cls, environ: dict[str, str]) -> "Silent":
        return cls(place=environ["ZAITAKU_SILENT_PLACE"])


def test_a_setting_without_a_meaning_is_refused() -> None:
    with pytest.raises(ValueError, match="place has no docstring"):
        list(rows(Silent))
