"""The test vectors as pytest parameters, and the small parts that carry them out."""

from datetime import datetime
from typing import Any

import pytest

from zaitaku.cardbridge.trust.site import PublishedKeys, SiteClient
from zaitaku.sdk import Challenge
from zaitaku.sdk.files import vectors

PROOFS = vectors("proofs")
REQUESTS = vectors("requests")
NOW = datetime.fromisoformat(PROOFS["now"])
CHALLENGE = Challenge(**PROOFS["challenge"])


def cases(file: str, part: str = "cases") -> pytest.MarkDecorator:
    """Parametrize a test over one part of a file, each case under its own name."""
    return pytest.mark.parametrize(
        "case", [pytest.param(case, id=_name(case)) for case in vectors(file)[part]]
    )


class Publishes(SiteClient):
    """A site that publishes what a vector says, and does not tell its time."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document

    def fetch_keys(self, origin: str) -> PublishedKeys:
        return PublishedKeys(
            tuple(self.document["keys"]), tuple(self.document["endorsements"]), None
        )


def _name(case: dict[str, Any]) -> str:
    return str(case.get("name") or case.get("url") or case.get("body") or "empty")
