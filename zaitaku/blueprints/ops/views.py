"""Health: is the process alive, and can it do its work?"""

from flask import Blueprint, Response, jsonify
from sqlalchemy import text

from zaitaku.blueprints.edge import services
from zaitaku.blueprints.permissions import PUBLIC, declare
from zaitaku.core.errors import StoreUnavailable

blueprint = Blueprint("ops", __name__)
declare(blueprint, PUBLIC)


@blueprint.get("/healthz")
def alive() -> Response:
    """Answer as long as the process can answer at all."""
    return jsonify(status="ok")


@blueprint.get("/readyz")
def ready() -> tuple[Response, int]:
    """Answer 200 when both stores answer, 503 otherwise."""
    states = {"database": _database_answers(), "ephemeral": _ephemeral_answers()}
    return jsonify(states), 200 if all(states.values()) else 503


def _database_answers() -> bool:
    try:
        with services().database.reading() as connection:
            connection.execute(text("SELECT 1"))
    except StoreUnavailable:
        return False
    return True


def _ephemeral_answers() -> bool:
    try:
        services().ephemeral.read("readiness")
    except StoreUnavailable:
        return False
    return True
