"""A page that is made once says what it would say made anew, and keeps nothing of anybody."""

import itertools
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, session, url_for
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jinja2 import TemplateRuntimeError
from markupsafe import Markup

from tests.patient.conftest import Cards
from tests.patient.site import ALL_ITEMS, Site, Visitor
from zaitaku.blueprints import pages
from zaitaku.blueprints.gaps import Gap, GapLookedAtError, GappedPage
from zaitaku.blueprints.pages import TextSize
from zaitaku.blueprints.patient import done_views, entry_views, presenters, stepping
from zaitaku.blueprints.patient.journey import ChoiceMode, VisitKind
from zaitaku.blueprints.patient.paths import path_of
from zaitaku.blueprints.patient.steps import StepName
from zaitaku.blueprints.site import Site as Application
from zaitaku.blueprints.templates import MOST_SHARED, OF_THE_REQUEST, Templates
from zaitaku.consent.model import ConsentItem, ConsentState, Operator, StandingLine
from zaitaku.consent.questions import questions_for
from zaitaku.core.languages import Language
from zaitaku.facilities.model import Channel, InstitutionCode

QUERIES = [
    f"lang={language}&size={size}" for language, size in itertools.product(Language, TextSize)
]
STEPS = (
    *("prepare", "prepare/pin", "prepare/reader", "operator", "visit", "notice", "choose"),
    *("items/surgery", "items/clinical", "items/checkup", "items/specific-disease"),
    *("items/high-cost-limit", "check", "card", "operator?change=yes"),
)
OTHER_NAME = 'Tom & "Jerry" <Clinic>'


def templates_of(app: Flask) -> Templates:
    """Return the application's templates."""
    assert isinstance(app.jinja_env, Templates)
    return app.jinja_env


@contextmanager
def made_anew(app: Flask) -> Iterator[None]:
    """Share no pages meanwhile."""
    app.jinja_env.auto_reload = True
    try:
        yield
    finally:
        app.jinja_env.auto_reload = False


def both(app: Flask, template: str, own: Mapping[str, str], **shared: Hashable) -> bytes:
    """Return a page, made both ways within the present request."""
    page = pages.page(template, own, **shared)
    assert isinstance(page, bytes)
    with made_anew(app):
        anew = pages.page(template, own, **shared)
    assert isinstance(anew, str)
    assert page.decode() == anew, template
    return page


@dataclass
class Comparison:
    """Every page that the views make, both ways; and all that is kept of it."""

    app: Flask
    templates: set[str] = field(default_factory=set)
    keys: list[str] = field(default_factory=list)
    kept: list[bytes] = field(default_factory=list)

    def page(self, template: str, own: Mapping[str, str], **shared: Hashable) -> bytes:
        """Stand in for ``pages.page``."""
        self.templates.add(template)
        self.keys.append(repr((tuple(own), shared)))
        return both(self.app, template, own, **shared)


@pytest.fixture
def comparison(site: Site, monkeypatch: pytest.MonkeyPatch) -> Comparison:
    """Compare all pages of a test."""
    found = Comparison(site.app)
    templates_of(site.app).shared_page.cache_clear()
    cut = GappedPage.cut

    def remembered(text: str) -> GappedPage:
        made = cut(text)
        found.kept += [*made.texts, *(name.encode() for name in made.names)]
        return made

    monkeypatch.setattr(GappedPage, "cut", remembered)
    for module in (stepping, entry_views, done_views):
        monkeypatch.setattr(module, "page", found.page)
    return found


def other_clinic(site: Site) -> Site:
    """Return a second facility of the same application, which says no hours."""
    facility = site.services.facilities.add(
        code=InstitutionCode("1312345688"),
        registered_name=OTHER_NAME,
        phone="06 6000 0001",
        hours="",
        settings=ALL_ITEMS,
        actor="test",
    )
    with site.services.database.transaction() as connection:
        site.services.reception.issue_first(connection, facility.id, "test")
    return Site(site.app, site.services, site.clock, site.authority, facility)


