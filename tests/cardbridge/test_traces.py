"""The search for a PIN finds it however it was written, and nothing where nothing is."""

import base64
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.traces import family, left_by, new_files, shapes_of, traces, without

PIN = "0793"
COMMAND = bytes.fromhex("0020008004") + PIN.encode()
"""VERIFY, as the card gets it."""
LOGGED: dict[str, Callable[[bytes], str]] = {
    "hex": bytes.hex,
    "capitals": lambda raw: raw.hex(" ").upper(),
    "colons": lambda raw: raw.hex(":"),
    "hyphens": lambda raw: raw.hex("-"),
    "lines": lambda raw: raw.hex("\n"),
    "numbers": lambda raw: str(list(raw)),
    "a tuple": lambda raw: str(tuple(raw)),
    "bare numbers": lambda raw: " ".join(map(str, raw)),
    "json": lambda raw: json.dumps([*raw], separators=(",", ":")),
    "bytes": repr,
    "buffer": lambda raw: repr(bytearray(raw)),
    "0x": lambda raw: " ".join(f"0x{byte:02X}" for byte in raw),
    "a list of 0x": lambda raw: ", ".join(map(hex, raw)),
    "escapes": lambda raw: "".join(f"\\x{byte:02x}" for byte in raw),
    "octal escapes": lambda raw: "".join(f"\\{byte:03o}" for byte in raw),
    "a list of texts": lambda raw: str([f"{byte:02x}" for byte in raw]),
    "characters": lambda raw: str(list(raw[5:].decode())),
    "base64": lambda raw: base64.b64encode(raw).decode(),
    "base64 of more": lambda raw: base64.b64encode(b"\1\2" + raw + b"\x90\0").decode(),
}


@pytest.mark.parametrize("way", LOGGED)
def test_a_logged_command_to_the_card_is_found(way: str) -> None:
    text = f"12:04:11 APDU: {LOGGED[way](COMMAND)} (9 bytes)"
    assert traces(PIN, {"log": text.encode()}), text


@pytest.mark.parametrize("shape", shapes_of(PIN))
def test_every_way_of_writing_it_is_found(shape: str) -> None:
    written = {
        "digits": b"x 0793 y",
        "digits after an escape": rb"\x040793'",
        "list": b"keys: 0, 7, 9, 3.",
        "hex": b"30373933",
        "decimal": b"[48, 55, 57, 51]",
        "octal": rb"\060\067\071\063",
        "json": rb"\u0030\u0037\u0039\u0033",
    }
    content = written.get(shape) or shapes_of(PIN)[shape].replace(b"\\", b"")
    assert ("somewhere", shape) in traces(PIN, {"somewhere": b"before " + content + b" after"})


@pytest.mark.parametrize(
    "text",
    [
        "2026-12-01 07:09:03 0 7 93",
        "10793 07930 a0793 0793f",
        "30 37 39 34 [48, 55, 57, 52] [148, 55, 57, 51] [48, 55, 57, 510]",
        "30 and then 37, far from 39 and 33",
        r"\x0407930",
        hashlib.sha512(b"a digest").hexdigest(),
    ],
)
def test_other_numbers_are_not_taken_for_it(text: str) -> None:
    assert traces(PIN, {"somewhere": text.encode()}) == set()


def test_numbers_that_were_drawn_are_left_out_and_no_others() -> None:
    log = b"0793-1111-1111 261122-634-0793 0020-0080-0430 2222-0793-1111"
    left = without([b"0793-1111-1111", b"261122-634-0793"], {"log": log})
    assert left == {"log": b"(drawn) (drawn) 0020-0080-0430 2222-0793-1111"}


HOLDS_A_FILE = """
import os, subprocess, sys, tempfile
with tempfile.TemporaryFile() as held:
    held.write(b"typed: %04d!" % 793)
    held.flush()
    os.set_inheritable(held.fileno(), True)
    waits = [sys.executable, "-c", "print(flush=True); input()"]
    subprocess.run(waits, pass_fds=[held.fileno()], check=True)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has /proc")
def test_a_deleted_file_is_found_in_those_that_hold_it() -> None:
    command = [sys.executable, "-c", HOLDS_A_FILE]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        found = [traces(PIN, dict(left_by(one))) for one in family(process.pid)]
        process.communicate(b"\n")
    assert len(found) == 2
    assert all("(deleted)" in place for traced in found for place, _ in traced)
    assert all(found)


def test_files_written_since_a_moment_are_found(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("typed: 0793", "utf-8")
    os.utime(tmp_path / "old", (1, 1))
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "new").write_text("typed: 0793", "utf-8")
    found = traces(PIN, dict(new_files(tmp_path, time.time() - 60)))
    assert {place for place, _ in found} == {str(tmp_path / "deep" / "new")}
