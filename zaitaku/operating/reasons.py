"""Why a store is away, or a file cannot be used, in words for who operates the site.

What each cause needs is different.
"""

import errno
import re
from collections.abc import Iterator, Mapping
from typing import Final

from zaitaku.core.errors import EphemeralStoreUnavailable, StoreUnavailable

_FILES: Final[Mapping[int, str]] = {
    errno.ENOENT: "その場所がありません",
    errno.ENOTDIR: "途中に、フォルダーでないものがあります",
    errno.EISDIR: "ファイルではなく、フォルダーです",
    errno.EEXIST: "もう何かがあります",
    errno.EACCES: "使う権限がありません",
    errno.EPERM: "使う権限がありません",
    errno.EROFS: "書けない場所です",
    errno.ENOSPC: "ディスクがいっぱいです",
    errno.EDQUOT: "使える量の限りまで使っています",
    errno.ENAMETOOLONG: "名前が長すぎます",
}
_STATES: Final[Mapping[str, str]] = {
    "28000": "利用者の名前かパスワードがちがいます",
    "28P01": "利用者の名前かパスワードがちがいます",
    "3D000": "その名前のデータベースがありません",
    "42501": (
        "この利用者には、読む権限がありません（docs/operations.md の「PostgreSQLの利用者」）"
    ),
    "42P01": "テーブルがありません。zaitaku migrate を実行してください",
    "53300": "接続の数が上限に達しています",
    "57P03": "まだ始まっていないか、終わろうとしています",
}
"""PostgreSQL's own names of causes (PostgreSQL 15, appendix A)."""
_SAID: Final = tuple(
    (re.compile(pattern, re.IGNORECASE), words)
    for pattern, words in (
        (
            r"password authentication failed|no password supplied|role .+ does not exist"
            r"|WRONGPASS|NOAUTH|invalid username-password|Authentication required",
            _STATES["28P01"],
        ),
        (r"no pg_hba\.conf entry", "この機械からの接続を、サーバーが許していません（pg_hba.conf）"),
        (r"database .+ does not exist", _STATES["3D000"]),
        (r"no such table", _STATES["42P01"]),
        (r"too many clients|connection slots", _STATES["53300"]),
        (r"starting up|shutting down|LOADING", _STATES["57P03"]),
        (
            r"translate host name|resolve host|name or service not known|name resolution",
            "サーバーの名前が見つかりません",
        ),
        (
            r"connection refused|no such file or directory",
            "サーバーが動いていないか、場所がちがいます",
        ),
        (r"permission denied", "この利用者には、その場所を使う権限がありません"),
        (r"timeout|timed out", "サーバーが時間のうちに答えません"),
        (r"database is locked", "ほかのプロセスが使い続けています"),
        (r"disk image is malformed|not a database", "ファイルがこわれています"),
        (r"unable to open database file", "ファイルがないか、この利用者には読み書きできません"),
        (r"certificate|SSL|TLS", "TLSの証明書か設定が合いません"),
    )
)
"""What libraries say before a server has told a name; never shown, it may hold an address."""
OTHERWISE: Final = "つながりません"


def why(error: BaseException) -> str:
    """Return why a store was away, as far as it can be told from what lies behind ``error``."""
    for cause in _causes(error):
        known = _STATES.get(getattr(cause, "sqlstate", None) or "")
        if known:
            return known
        for pattern, words in _SAID:
            if pattern.search(str(cause)):
                return words
    return OTHERWISE


def away(error: StoreUnavailable) -> str:
    """Return which store is away and why, unless ``error`` says so itself."""
    if not error.detail.isascii():
        return error.detail
    if isinstance(error, EphemeralStoreUnavailable):
        return f"短期の保管場所（ZAITAKU_EPHEMERAL_URL）を使えません（{why(error)}）。"
    return f"データベース（ZAITAKU_DATABASE_URL）を使えません（{why(error)}）。"


def file_trouble(error: OSError) -> str:
    """Return why a file or folder cannot be used."""
    return _FILES.get(error.errno or 0, error.strerror or type(error).__name__)


def _causes(error: BaseException) -> Iterator[BaseException]:
    deeper = error.__cause__ or error.__context__
    if deeper is not None:
        yield from _causes(deeper)
    yield error
