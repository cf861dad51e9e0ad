"""Looking for four digits in everything that a journey leaves behind, however they are written.

The digits are looked for as they stand, between bytes that are no hexadecimal digit (inside longer
numbers and digests every four digits turn up by chance), and in every usual encoding. Packed BCD is
left out: it is two bytes, which turn up everywhere.
"""

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

Trace = tuple[str, str]
"""Where it was found, and how it was written."""


def shapes_of(pin: str) -> dict[str, bytes]:
    """Return patterns (regular expressions over bytes) by the name of the encoding."""
    patterns = {name: re.escape(text) for name, text in _encoded(pin).items()}
    patterns["digits"] = rb"(?<![0-9A-Fa-f])" + pin.encode() + rb"(?![0-9A-Fa-f])"
    patterns["list"] = rb"(?<![0-9])" + rb"[ ,]{1,2}".join(_bytes_of(pin)) + rb"(?![0-9])"
    patterns["hex"] = b"(?i:" + pin.encode().hex().encode() + b")"
    return patterns


def _bytes_of(pin: str) -> list[bytes]:
    return [digit.encode() for digit in pin]


def _encoded(pin: str) -> dict[str, bytes]:
    wide = "".join(chr(ord(digit) + 0xFEE0) for digit in pin)
    return {
        "full-width": wide.encode(),
        "full-width in a url": quote(wide).encode(),
        "url": "".join(f"%{ord(digit):02X}" for digit in pin).encode(),
        "json": "".join(f"\\u{ord(digit):04x}" for digit in pin).encode(),
        "html": "".join(f"&#{ord(digit)};" for digit in pin).encode(),
        "utf-16-le": pin.encode("utf-16-le"),
        "utf-16-be": pin.encode("utf-16-be"),
        "base64": base64.b64encode(pin.encode()).rstrip(b"="),
        **_base64_of_forms(pin),
        **_digests(pin),
    }


def _base64_of_forms(pin: str) -> dict[str, bytes]:
    """Return what a form or a JSON text with the PIN holds in base64, wherever it begins in it."""
    found = {}
    for text in (f"pin={pin}", f'"pin":"{pin}"', f'"pin": "{pin}"'):
        for start in range(3):
            whole = base64.b64encode(b"\0" * start + text.encode())
            first = (start * 8 + 5) // 6
            last = (start + len(text)) * 8 // 6
            found[f"base64 of {text} at {start}"] = whole[first:last]
    return found


def _digests(pin: str) -> dict[str, bytes]:
    found = {}
    for name in ("md5", "sha1", "sha256", "sha384", "sha512"):
        digest = hashlib.new(name, pin.encode())
        found[f"{name} in hex"] = digest.hexdigest().encode()
        found[f"{name} in base64"] = base64.b64encode(digest.digest()).rstrip(b"=")
        found[name] = digest.digest()
    return found


def traces(pin: str, places: Mapping[str, bytes]) -> set[Trace]:
    """Return where ``pin`` stands in ``places``."""
    patterns = {name: re.compile(text) for name, text in shapes_of(pin).items()}
    return {
        (place, name)
        for place, content in places.items()
        for name, pattern in patterns.items()
        if pattern.search(content)
    }


def files_in(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Return every file below ``folder`` by its path, names of files included in what is there."""
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_file() and not path.is_symlink():
            yield name, name.encode() + b"\n" + path.read_bytes()
