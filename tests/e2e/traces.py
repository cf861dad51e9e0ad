"""Looking for four digits in everything that a journey leaves behind, however they are written.

The digits are looked for as they stand, between bytes that are no hexadecimal digit (inside longer
numbers and digests every four digits turn up by chance), and in every usual encoding: whole, or
byte by byte with something short between the bytes, as programs log a command to the card. Packed
BCD is left out: it is two bytes, which turn up everywhere.
"""

import base64
import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from stat import S_ISREG
from typing import Final
from urllib.parse import quote

Trace = tuple[str, str]
"""Where it was found, and how it was written."""


_ESCAPE: Final = rb"(?:\\x[0-9A-Fa-f]{2}|\\[0-7]{3}|\\[abtnvfr])"
"""A byte as Python and C write it; its last character is none of the PIN's neighbours."""
_BETWEEN: Final = rb"[\s,;:.|/_'\"()\[\]-]"
"""What stands between bytes in a log."""
_MARK: Final = rb"(?:0x|\\x|\\u00|#x|x|b)?"
"""What stands before a byte in hex."""
VERIFY_END: Final = bytes((0x80, 4))
"""What stands before the PIN in the command to the card: P2 and length (ISO/IEC 7816-4)."""


def shapes_of(pin: str) -> dict[str, bytes]:
    """Return patterns (regular expressions over bytes) by the name of the encoding."""
    patterns = {name: re.escape(text) for name, text in _encoded(pin).items()}
    after = rb"(?![0-9A-Fa-f])"
    patterns["digits"] = _not_after(rb"[0-9A-Fa-f]", pin.encode()) + after
    patterns["digits after an escape"] = _ESCAPE + pin.encode() + after
    patterns["list"] = _spread(list(pin), rb"[ ,'\"b]{1,5}")
    patterns["decimal"] = _spread([str(ord(digit)) for digit in pin], _BETWEEN + b"{1,4}")
    patterns["octal"] = _spread([f"0{ord(digit):o}" for digit in pin], rb"[\\\s,o]{1,3}")
    pairs = [f"{ord(digit):02x}".encode() for digit in pin]
    patterns["hex"] = b"(?i:" + (_BETWEEN + b"{0,4}" + _MARK).join(pairs) + b")"
    return patterns


def _spread(parts: list[str], between: bytes) -> bytes:
    first, *others = (part.encode() for part in parts)
    return between.join([_not_after(rb"[0-9]", first), *others]) + rb"(?![0-9])"


def _not_after(kind: bytes, literal: bytes) -> bytes:
    # What stands before is looked at last: a pattern that begins with a literal is looked for five
    # times as fast as one that begins with a condition, and what is searched is large.
    return literal + rb"(?<!" + kind + literal + rb")"


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
        **_in_base64(pin),
        **_digests(pin),
    }


def _in_base64(pin: str) -> dict[str, bytes]:
    """Return what a form, a JSON text or a command with the PIN holds in base64, at any place."""
    found = {}
    texts = {text: text.encode() for text in (f"pin={pin}", f'"pin":"{pin}"', f'"pin": "{pin}"')}
    for name, text in {**texts, "the command": VERIFY_END + pin.encode()}.items():
        for start in range(3):
            whole = base64.b64encode(b"\0" * start + text)
            first = (start * 8 + 5) // 6
            last = (start + len(text)) * 8 // 6
            found[f"base64 of {name} at {start}"] = whole[first:last]
    return found


def _digests(pin: str) -> dict[str, bytes]:
    found = {}
    for name in ("md5", "sha1", "sha256", "sha384", "sha512"):
        digest = hashlib.new(name, pin.encode())
        found[f"{name} in hex"] = digest.hexdigest().encode()
        found[f"{name} in base64"] = base64.b64encode(digest.digest()).rstrip(b"=")
        found[name] = digest.digest()
    return found


def without(drawn: Iterable[bytes], places: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return ``places`` without numbers that were drawn and are written in groups of digits: in one
    of them any PIN may stand by chance.
    """
    pattern = re.compile(b"|".join(map(re.escape, drawn)))
    return {place: pattern.sub(b"(drawn)", content) for place, content in places.items()}


def traces(pin: str, places: Mapping[str, bytes]) -> set[Trace]:
    """Return where ``pin`` stands in ``places``."""
    patterns = {name: re.compile(text) for name, text in shapes_of(pin).items()}
    return {
        (place, name)
        for place, content in places.items()
        for name, pattern in patterns.items()
        if pattern.search(content)
    }


def family(process: int) -> Iterator[Path]:
    """Return the folders in ``/proc`` of a process and of all that it has started."""
    folder = Path(f"/proc/{process}")
    yield folder
    for children in folder.glob("task/*/children"):
        for child in children.read_text("ascii").split():
            yield from family(int(child))


def left_by(process: Path) -> Iterator[tuple[str, bytes]]:
    """Return what the system tells of a process by its folder in ``/proc``: what it was started
    with, and every file that it holds open, deleted ones too.

    Of one that cannot be looked into (``PR_SET_DUMPABLE``) only the administrator learns anything.
    """
    with suppress(PermissionError):
        for part in ("environ", "cmdline"):
            yield part, (process / part).read_bytes()
        for handle in sorted((process / "fd").iterdir()):
            with suppress(FileNotFoundError):
                if S_ISREG(handle.stat().st_mode):
                    yield f"open {handle.readlink()}", handle.read_bytes()


def new_files(folder: Path, begun: float) -> Iterator[tuple[str, bytes]]:
    """Return this user's files below ``folder`` that were written since ``begun`` (Unix time)."""
    for path in sorted(folder.rglob("*")):
        with suppress(OSError):  # other programs' files come and go
            facts = path.lstat()
            is_own = S_ISREG(facts.st_mode) and facts.st_uid == os.getuid()
            if is_own and facts.st_mtime >= begun:
                yield str(path), path.read_bytes()


def files_in(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Return every file below ``folder`` by its path, names of files included in what is there."""
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_file() and not path.is_symlink():
            yield name, name.encode() + b"\n" + path.read_bytes()
