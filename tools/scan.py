"""A dynamic scan of every page by wapiti: logged out, in mid-journey, as staff, as operator.

Runs the demo on this machine alone, in a folder of its own, lets wapiti crawl and attack it four
times and counts what it finds. Ends with status 1 if anything is above informational. The reports
stay in ``build/scan``; the summary is meant for ``docs/security/scan.md``.
"""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import urllib3

from bench.walker import PREPARATION, Walker
from tests.e2e.running import RunningDemo, running_demo
from tests.servers import free_port

WAPITI: Final = Path(".venv-scan/bin/wapiti")
REPORTS: Final = Path("build/scan")
MODULES: Final = (
    "backup,cookieflags,crlf,csp,csrf,exec,file,htaccess,http_headers,methods,permanentxss,"
    "redirect,shellshock,sql,timesql,upload,xss"
)
"""All that find their proof in the answers. Left out are those that need a listener on the
internet (ssrf, xxe, log4shell, spring4shell), a data base from it (wapp, cms, htp, nikto, wp_enum,
takeover, network_device), a directory (ldap: there is none), TLS (ssl, https_redirect: a proxy's
affair, tried in tests/deploy), or guess names and passwords (buster, brute_login_form)."""
ATTACK_SECONDS: Final = int(os.environ.get("ZAITAKU_SCAN_SECONDS", "60"))
"""For each module; what is not attacked by then is not attacked."""
EXPLAINED: Final = (
    (
        "Secure Flag cookie",
        "",
        "the demo and the operator's pages are on loopback without TLS;"
        " over TLS: tests/edge/test_headers.py",
    ),
    (
        "Backup file",
        r"/r/",
        "what follows a URL's signature is a poster's mark, and an unknown one opens the same page"
        " (ADR 35)",
    ),
    (
        "Cross Site Request Forgery",
        r"^CSRF token '.*' is not properly checked",
        "wapiti 3.2.3 sends Content-Type twice when it tries this, so that both of its forms are"
        " refused alike; tried in tests/security/test_forms.py",
    ),
)
"""What wapiti takes for a weakness, where, and why it is none."""
_LEVELS: Final = ("informational", "low", "medium", "high", "critical")


@dataclass(frozen=True)
class Visit:
    """One scan: where it begins, and as whom."""

    name: str
    base: str
    starts: tuple[str, ...]
    cookies: dict[str, str]
    never: tuple[str, ...] = ()
    """Addresses that would end the visit."""


@dataclass(frozen=True)
class Outcome:
    """What one scan found."""

    name: str
    pages: int
    findings: Counter[str]
    explained: int
    lines: tuple[str, ...]


def _visits(demo: RunningDemo, operator: str) -> Iterator[Visit]:
    urls = tuple(demo.facts["patient_urls"].values())
    yield Visit("logged-out", f"{demo.origin}/", (*urls, f"{demo.origin}/console/login"), {})
    patient = _patient(demo)
    # The patient's cookie is kept, so the pages of this very journey are what is attacked.
    yield Visit("mid-journey", f"{demo.origin}/", (patient.location,), patient.cookies)
    entered = _operator(operator)
    root = operator.split("/operator/", maxsplit=1)[0]
    yield Visit("operator", f"{root}/operator/", (entered.location,), entered.cookies)
    staff = _staff(demo)
    console = f"{demo.origin}/console/"
    never = (f"{console}logout*", f"{console}login*")
    yield Visit("staff", console, (staff.location,), staff.cookies, never)


def _walker(origin: str) -> Walker:
    return Walker(urllib3.PoolManager(), origin)


def _patient(demo: RunningDemo) -> Walker:
    walker = _walker(demo.origin)
    walker.get(demo.patient_url("home-visit"))
    walker.post({})
    for answer in PREPARATION:
        walker.post({"answer": answer})
    walker.post({})
    walker.post({"answer": "each"})
    return walker


