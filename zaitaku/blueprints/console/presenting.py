"""How the console writes times, channels and acts (terms of domain.md §2, §3, §8)."""

from datetime import date, datetime
from types import MappingProxyType
from typing import Final

from zaitaku.core.clock import JST
from zaitaku.facilities import channels
from zaitaku.reception.model import UrlAct
from zaitaku.records.listing import WITHHELD_NAME

NOT_OBTAINED: Final = "（未取得）"
"""Where the eligibility result has not told a name yet."""

WITHHELD: Final = WITHHELD_NAME

SHORT_CHANNEL_NAMES: Final = channels.SHORT_CHANNEL_NAMES

ACT_NAMES: Final = MappingProxyType(
    {
        UrlAct.ISSUE: "最初の発行",
        UrlAct.ROTATE: "URLを変更する",
        UrlAct.REVERT: "URLを変更前に戻す",
        UrlAct.RESET: "最初のURLに戻す",
    }
)


def japan_time(moment: datetime) -> str:
    """Return ``moment`` in Japan, with the year: ``2026年11月20日 10:00``."""
    local = moment.astimezone(JST)
    return f"{japan_day(local.date())} {local:%H:%M}"


def japan_day(day: date) -> str:
    """Return a calendar day: ``2026年11月20日``."""
    return f"{day.year}年{day.month}月{day.day}日"
