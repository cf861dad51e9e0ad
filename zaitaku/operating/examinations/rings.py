"""Whether the rings of keys are those that the database was written with."""

from collections.abc import Iterator

from zaitaku.core.key_checks import left_out, notes_of, unknown_rings
from zaitaku.operating.deployment import Deployment
from zaitaku.operating.rings import fault_of, remedy_for, rings_of, variable_of
from zaitaku.watching.words import Line

_KEPT_FOR_EVER = "subject"


def rings(deployment: Deployment) -> Iterator[Line]:
    """Tell of each ring whether the database knows a key of it, and which must not be missing."""
    present = rings_of(deployment.settings)
    unknown = unknown_rings(deployment.database, present)
    for ring in present:
        if ring in unknown:
            remedy = remedy_for(ring, notes_of(deployment.database, ring))
            yield Line(variable_of(ring), fault_of(present[ring]), remedy)
        else:
            yield _known(deployment, ring, present[ring])


def _known(deployment: Deployment, ring: str, keys: tuple[str, ...]) -> Line:
    gone = left_out(deployment.database, ring, keys) if ring == _KEPT_FOR_EVER else 0
    worry = (
        "その鍵でだけ知られている人が、別の患者になります。輪の最後に戻してください。"
        f"承知のうえなら、zaitaku keys accept {ring} を実行してください。"
    )
    fact = f"使ってきた鍵のうち、{gone}個がありません" if gone else "合っています"
    return Line(variable_of(ring), fact, worry if gone else "")
