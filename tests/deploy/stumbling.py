"""``bench.under_gunicorn`` whose workers stumble over their own end: ``… PORT WORKERS``."""

import sys

from tests.deploy.echo import make
from zaitaku.commands.web_server import WebServer


def main() -> None:
    """Serve until told to end."""
    port, workers = sys.argv[1:]
    WebServer(
        make(), host="127.0.0.1", port=int(port), workers=int(workers), at_worker_end=_stumble
    ).run()


def _stumble() -> None:
    raise ValueError("at its end")


if __name__ == "__main__":
    main()
