"""``zaitaku serve``, or ``bench.under_gunicorn``, with less time for clients than they have."""

import sys

from bench import under_gunicorn
from zaitaku import cli
from zaitaku.commands import arrivals, departures, web_server

SECONDS = 1.0


def main() -> None:
    """Serve until told to end."""
    web_server.ARRIVAL_SECONDS = SECONDS  # type: ignore[misc, assignment]
    arrivals.BODY_SECONDS = SECONDS  # type: ignore[misc]
    departures.TAKING_SECONDS = SECONDS  # type: ignore[misc]
    if sys.argv[1] == "serve":
        cli.main()
    else:
        under_gunicorn.main()


if __name__ == "__main__":
    main()
