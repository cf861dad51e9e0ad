"""Health: is the process alive, and can it do its work?"""

from http import HTTPStatus
from typing import Final

from flask import Blueprint, Response, current_app, jsonify
from flask.blueprints import BlueprintSetupState
from sqlalchemy import text

from zaitaku.blueprints.edge import services
from zaitaku.blueprints.permissions import PUBLIC, declare
from zaitaku.core.draining import EXTENSION as DRAINING
from zaitaku.core.draining import Draining
from zaitaku.core.errors import StoreUnavailable
from zaitaku.core.revisions import SchemaWatch
from zaitaku.identity.revocation.configured import first_list_end
from zaitaku.watching.words import CRL_SOON

_WATCH: Final = "zaitaku.schema"

blueprint = Blueprint("ops", __name__)
declare(blueprint, PUBLIC)


@blueprint.record
def watch_schema(state: BlueprintSetupState) -> None:
    """Give the application its watch over the tables."""
    state.app.extensions[_WATCH] = SchemaWatch()


@blueprint.get("/healthz")
def alive() -> Response:
    """Answer as long as the process can answer at all."""
    return jsonify(status="ok")


@blueprint.get("/readyz")
def ready() -> tuple[Response, int]:
    """Answer 200 when both stores answer and the tables can be served on, 503 otherwise.

    What will soon keep cards from being read is a warning and takes no instance out: the others
    would be no better off.

    503 as well once this instance is about to end, so that nobody new is sent to it.
    """
    if _is_draining():
        return jsonify(draining=True), HTTPStatus.SERVICE_UNAVAILABLE
    states = {
        "database": _database_answers(),
        "schema": _schema_is_current(),
        "ephemeral": _ephemeral_answers(),
    }
    status = HTTPStatus.OK if all(states.values()) else HTTPStatus.SERVICE_UNAVAILABLE
    return jsonify({**states, "warnings": _warnings()}), status


def _warnings() -> list[str]:
    verifier, now = services().identity.verifier, services().clock.now()
    ends = first_list_end(verifier.revocation)
    if ends is None:
        return ["crl-missing"] if services().settings.crl_file else []
    if ends - now >= CRL_SOON:
        return []
    return ["crl-ended" if ends < now else "crl-ends-soon"]


def _is_draining() -> bool:
    draining: Draining | None = current_app.extensions.get(DRAINING)
    return draining is not None and draining.is_on


def _database_answers() -> bool:
    try:
        with services().database.reading() as connection:
            connection.execute(text("SELECT 1"))
    except StoreUnavailable:
        return False
    return True


def _schema_is_current() -> bool:
    watch: SchemaWatch = current_app.extensions[_WATCH]
    try:
        return watch.is_current(services().database)
    except StoreUnavailable:
        return False


def _ephemeral_answers() -> bool:
    try:
        services().ephemeral.read("readiness")
    except StoreUnavailable:
        return False
    return True
