"""``python -m zaitaku.cardbridge`` is the same as ``zaitaku-bridge``."""

from zaitaku.cardbridge.running.cli import main

main(prog_name="zaitaku-bridge")
