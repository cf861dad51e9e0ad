"""``bench.under_gunicorn`` whose workers wait a second for each other at the door.

``… PORT WORKERS``. On a busy machine a worker may not run at all for the usual few milliseconds.
"""

import sys
from unittest.mock import patch

from tests.deploy.echo import make
from zaitaku.commands import web_server


def main() -> None:
    """Serve until told to end."""
    port, workers = sys.argv[1:]
    with patch.object(web_server, "COURTESY_SECONDS", 1.0):
        web_server.WebServer(make(), host="127.0.0.1", port=int(port), workers=int(workers)).run()


if __name__ == "__main__":
    main()
