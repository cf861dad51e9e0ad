"""What a template says the same way every time is worked out when it is compiled.

Of a template's tree (``jinja2.nodes``) these become plain text: messages in the language of the
page, functions that are fixed and are called with what is written in the template itself,
components (macros) that depend on nothing but such arguments, and included files of that kind.
Jinja2 does the same for its own filters; of functions it cannot know it.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Protocol

from jinja2 import nodes
from jinja2.filters import FILTERS
from jinja2.nodes import EvalContext, Impossible
from jinja2.visitor import NodeTransformer
from markupsafe import Markup, escape

Functions = Mapping[str, Callable[..., Any]]
"""Functions by the names that templates call them by."""

_OF_JINJA: Final = frozenset({"caller", "loop", "kwargs", "varargs"})
"""Names that a macro or a loop brings along."""
_ELSEWHERE: Final = (nodes.Include, nodes.Extends, nodes.Import)


class Others(Protocol):
    """The other templates of the same language."""

    def fixed_macros(self, template: str) -> Functions:
        """Return the macros of a template that depend on their arguments alone."""
        ...

    def fixed_text(self, template: str) -> str | None:
        """Return what a template says, if it says the same every time."""
        ...


@dataclass(frozen=True)
class Vocabulary:
    """What does not change within one language."""

    phrases: Functions
    """Each returns a message, in which what it leaves open is still to be filled in by ``%``."""
    functions: Functions


def fold(
    tree: nodes.Template, context: EvalContext, vocabulary: Vocabulary, others: Others
) -> nodes.Template:
    """Put into ``tree`` what can be worked out now, and return it."""
    # Outside HTML, components would escape what is not escaped there.
    macros = dict(_imported(tree, others)) if context.autoescape else {}
    _Folder(context, vocabulary, macros, others).visit(tree)
    # What is still included may use the names of the template around it.
    if not any(tree.find_all(nodes.Include)):
        _Pruner({name.name for name in tree.find_all(nodes.Name)}).visit(tree)
    tree.set_environment(context.environment)
    return tree


def is_fixed(tree: nodes.Template, others: Others) -> bool:
    """Tell whether a folded template depends on nothing but its macros' arguments."""
    names = list(tree.find_all(nodes.Name))
    own = {name.name for name in names if name.ctx != "load"} | _OF_JINJA
    own |= {macro.name for macro in tree.find_all(nodes.Macro)}
    own |= {name for name, _ in _imported(tree, others)}
    read = {name.name for name in names if name.ctx == "load"}
    filters = {each.name for each in tree.find_all(nodes.Filter)}
    return read <= own and filters <= FILTERS.keys() and not any(tree.find_all(_ELSEWHERE))


def _imported(tree: nodes.Template, others: Others) -> Iterator[tuple[str, Callable[..., Any]]]:
    for each in tree.find_all(nodes.FromImport):
        if not each.with_context and isinstance(each.template, nodes.Const):
            macros = others.fixed_macros(each.template.value)
            yield from ((name, macros[name]) for name in macros.keys() & set(each.names))


class _Pruner(NodeTransformer):
    """Takes away imports of which no name is used any more."""

    def __init__(self, used: set[str]) -> None:
        self._used = used

    def visit_FromImport(self, node: nodes.FromImport) -> nodes.Node | None:  # noqa: N802
        is_used = any(not isinstance(name, str) or name in self._used for name in node.names)
        return node if is_used else None


class _Folder(NodeTransformer):
    """Replaces calls, the innermost first."""

    def __init__(
        self, context: EvalContext, vocabulary: Vocabulary, macros: Functions, others: Others
    ) -> None:
        self._context = context
        self._phrases = vocabulary.phrases
        self._functions = {**vocabulary.functions, **macros}
        self._macros = macros
        self._others = others

    def visit_Call(self, node: nodes.Call) -> nodes.Expr:  # noqa: N802
        self.generic_visit(node)
        name = _name_of(node)
        with suppress(Impossible):
            if name in self._phrases:
                return self._phrase(self._phrases[name], node)
            if name in self._functions:
                return self._result(self._functions[name], node)
        return node

    def visit_CallBlock(self, node: nodes.CallBlock) -> nodes.Node:  # noqa: N802
        # Not by ``visit_Call``: the call has no result without its block.
        self.generic_visit(node.call)
        node.body[:] = [self.visit(part) for part in node.body]
        name = _name_of(node.call)
        if name not in self._macros or node.args:
            return node
        with suppress(Impossible):
            said = self._said(node.body)
            whole = self._result(self._macros[name], node.call, caller=lambda: said)
            return nodes.Output([whole], lineno=node.lineno)
        return node

    def visit_Include(self, node: nodes.Include) -> nodes.Node:  # noqa: N802
        text = None
        if isinstance(node.template, nodes.Const):
            text = self._others.fixed_text(node.template.value)
        if text is None:
            return node
        return nodes.Output([nodes.TemplateData(text)], lineno=node.lineno)

    def _phrase(self, phrase: Callable[[str], Any], node: nodes.Call) -> nodes.Expr:
        if len(node.args) != 1 or node.dyn_args or node.dyn_kwargs:
            raise Impossible
        words = phrase(node.args[0].as_const(self._context))
        if not node.kwargs:
            return nodes.Const(words % {}, lineno=node.lineno)
        values = [nodes.Pair(nodes.Const(each.key), each.value) for each in node.kwargs]
        return nodes.Mod(nodes.Const(words), nodes.Dict(values), lineno=node.lineno)

    def _result(
        self, function: Callable[..., Any], node: nodes.Call, **further: object
    ) -> nodes.Const:
        if node.dyn_args or node.dyn_kwargs:
            raise Impossible
        given = [each.as_const(self._context) for each in node.args]
        named = {each.key: each.value.as_const(self._context) for each in node.kwargs}
        result = function(*given, **named, **further)
        return nodes.Const.from_untrusted(result, node.lineno, self._context.environment)

    def _said(self, body: list[nodes.Node]) -> Markup:
        parts: list[nodes.Expr] = []
        for each in body:
            if not isinstance(each, nodes.Output):
                raise Impossible
            parts += each.nodes
        return Markup().join(escape(part.as_const(self._context)) for part in parts)


def _name_of(call: nodes.Call) -> str:
    return call.node.name if isinstance(call.node, nodes.Name) else ""
