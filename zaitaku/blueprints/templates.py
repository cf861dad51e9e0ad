"""The templates, compiled for each language with its words already in them (``folding``)."""

from collections.abc import Hashable, Mapping, MutableMapping
from functools import lru_cache, partial
from types import CodeType
from typing import Any, Final

from flask import Flask
from flask.sansio.app import App
from flask.templating import Environment
from jinja2 import Template, nodes
from jinja2.bccache import Bucket, BytecodeCache
from jinja2.environment import TemplateModule
from jinja2.filters import FILTERS
from jinja2.nodes import EvalContext
from jinja2.runtime import Context, Macro
from jinja2.tests import TESTS

from zaitaku.blueprints import i18n
from zaitaku.blueprints.folding import Vocabulary, fold, is_fixed
from zaitaku.blueprints.gaps import Gap, GappedPage, nested
from zaitaku.core import ruby
from zaitaku.core.languages import Language

FIXED: Final = ("asset", "N_")
"""Globals whose results hang on nothing but what they are given."""
OF_THE_REQUEST: Final = ("csrf_token", "switches")
"""Globals for whose results shared pages leave a gap; all without arguments."""
MOST_SHARED: Final = 200
"""Shared pages that are kept: each has some 5 kB."""

_BLIND: Final = frozenset({"striptags", "safe", "urlize", "forceescape", "pprint"})
"""Filters that would take the mark of a gap for the value itself."""
_TOLD: Final = ("defined", "undefined")
"""Tests whose answer is the same for a gap as for any value."""
_PATIENTS: Final = ("patient/", "errors/", "components/switches")


class _Template(Template):
    """A template whose macros are made ready once.

    Jinja2 compares all names that it knows with all names of the importing template at every
    import, because these could differ; here they are those of the environment for all templates.
    """

    def _get_default_module(self, ctx: Context | None = None) -> TemplateModule:
        return super()._get_default_module()


class Templates(Environment):
    """The templates of an application: a page gets them in its own language."""

    def __init__(self, app: App, **options: Any) -> None:  # noqa: ANN401 - as in the base class
        super().__init__(app, **options)
        self._options = options
        self._of: dict[Language, _Spoken] = {}
        # Typed: Markup and text, True and 1 are equal, but not the same on a page.
        self.shared_page: Final = lru_cache(MOST_SHARED, typed=True)(self._shared_page)
        """A page without what is one patient's own, by all that it hangs on."""

    def of(self, language: Language) -> "_Spoken":
        """Return the templates of one language."""
        found = self._of.get(language)
        return found or self._of.setdefault(language, self._spoken(language))

    def _spoken(self, language: Language) -> "_Spoken":
        options = {**self._options, "bytecode_cache": Codes()}
        spoken = _Spoken(self.app, i18n.words_of(self.app, language), **options)
        spoken.trim_blocks, spoken.lstrip_blocks = self.trim_blocks, self.lstrip_blocks
        spoken.globals, spoken.filters, spoken.tests = self.globals, self.filters, self.tests
        spoken.unasked = _Unasked(self.app, spoken, **options)
        return spoken

    def _shared_page(
        self,
        template: str,
        language: Language,
        own: tuple[str, ...],
        empty: tuple[str, ...],
        /,
        **shared: Hashable,
    ) -> GappedPage:
        gaps = {name: "" if name in empty else Gap(name) for name in own}
        found = self.of(language).unasked.get_template(template)
        return GappedPage.cut(found.render(nested({**shared, **gaps})))

    def get_template(
        self,
        name: str | Template,
        parent: str | None = None,
        globals: Any = None,  # noqa: A002, ANN401 - as in the base class
    ) -> Template:
        """Return a template in the language of the present page."""
        return self.of(i18n.current_language()).get_template(name, parent, globals)


def compile_patients(app: Flask) -> None:
    """Compile what patients are shown, in each language.

    Done before workers are forked, they share it, and nobody waits for it.
    """
    templates = app.jinja_env
    if not isinstance(templates, Templates):
        raise TypeError(type(templates))
    shown = [name for name in templates.list_templates() if name.startswith(_PATIENTS)]
    for language in Language:
        for name in shown:
            templates.of(language).get_template(name)


class Codes(BytecodeCache):
    """What templates were compiled to, for environments that mean the same by them."""

    def __init__(self) -> None:
        self._codes: dict[tuple[str, str], CodeType | None] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._codes.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._codes[bucket.key, bucket.checksum] = bucket.code


class _OneLanguage(Environment):
    """The templates of one language."""

    template_class = _Template

    def __init__(self, app: App, **options: Any) -> None:  # noqa: ANN401
        super().__init__(app, **options)
        self._ready: dict[str, Template] = {}

    def get_template(
        self,
        name: str | Template,
        parent: str | None = None,
        globals: Any = None,  # noqa: A002, ANN401
    ) -> Template:
        """Return a template; asked for by each part of each page."""
        if self.auto_reload or not isinstance(name, str):
            return super().get_template(name, parent, globals)
        found = self._ready.get(name)
        return found or self._ready.setdefault(name, super().get_template(name, parent, globals))

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        """Return the names that a template knows: no template has any of its own."""
        return super().make_globals(d) if d else self.globals


class _Spoken(_OneLanguage):
    """The templates of one language."""

    unasked: "_Unasked"

    def __init__(self, app: App, words: i18n.Words, **options: Any) -> None:  # noqa: ANN401
        super().__init__(app, **options)
        self.words = words
        self._is_fixed: dict[str | None, bool] = {}

    def fixed_macros(self, template: str) -> Mapping[str, Macro]:
        """Return the macros of a template that depend on their arguments alone."""
        module = self.get_template(template).module
        if not self._is_fixed[template]:
            return {}
        return {name: each for name, each in vars(module).items() if isinstance(each, Macro)}

    def fixed_text(self, template: str) -> str | None:
        """Return what a template says, if it says the same every time."""
        found = self.get_template(template)
        return found.render() if self._is_fixed[template] else None

    def _generate(
        self,
        source: nodes.Template,
        name: str | None,
        filename: str | None,
        defer_init: bool = False,
    ) -> str:
        functions: dict[str, Any] = {each: self.globals[each] for each in FIXED}
        phrases: dict[str, Any] = {"_": self.words.marked, "text": self.words.plain}
        folded = fold(source, EvalContext(self, name), Vocabulary(phrases, functions), self)
        self._is_fixed[name] = is_fixed(folded, self)
        return super()._generate(folded, name, filename, defer_init)


class _Unasked(_OneLanguage):
    """The same templates for pages that everybody gets: no request, no session, no services."""

    def __init__(self, app: App, spoken: _Spoken, **options: Any) -> None:  # noqa: ANN401
        super().__init__(app, **options)
        self._spoken = spoken
        self.trim_blocks, self.lstrip_blocks = spoken.trim_blocks, spoken.lstrip_blocks
        self.globals = {
            **{name: spoken.globals[name] for name in FIXED},
            **{name: partial(Gap, name) for name in OF_THE_REQUEST},
            "_": spoken.words.page_text,
            "text": spoken.words.plain_html,
        }
        able = {name: each for name, each in FILTERS.items() if name not in _BLIND}
        self.filters = {**able, "readings": ruby.markup, "plain": ruby.plain}
        self.tests = {name: TESTS[name] for name in _TOLD}

    def get_template(
        self,
        name: str | Template,
        parent: str | None = None,
        globals: Any = None,  # noqa: A002, ANN401
    ) -> Template:
        """Return a template, which the language itself has compiled and folded."""
        self._spoken.get_template(name, parent, globals)
        return super().get_template(name, parent, globals)
