"""pcscd and virtual cards for tests, never on the machine's own network.

``python -m tests.pcscd -- COMMAND …`` runs a command in mount, network and process namespaces of
its own (and a user namespace when not root), with loopback up and an empty ``/run``. The driver of
the virtual reader listens on every address, so it must never run outside. When the command ends,
or is killed, everything that it started ends with it.

Inside, ``pcscd()`` starts the daemon and ``card_in_pcscd(reader)`` plugs a virtual reader's card.
``pcscd(lanes=4)`` has four readers instead, each with a driver and a port of its own.
"""

import fcntl
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Final, NoReturn, TypeVar

from zaitaku.cardbridge.card.transport import TransportTrouble
from zaitaku.cardbridge.pcsc.service import PcscService
from zaitaku.cardbridge.virtual.reader import VirtualReader
from zaitaku.cardbridge.virtual.vpcd import PORT, VpcdPlug

_T = TypeVar("_T")

INSIDE: Final = "ZAITAKU_PCSCD_NAMESPACE"
"""Environment variable that says: this process is inside."""
PCSCD: Final = "/usr/sbin/pcscd"
SOCKET: Final = Path("/run/pcscd/pcscd.comm")
READER: Final = "Virtual PCD 00 00"
"""pcscd's name of the first slot, the one that ``VpcdPlug`` fills."""
START_SECONDS: Final = 15.0
DRIVER: Final = Path("/usr/lib/pcsc/drivers/serial/libifdvpcd.so")
SLOTS: Final = 2
"""Slots, and ports, that one driver has."""

_SIOCSIFFLAGS: Final = 0x8914
_IFF_UP: Final = 0x1
_FLAG_INSIDE: Final = "--inside"


class NamespaceError(Exception):
    """pcscd cannot be run here; the text says what is missing."""


def is_inside() -> bool:
    """Tell whether this process runs in the namespaces."""
    return os.environ.get(INSIDE) == "1"


