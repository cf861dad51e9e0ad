"""``zaitaku ready``: asks an instance whether it can do its work.

For systemd, containers and whoever restarts instances one after the other: they need no other
program for it, and no name or certificate.
"""

import os
import time
from collections.abc import Mapping
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from typing import Final
from urllib.parse import urlsplit

import click

from zaitaku.core.errors import ZaitakuError

ANSWER_SECONDS: Final = 15
"""Longer than the instance itself waits for its stores."""
PAUSE_SECONDS: Final = 0.2
NOTHING_RUNS: Final = "そこでは何も動いていません"


class NotReady(ZaitakuError):
    """The instance does not answer, or says that it cannot work."""

    code = "not-ready"


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
@click.option(
    "--wait",
    "patience",
    default=0,
    show_default=True,
    type=click.IntRange(0, 3600),
    help="使えるようになるまで、長くて何秒待つか",
)
def ready(host: str, port: int, patience: int) -> None:
    """動いている zaitaku serve が使えるか、たずねます（終了コード 0：使える）。"""
    until = time.monotonic() + patience
    while (answer := ask(host, port)) != "":
        if time.monotonic() >= until:
            raise NotReady(f"{host}:{port} は、まだ使えません（{answer}）。{_next_step(answer)}")
        time.sleep(PAUSE_SECONDS)


def _next_step(answer: str) -> str:
    """Return what is to be done about ``answer``, in words."""
    other_port = "ほかのポートなら、--port で指定してください。"
    return (
        f"zaitaku serve を動かしてください。{other_port}" if answer == NOTHING_RUNS else other_port
    )


def ask(host: str, port: int, environ: Mapping[str, str] = os.environ) -> str:
    """Return why the instance is not ready; empty when it is."""
    # The instance answers under its own name only.
    name = urlsplit(environ.get("ZAITAKU_ORIGIN", "")).netloc or f"{host}:{port}"
    connection = HTTPConnection(host, port, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", "/readyz", headers={"Host": name})
        answer = connection.getresponse()
        words = answer.read().decode("utf-8", "replace").strip()
    except TimeoutError:
        return f"{ANSWER_SECONDS}秒待っても答えません"
    except ConnectionRefusedError:
        return NOTHING_RUNS
    except (OSError, HTTPException) as error:
        return type(error).__name__
    finally:
        connection.close()
    if answer.status == HTTPStatus.OK:
        return ""
    return words if words.startswith("{") else f"zaitaku serve ではない答え、{answer.status}"
