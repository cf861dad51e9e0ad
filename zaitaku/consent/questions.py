"""Which questions a facility's settings ask, in which order, under which wording (domain.md §4)."""

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
    return _questions(_items(settings), with_chart=settings.chart_sharing)


@cache
def _questions(items: tuple[ConsentItem, ...], *, with_chart: bool) -> tuple[Question, ...]:
    return tuple(Question(item, wording_id(item, with_chart=with_chart)) for item in items)


def wording_id(item: ConsentItem, *, with_chart: bool) -> str:
    """Return the wording under which ``item`` is asked."""
    widened = with_chart and item in WIDENED_BY_CHART_SHARING
    return f"{item}-with-chart" if widened else str(item)


@cache
def wording_ids(item: ConsentItem) -> frozenset[str]:
    """Return every wording under which ``item`` may ever be asked."""
    return frozenset(wording_id(item, with_chart=with_chart) for with_chart in (False, True))


def _items(settings: EnvironmentSettings) -> tuple[ConsentItem, ...]:
    asked = {
        ConsentItem.SURGERY: settings.surgery,
        ConsentItem.CLINICAL: settings.clinical,
        ConsentItem.MEDICATION: settings.medication and not settings.clinical,
        ConsentItem.CHECKUP: settings.checkup,
        ConsentItem.SPECIFIC_DISEASE: settings.specific_disease,
        ConsentItem.HIGH_COST_LIMIT: True,
    }
    return tuple([item for item, is_asked in asked.items() if is_asked])
