"""Whom to tell about a security problem (RFC 9116)."""

from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Final

from flask import Blueprint, Response, abort

from zaitaku.blueprints.edge import services
from zaitaku.blueprints.permissions import PUBLIC, declare

PATH: Final = "/.well-known/security.txt"
VALID_FOR: Final = timedelta(days=90)
"""RFC 9116 §2.5.5 recommends less than a year."""

blueprint = Blueprint("security_txt", __name__)
declare(blueprint, PUBLIC)


@blueprint.get(PATH)
def contact() -> Response:
    """Tell the operator's contact; there is no such page where none is set."""
    settings = services().settings
    if not settings.security_contact:
        abort(HTTPStatus.NOT_FOUND)
    lines = (
        f"Contact: {settings.security_contact}",
        f"Expires: {_expires(services().clock.now()):%Y-%m-%dT%H:%M:%SZ}",
        "Preferred-Languages: ja, en",
        f"Canonical: {settings.origin}{PATH}",
    )
    return Response("".join(f"{line}\r\n" for line in lines), mimetype="text/plain")


def _expires(now: datetime) -> datetime:
    # A whole day, so that the answers of one day are alike.
    return (now.astimezone(UTC) + VALID_FOR).replace(hour=0, minute=0, second=0, microsecond=0)
