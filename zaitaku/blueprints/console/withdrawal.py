"""Withdrawing a consent at the patient's wish, step by step on pages of their own (domain.md §12).

choice (what, who asked, why) → warning → confirmation → completion. The consent that was seen at
the first step travels along as its version: if it is another at the last, nothing is changed, the
page tells what stands now, and what was typed is kept. So does the draft's own ``submission``: a
page that shows another choice than the session holds by now does nothing.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from types import MappingProxyType
from typing import Final
from uuid import UUID

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from zaitaku.accounts.errors import SessionEnded
from zaitaku.accounts.model import Permission
from zaitaku.blueprints.console.own_drafts import FIELD, chosen_elsewhere, is_of_this_page
from zaitaku.blueprints.console.patient_detail import states_of, words
from zaitaku.blueprints.console.room import blueprint, failure
from zaitaku.blueprints.edge import services
from zaitaku.blueprints.permissions import current_session, current_staff, requires
from zaitaku.consent.errors import NothingToWithdraw
from zaitaku.consent.model import ConsentItem
from zaitaku.consent.names import REQUESTER_NAMES
from zaitaku.consent.withdrawal import (
    PEOPLE,
    REASON_CHARACTERS,
    Requester,
    WithdrawalRequest,
    check_reason,
    ended_by,
    withdrawable,
)
from zaitaku.core.errors import Conflict, InvalidField, StoreUnavailable
from zaitaku.core.ids import ConsentId, new_secret_name
from zaitaku.core.logs import request_id
from zaitaku.core.texts import without_control_characters
from zaitaku.records.detail import PatientDetail, PatientDetails

log = logging.getLogger(__name__)

Page = str | Response | tuple[str, HTTPStatus]

_BASE: Final = "/consented-patients/<uuid:consent>/withdrawal"
_SEPARATOR: Final = " "
_MISTAKES: Final = MappingProxyType(
    {
        ("items", "missing"): "取り消す同意を、1つ以上選んでください。",
        ("requester", "missing"): "どなたの申し出かを選んでください。",
        ("reason", "missing"): "理由を入力してください。",
        ("reason", "too-long"): f"理由は{REASON_CHARACTERS}文字以内で入力してください。",
        ("reason", "characters"): "理由に使えない文字が入っています。入力し直してください。",
    }
)


class Step(StrEnum):
    """The pages, in the order of walking."""

    START = "start"
    WARNING = "warning"
    CONFIRMATION = "confirmation"
    COMPLETION = "completion"


_ORDER: Final = tuple(Step)


@dataclass(frozen=True)
class Begun:
    """A withdrawal as far as the person has come."""

    detail: PatientDetail
    reached: Step
    items: tuple[ConsentItem, ...]
    requester: Requester | None
    reason: str
    expected: str
    submission: str

    @property
    def offered(self) -> tuple[ConsentItem, ...]:
        """What may be chosen now."""
        return withdrawable(self._granted)

    @property
    def ended(self) -> tuple[ConsentItem, ...]:
        """Everything that ends with what is chosen."""
        return ended_by(self.items, self._granted)

    @property
    def _granted(self) -> tuple[ConsentItem, ...]:
        return self.detail.consent.granted(services().clock.now())

    def address(self, step: str) -> str:
        """Return where a step is."""
        return url_for(f"console.withdrawal_{step}", consent=self.detail.consent.id)

    def is_open(self, step: Step) -> bool:
        """Tell whether all steps before ``step`` are done, and the last is not."""
        is_under_way = self.reached is not Step.COMPLETION
        return is_under_way and _ORDER.index(self.reached) >= _ORDER.index(step)


def _begun(consent: UUID) -> Begun:
    with services().database.reading() as connection:
        details = PatientDetails(connection, current_staff().facility.id, services().wordings)
        detail = details.find(ConsentId(consent))
    draft = _draft_of(consent)
    return Begun(
        detail=detail,
        reached=Step(draft.get("reached", Step.START)),
        items=tuple(ConsentItem(item) for item in draft.get("items", "").split()),
        requester=Requester(draft["requester"]) if draft.get("requester") else None,
        reason=draft.get("reason", ""),
        expected=draft.get("expected", ""),
        submission=draft.get("submission", ""),
    )


def _draft_of(consent: UUID) -> Mapping[str, str]:
    draft = current_session().draft
    return draft if draft.get("subject") == _subject(consent) else {}


def _subject(consent: UUID) -> str:
    return f"withdrawal:{consent}"


def _go_on(begun: Begun, done: Step, **fields: str) -> Response:
    following = _ORDER[_ORDER.index(done) + 1]
    subject = _subject(begun.detail.consent.id)
    draft = {"subject": subject, "reached": following.value, **fields}
    services().sessions.keep_draft(current_session(), draft)
    return redirect(begun.address(following), HTTPStatus.SEE_OTHER)


def _back_to_start(begun: Begun) -> Response:
    return redirect(begun.address(Step.START), HTTPStatus.SEE_OTHER)


def _show(step: str, begun: Begun, **values: object) -> str:
    return render_template(f"console/withdrawal_{step}.html", begun=begun, **values, **words())


@blueprint.get(_BASE)
@requires(Permission.WITHDRAW_CONSENT)
def withdrawal_start(consent: UUID) -> Page:
    """Ask what is to be withdrawn, who asked for it and why."""
    begun = _begun(consent)
    if not begun.offered:
        return _show("nothing", begun, states=states_of(begun.detail.consent))
    if begun.reached is Step.COMPLETION:
        return _choice(begun, {"items": (), "requester": "", "reason": ""}, {})
    typed = {"items": begun.items, "requester": begun.requester or "", "reason": begun.reason}
    return _choice(begun, typed, {})


def _choice(begun: Begun, typed: Mapping[str, object], errors: Mapping[str, str]) -> str:
    requesters = [{"value": each.value, "label": REQUESTER_NAMES[each]} for each in PEOPLE]
    return _show(
        "start",
        begun,
        typed=typed,
        errors=errors,
        requesters=requesters,
        longest=REASON_CHARACTERS,
    )


@blueprint.post(_BASE)
@requires(Permission.WITHDRAW_CONSENT)
def choose_withdrawal(consent: UUID) -> Page:
    """Take the choice, and the version of the consent that was seen."""
    begun = _begun(consent)
    if not begun.offered:
        return _back_to_start(begun)
    asked = request.form.getlist("items")
    items = [item for item in begun.offered if item.value in asked]
    typed = {
        "items": items,
        "requester": request.form.get("requester", ""),
        "reason": request.form.get("reason", ""),
    }
    errors = _slips(typed)
    if errors:
        shown = {**typed, "reason": without_control_characters(str(typed["reason"]))}
        return _choice(begun, shown, errors), HTTPStatus.UNPROCESSABLE_ENTITY
    fields = {
        "items": _SEPARATOR.join(items),
        "requester": str(typed["requester"]),
        "reason": check_reason(str(typed["reason"])),
        "expected": request.form.get("expected", ""),
        "submission": new_secret_name(),
    }
    if fields["expected"] != begun.detail.consent.version:
        return _changed_meanwhile(begun, fields)
    return _go_on(begun, Step.START, **fields)


def _slips(typed: Mapping[str, object]) -> dict[str, str]:
    rules = {}
    if not typed["items"]:
        rules["items"] = "missing"
    if typed["requester"] not in PEOPLE:
        rules["requester"] = "missing"
    try:
        check_reason(str(typed["reason"]))
    except InvalidField as error:
        rules["reason"] = error.rule
    return {field: _MISTAKES[field, rule] for field, rule in rules.items()}


@blueprint.get(f"{_BASE}/warning")
@requires(Permission.WITHDRAW_CONSENT)
def withdrawal_warning(consent: UUID) -> Page:
    """Warn of what will not be seen any more."""
    begun = _begun(consent)
    return _show(Step.WARNING, begun) if begun.is_open(Step.WARNING) else _back_to_start(begun)


@blueprint.post(f"{_BASE}/warning")
@requires(Permission.WITHDRAW_CONSENT)
def accept_withdrawal_warning(consent: UUID) -> Page:
    """Take the OK to the warning."""
    begun = _begun(consent)
    if not is_of_this_page({FIELD: begun.submission}):
        return chosen_elsewhere(begun.address(Step.START))
    return _go_on(begun, Step.WARNING) if begun.is_open(Step.WARNING) else _back_to_start(begun)


@blueprint.get(f"{_BASE}/confirmation")
@requires(Permission.WITHDRAW_CONSENT)
def withdrawal_confirmation(consent: UUID) -> Page:
    """Show everything once more before it is done."""
    begun = _begun(consent)
    if not begun.is_open(Step.CONFIRMATION):
        return _back_to_start(begun)
    return _show(Step.CONFIRMATION, begun)


@blueprint.post(f"{_BASE}/confirmation")
@requires(Permission.WITHDRAW_CONSENT)
def confirm_withdrawal(consent: UUID) -> Page:
    """Do it, unless the consent is no longer the one that was seen at the first step."""
    begun = _begun(consent)
    if not is_of_this_page({FIELD: begun.submission}):
        return chosen_elsewhere(begun.address(Step.START))
    if begun.reached is Step.COMPLETION:
        return redirect(begun.address(Step.COMPLETION), HTTPStatus.SEE_OTHER)
    if not begun.is_open(Step.CONFIRMATION) or begun.requester is None:
        return _back_to_start(begun)
    try:
        _perform(begun, begun.requester)
    except (Conflict, NothingToWithdraw):
        return _changed_meanwhile(begun, {})
    except StoreUnavailable as error:
        return _cannot_tell(begun, error)
    return _complete(begun)


def _perform(begun: Begun, requester: Requester) -> None:
    staff = current_staff()
    asked = WithdrawalRequest.checked(
        begun.detail.consent.id,
        items=begun.items,
        requester=requester,
        reason=begun.reason,
        expected=begun.expected,
        submission=begun.submission,
    )
    services().withdrawals.withdraw(staff.facility.id, asked, actor=staff.account.label)
    log.info("consent withdrawn", extra={"account": str(staff.account.id)})


def _complete(begun: Begun) -> Page:
    """Show that it is done: it is, whatever becomes of the session's draft."""
    try:
        return _go_on(begun, Step.CONFIRMATION)
    except (StoreUnavailable, SessionEnded) as error:
        log.warning("draft lost: %s", error.code, extra={"code": error.code})
    now = _begun(begun.detail.consent.id)
    return _show(Step.COMPLETION, now, states=states_of(now.detail.consent))


