"""What the product is made of: the bill of materials, the locks, what the audit says of them."""

import json
import re
from pathlib import Path

import pytest

from tools.audit import Answer, status, told
from tools.sbom import LOCK, write

PINNED = re.compile(r"^([a-z0-9_.-]+)==(\S+)", re.MULTILINE)


@pytest.fixture(scope="module")
def bill(tmp_path_factory: pytest.TempPathFactory) -> str:
    target = tmp_path_factory.mktemp("bill") / "sbom.json"
    write(target)
    return target.read_text("utf-8")


def test_the_bill_keeps_its_schema(bill: str) -> None:
    # Its grammars take two seconds of every process that loads them.
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(bill) is None


def test_the_bill_names_every_locked_package(bill: str) -> None:
    components = json.loads(bill)["components"]
    named = {(each["name"], each["version"]) for each in components}
    assert named == set(PINNED.findall(LOCK.read_text("utf-8")))
    assert all(each["purl"].startswith("pkg:pypi/") for each in components)
    assert all("hashes" in each["externalReferences"][0] for each in components)


def test_the_same_lock_gives_the_same_bill(bill: str, tmp_path: Path) -> None:
    write(tmp_path / "again.json")
    assert (tmp_path / "again.json").read_text("utf-8") == bill


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_a_lock_names_no_place_and_every_hash(lock: str) -> None:
    text = Path(lock).read_text("utf-8")
    assert "://" not in text
    entries = re.split(r"\n(?=[a-z0-9])", text)
    assert [entry[:60] for entry in entries if "--hash=sha256:" not in entry] == []


def test_a_known_vulnerability_is_told() -> None:
    answer = Answer.of(
        [
            {"name": "a", "version": "1", "vulns": []},
            {"name": "b", "version": "2", "vulns": [{"id": "PYSEC-1"}]},
            {"name": "c", "skip_reason": "not found"},
        ]
    )
    assert answer == Answer(3, 1, ("b 2: PYSEC-1",))
    assert told("x.lock", answer) == "x.lock: audited=2 not_audited=1 vulnerable=1"


def test_no_answer_is_not_taken_for_a_good_one() -> None:
    silent = Answer.of([{"name": "c", "skip_reason": "?"}])
    good, bad = Answer(3, 1, ()), Answer(3, 1, ("b 2: PYSEC-1",))
    assert "NOTHING WAS CHECKED" in told("x.lock", silent)
    assert status([good, silent], may_be_offline=False) == 2
    assert status([good, silent], may_be_offline=True) == 0
    assert status([good, good], may_be_offline=False) == 0
    assert status([bad, silent], may_be_offline=True) == 1
