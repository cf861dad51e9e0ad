"""A mistake at the gate: a calm page, one line in the log, and a number for the alarm."""

import logging

import pytest

from tests.patient.lint import check_page
from tests.patient.site import Site, Visitor
from zaitaku.blueprints.overload import Overload
from zaitaku.core.languages import Language


@pytest.fixture
def broken(overload: Overload, monkeypatch: pytest.MonkeyPatch) -> Overload:
    """The line fails as nobody has foreseen."""

    def knock(_: object) -> None:
        raise OverflowError

    monkeypatch.setattr(overload.line, "knock", knock)
    return overload


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


def test_others_go_on(broken: Overload, visitor: Visitor) -> None:
    assert visitor.get("/e") == 200
    assert broken.gate.active == 0
