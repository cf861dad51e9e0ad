"""The wiring of the web application: configuration, rooms, headers. Nothing else."""

import atexit
import sys
from pathlib import Path
from urllib.parse import urlsplit

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from zaitaku.blueprints import (
    api,
    browser,
    characters,
    console,
    draining,
    errors,
    headers,
    kept_forms,
    ops,
    overload,
    pages,
    patient,
    permissions,
    request_log,
    security_txt,
    uploads,
)
from zaitaku.blueprints.edge import EXTENSION
from zaitaku.blueprints.site import Site
from zaitaku.blueprints.templates import compile_patients
from zaitaku.core.draining import own_draining
from zaitaku.core.logs import configure_logging
from zaitaku.core.resources import resource_folder
from zaitaku.services import Services, build_services
from zaitaku.settings import Settings
from zaitaku.watching.watches import open_watch


def build_app(services: Services) -> Flask:
    """Return the application that serves ``services``."""
    app = Site(
        "zaitaku",
        static_folder=resource_folder("static"),
        template_folder=resource_folder("templates"),
        root_path=str(Path(__file__).parent),
    )
    app.extensions[EXTENSION] = services
    request_log.add(app)  # first, so that answers of the checks below are logged as well
    uploads.add(app)
    characters.add(app)
    _configure(app, services)
    pages.add(app)
    for room in (patient, console, api, ops, security_txt):
        app.register_blueprint(room.blueprint)
    permissions.enforce(app)
    kept_forms.add(app)
    headers.add(app)
    errors.register_error_pages(app)
    overload.add(app)
    _believe_proxies(app, services)
    return app


def _configure(app: Flask, services: Services) -> None:
    settings = services.settings
    newest, *older = settings.session_keys.keys
    app.config.update(
        SECRET_KEY=newest,
        SECRET_KEY_FALLBACKS=older,
        # Flask-WTF does not look at the fallbacks. itsdangerous signs with the last of a list.
        WTF_CSRF_SECRET_KEY=[*reversed(older), newest],
        SESSION_COOKIE_NAME="__Host-zaitaku" if settings.is_tls else "zaitaku",
        SESSION_COOKIE_SECURE=settings.is_tls,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_PATH="/",
        PERMANENT_SESSION_LIFETIME=settings.journey_lifetime,
        # The cookie is signed and sent when it changes, not with every page.
        SESSION_REFRESH_EACH_REQUEST=False,
        TRUSTED_HOSTS=[urlsplit(settings.origin).hostname],
        # A form token lives as long as its session: a patient may take a phone call in between.
        WTF_CSRF_TIME_LIMIT=None,
    )
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    browser.add(app, api.blueprint)


def _believe_proxies(app: Flask, services: Services) -> None:
    # Before everything else: who comes from one address has a share of what is urgent.
    hops = services.settings.trusted_proxies
    if hops:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops)  # type: ignore[method-assign]


def from_environment() -> Flask:
    """Return the application that the environment variables describe (a server's factory)."""
    configure_logging(sys.stdout)
    settings = Settings.from_env()
    services = build_services(settings, watch=open_watch(settings.watching))
    services.uses.gather()
    atexit.register(services.uses.close)
    app = build_app(services)
    draining.add(app, own_draining())
    compile_patients(app)
    return app
