"""The facility's rule: whether everybody who logs in needs a second factor."""

from http import HTTPStatus

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from zaitaku.accounts.model import Permission
from zaitaku.accounts.sign_in_model import NeedsOwnPasskey, PolicyChanged, SignInPolicy
from zaitaku.blueprints.console.confirming import proved_lately
from zaitaku.blueprints.console.room import blueprint, failure
from zaitaku.blueprints.edge import services
from zaitaku.blueprints.permissions import current_session, current_staff, requires

Page = str | Response | tuple[str, HTTPStatus]


@blueprint.get("/second-factor")
@requires(Permission.REQUIRE_SECOND_FACTOR)
def second_factor() -> str:
    """Show the rule and what changing it would mean."""
    return _page(_policy(), change=None)


@blueprint.post("/second-factor")
@requires(Permission.REQUIRE_SECOND_FACTOR)
@proved_lately
def decide_second_factor() -> Page:
    """Change the rule as it was seen; whoever asks for passkeys must have one."""
    wish, seen = request.form.get("needs", ""), request.form.get("seen", "")
    if wish not in {"yes", "no"} or not seen.isdecimal():
        return redirect(url_for("console.second_factor"), HTTPStatus.SEE_OTHER)
    try:
        services().own_sign_in.decide(
            current_staff().account,
            current_session(),
            needs_second_factor=wish == "yes",
            seen=int(seen[:9]),
        )
    except NeedsOwnPasskey as refusal:
        return failure(
            "先に、ご自分のパスキーを登録してください",
            "パスキーのないまま必須にすると、ご自分が次にログインするときに困ることがあります。"
            "まだ何も変更していません。",
            action={"label": "パスキーを登録する", "href": url_for("console.new_passkey")},
        ), refusal.status
    except PolicyChanged as conflict:
        return _page(conflict.present, change=wish), conflict.status
    return redirect(url_for("console.second_factor", done="yes"), HTTPStatus.SEE_OTHER)


def _policy() -> SignInPolicy:
    return services().own_sign_in.policy(current_staff().facility.id)


def _page(policy: SignInPolicy, *, change: str | None) -> str:
    own, staff = services().own_sign_in, current_staff()
    return render_template(
        "console/second_factor.html",
        policy=policy,
        own=own.of(staff.account),
        passkeys_offered=own.can_have_passkeys,
        without=own.people_without(staff.facility.id),
        is_done=request.args.get("done") == "yes",
        conflicting=change,
    )
