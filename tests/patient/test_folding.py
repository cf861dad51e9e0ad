"""Templates say what they always said, and what is the same each time is worked out once."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask, template_rendered
from flask.templating import Environment
from jinja2 import DictLoader, Template, nodes
from jinja2.nodes import EvalContext
from jinja2.runtime import Macro
from markupsafe import Markup

from tests.patient.conftest import Cards
from tests.patient.site import Site, Visitor
from zaitaku.blueprints.folding import Functions, Vocabulary, fold
from zaitaku.core.languages import Language
from zaitaku.facilities.model import Channel

PARTS = """
{% macro button(label, kind="") -%}<b{% if kind %} class="{{ kind }}"{% endif %}>{{ label }}</b>
{%- endmacro %}
{% macro frame(title) -%}<i>{{ title }}{{ caller() }}</i>{%- endmacro %}
"""
NAMED = "{% macro who() %}{{ user }}{% endmacro %}"


def unfolded(app: Flask) -> Environment:
    """Return the application's templates as Jinja2 alone compiles them."""
    plain = Environment(app, extensions=[], autoescape=app.select_jinja_autoescape)
    own = app.jinja_env
    plain.trim_blocks, plain.lstrip_blocks = own.trim_blocks, own.lstrip_blocks
    plain.globals, plain.filters, plain.tests = own.globals, own.filters, own.tests
    return plain


@contextmanager
def compared(app: Flask) -> Iterator[set[str]]:
    """Compare each page that is made meanwhile; collect the names of their templates."""
    plain, seen = unfolded(app), set()

    def compare(_: object, template: Template, context: dict[str, Any], **__: object) -> None:
        name = template.name or ""
        assert template.render(context) == plain.get_template(name).render(context), name
        seen.add(name)

    # Pages that are shared are made from these templates as well: ``test_shared_pages``.
    app.jinja_env.auto_reload = True
    try:
        with template_rendered.connected_to(compare, app):
            yield seen
    finally:
        app.jinja_env.auto_reload = False


@pytest.mark.parametrize("language", Language)
def test_pages_are_the_same_byte_for_byte(
    site: Site, visitor: Visitor, cards: Cards, language: Language
) -> None:
    with compared(site.app) as seen:
        journey = visitor.start(Channel.ONLINE, f"?lang={language}&size=large")
        visitor.prepare()
        visitor.send()  # nothing was chosen: the page with its errors
        visitor.send("self")
        visitor.send("walk-in")
        visitor.send()
        visitor.send("each")
        for decision in ("grant", "refuse", "grant", "refuse", "grant"):
            visitor.send(decision)
        visitor.send()
        visitor.read_card(journey, cards.good)
        visitor.get("/r/unknown.handle")
    assert {"patient/operator.html", "patient/card-reader.html", "patient/done.html"} <= seen
    assert "errors/failure.html" in seen


class Parts:
    """Other templates of a test."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment

    def fixed_macros(self, template: str) -> Functions:
        found = vars(self._environment.get_template(template).module)
        is_fixed = template == "parts.html"
        return {name: each for name, each in found.items() if is_fixed and isinstance(each, Macro)}

    def fixed_text(self, template: str) -> str | None:
        return "<hr>" if template == "line.html" else None


def folded(source: str) -> nodes.Template:
    app = Flask("folding")
    environment = Environment(
        app, loader=DictLoader({"parts.html": PARTS, "named.html": NAMED}), autoescape=True
    )
    phrases: Functions = {"_": lambda message: Markup(f"<u>{message}</u>")}
    vocabulary = Vocabulary(phrases, {"asset": lambda name: f"/static/{name}"})
    context = EvalContext(environment, "page.html")
    return fold(environment.parse(source), context, vocabulary, Parts(environment))


def constant(source: str) -> str | None:
    """Return the text that a template became, if it became nothing but text."""
    tree = folded(source)
    if not all(isinstance(each, nodes.Output) for each in tree.body):
        return None
    parts = [part for each in tree.body if isinstance(each, nodes.Output) for part in each.nodes]
    try:
        return "".join(str(Markup.escape(part.as_const())) for part in parts)
    except nodes.Impossible:
        return None


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ _('戻る') }}", "<u>戻る</u>"),
        ("{{ asset('a&b') }}", "/static/a&amp;b"),
        (
            "{% from 'parts.html' import button %}{{ button(_('次'), kind='big') }}",
            '<b class="big"><u>次</u></b>',
        ),
        (
            "{% from 'parts.html' import frame %}{% call frame('<1>') %}<p>{{ _('a') }}</p>"
            "{% endcall %}",
            "<i>&lt;1&gt;<p><u>a</u></p></i>",
        ),
        ("<p>{% include 'line.html' %}</p>", "<p><hr></p>"),
    ],
)
def test_what_is_written_in_a_template_is_worked_out_once(source: str, text: str) -> None:
    assert constant(source) == text


@pytest.mark.parametrize(
    "source",
    [
        "{{ _(heading) }}",
        "{{ asset(name) }}",
        "{{ other('a') }}",
        "{% from 'parts.html' import button %}{{ button(label) }}",
        "{% from 'named.html' import who %}{{ who() }}",
        "{% from 'parts.html' import frame %}{% call frame('a') %}{{ name }}{% endcall %}",
        "{% include 'named.html' %}",
    ],
)
def test_what_hangs_on_the_request_is_not(source: str) -> None:
    assert constant(source) is None


def test_values_are_filled_in_for_each_page() -> None:
    tree = folded("{{ _('%(name)s さん', name=name) }}")
    assert not list(tree.find_all(nodes.Call))
    environment = tree.environment
    assert environment is not None
    page = Template.from_code(environment, environment.compile(tree, name="page.html"), {})
    assert page.render(name="<A>") == "<u>&lt;A&gt; さん</u>"
