"""What the single-file build runs."""

from zaitaku.cardbridge.running.cli import main

main(prog_name="zaitaku-bridge")
