"""How long the bridge takes from its start to its first page, and a second start to find it.

Medians over the rounds, in milliseconds, for the installed command and, where ``make bridge`` has
been run, for the single file. The last line is for machines.

``python -m bench.bridge_start [--rounds 9]``
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

HOUSE = Path(__file__).parent.parent
SINGLE_FILE = HOUSE / "dist" / "zaitaku-bridge"
INSTALLED = [sys.executable, "-m", "zaitaku.cardbridge"]
PATIENCE_SECONDS = 30
STEP_SECONDS = 0.002
PORT = 18297


def main() -> None:
    """Measure, and print a line for each kind of build."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    rounds: int = parser.parse_args().rounds
    kinds = {"installed": INSTALLED}
    if SINGLE_FILE.exists():
        kinds["single_file"] = [str(SINGLE_FILE)]
    found = {name: measured(command, rounds) for name, command in kinds.items()}
    for name, (first, second) in found.items():
        print(f"{name:12} first page {first:5.0f} ms   second start {second:5.0f} ms")
    print(" ".join(f"{name}_ms={first:.0f}" for name, (first, _) in found.items()))


def measured(command: list[str], rounds: int) -> tuple[float, float]:
    """Return the medians of the first page and of the second start."""
    pairs = [once(command) for _ in range(rounds)]
    first, second = zip(*pairs, strict=True)
    return statistics.median(first), statistics.median(second)


def once(command: list[str]) -> tuple[float, float]:
    """Start a bridge, fetch its page, start it again; return what both took."""
    with tempfile.TemporaryDirectory() as state:
        whole = [*command, "--no-open", "--port", str(PORT), "--state", state]
        begun = time.perf_counter()
        with running(whole):
            first_page()
            first = time.perf_counter() - begun
            second = timed(lambda: subprocess.run(whole, check=True, stdout=subprocess.DEVNULL))
    return first * 1000, second * 1000


def timed(work: Callable[[], object]) -> float:
    """Return how long ``work`` takes, in seconds."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


@contextmanager
def running(command: list[str]) -> Iterator[None]:
    """Run the command until the block ends."""
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, stdout=quiet, stderr=quiet)
    try:
        yield
    finally:
        process.terminate()
        process.wait(PATIENCE_SECONDS)


def first_page() -> None:
    """Fetch the status page as soon as it can be had."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        connection = HTTPConnection("127.0.0.1", PORT, timeout=PATIENCE_SECONDS)
        try:
            connection.request("GET", "/")
            connection.getresponse().read()
        except ConnectionError:
            time.sleep(STEP_SECONDS)
        else:
            return
        finally:
            connection.close()
    raise TimeoutError


if __name__ == "__main__":
    main()