def open_in_all_ways(visitor: Visitor, path: str) -> None:
    mark = "&" if "?" in path else "?"
    origin = visitor.site.services.settings.origin
    for query in QUERIES:
        assert visitor.client.get(f"{path}{mark}{query}", base_url=origin).status_code == 200


def test_two_patients_at_two_facilities_read_what_they_would_have_read(
    site: Site, cards: Cards, comparison: Comparison
) -> None:
    secrets: set[str] = set()
    for clinic, card in ((site, cards.good), (other_clinic(site), cards.other)):
        visitor = clinic.visitor()
        open_in_all_ways(visitor, clinic.path(Channel.ONLINE))
        journey = visitor.walk_to_card(Channel.ONLINE, "none")
        # What comes before the first dot is the same in all forms of a browser.
        secrets.add(visitor.hidden()["csrf_token"].partition(".")[0])
        for step in STEPS:
            open_in_all_ways(visitor, f"{journey}/{step}")
        visitor.read_card(journey, card)
        open_in_all_ways(visitor, f"{journey}/done")
        secrets |= own_secrets(visitor, journey)
    assert comparison.templates == {
        "patient/card-reader.html",
        "patient/check.html",
        "patient/choose.html",
        "patient/done.html",
        "patient/entry.html",
        "patient/item.html",
        "patient/notice.html",
        "patient/operator.html",
        "patient/prepare-card.html",
        "patient/prepare-pin.html",
        "patient/prepare-reader.html",
        "patient/visit.html",
    }
    kept = b"\n".join(comparison.kept).decode() + "\n".join(comparison.keys)
    assert "csrf_token" in kept
    assert [secret for secret in secrets if secret in kept] == []


def own_secrets(visitor: Visitor, journey: str) -> set[str]:
    """Return what must not be kept of a walk that ended on the last page."""
    with visitor.client.session_transaction(
        base_url=visitor.site.services.settings.origin
    ) as cookie:
        signed = {cookie["sid"], cookie["csrf_token"]}
    facility = visitor.site.facility
    reference = next(
        each
        for each in visitor.page.iter("span")
        if "panel__number" in each.attrib.get("class", "")
    )
    facts = {facility.name, str(Markup.escape(facility.name)), facility.phone, facility.dial}
    assert reference.text
    return signed | facts | {journey, journey.rsplit("/", 1)[-1], reference.text}


def test_a_page_is_made_once_for_both(site: Site, comparison: Comparison) -> None:
    visitors = site.visitor(), other_clinic(site).visitor()
    for visitor in visitors:
        visitor.start()
    found = templates_of(site.app).shared_page.cache_info()
    # Entry and first question; the second facility says no hours.
    assert (found.currsize, found.misses) == (4, 4)
    for visitor in visitors:
        visitor.get(f"{visitor.location}?size=largest")
        visitor.get(visitor.location.replace("largest", "large"))
    assert templates_of(site.app).shared_page.cache_info().misses == 6


OWN = st.text(
    st.characters(exclude_categories=["Cs"]) | st.sampled_from("<>&\"'%{}\N{NULL}\\"), max_size=30
)


@st.composite
def own_values(draw: Callable[[st.SearchStrategy[str]], str], *names: str) -> dict[str, str]:
    """Draw a value for each name, and for what all pages say."""
    everywhere = ("facility.name", "facility.phone", "facility.dial", "facility.hours", "back")
    return {name: draw(OWN) for name in (*everywhere, *names)}


CHANGES = [
    f"{group}.{name}"
    for group in ("answers", "changes")
    for name in ("operator", "visit", "surgery")
]
own_of_any_page = own_values(
    *("example", "visit_day", "day.year", "day.month", "day.day", "revision", "reference"),
    *("validity", "expires", "receipt_page", "receipt_text", "other_ways.nearby", "other_ways.app"),
    *CHANGES,
)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    own=own_of_any_page,
    query=st.sampled_from(QUERIES),
    path=st.text(st.characters(exclude_categories=["C"]), max_size=20),
)
def test_any_own_value_comes_out_as_it_would_have(
    site: Site, own: dict[str, str], query: str, path: str
) -> None:
    with site.app.test_request_context(f"/{path}?{query}", base_url="http://localhost:8000"):
        for template, shared in shared_values(site).items():
            page = both(site.app, template, own, **shared)
            assert (
                own["facility.name"] == "" or Markup.escape(own["facility.name"]).encode() in page
            )
        assert session["csrf_token"]


