"""Serves any application as ``zaitaku serve`` serves the product.

``python -m bench.under_gunicorn MODULE:FACTORY PORT WORKERS``
"""

import sys
from importlib import import_module

from zaitaku.commands.web_server import WebServer


def main() -> None:
    """Serve until told to end."""
    target, port, workers = sys.argv[1:]
    module, _, factory = target.partition(":")
    app = getattr(import_module(module), factory)()
    WebServer(app, host="127.0.0.1", port=int(port), workers=int(workers)).run()


if __name__ == "__main__":
    main()
