"""docs/security/fuzzing.md: every parser that it names is there, and so is its test."""

import re

from tests.security.test_asvs import HOUSE, names_in

TABLE = HOUSE / "docs" / "security" / "fuzzing.md"
ROW = re.compile(r"^\| [^|`]+ \| `([^`]+)` \| (.+) \|$", re.MULTILINE)
NAMED = re.compile(r"`([a-z_/0-9]+\.py)((?:::\w+)*)`")


def test_every_parser_and_its_tests_are_there() -> None:
    rows = ROW.findall(TABLE.read_text("utf-8"))
    assert len(rows) >= 25
    for place, tests in rows:
        assert (HOUSE / "zaitaku" / place).exists(), place
        named = NAMED.findall(tests)
        assert named, place
        for file, name in named:
            path = HOUSE / "tests" / file
            assert path.exists(), file
            assert not name or name in names_in(path), (file, name)
