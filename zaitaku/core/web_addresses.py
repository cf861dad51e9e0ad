"""What the addresses in settings have to be: whole, and where it counts for nobody else's eyes."""

from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

_SCHEMES: Final = ("http", "https")
_THIS_MACHINE: Final = "localhost"


def is_web_address(text: str) -> bool:
    """Tell whether ``text`` is an http or https address with a host (RFC 9110 §4.2)."""
    try:
        parts = urlsplit(text)
        return parts.scheme in _SCHEMES and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def is_https(text: str) -> bool:
    """Tell whether ``text`` is an https address with a host."""
    return is_web_address(text) and urlsplit(text).scheme == "https"


def is_private_way(text: str) -> bool:
    """Tell whether nobody else may read or change what goes there: https, or this machine."""
    return is_https(text) or (is_web_address(text) and is_loopback(urlsplit(text).hostname or ""))


def is_loopback(host: str) -> bool:
    """Tell whether a name or number means this machine and no other (RFC 6761 §6.3)."""
    return host == _THIS_MACHINE or (is_number(host) and ip_address(host).is_loopback)


def is_number(host: str) -> bool:
    """Tell whether ``host`` is an IP address without a scope, in which anything may stand."""
    if "%" in host:
        return False
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
