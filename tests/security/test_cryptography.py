"""docs/security/cryptography.md: every use of cryptography is in the inventory, and no other."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

HOUSE = Path(__file__).parents[2]
CODE = HOUSE / "zaitaku"
INVENTORY = (HOUSE / "docs" / "security" / "cryptography.md").read_text("utf-8")
LIBRARIES = {
    *("argon2", "cryptography", "hashlib", "hmac", "itsdangerous", "joserfc", "random", "secrets"),
    *("ssl", "webauthn"),
}
SYNTHETIC = {"blueprints/overload.py"}
"""Take chance that hides nothing (it spreads questions in time)."""
NAMING = {
    "core/ephemeral_redis.py",  # Redis names its scripts by SHA-1
    "eligibility/synthetic/dice.py",  # dice for made-up people
    "identity/revocation/stapled.py",  # an issuer is named by it (RFC 6960 §4.1.1)
}
"""Take a hash that is not on the list, and protect nothing by it."""
CIPHERS = re.compile(r"\b(?:AES\w+|ChaCha\w+|TripleDES|ARC4|Fernet|Blowfish|modes\.\w+)\b")
HASHES = re.compile(r"\b(?:md5|sha1|MD5|SHA1|sha224|blake2\w)\b")


def sources() -> Iterator[tuple[str, str]]:
    for path in sorted(CODE.rglob("*.py")):
        yield path.relative_to(CODE).as_posix(), path.read_text("utf-8")


def imported(text: str) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names |= {each.name.split(".")[0] for each in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").split(".")[0])
    return names


def listed() -> tuple[str, ...]:
    part = INVENTORY.split("## Where cryptography is used")[1].split("\n## ")[0]
    return tuple(re.findall(r"^\| `([^`]+)` \|", part, re.MULTILINE))


@cache
def users() -> frozenset[str]:
    return frozenset(name for name, text in sources() if imported(text) & LIBRARIES)


def test_every_use_of_cryptography_is_in_the_inventory() -> None:
    assert {name for name in users() if not name.startswith(listed())} == set()


def test_nothing_is_in_the_inventory_that_uses_none() -> None:
    assert {each for each in listed() if not any(n.startswith(each) for n in users())} == set()


def test_every_ring_of_keys_is_in_the_inventory() -> None:
    settings = "".join(text for name, text in sources() if "setting" in name or "openid" in name)
    keys = set(re.findall(r"ZAITAKU_\w*(?:KEYS|KEY_FILE|KEY)\b", settings))
    assert len(keys) >= 6
    assert {key for key in keys if f"`{key}`" not in INVENTORY} == set()


def test_only_known_ciphers_are_used() -> None:
    used = {found for _, text in sources() for found in CIPHERS.findall(text)}
    assert used <= {"AESGCM", "AES", "Fernet"}


def test_only_known_hashes_are_used() -> None:
    weak = {name for name, text in sources() if HASHES.search(text)}
    assert weak == NAMING


def test_chance_comes_from_the_operating_system() -> None:
    assert {name for name, text in sources() if "random" in imported(text)} == SYNTHETIC


def test_secrets_are_compared_in_constant_time() -> None:
    # The digests of the audit trail are public; those in a query are looked up by an index.
    compared = re.compile(r"\b\w*(?:mac|digest|token|secret|password)\w*\s==\s", re.IGNORECASE)
    plain = {
        f"{name}: {line.strip()}"
        for name, text in sources()
        if not name.startswith(("sandbox/", "demo/", "sdk/", "audit/"))
        for line in text.splitlines()
        if compared.search(line) and not re.search(r"\.c\.|for |digest_", line)
    }
    assert plain == set()
