"""``python -m zaitaku`` is the command line."""

from zaitaku.cli import main

main()
