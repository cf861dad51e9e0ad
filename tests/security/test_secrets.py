"""No secret in the repository: nothing that looks like a key but those of the test world."""

import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[2]
PATTERNS = {
    "private key": re.compile(r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----\s+[A-Za-z0-9+/]{40}"),
    "secret member of a JWK": re.compile(r'"d"\s*:\s*"[A-Za-z0-9_-]{40,}"'),
    "cloud key": re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bAIza[0-9A-Za-z_-]{35}\b"),
    "token of a forge": re.compile(r"\b(?:gh[pousr]_|glpat-|npm_|pypi-)[A-Za-z0-9_-]{20,}"),
    "chat token": re.compile(r"\bxox[abprs]-[0-9A-Za-z-]{10,}"),
    "signed token": re.compile(
        r"\beyJ[A-Za-z0-9_-]{20,}\.eyJ[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{20,}"
    ),
    "address with a password": re.compile(
        r"\b[a-z+]{3,20}://[^\s:/@\"'<{]+:[^\s@/\"'<{]{6,}@[a-z0-9.-]+\.(?:jp|com|org|net)\b"
    ),
    "drawn key": re.compile(
        r"(?:SECRET|_KEYS?|PASSWORD|TOKEN)[\"']?\s*[:=]\s*[\"']?(?=[A-Za-z0-9_-]*[0-9])"
        r"(?=[A-Za-z0-9_-]*[a-z])(?=[A-Za-z0-9_-]*[A-Z])[A-Za-z0-9_-]{32,}"
    ),
}
ALLOWED: dict[str, set[str]] = {
    # The vectors of the wire format are public, and so are the keys that made them.
    "secret member of a JWK": {"zaitaku/sdk/vectors/keys.json"},
    "signed token": {"zaitaku/sdk/vectors/requests.json"},
}
"""Files of the test world that may hold such a thing, and why."""


def tracked() -> Iterator[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=HOUSE,
        check=True,
        capture_output=True,
    )
    for name in listed.stdout.decode().split("\0"):
        path = HOUSE / name
        if name and path.is_file() and path.suffix not in {".png", ".pdf", ".ttf", ".lock"}:
            yield path


def found_in(text: str) -> Counter[str]:
    return Counter(name for name, pattern in PATTERNS.items() if pattern.search(text))


def test_nothing_that_looks_like_a_secret_is_in_the_repository() -> None:
    found: dict[str, set[str]] = {}
    for path in tracked():
        for kind in found_in(path.read_text("utf-8", errors="replace")):
            found.setdefault(kind, set()).add(path.relative_to(HOUSE).as_posix())
    assert {kind: paths - ALLOWED.get(kind, set()) for kind, paths in found.items()} == {
        kind: set() for kind in found
    }
    assert {kind: paths - found.get(kind, set()) for kind, paths in ALLOWED.items()} == {
        kind: set() for kind in ALLOWED
    }


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("private key", "-----BEGIN PRIVATE" + " KEY-----\n" + "MIIB" * 20),
        ("secret member of a JWK", '{"d": "' + "a1" * 25 + '"}'),
        ("cloud key", "AKIA" + "ABCDEFGH12345678"),
        ("token of a forge", "ghp_" + "a1" * 15),
        ("chat token", "xoxb-" + "1234567890"),
        ("signed token", ".".join(("eyJ" + "a" * 20, "eyJ" + "b" * 20, "c" * 43))),
        ("address with a password", "redis://user:" + "hunter22" + "@db.example.com/0"),
        ("drawn key", "ZAITAKU_URL_KEYS=" + "aB3" * 12),
    ],
)
def test_what_looks_like_a_secret_is_found(kind: str, text: str) -> None:
    assert kind in found_in(text)
