"""テスト用データセットアップ: test cards, test data, withdrawn consents (domain.md §9).

In the connection-verification environment alone; elsewhere there is nothing under these addresses.
"""

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from zaitaku.accounts.model import Permission
from zaitaku.blueprints.console.room import blueprint
from zaitaku.blueprints.edge import services
from zaitaku.blueprints.permissions import current_staff, requires
from zaitaku.core.errors import InvalidField, NotFound
from zaitaku.core.ids import FacilityId
from zaitaku.core.texts import without_control_characters
from zaitaku.eligibility.bindings import (
    CATEGORY_NAMES,
    LONGEST_PMH_ID,
    LONGEST_SERIAL_DIGITS,
    Category,
    DataState,
    card_serial,
    pmh_id,
)
from zaitaku.eligibility.errors import CardTaken
from zaitaku.eligibility.kinds import KIND_NAMES, SandboxKind
from zaitaku.eligibility.set_up import MOST_BINDINGS, NewBinding
from zaitaku.services import Sandbox

Page = str | Response | tuple[str, HTTPStatus]

CATEGORY: Final = f"<any({', '.join(each.value for each in Category)}):category>"

_KINDS: Final = tuple({"value": kind.value, "label": name} for kind, name in KIND_NAMES.items())

_DONE: Final = MappingProxyType(
    {
        "bound": "カードを登録しました",
        "unbound": "カードの登録をすべて削除しました",
        "registered": "テストデータを登録しました",
        "deleted": "テストデータを削除しました",
        "reset": "取り消した同意を、元に戻しました",
    }
)

_MISTAKES: Final = MappingProxyType(
    {
        ("serial", "missing"): "カードのシリアル番号を入力してください。",
        ("serial", "not-decimal"): (
            "カードのシリアル番号は、10進数の数字だけで入力してください。"
            "16進数（AからFを含むもの）のときは、10進数に直してください。"
        ),
        ("serial", "out-of-range"): (
            f"カードのシリアル番号は、1以上、{LONGEST_SERIAL_DIGITS}けた以内の数字で"
            "入力してください。"
        ),
        ("serial", "too-many"): (
            f"登録できるカードは{MOST_BINDINGS}枚までです。いまの登録を削除してから、"
            "もう一度登録してください。"
        ),
        ("serial", "not-bound"): (
            "このシリアル番号のカードは登録されていません。先に「カードを登録する」で登録してください。"
        ),
        ("serial", "taken"): (
            "このカードは、ほかの医療機関等がテストに使っています。別のカードを使ってください。"
        ),
        ("kind", "missing"): "資格情報の種類を一覧から選んでください。",
        ("pmh_id", "characters"): "PMH-IDは、英数字とハイフンで入力してください。",
        ("pmh_id", "too-long"): f"PMH-IDは、{LONGEST_PMH_ID}文字以内で入力してください。",
    }
)


def _sandbox() -> Sandbox:
    found = services().sandbox
    if found is None:
        raise NotFound("test data")
    return found


def _facility_id() -> FacilityId:
    return current_staff().facility.id


def _done(what: str) -> Response:
    return redirect(url_for("console.test_data", done=what), HTTPStatus.SEE_OTHER)


@blueprint.get("/test-data")
@requires(Permission.SET_UP_TEST_DATA)
def test_data() -> str:
    """Show what is set up, and what can be done about it."""
    sandbox, facility_id = _sandbox(), _facility_id()
    return render_template(
        "console/test_data.html",
        done=_DONE.get(request.args.get("done", ""), ""),
        bindings=sandbox.set_up.bindings(facility_id),
        kind_names=KIND_NAMES,
        data=sandbox.set_up.data(facility_id),
        category_names=CATEGORY_NAMES,
        withdrawn=sandbox.consents.count(facility_id),
    )


@blueprint.get("/test-data/cards/new")
@requires(Permission.SET_UP_TEST_DATA)
def new_test_card() -> str:
    """Ask which card stands for which kind of test person."""
    _sandbox()
    return _card_page({"insurance_card": "yes"}, {})


@blueprint.post("/test-data/cards/new")
@requires(Permission.SET_UP_TEST_DATA)
def bind_test_card() -> Page:
    """Bind the card; what it stood for before is replaced."""
    sandbox = _sandbox()
    try:
        sandbox.set_up.bind(
            _facility_id(), _read_card(request.form), actor=current_staff().account.label
        )
    except InvalidField as error:
        return _card_mistake(error.field, error.rule)
    except CardTaken:
        return _card_mistake("serial", "taken", HTTPStatus.CONFLICT)
    return _done("bound")


