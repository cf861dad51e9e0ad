"""``python -m zaitaku.cardbridge`` is ``zaitaku-bridge``."""

from zaitaku.cardbridge.cli import main

main()