def namespace_command(command: Sequence[str]) -> list[str]:
    """Return the command line that runs ``command`` in its own namespaces."""
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    kinds = ["--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
    this = [sys.executable, "-m", "tests.pcscd", _FLAG_INSIDE, "--"]
    return ["unshare", *user, *kinds, *this, *command]


def run_in_namespace(
    command: Sequence[str], *, seconds: float, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run ``command`` inside to its end; after ``seconds`` it is killed with all that it started.

    Raises:
        NamespaceError: this machine gives no such namespaces, or the time is over.
    """
    try:
        return subprocess.run(
            namespace_command(command),
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
            env={**os.environ, **(environment or {})},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NamespaceError(f"unshare (util-linux) failed: {error}") from error


def wait_for(
    probe: Callable[[], _T | None],
    what: str,
    seconds: float = START_SECONDS,
    *,
    pause: float = 0.02,
) -> _T:
    """Return the first thing that ``probe`` gives, asked every ``pause`` seconds.

    Raises:
        NamespaceError: it gave nothing in time.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = probe()
        if found is not None:
            return found
        time.sleep(pause)
    raise NamespaceError(f"no {what} within {seconds:.0f} s")


def lane_name(lane: int) -> str:
    """Return pcscd's name of the reader of one lane, counted from 0."""
    return f"Lane {lane:02} 00 00"


def lane_port(lane: int) -> int:
    """Return the port at which that reader waits for its card."""
    return PORT + SLOTS * lane


@contextmanager
def pcscd(
    *, readers: bool = True, lanes: int = 0, details: Sequence[str] = ("--error",)
) -> Iterator[int]:
    """Run the daemon, with the virtual reader, without any, or with ``lanes`` of them.

    Gives its process id. ``details`` are its options for what it logs, as ``log_of`` reads it.

    Raises:
        NamespaceError: called outside the namespaces, or the daemon does not come up.
    """
    if not is_inside():
        raise NamespaceError("pcscd is started only by way of `python -m tests.pcscd -- …`")
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile("w+") as log:
        conf = Path(folder, "conf")  # each file in it counts
        conf.mkdir()
        config = [] if readers and not lanes else ["--config", str(conf)]
        for lane in range(lanes):
            _configure(conf, lane)
        command = [PCSCD, "--foreground", *details, *config, *_without_asking()]
        daemon = _start(command, log.fileno())
        try:
            wait_for(lambda: _answering(daemon, log.fileno()), "pcscd")
            yield daemon.pid
        finally:
            _end(daemon)
            SOCKET.unlink(missing_ok=True)


def log_of(daemon: int) -> bytes:
    """Return what the running daemon, named by its process id, has logged."""
    return Path(f"/proc/{daemon}/fd/1").read_bytes()


@contextmanager
def card_in_pcscd(reader: VirtualReader) -> Iterator[VpcdPlug]:
    """Follow ``reader`` with the daemon's virtual reader; wait for its card if it holds one.

    Raises:
        NamespaceError: the daemon does not see the card.
    """
    with VpcdPlug(reader) as plug:
        if reader.card is not None:
            wait_for_card()
        yield plug


def wait_for_card(name: str = READER) -> None:
    """Wait until a card in the reader ``name`` can be taken.

    Raises:
        NamespaceError: it cannot.
    """
    wait_for(lambda: _taken(name), f"card in {name}")


def wait_for_no_card(name: str = READER) -> None:
    """Wait until the reader ``name`` is seen to be empty.

    Raises:
        NamespaceError: it is not.
    """
    wait_for(lambda: None if _taken(name) else True, f"empty {name}")


def _configure(conf: Path, lane: int) -> None:
    # The driver keeps its slots in variables of its library: each lane loads another copy.
    library = conf.with_name(f"lane{lane:02}.so")
    shutil.copy(DRIVER, library)
    port = lane_port(lane)
    (conf / f"lane{lane:02}.conf").write_text(
        f'FRIENDLYNAME "Lane {lane:02}"\nDEVICENAME /dev/null:{port:#x}\n'
        f"LIBPATH {library}\nCHANNELID {port:#x}\n"
    )


def _taken(name: str) -> bool | None:
    service = PcscService(patience=0)
    with suppress(TransportTrouble), closing(service.connect(name)):
        return True
    return None


@cache
def _without_asking() -> tuple[str, ...]:
    # From version 2 on it asks polkit who may use it, which is not among what runs inside.
    known = ""
    with suppress(OSError):  # told by ``_start``
        known = subprocess.run(
            [PCSCD, "--help"], capture_output=True, text=True, check=False
        ).stdout
    return ("--disable-polkit",) if "--disable-polkit" in known else ()


def _start(command: list[str], log: int) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    except OSError as error:
        raise NamespaceError(f"{command[0]}: {error.strerror} (Debian package pcscd)") from error


def _answering(daemon: subprocess.Popen[bytes], log: int) -> bool | None:
    if daemon.poll() is not None:
        text = os.pread(log, 4096, 0).decode(errors="replace")
        raise NamespaceError(f"pcscd ended with {daemon.returncode}: {text}")
    with socket.socket(socket.AF_UNIX) as probe, suppress(OSError):
        probe.connect(str(SOCKET))
        return True
    return None


def _end(daemon: subprocess.Popen[bytes]) -> None:
    daemon.terminate()
    try:
        daemon.wait(5)
    except subprocess.TimeoutExpired:
        daemon.kill()
        daemon.wait()


def _prepare() -> None:
    """Bring loopback up and cover /run: pcscd's socket and lock belong to this namespace."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
        fcntl.ioctl(handle, _SIOCSIFFLAGS, struct.pack("16sH22x", b"lo", _IFF_UP))
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)


def _reap(child: int) -> int:
    """Wait for ``child`` as the namespace's first process, which inherits every orphan."""
    while True:
        pid, status = os.wait()
        if pid == child:
            return os.waitstatus_to_exitcode(status)


def _run_inside(command: list[str]) -> int:
    _prepare()
    os.environ[INSIDE] = "1"
    return _reap(os.posix_spawnp(command[0], command, os.environ))


def main(arguments: list[str]) -> NoReturn:
    """Run the command after ``--`` in the namespaces and end with its exit status."""
    command = arguments[arguments.index("--") + 1 :] if "--" in arguments else []
    if not command:
        sys.exit("usage: python -m tests.pcscd -- COMMAND …")
    if arguments[0] == _FLAG_INSIDE:
        sys.exit(_run_inside(command))
    line = namespace_command(command)
    os.execvp(line[0], line)


if __name__ == "__main__":
    main(sys.argv[1:])