def shared_values(site: Site) -> dict[str, dict[str, Hashable]]:
    """Return each template with values that are not its patient's."""
    wordings = site.services.wordings
    texts = tuple(
        wordings.current(question.wording_id, Language.ENGLISH)
        for question in questions_for(site.facility.settings)
    )
    rows = tuple(
        presenters.Asked(name, Markup("<b>a</b>"), Markup("b"), texts[0])
        for name in ("operator", "visit", "surgery")
    )
    lines = tuple(
        StandingLine(question.item, state, "<label>", was_asked)
        for question, state, was_asked in zip(
            questions_for(site.facility.settings), ConsentState, (True, True, False), strict=False
        )
    )
    return {
        "patient/operator.html": {"options": presenters.options(Operator), "value": "self"},
        "patient/visit.html": {"options": presenters.options(VisitKind), "value": ""},
        "patient/choose.html": {
            "options": presenters.options(ChoiceMode),
            "wordings": texts,
            "asked": ("surgery",),
        },
        "patient/check.html": {"rows": rows, "notice": texts[0], "has_visit": True},
        "patient/card-reader.html": {"is_unanswered": True, "other_ports": (1, 2)},
        "patient/done.html": {"lines": lines, "language": Language.ENGLISH, "is_empty": False},
        "patient/entry.html": {"channel_name": "訪問診療など", "is_date_refused": True},
    }


@pytest.fixture
def workshop(tmp_path: Path) -> Iterator[Callable[[str], bytes]]:
    """Make a shared page from the source of a template; ``name`` and ``vacant`` are own values."""
    app = Application("workshop", template_folder=tmp_path)
    app.secret_key = "of the workshop"
    pages.add(app)
    app.jinja_env.globals["csrf_token"] = lambda: "a token"
    app.jinja_env.filters["of_the_request"] = lambda _: session["secret"]
    numbers = itertools.count()

    def make(source: str, **shared: Hashable) -> bytes:
        template = f"{next(numbers)}.html"
        (tmp_path / template).write_text(source, "utf-8")
        made = templates_of(app).shared_page(
            template, Language.JAPANESE, ("name", "vacant"), ("vacant",), **shared
        )
        return made.filled({"name": "<A>", "csrf_token": "T", "switches": "S"})

    with app.test_request_context("/secret"):
        session["secret"] = "secret"
        yield make


@pytest.mark.parametrize(
    "source",
    [
        "{{ name | upper }}",
        "{{ name | length }}",
        "{{ name | replace('a', 'b') }}",
        "{{ name | string }}",
        "{{ name | first }}",
        "{{ name | tojson }}",
        "{{ name | readings }}",
        "{{ name ~ '!' }}",
        "{{ name + '!' }}",
        "{{ '%s' % name }}",
        "{{ '%s' | format(name) }}",
        "{{ name[0] }}",
        "{{ name.upper() }}",
        "{{ name.anything }}",
        "{{ [name] | join(',') | upper if name < 'b' }}",
        "{{ name in 'abc' }}",
        "{% if name == 'A' %}a{% endif %}",
        "{% if name != 'A' %}a{% endif %}",
        "{% if 'A' in name %}a{% endif %}",
        "{% for each in name %}a{% endfor %}",
        "{{ {name: 1} }}",
        "{{ text('%(name)s', name=name) }}",
        "{{ csrf_token() | upper }}",
        "{{ switches().path }}",
        "{{ request.path }}",
        "{{ session.secret.upper() }}",
        "{{ session['secret'] }}",
        "{{ g.language.value }}",
        "{{ config['SECRET_KEY'] }}",
        "{{ url_for('static', filename='a') }}",
        "{{ get_flashed_messages() }}",
        "{{ vacant | of_the_request }}",
        *(f"{{{{ name | {each} }}}}" for each in ("striptags", "safe", "urlize", "pprint")),
        *(f"{{% if name is {each} %}}a{{% endif %}}" for each in ("string", "none", "mapping")),
        "{{ [name] }}",
    ],
)
def test_a_template_that_looks_at_what_is_somebodys_own_fails(
    workshop: Callable[[str], bytes], source: str
) -> None:
    with pytest.raises((GapLookedAtError, TypeError, TemplateRuntimeError, RuntimeError)):
        workshop(source)


