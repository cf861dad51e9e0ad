"""マスタ and マスタリセット用: the operator resets and releases them (domain.md §5)."""

from http import HTTPStatus
from uuid import UUID

from flask import redirect, render_template, request, url_for

from zaitaku.accounts.model import ROLE_NAMES, Account
from zaitaku.blueprints.edge import services
from zaitaku.blueprints.operator.facilities import OPERATORS_ROLES, told
from zaitaku.blueprints.operator.room import Page, actor, blueprint
from zaitaku.core.errors import NotFound
from zaitaku.core.ids import FacilityId


def _account(facility_id: FacilityId, account: UUID) -> Account:
    for each in services().accounts.all_of(facility_id):
        if each.id == account and each.role in OPERATORS_ROLES:
            return each
    raise NotFound("account")


@blueprint.get("/facilities/<uuid:facility>/accounts/<uuid:account>/reset")
def warn_of_reset(facility: UUID, account: UUID) -> str:
    """Tell what a reset does."""
    return render_template(
        "operator/reset.html",
        facility=services().facilities.get(FacilityId(facility)),
        account=_account(FacilityId(facility), account),
        role_names=ROLE_NAMES,
    )


@blueprint.post("/facilities/<uuid:facility>/accounts/<uuid:account>/reset")
def reset_account(facility: UUID, account: UUID) -> str:
    """Make a new initial password and tell it once."""
    facility_id = FacilityId(facility)
    user_id = _account(facility_id, account).user_id
    new = services().accounts.reset_password(
        facility_id,
        user_id,
        actor=actor(),
        forget_sign_in=request.form.get("forget") == "yes",
    )
    present = services().facilities.get(facility_id)
    return told(present, [new], "パスワードを再発行しました")


@blueprint.post("/facilities/<uuid:facility>/accounts/<uuid:account>/release")
def release_account(facility: UUID, account: UUID) -> Page:
    """Release the lock of an account."""
    facility_id = FacilityId(facility)
    user_id = _account(facility_id, account).user_id
    services().accounts.unlock(facility_id, user_id, actor=actor())
    return redirect(url_for("operator.facility", facility=facility), HTTPStatus.SEE_OTHER)
