"""Logs as JSON lines (RFC 8259, one object a line), in UTC, without private data.

Nothing private is to be handed to a logger at all: the edge logs requests by route rule, never by
path; failures are told by the types that were raised and where, and only our own in their words.
What slips through is caught by name and by shape (``redacted``), as the last line of defence: it
would rather hide an innocent word than let a token pass.
"""

import json
import logging
import re
import traceback
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, TextIO

from zaitaku.core.errors import ZaitakuError

HIDDEN: Final = "[redacted]"

request_id: Final[ContextVar[str]] = ContextVar("zaitaku_request_id", default="")
"""Set by the edge for each request; every line that is logged meanwhile carries it."""

_REMEMBERED: Final = 512
"""Texts that were looked through already: route rules, fixed messages, methods."""

_TALKATIVE: Final = ("werkzeug", "sqlalchemy", "urllib3", "redis", "fontTools", "waitress")
"""Libraries whose everyday messages name addresses or values."""

_PRIVATE_NAME: Final = (
    r"pin|暗証番号|password|passwd|pwd|secret|token|cookie|authorization|csrf|nonce|challenge"
    r"|signature|certificate|private_key|serial|journey|jid|sid|session|handle|proof|document"
    r"|subject|patient|kana|birth_date|phone|氏名"
)
_PRIVATE_FIELD: Final = re.compile(rf"(?:\w+[_-])?(?:{_PRIVATE_NAME})s?(?:[_-]\w+)?", re.IGNORECASE)

_SHAPES: Final = tuple(
    (re.compile(pattern, flags), replacement)
    for pattern, flags, replacement in (
        (r"-----BEGIN [^-]+-----.*?(?:-----END [^-]+-----|$)", re.DOTALL, HIDDEN),
        # An address's user and password, query and fragment.
        (r"(?<=://)[^\s/@]+@", 0, f"{HIDDEN}@"),
        (r"\?[^\s\"'<>]+", 0, f"?{HIDDEN}"),
        # The paths that name a reception URL or a journey; their route rules (/j/<jid>) may stay.
        (r"/(?P<room>[rj])/(?!<)[^\s/?#\"'<>]+", 0, rf"/\g<room>/{HIDDEN}"),
        # name=value, name: value, "name": "value"
        (
            rf"(?P<name>(?<![^\W_])(?:{_PRIVATE_NAME})s?[\"']?\s*[:=]\s*)"
            r"(?:\[redacted\]|b?\"[^\"]*\"?|b?'[^']*'?|[^\s,;&}\]]+)",
            re.IGNORECASE,
            rf"\g<name>{HIDDEN}",
        ),
        # Signed values: itsdangerous (payload.tag) and JWS (RFC 7515 §7.1).
        (r"[\w-]+(?:\.[\w-]+)?\.[A-Za-z0-9_-]{22,}", re.ASCII, HIDDEN),
        # Random names of 128 bits, hex of that length or more, long Base64.
        (r"(?<![\w-])[A-Za-z0-9_-]{22}(?![\w-])", re.ASCII, HIDDEN),
        (r"(?:[0-9A-Fa-f]{2}[ :]?){16,}", 0, HIDDEN),
        (r"[A-Za-z0-9+_=-]{40,}", 0, HIDDEN),
        # Numbers of eleven digits or more, in groups or not: handles, マイナンバー, telephones. The
        # middle of a UUID (RFC 9562 §4) can be one by chance; it names a row and stays.
        (
            r"(?P<id>(?<![\w-])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![\w-]))"
            r"|(?<![\d.])\d(?:[- ]?\d){10,}(?![\d.])",
            0,
            lambda found: found["id"] or HIDDEN,
        ),
    )
)


@lru_cache(maxsize=_REMEMBERED)
def redacted(text: str) -> str:
    """Return ``text`` with everything hidden that has the shape of something private."""
    for shape, replacement in _SHAPES:
        text = shape.sub(replacement, text)
    return text


def configure_logging(stream: TextIO, level: int = logging.INFO) -> None:
    """Send all logs of this process to ``stream``; a second call replaces the first."""
    # What no line shows need not be asked for (Python's Logging HOWTO, "Optimization").
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    handler = _SilentHandler(stream)
    handler.setFormatter(_SafeFormatter())
    root = logging.getLogger()
    for former in [known for known in root.handlers if isinstance(known, _SilentHandler)]:
        root.removeHandler(former)
    root.addHandler(handler)
    root.setLevel(level)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)


class _SilentHandler(logging.StreamHandler[TextIO]):
    """Does not print a record that cannot be written: logging's own complaint shows its values."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line and send it on; its base would lock what is locked already again."""
        try:
            self.stream.write(f"{self.format(record)}\n")
            self.stream.flush()
        except Exception:  # noqa: BLE001 - whatever it is, nobody is to lose a page over a line
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        line = f'{{"level": "ERROR", "message": "a line of {record.name} could not be written"}}\n'
        try:
            self.stream.write(line)
        except (OSError, ValueError):
            return


_OF_EVERY_RECORD: Final = frozenset(
    logging.LogRecord("", 0, "", 0, "", (), None).__dict__.keys() | {"message", "asctime"}
)


class _SafeFormatter(logging.Formatter):
    """Writes what a line may hold, by name and by shape."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": _utc(record.created),
            "level": record.levelname,
            "logger": record.name,
            "request": request_id.get(),
            "message": redacted(record.getMessage()),
        }
        for name, value in record.__dict__.items():
            if name not in _OF_EVERY_RECORD:
                line.setdefault(redacted(name), _safe(name, value))
        if record.exc_info and record.exc_info[1]:
            line["error"] = "\n".join(_story(record.exc_info[1]))
        return json.dumps(line)


def _utc(seconds: float) -> str:
    moment = datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)
    return f"{moment.isoformat(timespec='milliseconds')}Z"


def _safe(name: str, value: object) -> object:
    if _is_private(name):
        return HIDDEN
    if isinstance(value, str):
        return redacted(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {redacted(str(key)): _safe(str(key), part) for key, part in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_safe("", part) for part in value]
    return _name_of(value)


@lru_cache(maxsize=_REMEMBERED)
def _is_private(name: str) -> bool:
    return _PRIVATE_FIELD.fullmatch(name) is not None


def _name_of(value: object) -> str:
    # What an unknown value would say of itself may be private; what it is, is not.
    return f"<{type(value).__qualname__}>"


def _story(error: BaseException) -> Iterator[str]:
    """Yield an exception, its origin first, without the words of anyone but ourselves."""
    origin = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if origin is not None:
        yield from _story(origin)
    for frame in traceback.extract_tb(error.__traceback__):
        yield f"  {frame.filename}:{frame.lineno} {frame.name}"
    words = f": {redacted(str(error))}" if isinstance(error, ZaitakuError) else ""
    yield f"{type(error).__module__}.{type(error).__qualname__}{words}"
