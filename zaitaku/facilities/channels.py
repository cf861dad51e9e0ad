"""How the channels are called (domain.md §3): the names of the manual, said once."""

from types import MappingProxyType
from typing import Final

from zaitaku.facilities.model import Channel

CHANNEL_NAMES: Final = MappingProxyType(
    {
        Channel.HOME_VISIT: "訪問診療等",
        Channel.ONLINE: "オンライン診療等・外来診療等（通常とは異なる動線）",
    }
)

SHORT_CHANNEL_NAMES: Final = MappingProxyType(
    {Channel.HOME_VISIT: "訪問診療等", Channel.ONLINE: "オンライン診療等"}
)
"""For narrow columns and file names."""
