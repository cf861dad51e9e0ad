"""What whoever operates the deployment asks of it."""

from zaitaku.blueprints.ops.views import blueprint

__all__ = ["blueprint"]
