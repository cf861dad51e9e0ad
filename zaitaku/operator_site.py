"""The wiring of the operator's pages: a site of its own, on loopback alone."""

import secrets
from datetime import timedelta
from pathlib import Path
from typing import Final

from flask import Flask, redirect, url_for
from flask_wtf import CSRFProtect
from werkzeug.wrappers import Response

from zaitaku.blueprints import characters, headers, operator, pages, request_log
from zaitaku.blueprints.console.presenting import japan_day, japan_time
from zaitaku.blueprints.edge import EXTENSION
from zaitaku.blueprints.operator.room import ENTRANCE, Entrance
from zaitaku.blueprints.site import Site
from zaitaku.core.resources import resource_folder
from zaitaku.services import Services

IDLE: Final = timedelta(minutes=30)
_SECRET_BYTES: Final = 32


def build_operator_site(services: Services, key: str) -> Flask:
    """Return the operator's site; ``key`` lets one browser in, once.

    Its cookies are signed with a secret of this process, so they end with it.
    """
    app = Site(
        "zaitaku_operator",
        static_folder=resource_folder("static"),
        template_folder=resource_folder("templates"),
        root_path=str(Path(__file__).parent),
    )
    app.extensions[EXTENSION] = services
    app.extensions[ENTRANCE] = Entrance(key)
    request_log.add(app)
    characters.add(app)
    _configure(app)
    pages.add(app)
    app.register_blueprint(operator.blueprint)
    app.add_template_filter(japan_time)
    app.add_template_filter(japan_day)
    app.add_url_rule("/", "beginning", _beginning)
    headers.add(app)
    return app


def _configure(app: Flask) -> None:
    app.config.update(
        SECRET_KEY=secrets.token_hex(_SECRET_BYTES),
        SESSION_COOKIE_NAME="zaitaku-operator",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Strict",
        PERMANENT_SESSION_LIFETIME=IDLE,
        TRUSTED_HOSTS=["127.0.0.1", "localhost"],
        WTF_CSRF_TIME_LIMIT=None,
    )
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    CSRFProtect(app)


def _beginning() -> Response:
    return redirect(url_for("operator.facilities"))