@blueprint.get("/test-data/cards/deletion")
@requires(Permission.SET_UP_TEST_DATA)
def confirm_test_card_deletion() -> str:
    """Say what deleting all cards means, before it is done."""
    bindings = _sandbox().set_up.bindings(_facility_id())
    return render_template("console/test_data_unbind.html", count=len(bindings))


@blueprint.post("/test-data/cards/deletion")
@requires(Permission.SET_UP_TEST_DATA)
def delete_test_cards() -> Response:
    """Undo every binding of the facility."""
    _sandbox().set_up.unbind_all(_facility_id(), actor=current_staff().account.label)
    return _done("unbound")


@blueprint.get(f"/test-data/{CATEGORY}/registration")
@requires(Permission.SET_UP_TEST_DATA)
def confirm_test_data_registration(category: str) -> str:
    """Say what is about to be registered; for 救急時医療情報 ask for the card."""
    return _category_page("console/test_data_register.html", Category(category))


@blueprint.post(f"/test-data/{CATEGORY}/registration")
@requires(Permission.SET_UP_TEST_DATA)
def register_test_data(category: str) -> Page:
    """Register a category's data."""
    chosen, sandbox = Category(category), _sandbox()
    try:
        serial = card_serial(request.form.get("serial", "")) if _needs_card(chosen) else None
        sandbox.set_up.register(
            _facility_id(), chosen, serial=serial, actor=current_staff().account.label
        )
    except InvalidField as error:
        errors = {error.field: _MISTAKES[error.field, error.rule]}
        page = _category_page("console/test_data_register.html", chosen, errors)
        return page, HTTPStatus.UNPROCESSABLE_ENTITY
    return _done("registered")


@blueprint.get(f"/test-data/{CATEGORY}/deletion")
@requires(Permission.SET_UP_TEST_DATA)
def confirm_test_data_deletion(category: str) -> str:
    """Say how much is about to be deleted."""
    return _category_page("console/test_data_delete.html", Category(category))


@blueprint.post(f"/test-data/{CATEGORY}/deletion")
@requires(Permission.SET_UP_TEST_DATA)
def delete_test_data(category: str) -> Response:
    """Delete a category's data."""
    _sandbox().set_up.delete(
        _facility_id(), Category(category), actor=current_staff().account.label
    )
    return _done("deleted")


@blueprint.get("/test-data/consents/reset")
@requires(Permission.SET_UP_TEST_DATA)
def confirm_consent_reset() -> str:
    """Say how many consents will stand again."""
    count = _sandbox().consents.count(_facility_id())
    return render_template("console/test_data_reset.html", count=count)


@blueprint.post("/test-data/consents/reset")
@requires(Permission.SET_UP_TEST_DATA)
def reset_test_consents() -> Response:
    """Let what was withdrawn in a test stand again."""
    _sandbox().consents.reset(_facility_id(), actor=current_staff().account.label)
    return _done("reset")


def _read_card(form: Mapping[str, str]) -> NewBinding:
    serial = card_serial(form.get("serial", ""))
    kind = form.get("kind", "")
    if kind not in set(SandboxKind):
        raise InvalidField("kind", "missing")
    return NewBinding(
        serial=serial,
        kind=SandboxKind(kind),
        is_insurance_card=form.get("insurance_card") == "yes",
        pmh_id=pmh_id(form.get("pmh_id", "")),
    )


def _card_mistake(
    field: str, rule: str, status: HTTPStatus = HTTPStatus.UNPROCESSABLE_ENTITY
) -> Page:
    typed = {name: without_control_characters(value) for name, value in request.form.items()}
    return _card_page(typed, {field: _MISTAKES[field, rule]}), status


def _card_page(typed: Mapping[str, str], errors: Mapping[str, str]) -> str:
    return render_template("console/test_data_card.html", typed=typed, errors=errors, kinds=_KINDS)


def _category_page(
    template: str, category: Category, errors: Mapping[str, str] | None = None
) -> str:
    values: dict[str, Any] = {
        "name": CATEGORY_NAMES[category],
        "state": _state_of(category),
        "needs_card": _needs_card(category),
        "serial": without_control_characters(request.form.get("serial", "")),
    }
    return render_template(template, errors=errors or {}, **values)


def _state_of(category: Category) -> DataState:
    states = _sandbox().set_up.data(_facility_id())
    return next(each for each in states if each.category is category)


def _needs_card(category: Category) -> bool:
    return category is Category.EMERGENCY
