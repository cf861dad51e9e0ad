"""The list of facilities, a new one, and one of them whole."""

from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

from flask import render_template, request, url_for
from sqlalchemy import Connection

from zaitaku.accounts.founding import MASTER_ID, MASTER_RESET_ID, Founders
from zaitaku.accounts.model import INITIAL_PASSWORD_LIFETIME, ROLE_NAMES, NewAccount, Role
from zaitaku.accounts.passwords import Passwords
from zaitaku.blueprints.edge import services
from zaitaku.blueprints.operator.fields import FACT_FIELDS, facts_in
from zaitaku.blueprints.operator.room import Page, actor, blueprint, errors_of, typed
from zaitaku.blueprints.paging import Paging, paging
from zaitaku.core.errors import InvalidField, NotFound
from zaitaku.core.ids import FacilityId
from zaitaku.core.queries import page_of, words_of
from zaitaku.facilities.errors import FacilityExists
from zaitaku.facilities.model import EnvironmentSettings, Facility, FacilityKind, InstitutionCode
from zaitaku.facilities.relations import CODE_CHANGE_NAMES, RELATION_NAMES
from zaitaku.facilities.searching import FacilityPage, find_facilities

KIND_NAMES: Final = {
    FacilityKind.MEDICAL: "医科",
    FacilityKind.DENTAL: "歯科",
    FacilityKind.PHARMACY: "薬局",
    FacilityKind.VISITING_NURSE: "訪問看護",
}
OPERATORS_ROLES: Final = (Role.MASTER, Role.MASTER_RESET)
"""Whose accounts are the operator's business (domain.md §5)."""
_LONGEST_SEARCH: Final = 60
_SEARCH_MISTAKE: Final = "検索する言葉は、ふつうの文字で、60文字以内で入力してください。"
_ID_MISTAKES: Final = {
    "twice": "マスタとマスタリセット用は、別のユーザIDにしてください。",
}
_ID_RULE: Final = "ユーザIDは、半角の英字と数字で、2文字以上8文字以内で入力してください。"


@blueprint.get("/")
def facilities() -> Page:
    """Show one page of facilities, searched by code or name."""
    try:
        search, number = words_of(request.args, "q", longest=_LONGEST_SEARCH), page_of(request.args)
    except InvalidField as error:
        errors = {error.field if error.field == "q" else "main": _SEARCH_MISTAKE}
        return _list(None, "", errors), HTTPStatus.UNPROCESSABLE_ENTITY
    with services().database.reading() as connection:
        found = find_facilities(connection, search, number)
    return _list(found, search, {})


def _list(found: FacilityPage | None, search: str, errors: dict[str, str]) -> str:
    return render_template(
        "operator/facilities.html",
        found=found,
        search=search,
        errors=errors,
        kind_names=KIND_NAMES,
        paging=_paging(found, search) if found else None,
        formerly=_formerly(search),
    )


def _formerly(search: str) -> Facility | None:
    try:
        return services().registry.formerly(InstitutionCode(search))
    except (InvalidField, NotFound):
        return None


def _paging(page: FacilityPage, search: str) -> Paging:
    def address(number: int) -> str:
        words = urlencode({"q": search, "page": number})
        return f"{url_for('operator.facilities')}?{words}"

    return paging(page.number, page.pages, address)


@blueprint.get("/facilities/new")
def new_facility() -> str:
    """Ask for everything that a facility begins with."""
    values = {"master_id": MASTER_ID, "master_reset_id": MASTER_RESET_ID}
    return _new_page(values, {})


def _new_page(values: dict[str, str], errors: dict[str, str]) -> str:
    return render_template("operator/facility_new.html", values=values, errors=errors)


@blueprint.post("/facilities/new")
def add_facility() -> Page:
    """Register a facility with its URLs, its マスタ and its マスタリセット用, all or nothing."""
    values = typed("institution_code", *FACT_FIELDS, "master_id", "master_reset_id")
    try:
        added, founders = _add(values)
    except FacilityExists as error:
        return _new_page(values, errors_of(error)), HTTPStatus.CONFLICT
    except InvalidField as error:
        return _new_page(values, _errors(error)), HTTPStatus.UNPROCESSABLE_ENTITY
    return told(added, founders.made, "医療機関等を登録しました")


def _errors(error: InvalidField) -> dict[str, str]:
    if error.field == "user_id":
        return {"master_id": _ID_MISTAKES.get(error.rule, _ID_RULE)}
    return errors_of(error)


def _add(values: dict[str, str]) -> tuple[Facility, Founders]:
    code, facts = InstitutionCode("".join(values["institution_code"].split())), facts_in(values)
    all_services = services()
    founders = Founders(
        Passwords(),
        all_services.clock,
        code.kind,
        values["master_id"],
        values["master_reset_id"],
    )

    def found(connection: Connection, facility_id: FacilityId, actor: str) -> None:
        all_services.reception.issue_first(connection, facility_id, actor)
        founders(connection, facility_id, actor)

    added = all_services.facilities.add(
        code,
        registered_name=facts.registered_name,
        phone=facts.phone,
        hours=facts.hours,
        settings=EnvironmentSettings(),
        actor=actor(),
        founding=found,
        enrolment=facts.enrolment,
    )
    return added, founders


def told(facility: Facility, made: list[NewAccount], heading: str) -> str:
    """Return the page that tells initial passwords: it is the answer itself, kept nowhere."""
    return render_template(
        "operator/passwords.html",
        heading=heading,
        facility=facility,
        made=made,
        role_names=ROLE_NAMES,
        days=INITIAL_PASSWORD_LIFETIME.days,
        console=services().settings.origin + "/console/login",
    )


@blueprint.get("/facilities/<uuid:facility>")
def facility(facility: UUID) -> str:
    """Show one facility whole."""
    return detail_page(FacilityId(facility))


def detail_page(facility_id: FacilityId) -> str:
    """Return the page of one facility.

    Raises:
        NotFound: there is no such facility.
    """
    present = services().facilities.get(facility_id)
    registry = services().registry
    accounts = services().accounts.all_of(facility_id)
    return render_template(
        "operator/facility.html",
        facility=present,
        kind=KIND_NAMES[present.code.kind],
        former_codes=registry.former_codes(facility_id),
        related=registry.related(facility_id),
        accounts=[each for each in accounts if each.role in OPERATORS_ROLES],
        settings_history=services().facilities.settings_history(facility_id),
        role_names=ROLE_NAMES,
        code_change_names=CODE_CHANGE_NAMES,
        relation_names=RELATION_NAMES,
    )
