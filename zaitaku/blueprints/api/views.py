"""The card bridge's side door: request keys out, proofs in (see ``zaitaku.wire``)."""

from http import HTTPStatus

from flask import Blueprint, Response, jsonify, request
from werkzeug.exceptions import RequestEntityTooLarge

from zaitaku import wire
from zaitaku.blueprints.edge import services
from zaitaku.blueprints.errors import AWAY_SECONDS
from zaitaku.blueprints.limits import check_proof
from zaitaku.blueprints.permissions import PUBLIC, declare
from zaitaku.core.errors import InvalidField, ZaitakuError

blueprint = Blueprint("api", __name__)
declare(blueprint, PUBLIC)


@blueprint.get(wire.KEYS_PATH)
def card_keys() -> Response:
    """Publish the keys that sign card requests, as a JWK Set (RFC 7517 §5)."""
    return jsonify(services().identity.published_keys())


@blueprint.post(wire.PROOF_PATH)
def card_proofs() -> Response:
    """Take a proof for a living challenge and answer with a one-time code."""
    check_proof()
    proof = wire.CardProof.from_mapping(json_body())
    return jsonify(code=services().identity.accept(proof))


def json_body() -> object:
    """Return the request's JSON, or ``None`` where it is none.

    Raises:
        wire.MalformedMessage: it is nested too deeply to be read.
    """
    try:
        return request.get_json(silent=True)
    except RecursionError as error:
        raise wire.MalformedMessage("body") from error


@blueprint.errorhandler(wire.MalformedMessage)
def malformed(error: wire.MalformedMessage) -> tuple[Response, int]:
    """Name the member that is wrong: programs are written by people."""
    return jsonify(error="malformed", member=str(error)), HTTPStatus.BAD_REQUEST


@blueprint.errorhandler(RequestEntityTooLarge)
def too_large(_: RequestEntityTooLarge) -> tuple[Response, int]:
    """Say the same of a body that no proof needs."""
    return jsonify(error="malformed", member="body"), HTTPStatus.REQUEST_ENTITY_TOO_LARGE


@blueprint.errorhandler(InvalidField)
def invalid_field(error: InvalidField) -> tuple[Response, int]:
    """Name the field and the rule that it breaks."""
    return jsonify(error=error.code, field=error.field, rule=error.rule), error.status


@blueprint.errorhandler(ZaitakuError)
def refused(error: ZaitakuError) -> tuple[Response, int]:
    """Give the public code alone, and when to come back where a store is away."""
    answer = jsonify(error=error.code)
    if error.status == HTTPStatus.SERVICE_UNAVAILABLE:
        answer.headers["Retry-After"] = str(AWAY_SECONDS)
    return answer, error.status
