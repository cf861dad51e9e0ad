"""A patient whose phone reads the card: the stand-in provider, and what a browser does there."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from flask import Flask
from joserfc.jwk import RSAKey

from tests.patient.site import Visitor
from tests.servers import free_port
from zaitaku.core.clock import FixedClock
from zaitaku.core.openid import OpenIdProvider
from zaitaku.demo.processes import serving
from zaitaku.facilities.model import Channel
from zaitaku.identity.oidc.client_keys import ClientKeys, new_key
from zaitaku.sandbox.people import people_with_phones
from zaitaku.sandbox.provider.app import ACR, Client, StandIn, open_key, stand_in_app

ORIGIN = "http://localhost:8000"
CLIENT_ID = "zaitaku-test"
TARO = "sato-taro"
HANAKO = "yamada-hanako"
_ACTION = re.compile(r'action="([^"]+)"')


@dataclass
class Phone:
    """The app, and the stand-in behind it."""

    provider: StandIn
    app: Flask
    profile: OpenIdProvider

    def read(self, address: str, person: str = TARO, **values: str) -> str:
        """Read the card of ``person`` for the request at ``address``; return the way back."""
        client, parts = self.app.test_client(), urlsplit(address)
        page = client.get(f"{parts.path}?{parts.query}")
        assert page.status_code == 200, page.text
        found = _ACTION.search(page.text)
        assert found
        answer = client.post(found[1], data={"person": person, **values})
        assert answer.status_code == 303, answer.text
        return answer.location.removeprefix(ORIGIN)


@dataclass(frozen=True)
class PhoneKeys:
    """The keys that all phones share: making them, and reading them too, takes a while."""

    key_file: Path
    client: Client
    provider: RSAKey

    @classmethod
    def make(cls, folder: Path) -> Self:
        """Make them in ``folder``."""
        key_file = folder / "openid-key.pem"
        key_file.write_bytes(new_key())
        client = Client(CLIENT_ID, f"{ORIGIN}/app/return", ClientKeys.load(key_file).published())
        return cls(key_file, client, open_key(folder / "provider-key.pem"))


@contextmanager
def running_phone(keys: PhoneKeys, clock: FixedClock, today: date) -> Iterator[Phone]:
    """Serve a stand-in that goes by ``clock``."""
    port = free_port()
    issuer = f"http://127.0.0.1:{port}"
    provider = StandIn(
        issuer=issuer,
        key=keys.provider,
        client=keys.client,
        people=people_with_phones(today),
        clock=clock,
    )
    profile = OpenIdProvider(
        issuer=issuer,
        authorization_url=f"{issuer}/authorize",
        token_url=f"{issuer}/token",
        keys_url=f"{issuer}/keys",
        client_id=CLIENT_ID,
        key_file=keys.key_file,
        acr_values=(ACR,),
    )
    app = stand_in_app(provider)
    with serving(app, port):
        yield Phone(provider, app, profile)


def walk_to_app(visitor: Visitor, channel: Channel = Channel.HOME_VISIT) -> str:
    """Answer everything, choosing the app; return the journey's path."""
    journey = visitor.start(channel)
    for answer in ("yes", "yes", "app", "self"):
        visitor.send(answer)
    if channel is Channel.ONLINE:
        visitor.send("walk-in")
    visitor.send()
    visitor.send("all")
    visitor.send()
    return journey


def open_app(visitor: Visitor, journey: str) -> str:
    """Press the button of the card page; return the provider's address."""
    visitor.get(f"{journey}/card?way=app")
    forms = [
        form for form in visitor.page.iter("form") if form.attrib.get("action") == f"{journey}/app"
    ]
    assert forms[0].attrib["target"] == "_blank"
    answer = visitor.client.post(f"{journey}/app", data=visitor.hidden(), base_url=ORIGIN)
    assert answer.status_code == 303, answer.text
    return answer.location
