"""Which questions a facility's settings ask, in which order, under which wording (domain.md §4)."""

from collections.abc import Iterator
from functools import cache
from typing import Final

from zaitaku.consent.model import ConsentItem, Question
from zaitaku.facilities.model import EnvironmentSettings

WIDENED_BY_CHART_SHARING: Final = frozenset(
    {ConsentItem.SURGERY, ConsentItem.CLINICAL, ConsentItem.MEDICATION}
)
"""Items whose bracketed contents come with 電子カルテ情報共有サービス."""


def questions_for(settings: EnvironmentSettings) -> tuple[Question, ...]:
    """Return what a patient is asked, in order; never empty.

    Surgery stands first and alone, then the rest of the medical information, then what the
    eligibility page displays. 診療 includes 薬剤, so never both are asked. 限度額適用認定証 has no
    setting of its own and is always asked.
    """
    return tuple(
        Question(item, wording_id(item, with_chart=settings.chart_sharing))
        for item in _items(settings)
    )


def wording_id(item: ConsentItem, *, with_chart: bool) -> str:
    """Return the wording under which ``item`` is asked."""
    widened = with_chart and item in WIDENED_BY_CHART_SHARING
    return f"{item}-with-chart" if widened else str(item)


@cache
def wording_ids(item: ConsentItem) -> frozenset[str]:
    """Return every wording under which ``item`` may ever be asked."""
    return frozenset(wording_id(item, with_chart=with_chart) for with_chart in (False, True))


def _items(settings: EnvironmentSettings) -> Iterator[ConsentItem]:
    if settings.surgery:
        yield ConsentItem.SURGERY
    if settings.clinical:
        yield ConsentItem.CLINICAL
    elif settings.medication:
        yield ConsentItem.MEDICATION
    if settings.checkup:
        yield ConsentItem.CHECKUP
    if settings.specific_disease:
        yield ConsentItem.SPECIFIC_DISEASE
    yield ConsentItem.HIGH_COST_LIMIT
