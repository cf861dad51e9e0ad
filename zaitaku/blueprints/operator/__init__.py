"""The operator's pages: facilities, their codes, relatives and first accounts. Loopback only."""

from zaitaku.blueprints.operator import accounts, changes, facilities, relations, status
from zaitaku.blueprints.operator.room import blueprint

__all__ = ["accounts", "blueprint", "changes", "facilities", "relations", "status"]
