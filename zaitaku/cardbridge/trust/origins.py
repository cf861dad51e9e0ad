"""How an origin is written: scheme, host, port, and one way to write each of them."""

from typing import Final
from urllib.parse import urlsplit

DEFAULT_PORTS: Final = {"http": 80, "https": 443}


def parse_origin(text: str, *, tls_only: bool) -> str:
    """Return ``text`` as the serialisation of an origin (RFC 6454 §6.2).

    Raises:
        ValueError: it is no http(s) origin, has more than scheme, host and port, or is not https
            although ``tls_only``.
    """
    parts = urlsplit(text.strip().rstrip("/"))
    schemes = {"https"} if tls_only else set(DEFAULT_PORTS)
    if parts.scheme not in schemes or not parts.hostname or _has_more_than_origin(text):
        raise ValueError("an origin is " + "/".join(sorted(schemes)) + "://host or …://host:port")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    port = parts.port
    return f"{parts.scheme}://{host}" + (
        "" if port in {None, DEFAULT_PORTS[parts.scheme]} else f":{port}"
    )


def _has_more_than_origin(text: str) -> bool:
    parts = urlsplit(text.strip().rstrip("/"))
    return bool(parts.path or parts.query or parts.fragment or "@" in parts.netloc)
