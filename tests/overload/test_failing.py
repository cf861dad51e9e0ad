"""A mistake at the gate: a calm page, one line in the log, and a number for the alarm."""

import logging
from typing import Any

import pytest
from werkzeug.test import EnvironBuilder
from werkzeug.wsgi import ClosingIterator

from tests.patient.lint import check_page
from tests.patient.site import Site, Visitor
from zaitaku.blueprints.overload import Overload
from zaitaku.core.languages import Language
from zaitaku.core.permits import Permits


@pytest.fixture
def broken(overload: Overload, monkeypatch: pytest.MonkeyPatch) -> Overload:
    """The line fails as nobody has foreseen."""

    monkeypatch.setattr(overload, "_enter", fail)
    return overload


def fail(*_: object, **__: object) -> None:
    raise OverflowError


@pytest.mark.usefixtures("broken")
@pytest.mark.parametrize("language", Language)
def test_the_page_is_calm_and_in_the_patients_language(
    site: Site, visitor: Visitor, language: Language
) -> None:
    answer = visitor.client.get(f"{site.path()}?lang={language}")
    assert answer.status_code == 500
    check_page(answer.text)
    assert f'lang="{language}"' in answer.text
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["X-Request-Id"]


@pytest.mark.usefixtures("broken")
def test_a_program_gets_json(site: Site, visitor: Visitor) -> None:
    answer = visitor.client.get(site.path(), headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json) == (500, {"error": "unexpected"})


@pytest.mark.usefixtures("broken")
def test_the_log_has_the_cause_once_a_second_and_each_answer(
    site: Site, visitor: Visitor, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    for _ in range(20):
        visitor.client.get(site.path())
    causes = [record for record in caplog.records if record.exc_info]
    answered = [r for r in caplog.records if getattr(r, "route", "") == "(gate)"]
    assert 1 <= len(causes) < 10
    assert isinstance(causes[0].exc_info and causes[0].exc_info[1], OverflowError)
    assert [getattr(record, "status", 0) for record in answered] == [500] * 20


def test_a_line_that_fails_is_no_line(
    overload: Overload,
    site: Site,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(overload.line, "knock", fail)
    assert site.visitor().get(site.path()) == 200
    monkeypatch.setattr(Permits, "take", lambda _: False)
    later = site.visitor()
    assert later.get(site.path()) == 503
    assert "まだ分かりません" in later.text
    assert [each for each in caplog.records if each.exc_info]


def test_a_gauge_that_fails_costs_nobody_a_page(
    overload: Overload, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overload, "state", fail)
    overload._tell_due = 0.0
    assert visitor.client.get("/healthz").status_code == 200


def test_what_fails_after_the_answer_has_begun_is_told_all_the_same(
    overload: Overload, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As gunicorn does it: to begin twice takes a reason (PEP 3333)."""
    begun: list[tuple[str, object]] = []
    closed: list[bool] = []

    def start(status: str, _: object, exc_info: object = None) -> None:
        if begun and exc_info is None:
            raise AssertionError
        begun.append((status, exc_info))

    inner = overload._inner

    def answer(environ: dict[str, Any], start: Any) -> ClosingIterator:
        return ClosingIterator(inner(environ, start), lambda: closed.append(True))

    overload._inner = answer
    monkeypatch.setattr(overload.permits, "note", fail)
    environ = EnvironBuilder("/e", base_url=site.services.settings.origin).get_environ()
    body = overload(environ, start)
    assert [status[:3] for status, _ in begun] == ["200", "500"]
    assert "思わぬ問題が起きました" in b"".join(body).decode()
    assert closed


def test_others_go_on(broken: Overload, visitor: Visitor) -> None:
    assert visitor.get("/e") == 200
    assert broken.gate.active == 0
