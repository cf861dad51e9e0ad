"""状態: versions, processes, queue, standbys, checks and ends, in one page."""

from flask import render_template

from zaitaku.blueprints.edge import services
from zaitaku.blueprints.operator.room import blueprint
from zaitaku.watching.condition import Looker
from zaitaku.watching.words import lines_of


@blueprint.get("/status")
def status() -> str:
    """Show the condition of the deployment as it is at this moment."""
    present = services()
    looker = Looker(present.settings, present.database, present.ephemeral, present.clock)
    found = looker.look()
    lines = lines_of(found)
    return render_template(
        "operator/status.html",
        at=found.at,
        lines=lines,
        worries=[line for line in lines if line.worry],
    )
