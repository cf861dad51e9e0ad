"""The site as a patient's browser reaches it, through the proxies in front."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Final

import urllib3
from urllib3.exceptions import HTTPError, SSLError

from zaitaku.operating.deployment import Deployment
from zaitaku.operating.reasons import why
from zaitaku.watching.words import Line

TIMEOUT_SECONDS: Final = 5.0
_PUBLIC: Final = "/console/login"
"""A page that every deployment shows to everybody, with the application's own headers."""
_CLOSED: Final = ("/readyz", "/metrics")
"""What only the operator's own machines may ask."""


def site(deployment: Deployment) -> Iterator[Line]:
    """Tell whether the origin answers, safely, and shows strangers nothing of the operator's."""
    origin = deployment.settings.origin
    pool = urllib3.PoolManager(timeout=TIMEOUT_SECONDS, retries=False)
    try:
        answer = pool.request("GET", f"{origin}{_PUBLIC}", redirect=False)
    except SSLError:
        yield Line(
            "サイト", "TLSの証明書を信用できません", "証明書と中間証明書を確かめてください。"
        )
    except HTTPError as error:
        worry = f"{origin} がこの機械から開けるか、確かめてください。"
        yield Line("サイト", why(error), worry)
    else:
        yield _answered(answer.status)
        yield from _headers(deployment, dict(answer.headers))
        for path in _CLOSED:
            yield _closed(pool, origin, path)


def _answered(status: int) -> Line:
    if status == HTTPStatus.OK:
        return Line("サイト", "開けます")
    worry = "プロキシが Host をそのまま渡しているか、サーバーが動いているかを確かめてください。"
    return Line("サイト", f"{status} が返ります", worry)


def _headers(deployment: Deployment, headers: dict[str, str]) -> Iterator[Line]:
    if not deployment.settings.is_tls:
        return
    names = {name.lower() for name in headers}
    is_strict = "strict-transport-security" in names
    worry = "プロキシが X-Forwarded-Proto を https にして渡しているか、確かめてください。"
    yield Line("HSTS", "あります" if is_strict else "ありません", "" if is_strict else worry)


def _closed(pool: urllib3.PoolManager, origin: str, path: str) -> Line:
    part = f"外から見た {path}"
    try:
        status = pool.request("GET", f"{origin}{path}", redirect=False).status
    except HTTPError as error:
        return Line(part, why(error))
    is_open = status in {HTTPStatus.OK, HTTPStatus.SERVICE_UNAVAILABLE}
    worry = "プロキシで閉じてください。"
    return Line(part, "見えます" if is_open else "見えません", worry if is_open else "")
