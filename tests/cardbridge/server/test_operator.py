"""An operator's build serves the operator's sites, whatever its command line says."""

from pathlib import Path

import hypothesis.strategies as st
import pytest
from click.testing import CliRunner
from hypothesis import given

from zaitaku.cardbridge.running import cli
from zaitaku.cardbridge.trust.operator import (
    Operator,
    OperatorBroken,
    OriginOutsideBuild,
    Served,
    served,
)

HOUSE = Path(__file__).parents[3]
ORIGINS = [f"https://{name}.example" for name in "abcd"]
SOME = st.frozensets(st.sampled_from(ORIGINS))
NONE: frozenset[str] = frozenset()
GOOD = 'name = "架空ネット"\norigins = ["https://a.example"]\n'


def built(origins: frozenset[str], *, for_tests: bool = False) -> Operator:
    return Operator("架空ネット", origins, for_tests=for_tests)


@given(SOME.filter(bool), SOME)
def test_the_command_line_narrows_and_never_widens(
    baked: frozenset[str], told: frozenset[str]
) -> None:
    operator = built(baked)
    if told <= baked:
        assert operator.narrow(Served(told, NONE)).allowed == (told or baked)
    else:
        with pytest.raises(OriginOutsideBuild):
            operator.narrow(Served(told, NONE))


@given(SOME.filter(bool), SOME.filter(bool))
def test_sites_for_trials_need_a_build_for_trials(
    baked: frozenset[str], tests: frozenset[str]
) -> None:
    with pytest.raises(OriginOutsideBuild):
        built(baked).narrow(Served(NONE, tests))
    assert built(baked, for_tests=True).narrow(Served(NONE, tests)).tests == tests


@given(SOME, SOME.filter(bool), SOME.filter(bool))
def test_the_command_line_adds_no_site_for_trials_to_those_that_are_listed(
    baked: frozenset[str], listed: frozenset[str], told: frozenset[str]
) -> None:
    operator = Operator("架空ネット", baked, for_tests=True, test_origins=listed)
    if told <= listed:
        assert operator.narrow(Served(NONE, told)) == Served(NONE, told)
    else:
        with pytest.raises(OriginOutsideBuild):
            operator.narrow(Served(NONE, told))


@given(SOME, SOME)
def test_without_an_operator_the_command_line_decides(
    told: frozenset[str], tests: frozenset[str]
) -> None:
    assert served(None, Served(told, tests)) == Served(told, tests)


def test_the_example_is_an_operators_file() -> None:
    text = (HOUSE / "packaging" / "bridge" / "operator.example.toml").read_text("utf-8")
    operator = Operator.from_toml(text)
    assert operator.origins == {"https://zaitaku.example"}
    assert operator.narrow(Served(NONE, NONE)) == Served(operator.origins, NONE)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name = ",
        'name = "a"\n',
        'name = "a"\norigins = []\n',
        'origins = ["https://a.example"]\n',
        'name = "  "\norigins = ["https://a.example"]\n',
        'name = "a\\u202eb"\norigins = ["https://a.example"]\n',
        'name = "\\u3164"\norigins = ["https://a.example"]\n',
        'name = 3\norigins = ["https://a.example"]\n',
        'name = "a"\norigins = "https://a.example"\n',
        'name = "a"\norigins = ["http://a.example"]\n',
        'name = "a"\norigins = ["https://a.example/path"]\n',
        'name = "a"\norigins = ["https://a.example", "*"]\n',
        f"{GOOD}origin = []\n",
        f'{GOOD}phone = "call me"\n',
        f'{GOOD}help = "http://a.example"\n',
        f'{GOOD}help = "javascript:alert(1)"\n',
        f'{GOOD}download = "https://user@a.example/"\n',
        f'{GOOD}download = "https:///nothing"\n',
        f'{GOOD}for_tests = "yes"\n',
        f'{GOOD}test_origins = ["http://127.0.0.1:8000"]\n',
    ],
)
def test_a_file_that_is_not_as_it_must_be_is_refused(text: str) -> None:
    with pytest.raises(OperatorBroken):
        Operator.from_toml(text)


@given(st.text())
def test_any_text_is_an_operators_file_or_refused(text: str) -> None:
    try:
        operator = Operator.from_toml(text)
    except OperatorBroken:
        return
    assert operator.origins | operator.test_origins


def bake(monkeypatch: pytest.MonkeyPatch, folder: Path, text: str) -> None:
    (folder / "operator.toml").write_text(text, "utf-8")
    monkeypatch.setattr("zaitaku.cardbridge.trust.operator.files", lambda _: folder)


@pytest.mark.parametrize(
    "options",
    [
        ["--allow-origin", "https://b.example"],
        ["--allow-origin", "https://a.example", "--allow-origin", "https://b.example"],
        ["--test-origin", "http://127.0.0.1:8000"],
        ["register", "--allow-origin", "https://b.example"],
    ],
)
def test_the_command_refuses_sites_outside_its_build(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, options: list[str]
) -> None:
    bake(monkeypatch, tmp_path, GOOD)
    answer = CliRunner().invoke(cli.main, ["--state", str(tmp_path / "state"), *options])
    assert answer.exit_code == 2
    assert "このアプリは" in answer.output
    assert not (tmp_path / "state").exists()


def test_the_environment_widens_nothing_either(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bake(monkeypatch, tmp_path, GOOD)
    monkeypatch.setenv("ZAITAKU_BRIDGE_ALLOW_ORIGIN", "https://b.example")
    assert CliRunner().invoke(cli.main, ["--state", str(tmp_path)]).exit_code == 2


def test_a_broken_file_keeps_the_command_from_starting(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bake(monkeypatch, tmp_path, f"{GOOD}origin = []\n")
    answer = CliRunner().invoke(cli.main, ["--state", str(tmp_path)])
    assert answer.exit_code == 1
    assert "operator.toml: origin" in answer.output
    assert "Traceback" not in answer.output


def test_no_operator_is_baked_into_the_sources() -> None:
    assert Operator.load() is None
