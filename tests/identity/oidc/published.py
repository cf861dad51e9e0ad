"""A provider that publishes keys, without any network."""

from collections.abc import Mapping
from typing import Any

from joserfc.jwk import RSAKey

from zaitaku.identity.oidc.errors import AppAway
from zaitaku.identity.oidc.exchange import Reply

KEY, OTHER_KEY = (RSAKey.generate_key(2048) for _ in range(2))


class Published:
    """Publishes ``keys``; counts how often it is asked."""

    def __init__(self, *keys: dict[str, Any]) -> None:
        self.body: dict[str, Any] = {"keys": list(keys)}
        self.status = 200
        self.asked = 0

    def get(self, _url: str) -> Reply:
        """Answer, or be away (status 0)."""
        self.asked += 1
        if not self.status:
            raise AppAway("as the test asked")
        return Reply(self.status, self.body)

    def post(self, url: str, fields: Mapping[str, str]) -> Reply:
        """Refuse: nobody posts for keys."""
        raise AssertionError((url, fields))


def jwk(key: RSAKey = KEY, **members: object) -> dict[str, Any]:
    """Return a published key."""
    return {**key.as_dict(private=False), "kid": "now", **members}
