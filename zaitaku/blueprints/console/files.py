"""Files to be saved: what is at hand, and what is made first and then sent.

A file that is long to make is made whole while the request has its turn (``blueprints.overload``).
Before the first byte is sent, turn and database are free for others, however slowly it is read;
and whatever goes wrong has its page: nobody is left with half a file.
"""

from collections.abc import Generator, Iterable
from http import HTTPStatus
from urllib.parse import quote

from flask import Response, request

from zaitaku.blueprints.console.room import blueprint, failure, log
from zaitaku.blueprints.overload import give_way
from zaitaku.core.logs import request_id
from zaitaku.core.spooled import NoRoom, SpooledFile


def file_response(name: str, media_type: str, content: Iterable[bytes]) -> Response:
    """Return a file to be saved under ``name`` (RFC 6266, RFC 5987); it is read as it is sent.

    So ``content`` is at hand, or holds nothing while nobody asks for more.
    """
    response = Response(content, content_type=media_type)
    response.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(name)}"
    return response


def made_response(name: str, media_type: str, parts: Generator[bytes, None, None]) -> Response:
    """Return a file to be saved under ``name`` that is made, here and now, of ``parts``.

    Long ones let others go first now and then.

    Raises:
        NoRoom: there is no room for the file.
        StoreUnavailable: the database went away.
    """
    environ = request.environ
    file = SpooledFile.of(parts, lambda: give_way(environ))
    response = file_response(name, media_type, file)
    response.content_length = file.length
    return response


@blueprint.errorhandler(NoRoom)
def no_room(error: NoRoom) -> tuple[str, HTTPStatus]:
    """Say that the server has no room for the file, and what to do."""
    log.error("refused: %s", error.code, extra={"code": error.code, "detail": error.detail})
    return failure(
        "いま、ファイルを作れません",
        "サーバーに、ファイルを作るための空きがありません。ファイルは、だれにも渡っていません。"
        "操作の履歴には、書き出そうとしたことが残ります。",
        "条件を絞って件数を減らすと、作れることがあります。続くときは、運用者に連絡してください。",
        reference=request_id.get(),
    ), error.status
