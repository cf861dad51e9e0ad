"""The condition of a deployment, with the causes that only a closer look tells."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from zaitaku.core.errors import StoreUnavailable
from zaitaku.operating.deployment import Deployment
from zaitaku.operating.reasons import why
from zaitaku.watching.condition import Looker
from zaitaku.watching.words import Line, lines_of


def condition(deployment: Deployment) -> Iterator[Line]:
    """Tell what everybody who watches is told, and of a store that is away why it is."""
    looker = Looker(
        deployment.settings, deployment.database, deployment.ephemeral, deployment.clock
    )
    for line in lines_of(looker.look()):
        yield _closer(deployment, line) if line.worry else line


def _closer(deployment: Deployment, line: Line) -> Line:
    if line.part == _COPIES and deployment.is_alone:
        return Line(line.part, f"{line.fact}（ZAITAKU_SYNCHRONOUS_STANDBYS=0）")
    question = _QUESTIONS.get(line.part)
    if question is None:
        return line
    try:
        question(deployment)
    except StoreUnavailable as error:
        setting = _SETTINGS[line.part]
        return replace(line, worry=f"{why(error)}。{setting} のとおりか、確かめてください。")
    return line


def _ask_database(deployment: Deployment) -> None:
    with deployment.database.reading() as connection:
        connection.exec_driver_sql("SELECT 1")


def _ask_ephemeral(deployment: Deployment) -> None:
    with deployment.redis() as client:
        if client is not None:
            client.ping()


_COPIES: Final = "同期の複製"
_QUESTIONS: Final[dict[str, Callable[[Deployment], None]]] = {
    "データベース": _ask_database,
    "短期の保管場所": _ask_ephemeral,
}
_SETTINGS: Final = {
    "データベース": "ZAITAKU_DATABASE_URL",
    "短期の保管場所": "ZAITAKU_EPHEMERAL_URL",
}
