"""Writes the test vectors of the wire format into ``zaitaku/sdk/vectors``.

    .venv/bin/python -m tools.wire_vectors

The keys in ``keys.json`` are kept when they are there, and everything else follows from them, so a
second run changes nothing. They are for tests only: everybody has them.
"""

import json
from pathlib import Path
from typing import Any

from tools import wire_proofs, wire_requests
from tools.wire_keys import VectorKeys
from zaitaku import wire

FOLDER = Path(__file__).parent.parent / "zaitaku" / "sdk" / "vectors"
ABOUT = "Test vectors of the zaitaku wire format, protocol 1. The keys are for tests only."


def statements() -> dict[str, Any]:
    """Return inputs and the bytes that the card signs for them."""
    inputs = (
        ("plain", "https://clinic.example", "01" * 32, "{}"),
        ("japanese", "https://clinic.example", "ab" * 32, '{"facility":{"name":"みどり坂"}}'),
        ("with a port", "https://clinic.example:8443", "00" * 32, '{"language":"ja"}'),
        ("beyond the basic plane", "https://clinic.example", "ff" * 32, '{"name":"𠮷田"}'),
    )
    return {"about": ABOUT, "cases": [_statement(*each) for each in inputs]}


def _statement(name: str, origin: str, nonce: str, document: str) -> dict[str, str]:
    made = wire.statement(origin=origin, nonce=bytes.fromhex(nonce), document=document)
    return {
        "name": name,
        "origin": origin,
        "nonce": nonce,
        "document": document,
        "document_sha256": wire.document_digest(document).hex(),
        "statement": made.hex(),
    }


def returns() -> dict[str, Any]:
    """Return addresses with which the browser comes back, and what they say."""
    base = "https://clinic.example/consent/return"
    code = "one-time-code-0123456789"
    cases = [
        (f"{base}?code={code}", {"kind": "code", "code": code}),
        (f"{base}?lang=ja&code={code}", {"kind": "code", "code": code}),
        (f"{base}?cancelled=1", {"kind": "cancelled"}),
        (f"{base}?code={code}&cancelled=1", {"kind": "cancelled"}),
        (f"{base}?code={code}#part", {"kind": "code", "code": code}),
        (base, {"kind": "none"}),
        (f"{base}?code=", {"kind": "none"}),
        (f"{base}?code=short", {"kind": "none"}),
        (f"{base}?code={code}&code=another-code-0123456789", {"kind": "none"}),
        (f"{base}?code={code}%20", {"kind": "none"}),
        (f"{base}?code={'a' * 201}", {"kind": "none"}),
        (f"{base}#code={code}", {"kind": "none"}),
    ]
    return {"about": ABOUT, "cases": [{"url": url, "means": means} for url, means in cases]}


def everything(keys: VectorKeys) -> dict[str, dict[str, Any]]:
    """Return the content of every file by its name."""
    return {
        "keys": {"about": ABOUT, **keys.to_mapping()},
        "statements": statements(),
        "requests": {"about": ABOUT, **wire_requests.build(keys)},
        "proofs": {"about": ABOUT, **wire_proofs.build(keys)},
        "returns": returns(),
    }


def text_of(content: dict[str, Any]) -> str:
    """Return what stands in a file."""
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def main() -> None:
    """Write every file."""
    FOLDER.mkdir(exist_ok=True)
    keys = VectorKeys.open(FOLDER / "keys.json")
    for name, content in everything(keys).items():
        (FOLDER / f"{name}.json").write_text(text_of(content), "utf-8")


if __name__ == "__main__":
    main()
