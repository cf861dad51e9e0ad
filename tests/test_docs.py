"""The documents name only what is there."""

import re
from pathlib import Path

from zaitaku.blueprints.console.menu_items import MENU

HOUSE = Path(__file__).parent.parent
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")


def test_every_test_that_a_document_names_exists() -> None:
    written = "\n".join(path.read_text("utf-8") for path in (HOUSE / "docs").rglob("*.md"))
    named = set(re.findall(r"::(test_\w+)", written))
    code = "\n".join(path.read_text("utf-8") for path in (HOUSE / "tests").rglob("*.py"))
    assert named
    assert {name for name in named if f"def {name}(" not in code} == set()


def test_a_named_test_is_in_the_file_that_is_named_with_it() -> None:
    written = "\n".join(path.read_text("utf-8") for path in (HOUSE / "docs").rglob("*.md"))
    named = set(re.findall(r"(tests/[\w/]+\.py)::(test_\w+)", written))
    assert len(named) > 100
    code = {place: (HOUSE / place).read_text("utf-8") for place, _ in named}
    assert {(place, name) for place, name in named if f"def {name}(" not in code[place]} == set()


def test_every_file_that_a_document_links_to_exists() -> None:
    documents = [HOUSE / "README.md", HOUSE / "CONTRIBUTING.md", *(HOUSE / "docs").rglob("*.md")]
    broken = [
        f"{document.name}: {target}"
        for document in documents
        for target in LINK.findall(document.read_text("utf-8"))
        if not (document.parent / target).exists()
    ]
    assert broken == []


def test_every_setting_is_in_the_table() -> None:
    places = ("settings.py", "core/openid.py")
    code = "\n".join((HOUSE / "zaitaku" / place).read_text("utf-8") for place in places)
    table = (HOUSE / "docs" / "settings.md").read_text("utf-8")
    assert set(re.findall(r'"(ZAITAKU_[A-Z_]+)"', code)) <= set(
        re.findall(r"ZAITAKU_[A-Z_]+", table)
    )


def test_every_page_of_the_consoles_menu_is_in_its_document() -> None:
    written = (HOUSE / "docs" / "console.md").read_text("utf-8")
    names = {group.title for group in MENU} | {item.label for group in MENU for item in group.items}
    assert {name for name in names if name not in written} == set()


def test_a_code_to_be_read_has_one_name_in_japanese() -> None:
    places = ("docs", "packaging", "templates", "zaitaku")
    kinds = {".md", ".html", ".toml", ".po", ".py", ".typ", ".txt"}
    files = [HOUSE / "README.md"]
    files += [path for place in places for path in (HOUSE / place).rglob("*")]
    read = [path for path in files if path.suffix in kinds]
    assert len(read) > 500
    assert [path.name for path in read if "QRコード" in path.read_text("utf-8")] == []