@pytest.mark.parametrize(
    ("source", "page"),
    [
        ("<p>{{ name }}</p>", "<p>&lt;A&gt;</p>"),
        ("{% if name %}{{ name }}{% endif %}{% if vacant %}-{% endif %}", "&lt;A&gt;"),
        ("{{ vacant or 'nothing' }} {{ name or 'nothing' }}", "nothing &lt;A&gt;"),
        ("{{ _('%(name)s さん', name=name) }}", "&lt;A&gt; さん"),
        ("{% set say = '%(name)s' %}{{ text(say, name=name) }}", "&lt;A&gt;"),
        ("{{ csrf_token() }}{{ switches() }}", "TS"),
        ("{{ request }}{{ session }}{{ g }}{{ config }}", ""),
    ],
)
def test_it_may_write_it(workshop: Callable[[str], bytes], source: str, page: str) -> None:
    assert workshop(source).decode() == page


def test_a_gap_is_good_for_nothing_else() -> None:
    gap = Gap("name")
    for look in (str, hash, len, list, int, lambda each: each == "name", "{}".format):
        with pytest.raises((GapLookedAtError, TypeError)):
            look(gap)
    assert gap.__html__() == "\N{NULL}name\N{NULL}"


def test_what_is_kept_is_bounded_and_the_oldest_goes(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("{{ number }}", "utf-8")
    app = Application("many", template_folder=tmp_path)
    pages.add(app)
    app.jinja_env.globals["csrf_token"] = str
    shared_page = templates_of(app).shared_page
    for number in range(MOST_SHARED + 20):
        made = shared_page("page.html", Language.ENGLISH, (), (), number=number)
        assert made.filled({}) == str(number).encode()
    found = shared_page.cache_info()
    assert (found.currsize, found.maxsize) == (MOST_SHARED, MOST_SHARED)


def test_equal_values_of_different_kinds_are_different_pages(
    workshop: Callable[..., bytes], tmp_path: Path
) -> None:
    del workshop
    (tmp_path / "page.html").write_text("{{ value }}", "utf-8")
    app = Application("kinds", template_folder=tmp_path)
    pages.add(app)
    app.jinja_env.globals["csrf_token"] = str
    said = [
        templates_of(app).shared_page("page.html", Language.ENGLISH, (), (), value=value)
        for value in ("<b>", Markup("<b>"), 1, True)
    ]
    assert [page.texts for page in said] == [(b"&lt;b&gt;",), (b"<b>",), (b"1",), (b"True",)]


def test_what_is_asked_of_the_request_is_asked_for_each_page(site: Site) -> None:
    functions = site.app.jinja_env.globals
    assert all(callable(functions[name]) for name in OF_THE_REQUEST)
    first, second = site.visitor(), site.visitor()
    tokens = set()
    for visitor in (first, second):
        visitor.get(site.path())
        tokens.add(visitor.hidden()["csrf_token"])
    assert len(tokens) == 2


@pytest.mark.parametrize("page", [*StepName, "done", "help_page"])
def test_paths_are_those_of_the_routes(site: Site, page: str) -> None:
    values: dict[str, Any] = {"journey": "".join(map(chr, range(33, 300)))}
    if page == StepName.ITEMS:
        values["item"] = ConsentItem.SURGERY
    if page == "help_page":
        values["topic"] = "pin"
    with site.app.test_request_context("/", base_url="http://localhost:8000"):
        assert path_of(page, **values) == url_for(f"patient.{page}", **values)
