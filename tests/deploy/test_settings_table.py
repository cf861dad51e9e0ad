"""The table of settings is the code's own."""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from tools.settings_table import DOCUMENT, WORDS, document, japanese, rows, table

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


def test_each_line_tells_the_variable_in_japanese_before_english() -> None:
    _, _, *lines = table().splitlines()
    assert len(lines) == len(list(rows()))
    for row, line in zip(rows(), lines, strict=True):
        cells = re.split(r"(?<!\\) ?\| ?", line)
        assert cells[1] == f"`{row.name}`"
        first, between, english = cells[4].partition("<br>")
        assert re.search("[ぁ-んァ-ヶ]", first)
        assert (between, english) == ("<br>", f"*{row.meaning}*")
        assert cells[5:] == [""]


def test_both_languages_name_the_same_values() -> None:
    words = japanese(list(rows()))
    for row in rows():
        assert exact(words[row.name]) == exact(row.meaning), row.name
        numbers = set(re.findall("[0-9]+", row.meaning))
        assert numbers <= set(re.findall("[0-9]+", words[row.name])), row.name


def exact(text: str) -> list[str]:
    """Return what must be written letter by letter: code and the targets of links."""
    return sorted(re.findall(r"`[^`]+`|\]\([^)]+\)", text))


def entry(name: str, english: str, words: str) -> str:
    """Return one entry of a catalogue."""
    return f'\nmsgctxt "{name}"\nmsgid "{english}"\nmsgstr "{words}"\n'


def changed(folder: Path, old: str, new: str) -> Path:
    """Return a catalogue like the real one, but for one text in it."""
    text = WORDS.read_text("utf-8")
    assert text.count(old) == 1
    other = folder / "words.po"
    other.write_text(text.replace(old, new), "utf-8")
    return other


PERCENT = "How many of a hundred requests are traced, 1 to 100"
PERCENT_IN_JAPANESE = "100回のリクエストのうち、何回のトレースを取るか（1〜100）"
PERCENT_ENTRY = entry("ZAITAKU_TRACES_PERCENT", PERCENT, PERCENT_IN_JAPANESE)


@pytest.mark.parametrize(
    "instead",
    [
        "\n",
        entry("ZAITAKU_TRACES_PERCENT", PERCENT, ""),
        entry("ZAITAKU_TRACES_PERCENT", PERCENT, PERCENT),
        PERCENT_ENTRY.replace("\nmsgctxt", "\n#, fuzzy\nmsgctxt"),
    ],
    ids=["gone", "empty", "English", "doubtful"],
)
def test_a_variable_without_japanese_words_is_refused(tmp_path: Path, instead: str) -> None:
    catalogue = changed(tmp_path, PERCENT_ENTRY, instead)
    with pytest.raises(ValueError, match=f"TRACES_PERCENT has no Japanese words for: {PERCENT}"):
        document(DOCUMENT.read_text("utf-8"), catalogue)


def test_words_for_a_variable_that_is_gone_are_refused(tmp_path: Path) -> None:
    more = PERCENT_ENTRY + entry("ZAITAKU_GONE", "How many there were", "あった数")
    catalogue = changed(tmp_path, PERCENT_ENTRY, more)
    with pytest.raises(ValueError, match="ZAITAKU_GONE does not mean any more: How many there"):
        document(DOCUMENT.read_text("utf-8"), catalogue)


def test_words_whose_english_has_changed_are_refused(tmp_path: Path) -> None:
    catalogue = changed(tmp_path, PERCENT, "How many requests are traced")
    with pytest.raises(ValueError, match="has no Japanese words") as refused:
        document(DOCUMENT.read_text("utf-8"), catalogue)
    assert "TRACES_PERCENT does not mean any more: How many requests" in str(refused.value)


@dataclass(frozen=True)
class Silent:
    place: str

    @classmethod
    def from_env(cls, environ: dict[str, str]) -> "Silent":
        return cls(place=environ["ZAITAKU_SILENT_PLACE"])


def test_a_setting_without_a_meaning_is_refused() -> None:
    with pytest.raises(ValueError, match="place has no docstring"):
        list(rows(Silent))
