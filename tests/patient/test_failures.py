"""Every foreseen failure has words of its own, in every language."""

from collections.abc import Iterator

import pytest
from flask import Flask

from tests.patient.lint import check_page, words
from tests.patient.site import Site
from zaitaku.blueprints.failures import EXPLANATIONS, explain
from zaitaku.consent.errors import ConsentError
from zaitaku.core.errors import NotFound, StoreUnavailable, TooManyAttempts, ZaitakuError
from zaitaku.core.languages import Language
from zaitaku.identity.errors import IdentityError
from zaitaku.reception import errors as reception_errors

# Met only by staff or by programs, never on a patient's way.
ELSEWHERE = {
    *("cannot-revert", "cannot-reset", "url-changed"),
    *("evidence-broken", "unknown-wording", "nothing-to-withdraw"),
}
ROOTS = {"identity", "consent"}


def codes(root: type[ZaitakuError]) -> Iterator[str]:
    """Yield the codes of ``root`` and of everything below it."""
    yield root.code
    for child in root.__subclasses__():
        yield from codes(child)


def met_by_patients() -> set[str]:
    """Return the code of every failure that a patient can run into."""
    found = {*codes(IdentityError), *codes(ConsentError)}
    found |= {NotFound.code, StoreUnavailable.code, TooManyAttempts.code}
    for value in vars(reception_errors).values():
        if isinstance(value, type) and issubclass(value, ZaitakuError):
            found.add(value.code)
    return found - ELSEWHERE - ROOTS - {ZaitakuError.code}


def test_every_failure_on_the_way_has_words_of_its_own() -> None:
    missing = {code for code in met_by_patients() if code not in EXPLANATIONS}
    assert not missing - {"conflict"}


def test_headings_differ() -> None:
    headings = [explanation.heading for explanation in EXPLANATIONS.values()]
    assert len(set(headings)) == len(headings)


def test_an_unforeseen_code_has_words_too() -> None:
    assert explain("something-new") is EXPLANATIONS["unexpected"]


@pytest.mark.parametrize("language", list(Language))
def test_every_failure_page_is_sound_and_in_its_language(site: Site, language: Language) -> None:
    titles = set()
    for code in EXPLANATIONS:
        page = check_page(_answer(site.app, code, language))
        assert page.attrib["lang"] == language
        titles.add(words(next(page.iter("title"))))
    assert len(titles) == len(EXPLANATIONS)


def test_an_unforeseen_error_tells_a_number_and_nothing_else(site: Site) -> None:
    site.app.config["PROPAGATE_EXCEPTIONS"] = False

    def broken(token: str) -> str:
        raise RuntimeError(f"secret of {token}")

    site.app.view_functions["patient.entry"] = broken
    answer = site.app.test_client().get("/r/token", base_url=site.services.settings.origin)
    assert answer.status_code == 500
    page = check_page(answer.text)
    assert answer.headers["X-Request-Id"] in words(page)
    assert "secret" not in answer.text


def _answer(app: Flask, code: str, language: Language) -> str:
    failure = type("Failure", (ZaitakuError,), {"code": code})

    def fail(journey: str) -> str:
        raise failure

    # Not the first page: of so many at once a slow machine lets some wait.
    app.view_functions["patient.choose"] = fail
    client = app.test_client()
    return client.get(f"/j/x/choose?lang={language}", base_url="http://localhost:8000").text
