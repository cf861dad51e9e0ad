"""What the faults' patients have in common with people: a browser that keeps its cookies."""

from typing import Any

import pytest
from urllib3 import HTTPHeaderDict

from bench.faults import patients
from bench.faults.patients import ReloadingBrowser


class Answer:
    """An answer of the site."""

    def __init__(self, status: int, cookie: str) -> None:
        self.status = status
        self.headers = HTTPHeaderDict({"Set-Cookie": f"{cookie}; Path=/; HttpOnly"})


class Full:
    """A site that is full twice, and then is not."""

    def __init__(self) -> None:
        self.cookies: list[str] = []
        self.answers = [Answer(503, "place=7"), Answer(503, "place=8"), Answer(200, "place=in")]

    def request(self, *_: str, headers: dict[str, str], **__: Any) -> Answer:
        self.cookies.append(headers.get("Cookie", ""))
        return self.answers[min(len(self.cookies), len(self.answers)) - 1]


def test_a_place_in_line_is_kept_between_reloads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patients, "_PAUSES", (0.0, 0.0))
    site = Full()
    browser = ReloadingBrowser(pool=site)  # type: ignore[arg-type]
    browser.request("GET", "http://localhost/r/x", headers={"Cookie": ""})
    browser.request("POST", "http://localhost/api", headers={"Content-Type": "application/json"})
    assert site.cookies == ["", "place=7", "place=8", ""]
    browser.begin()
    browser.request("GET", "http://localhost/r/y")
    assert site.cookies[-1] == ""
