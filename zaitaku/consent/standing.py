"""What a facility is allowed to see now, beside what one statement said."""

from collections.abc import Iterator, Mapping

from zaitaku.consent.model import STATES, ConsentItem, ConsentState, Receipt, Standing, StandingLine
from zaitaku.consent.questions import wording_id
from zaitaku.consent.wording import Wordings
from zaitaku.reception.model import ReceptionContext


def standing_from(
    receipt: Receipt,
    place: ReceptionContext,
    states: Mapping[str, ConsentState],
    wordings: Wordings,
) -> Standing:
    """Return a receipt with the present ``states`` of its facility, patient, channel and 受診日.

    Grants that the statement did not ask about are named too: they are seen all the same. 薬剤 has
    no line of its own beside 診療, which contains it.
    """
    asked = tuple(
        StandingLine(
            line.item,
            states.get(line.item) or STATES[line.decision],
            line.label,
            was_asked=True,
        )
        for line in receipt.lines
    )
    return Standing(receipt, place, (*asked, *_earlier(receipt, states, wordings)))


def _earlier(
    receipt: Receipt, states: Mapping[str, ConsentState], wordings: Wordings
) -> Iterator[StandingLine]:
    named = {line.item for line in receipt.lines}
    for item in ConsentItem:
        if item in named or states.get(item) is not ConsentState.GRANT:
            continue
        named.add(item)
        if item is ConsentItem.MEDICATION and ConsentItem.CLINICAL in named:
            continue
        label = wordings.current(wording_id(item, with_chart=False), receipt.language).label
        yield StandingLine(item, ConsentState.GRANT, label, was_asked=False)
