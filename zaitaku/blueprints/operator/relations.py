"""関連医療機関情報: facilities linked by succession or double status (domain.md §2)."""

from http import HTTPStatus
from typing import Final
from uuid import UUID

from flask import redirect, render_template, request, url_for

from zaitaku.blueprints.edge import services
from zaitaku.blueprints.operator.fields import choice_in, day_in
from zaitaku.blueprints.operator.room import Page, actor, blueprint, errors_of, typed
from zaitaku.core.errors import InvalidField
from zaitaku.core.ids import FacilityId
from zaitaku.facilities.model import Facility, InstitutionCode
from zaitaku.facilities.relations import RELATION_NAMES, RelatedFacility, Relation

_FIELDS: Final = ("related_code", "related_name", "relation", "opened_on", "closed_on")
_RELATIONS: Final = tuple(
    {"value": each.value, "label": name} for each, name in RELATION_NAMES.items()
)


@blueprint.get("/facilities/<uuid:facility>/related/new")
def new_relative(facility: UUID) -> str:
    """Ask for the other facility."""
    present = services().facilities.get(FacilityId(facility))
    return _page(present, {"relation": Relation.SUCCESSION.value}, {})


@blueprint.post("/facilities/<uuid:facility>/related/new")
def add_relative(facility: UUID) -> Page:
    """Keep the other facility; the same code again writes it anew."""
    present, values = services().facilities.get(FacilityId(facility)), typed(*_FIELDS)
    try:
        services().registry.relate(present.id, _relative_in(values), actor=actor())
    except InvalidField as error:
        return _page(present, values, errors_of(error)), HTTPStatus.UNPROCESSABLE_ENTITY
    return redirect(url_for("operator.facility", facility=facility), HTTPStatus.SEE_OTHER)


def _relative_in(values: dict[str, str]) -> RelatedFacility:
    return RelatedFacility(
        code=_related_code(values["related_code"]),
        name=values["related_name"],
        relation=choice_in(values, "relation", Relation),
        opened_on=day_in(values, "opened_on"),
        closed_on=day_in(values, "closed_on"),
    )


def _related_code(text: str) -> InstitutionCode:
    try:
        return InstitutionCode("".join(text.split()))
    except InvalidField as error:
        raise InvalidField("related_code", error.rule) from error


@blueprint.get("/facilities/<uuid:facility>/related/<string:code>/removal")
def warn_of_removal(facility: UUID, code: str) -> Page:
    """Ask whether the link shall go."""
    present = services().facilities.get(FacilityId(facility))
    related = services().registry.related(present.id)
    found = next((each for each in related if each.code.digits == code), None)
    if found is None:
        return redirect(url_for("operator.facility", facility=facility), HTTPStatus.SEE_OTHER)
    return render_template("operator/relative_removal.html", facility=present, relative=found)


@blueprint.post("/facilities/<uuid:facility>/related/<string:code>/removal")
def remove_relative(facility: UUID, code: str) -> Page:
    """Take the link away; the trail keeps that it was there."""
    known = {each.code.digits: each for each in services().registry.related(FacilityId(facility))}
    if code in known and request.form.get("confirmed") == "yes":
        services().registry.unrelate(FacilityId(facility), known[code].code, actor=actor())
    return redirect(url_for("operator.facility", facility=facility), HTTPStatus.SEE_OTHER)


def _page(present: Facility, values: dict[str, str], errors: dict[str, str]) -> str:
    return render_template(
        "operator/relative.html",
        facility=present,
        values=values,
        errors=errors,
        relations=_RELATIONS,
    )
