"""What lies beside the code: JSON Schemas, test vectors, the JavaScript module."""

import json
from importlib.resources import files
from typing import Any, Final, cast

SCHEMAS: Final = (
    "request-header",
    "request-claims",
    "consent-document",
    "keys-document",
    "endorsement-claims",
    "proof",
    "proof-answer",
)
VECTORS: Final = ("statements", "requests", "keys", "proofs", "returns")


def schema(name: str) -> dict[str, Any]:
    """Return one of ``SCHEMAS`` (JSON Schema 2020-12)."""
    return _read(f"schemas/{name}.schema.json")


def vectors(name: str) -> dict[str, Any]:
    """Return one of ``VECTORS``."""
    return _read(f"vectors/{name}.json")


def javascript() -> str:
    """Return the JavaScript module for a site's pages."""
    return _text("js/card-bridge.js")


def _read(path: str) -> dict[str, Any]:
    return cast("dict[str, Any]", json.loads(_text(path)))


def _text(path: str) -> str:
    return (files("zaitaku.sdk") / path).read_text("utf-8")
