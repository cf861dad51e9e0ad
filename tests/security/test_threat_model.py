"""docs/security/threat-model.md: every test that it names is there."""

import re
from pathlib import Path

from tests.security.test_asvs import HOUSE, NAMED, names_in

MODEL = HOUSE / "docs" / "security" / "threat-model.md"
ROW = re.compile(r"^\| ([STRIDE]\d+) \| [^|]+ \| [^|]+ \| ([^|]*) \|[^|]*\|$", re.MULTILINE)


def test_every_threat_names_a_test_that_is_there() -> None:
    rows = ROW.findall(MODEL.read_text("utf-8"))
    assert len(rows) == len({name for name, _ in rows}) >= 40
    assert {name[0] for name, _ in rows} == set("STRIDE")
    for threat, tests in rows:
        named = NAMED.findall(tests)
        assert named, threat
        for file, name in named:
            path = HOUSE / "tests" / Path(file)
            assert path.exists(), (threat, file)
            assert name in names_in(path), (threat, file, name)
