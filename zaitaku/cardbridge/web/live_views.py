"""What an open page asks every second: has a reader or a card come or gone?

``GET /reading/<id>/changes?seen=<stamp>`` answers ``{"stamp": "…", "changed": true}``. It touches
neither the card nor the reading: a page that lies open in some window is not somebody who attends.
``GET /changes?seen=<stamp>`` tells the same to the pages that belong to no reading.
"""

from flask import Blueprint, Response, jsonify, request

from zaitaku.cardbridge.web.bridge import bridge
from zaitaku.cardbridge.web.guards import check_own_use

live_pages = Blueprint("live", __name__)


@live_pages.get("/reading/<string:reading_id>/changes")
def changes(reading_id: str) -> Response:
    """Tell whether readers or cards are other than when the page was made."""
    check_own_use(request)
    bridge().desk.find(reading_id, bridge().now(), attends=False)
    return _told()


@live_pages.get("/changes")
def readers() -> Response:
    """Tell the same to a page that belongs to no reading."""
    check_own_use(request)
    return _told()


def _told() -> Response:
    stamp = bridge().cards.stamp()
    return jsonify(stamp=stamp, changed=stamp != request.args.get("seen"))
