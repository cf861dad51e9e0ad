"""What programs call: the card bridge posts its proofs here."""

from zaitaku.blueprints.api import appointments, devices
from zaitaku.blueprints.api.views import blueprint

__all__ = ["appointments", "blueprint", "devices"]
