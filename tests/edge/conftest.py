"""A deployment as patients meet it: https in front, one proxy that ends TLS."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.patient.conftest import KEYS, SESSION_KEYS, SUBJECT_KEYS, authority
from zaitaku.app import build_app
from zaitaku.core.clock import FixedClock
from zaitaku.core.database import Database
from zaitaku.identity.keys import RequestKeys
from zaitaku.sandbox.authority import TestAuthority
from zaitaku.services import build_services
from zaitaku.settings import Mode, Settings

__all__ = ["authority"]

ORIGIN = "https://zaitaku.example"

Deploy = Callable[..., Flask]


@pytest.fixture
def deploy(
    tmp_path: Path, database: Database, authority: TestAuthority, clock: FixedClock
) -> Iterator[Deploy]:
    """Start the application with settings of the test's own; all share the stores."""
    RequestKeys.make(tmp_path / "request-key.pem")
    usual: dict[str, Any] = {
        "mode": Mode.SANDBOX,
        "origin": ORIGIN,
        "database_url": database.url.render_as_string(hide_password=False),
        "ephemeral_url": f"sqlite:///{tmp_path / 'ephemeral.db'}",
        "url_keys": KEYS,
        "session_keys": SESSION_KEYS,
        "subject_keys": SUBJECT_KEYS,
        "request_key_file": tmp_path / "request-key.pem",
        "trust_anchors": (authority.roots_file,),
        "crl_file": authority.crl_file,
        "trusted_proxies": 1,
    }
    built = []

    def start(**changes: Any) -> Flask:
        services = build_services(Settings(**{**usual, **changes}), clock)
        built.append(services)
        return build_app(services)

    yield start
    for services in built:
        services.close()


@pytest.fixture
def app(deploy: Deploy) -> Flask:
    """The application; it answers what nobody foresaw as it would in a deployment."""
    started = deploy()
    started.config["PROPAGATE_EXCEPTIONS"] = False
    return started


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """Somebody behind the proxy, which speaks plain HTTP with the application."""
    app.test_client_class = _BehindProxy
    made = app.test_client()
    made.environ_base["HTTP_X_FORWARDED_PROTO"] = "https"
    return made


class _BehindProxy(FlaskClient):
    def open(self, *args: Any, **options: Any) -> TestResponse:
        return super().open(*args, **{"base_url": "http://zaitaku.example"} | options)
