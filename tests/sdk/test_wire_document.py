"""docs/wire-format.md says what the code says, and the SDK needs what it says it needs."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import zaitaku.sdk
from zaitaku import wire
from zaitaku.cardbridge.running.launching import START_LINKS
from zaitaku.cardbridge.trust import failures
from zaitaku.cardbridge.trust.requests import LEEWAY_SECONDS, LIFETIME_LIMIT_SECONDS
from zaitaku.sdk.errors import REFUSALS
from zaitaku.sdk.files import SCHEMAS, schema

HOUSE = Path(__file__).parents[2]
TEXT = (HOUSE / "docs" / "wire-format.md").read_text("utf-8")


def _section(title: str) -> str:
    return TEXT.partition(f"## {title}\n")[2].partition("\n## ")[0]


def test_the_tables_have_every_member() -> None:
    rows = re.findall(r"^\| (`[^|]+`) \|", _section("The request"), re.MULTILINE)
    claims = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert claims == set(schema("request-claims")["properties"])
    rows = re.findall(r"^\| `([a-z_]+)", _section("The consent document"), re.MULTILINE)
    assert set(rows) == set(schema("consent-document")["properties"])


def test_the_constants_are_those_of_the_code() -> None:
    for constant in (
        *map(str, wire.BRIDGE_PORTS),
        *(wire.KEYS_PATH, wire.PROOF_PATH, wire.READ_PATH, wire.AUDIENCE),
        *(wire.REQUEST_TYPE, wire.ENDORSEMENT_TYPE),
        *(*wire.CHANNELS, *wire.OPERATORS, *wire.TEXT_SIZES),
        wire.DOMAIN_TAG.decode().strip("\0"),
        f"{wire.NONCE_BYTES} random bytes",
        f"{wire.WORDING_LIMIT:,} characters",
        f"1–{wire.FACILITY_LIMIT} characters",
        f"1–{wire.CHOICES_LIMIT} of",
        f"{LEEWAY_SECONDS} seconds",
        f"{LIFETIME_LIMIT_SECONDS:,} after",
        *(refusal.code for refusal in REFUSALS),
    ):
        assert constant in TEXT, constant
    assert "zaitaku-bridge:start" in START_LINKS
    assert all(f"`{name}`" in TEXT for name in SCHEMAS)


def test_the_pages_of_the_bridge_are_there() -> None:
    named = set(re.findall(r"`([a-z-]+)`", _section("Refusals of the bridge").split(":")[1]))
    pages = {kind.page for kind in failures.BridgeError.__subclasses__()} | {"busy"}
    assert len(named) > 8
    assert named <= pages


def test_the_names_of_the_sdk_are_there() -> None:
    listed = re.search(r"from zaitaku\.sdk import ([^\n]+)", TEXT)
    assert listed is not None
    for name in listed[1].split(", "):
        assert hasattr(zaitaku.sdk, name)
    for name in re.findall(r"^\| `site\.(\w+)\(", TEXT, re.MULTILINE):
        assert hasattr(zaitaku.sdk.CardSite, name)


@pytest.mark.parametrize(
    ("code", "allowed"),
    [
        ("import zaitaku.sdk", {"zaitaku.sdk", "zaitaku.wire"}),
        (
            "from pathlib import Path; from zaitaku.cardbridge.virtual import rehearsal;"
            " import zaitaku.sandbox.cards, zaitaku.sandbox.strangers",
            {"zaitaku.cardbridge", "zaitaku.wire", "zaitaku.sandbox", "zaitaku.core"},
        ),
    ],
)
def test_neither_the_sdk_nor_the_simulator_loads_the_server(code: str, allowed: set[str]) -> None:
    names = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint(*sys.modules)"],
        cwd=HOUSE,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    ours = {".".join(name.split(".")[:2]) for name in names if name.startswith("zaitaku.")}
    assert ours <= allowed
    foreign = {"sqlalchemy", "redis", "itsdangerous", "flask_wtf", "babel", "rfc8785", "gunicorn"}
    assert not foreign & {name.split(".")[0] for name in names}