def _changed_meanwhile(begun: Begun, fields: Mapping[str, str]) -> Page:
    """Tell what stands now; what was typed is kept for the first step."""
    subject = _subject(begun.detail.consent.id)
    draft = {"subject": subject, "reached": Step.START.value, **fields}
    services().sessions.keep_draft(current_session(), draft)
    page = _show("conflict", begun, states=states_of(begun.detail.consent))
    return page, HTTPStatus.CONFLICT


def _cannot_tell(begun: Begun, error: StoreUnavailable) -> Page:
    log.error("unsettled: %s", error.code, extra={"code": error.code, "detail": error.detail})
    return failure(
        "同意を取り消せたかどうか、いまは確かめられません",
        "つながりにくくなったため、取消しの結果を確かめられませんでした。",
        "1分ほど待ってから、患者の詳細を開いて、取り消されたかどうかを確かめてください。",
        reference=request_id.get(),
        action={
            "label": "患者の詳細を確かめる",
            "href": url_for("console.consented_patient", consent=begun.detail.consent.id),
        },
    ), error.status


@blueprint.get(f"{_BASE}/completion")
@requires(Permission.WITHDRAW_CONSENT)
def withdrawal_completion(consent: UUID) -> Page:
    """Say that it is done and what stands now."""
    begun = _begun(consent)
    if begun.reached is not Step.COMPLETION:
        return _back_to_start(begun)
    return _show(Step.COMPLETION, begun, states=states_of(begun.detail.consent))