def _staff(demo: RunningDemo) -> Walker:
    walker = _walker(demo.origin)
    console = demo.facts["console"]
    walker.get(f"{console['url']}login")
    walker.post(
        {
            "institution_code": demo.facts["facility_code"],
            "user_id": console["user_id"],
            "password": console["password"],
        }
    )
    return walker


def _operator(address: str) -> Walker:
    walker = _walker(address.split("/operator/", maxsplit=1)[0])
    walker.get(address)
    walker.post({"key": address.rpartition("key=")[2]})
    return walker


@contextmanager
def _operating(demo: RunningDemo) -> Iterator[str]:
    command = [sys.executable, "-m", "zaitaku", "operate", "--port", str(free_port())]
    process = subprocess.Popen(  # noqa: S603 - our own command
        command,
        env={**os.environ, **demo.environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        if process.stdout is None:
            raise RuntimeError("no output to read")
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()


def _scan(visit: Visit, folder: Path) -> Outcome:
    report = REPORTS / f"{visit.name}.json"
    command = [
        *(str(WAPITI), "--url", visit.base, "--scope", "folder", "--module", MODULES),
        *(word for start in visit.starts for word in ("--start", start)),
        *(word for each in visit.never for word in ("--exclude", each)),
        *("--flush-session", "--store-session", str(folder), "--store-config", str(folder)),
        *("--max-scan-time", "300", "--max-attack-time", str(ATTACK_SECONDS), "--tasks", "4"),
        *("--depth", "12", "--max-links-per-page", "60", "--max-files-per-dir", "40"),
        *("--no-bugreport", "--verbose", "0", "--format", "json", "--output", str(report)),
    ]
    if visit.cookies:
        together = "; ".join(f"{name}={value}" for name, value in visit.cookies.items())
        command += ["--cookie-value", together]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - our own words
    return _outcome(visit.name, json.loads(report.read_text("utf-8")))


def _outcome(name: str, report: dict[str, Any]) -> Outcome:
    counts: Counter[str] = Counter()
    lines: list[str] = []
    explained = 0
    for group in ("vulnerabilities", "anomalies", "additionals"):
        for title, found in report[group].items():
            for each in found:
                level = _LEVELS[int(each["level"])]
                if _explanation(title, each):
                    explained += 1
                    continue
                counts[level] += 1
                path = re.sub(r"/(j|r)/[^/?]+", r"/\1/…", each["path"])
                lines.append(f"{name}: {level}: {title}: {each['method']} {path}: {each['info']}")
    return Outcome(name, int(report["infos"]["crawled_pages_nbr"]), counts, explained, tuple(lines))


def _explanation(title: str, found: dict[str, Any]) -> str:
    where = f"{found['info']} {found['path']}"
    return next((why for kind, at, why in EXPLAINED if kind == title and re.search(at, where)), "")


def _told(outcomes: Sequence[Outcome]) -> int:
    worst = 0
    print("| visit | pages and forms | " + " | ".join(_LEVELS) + " | explained |")
    print("| --- " * (3 + len(_LEVELS)) + "|")
    for each in outcomes:
        counted = [*(each.findings[level] for level in _LEVELS), each.explained]
        worst += sum(counted[1:-1])
        print(f"| {each.name} | {each.pages} | " + " | ".join(map(str, counted)) + " |")
    for line in sorted({line for each in outcomes for line in each.lines}):
        print(line)
    print(f"pages={sum(each.pages for each in outcomes)} above_informational={worst}")
    return worst


def main() -> None:
    """Scan, tell, and end with status 1 if anything is above informational."""
    REPORTS.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        with running_demo(folder / "demo", is_empty=False) as demo, _operating(demo) as operator:
            outcomes = [_scan(visit, folder) for visit in _visits(demo, operator)]
    sys.exit(1 if _told(outcomes) else 0)


if __name__ == "__main__":
    main()
