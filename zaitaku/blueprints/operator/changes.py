"""Changing a facility's facts, and its 医療機関等コード (domain.md §2)."""

import re
from http import HTTPStatus
from typing import Final
from uuid import UUID

from flask import redirect, render_template, request, url_for

from zaitaku.accounts.model import ROLE_NAMES
from zaitaku.blueprints.edge import services
from zaitaku.blueprints.operator.facilities import OPERATORS_ROLES
from zaitaku.blueprints.operator.fields import (
    FACT_FIELDS,
    choice_in,
    facts_in,
    facts_of,
    required_day,
)
from zaitaku.blueprints.operator.room import Page, actor, blueprint, errors_of, typed
from zaitaku.core.errors import Conflict, InvalidField
from zaitaku.core.ids import FacilityId
from zaitaku.devices.staying import Staying
from zaitaku.facilities.errors import FacilityExists
from zaitaku.facilities.model import Facility, InstitutionCode
from zaitaku.facilities.offers import RESTING
from zaitaku.facilities.relations import (
    CODE_CHANGE_NAMES,
    CodeChange,
    CodeChangeKind,
    FacilityFacts,
)

_CODE_FIELDS: Final = ("institution_code", "kind", "effective_on", "reason")
_KINDS: Final = tuple(
    {"value": kind.value, "label": name} for kind, name in CODE_CHANGE_NAMES.items()
)
_CONFIRMED: Final = "yes"
_REVISION: Final = re.compile(r"[0-9]{1,9}")
MOST_LISTED: Final = 100
"""Accounts and devices on the confirmation; ``zaitaku account list`` has all of them."""


def _revision() -> int:
    text = request.form.get("revision", "")
    if not _REVISION.fullmatch(text):
        raise Conflict("the form names no revision")
    return int(text)


@blueprint.get("/facilities/<uuid:facility>/facts")
def facility_facts(facility: UUID) -> str:
    """Ask for the facts, filled in as they are."""
    present = services().facilities.get(FacilityId(facility))
    return _facts_page(present, facts_of(present), {})


@blueprint.post("/facilities/<uuid:facility>/facts")
def change_facts(facility: UUID) -> Page:
    """Write the facts, unless somebody else was faster."""
    present, values = services().facilities.get(FacilityId(facility)), typed(*FACT_FIELDS)
    try:
        facts = facts_in(values)
    except InvalidField as error:
        return _facts_page(present, values, errors_of(error)), HTTPStatus.UNPROCESSABLE_ENTITY
    services().registry.change_facts(
        present.id, facts, expected_revision=_revision(), actor=actor()
    )
    return redirect(url_for("operator.facility", facility=facility), HTTPStatus.SEE_OTHER)


def _facts_page(present: Facility, values: dict[str, str], errors: dict[str, str]) -> str:
    resting = [name for name in RESTING if getattr(present.settings, name)]
    return render_template(
        "operator/facts.html", facility=present, values=values, errors=errors, resting=resting
    )


@blueprint.get("/facilities/<uuid:facility>/code")
def facility_code(facility: UUID) -> str:
    """Ask for the new code, why, and from when."""
    present = services().facilities.get(FacilityId(facility))
    values = facts_of(present) | {"kind": CodeChangeKind.CHANGE.value}
    return _code_page(present, values, {})


@blueprint.post("/facilities/<uuid:facility>/code")
def change_code(facility: UUID) -> Page:
    """Show everything once more; with the second press, do it."""
    present = services().facilities.get(FacilityId(facility))
    values = typed(*_CODE_FIELDS, *FACT_FIELDS)
    try:
        change, facts = _change_in(values), facts_in(values)
        change.check(present.code, services().facilities.today())
        if request.form.get("confirmed") != _CONFIRMED:
            return _confirmation(present, change, facts, values)
        services().registry.change_code(
            present.id, change, expected_revision=_revision(), actor=actor(), facts=facts
        )
    except FacilityExists as error:
        return _code_page(present, values, errors_of(error)), HTTPStatus.CONFLICT
    except InvalidField as error:
        return _code_page(present, values, errors_of(error)), HTTPStatus.UNPROCESSABLE_ENTITY
    return redirect(url_for("operator.facility", facility=facility), HTTPStatus.SEE_OTHER)


def _change_in(values: dict[str, str]) -> CodeChange:
    return CodeChange(
        kind=choice_in(values, "kind", CodeChangeKind),
        code=InstitutionCode("".join(values["institution_code"].split())),
        effective_on=required_day(values, "effective_on"),
        reason=" ".join(values["reason"].split()),
    )


def _code_page(present: Facility, values: dict[str, str], errors: dict[str, str]) -> str:
    return render_template(
        "operator/code.html", facility=present, values=values, errors=errors, kinds=_KINDS
    )


def _confirmation(
    present: Facility, change: CodeChange, facts: FacilityFacts, values: dict[str, str]
) -> str:
    return render_template(
        "operator/code_confirmation.html",
        facility=present,
        change=change,
        kind=CODE_CHANGE_NAMES[change.kind],
        fact_changes=facts.changes_from(FacilityFacts.of(present)),
        lost_settings=services().registry.lost_settings(present, facts),
        staying=_staying(present) if change.kind is CodeChangeKind.SUCCESSION else None,
        most=MOST_LISTED,
        role_names=ROLE_NAMES,
        operators_roles=OPERATORS_ROLES,
        values=values,
        revision=request.form.get("revision", ""),
    )


def _staying(present: Facility) -> Staying:
    with services().database.reading() as connection:
        return Staying.of(connection, present.id)
