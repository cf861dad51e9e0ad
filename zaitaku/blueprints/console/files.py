"""Files to be saved: what is at hand, and what is made first and then sent.

A file that is long to make is made whole while the request has its turn (``blueprints.overload``).
Before the first byte is sent, turn and database are free for others, however slowly it is read;
and whatever goes wrong has its page: nobody is left with half a file. Between the two stands the
entry of the audit trail, so that it tells of every file that was handed out, and of no other.
"""

from collections.abc import Callable, Generator, Iterable
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


def made_response(
    name: str,
    media_type: str,
    parts: Generator[bytes, None, None],
    *,
    record: Callable[[], None] | None,
) -> Response:
    """Return a file to be saved under ``name`` that is made, here and now, of ``parts``.

    Long ones let others go first now and then. ``record`` writes into the audit trail that there
    is the file: when it is whole, and before anybody has its first byte. ``None`` is for files
    that the trail does not tell of.

    Raises:
        NoRoom: there is no room for the file; it is not recorded.
        StoreUnavailable: the database went away; the file is handed to nobody.
    """
    environ = request.environ
    file = SpooledFile.of(parts, lambda: give_way(environ))
    if record is not None:
        _recorded(file, record)
    response = file_response(name, media_type, file)
    response.content_length = file.length
    return response


def _recorded(file: SpooledFile, record: Callable[[], None]) -> None:
    try:
        record()
    except BaseException:
        file.close()
        raise


@blueprint.errorhandler(NoRoom)
def no_room(error: NoRoom) -> tuple[str, HTTPStatus]:
    """Say that the server has no room for the file, and what to do."""
    log.error("refused: %s", error.code, extra={"code": error.code, "detail": error.detail})
    return failure(
        "いま、ファイルを作れません",
        "サーバーに、ファイルを作るための空きがありません。ファイルは、だれにも渡っていません。"
        "操作の履歴にも、ダウンロードとしては残りません。",
        "条件を絞って件数を減らすと、作れることがあります。続くときは、運用者に連絡してください。",
        reference=request_id.get(),
    ), error.status
