"""Every mistake in the settings has a sentence in the operator's language."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from zaitaku import cli
from zaitaku.operating.setting_words import in_japanese

PRODUCT = Path(__file__).parents[2] / "zaitaku"
_RAISED = frozenset({"SettingsError", "KeysUnusable"})
_NUMBERS = frozenset({"first", "last", "_WHOLE", "HIGHEST_PORT", "KEYS_LIMIT", "_DAY_IN_MINUTES"})
_NAME = r"ZAITAKU_\w+…?|production|sandbox|proved|asked|told|https?|mailto|tel|zaitaku|example"
_NAME += r"|SQLite|PostgreSQL|OpenID|RSA|PEM|postgresql|psycopg|target_session_attrs|read|write"


def said() -> Iterator[str]:
    """Yield what each place in the code says, with something in the place of its values."""
    texts = (path.read_text("utf-8") for path in PRODUCT.rglob("*.py"))
    for text in texts:
        if not any(f"raise {name}" in text for name in _RAISED):
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
                call = node.exc
                if isinstance(call.func, ast.Name) and call.func.id in _RAISED:
                    yield from (_sample(each) for each in call.args[:1])


def _sample(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(_sample(part) for part in node.values)
    words = ast.unparse(node.value) if isinstance(node, ast.FormattedValue) else ast.unparse(node)
    if words in _NUMBERS:
        return "7"
    return "postgresql+psycopg" if words == "_POSTGRESQL" else "ZAITAKU_X"


SAID = sorted({text for text in said() if text.isascii() and text != "ZAITAKU_X"})


@pytest.mark.parametrize("detail", SAID)
def test_no_mistake_is_told_in_english(detail: str) -> None:
    sentence = in_japanese(detail)
    assert sentence.endswith("。")
    left = re.sub(_NAME, "", sentence.replace("zaitaku keys draw", ""))
    assert not re.search(r"[a-zA-Z]{3}", left)
    for name in re.findall(r"ZAITAKU_X\b", detail):
        assert name in sentence


def test_there_are_many(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(SAID) >= 50
    monkeypatch.delenv("ZAITAKU_ORIGIN", raising=False)
    monkeypatch.setattr("sys.argv", ["zaitaku", "serve"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    assert capsys.readouterr().err == "設定を直してください。ZAITAKU_ORIGIN がありません。\n"
