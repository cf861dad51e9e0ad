"""security.txt: there where a contact is set, and as RFC 9116 wants it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.conftest import NOW
from tests.patient.conftest import authority, openid, services
from zaitaku.app import build_app
from zaitaku.core.errors import SettingsError
from zaitaku.services import Services

__all__ = ["authority", "openid", "services"]

BASE = "http://localhost:8000"
PATH = "/.well-known/security.txt"


def with_contact(services: Services, contact: str) -> Services:
    settings = replace(services.settings, security_contact=contact)
    return replace(services, settings=settings)


def test_whom_to_tell(services: Services) -> None:
    app = build_app(with_contact(services, "mailto:security@zaitaku.example"))
    answer = app.test_client().get(PATH, base_url=BASE)
    assert answer.status_code == 200
    assert answer.content_type == "text/plain; charset=utf-8"
    lines = answer.text.split("\r\n")
    assert lines.pop() == ""
    fields = dict(line.split(": ", 1) for line in lines)
    assert len(fields) == len(lines)
    assert fields["Contact"] == "mailto:security@zaitaku.example"
    assert fields["Canonical"] == BASE + PATH
    expires = datetime.strptime(fields["Expires"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert timedelta(days=80) < expires - NOW < timedelta(days=365)


def test_nothing_is_there_without_a_contact(services: Services) -> None:
    app = build_app(services)
    assert app.test_client().get(PATH, base_url=BASE).status_code == 404


@pytest.mark.parametrize(
    "contact", ["security@zaitaku.example", "http://a.example", "mailto:a b", "tel:1\r\nX: y"]
)
def test_a_contact_is_an_address(services: Services, contact: str) -> None:
    with pytest.raises(SettingsError, match="ZAITAKU_SECURITY_CONTACT"):
        replace(services.settings, security_contact=contact)
