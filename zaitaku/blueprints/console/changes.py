"""Changing a reception URL, step by step on pages of their own (domain.md §3).

tick the box → warning → OK → button → confirmation → OK → completion. The steps are data; how far
the person has come is the draft in the session. The URL that they saw at the first step travels
along: if another one is current at the last, nothing is changed and the page tells what happened.
So does the draft's own ``submission``, made anew with each box and each reason: the confirmation of
another window's reason does nothing.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from http import HTTPStatus
from types import MappingProxyType
from typing import Final
from uuid import UUID

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from zaitaku.accounts.errors import SessionEnded
from zaitaku.accounts.model import Permission
from zaitaku.blueprints.console.breaking import breaking
from zaitaku.blueprints.console.own_drafts import FIELD, chosen_elsewhere, is_of_this_page
from zaitaku.blueprints.console.presenting import ACT_NAMES
from zaitaku.blueprints.console.room import blueprint, failure
from zaitaku.blueprints.console.urls import CHANNEL, ChannelView, channel_view, event_views
from zaitaku.blueprints.edge import services
from zaitaku.blueprints.permissions import current_session, current_staff, requires
from zaitaku.core.errors import Conflict, StoreUnavailable
from zaitaku.core.ids import UrlVersionId, new_secret_name
from zaitaku.core.logs import request_id
from zaitaku.core.texts import has_control_characters
from zaitaku.facilities.model import Channel
from zaitaku.reception.model import ReceptionUrl, UrlAct, UrlVersion
from zaitaku.reception.service import REASON_CHARACTERS

log = logging.getLogger(__name__)

Page = str | Response | tuple[str, HTTPStatus]

ACTS: Final = (UrlAct.ROTATE, UrlAct.REVERT, UrlAct.RESET)
ACT: Final = f"<any({', '.join(act.value for act in ACTS)}):act>"


class Step(StrEnum):
    """The pages of one change, in the order of walking."""

    START = "start"
    WARNING = "warning"
    REASON = "reason"
    CONFIRMATION = "confirmation"
    COMPLETION = "completion"


STEPS: Final = MappingProxyType(
    {
        UrlAct.ROTATE: tuple(Step),
        UrlAct.REVERT: tuple(Step),
        UrlAct.RESET: tuple(step for step in Step if step is not Step.WARNING),
    }
)
"""Reset has no extra warning."""

_WARNING_STEPS: Final = frozenset({Step.START, Step.WARNING})

_REASON_MISTAKES: Final = {
    "required": "理由を入力してください。",
    "characters": "理由に使えない文字が入っています。入力し直してください。",
    "too-long": f"理由は{REASON_CHARACTERS}文字以内で入力してください。",
}


@dataclass(frozen=True)
class Change:
    """One change of one channel's URL, as far as the person has come."""

    act: UrlAct
    view: ChannelView
    reached: Step
    expected: str
    reason: str
    seen: int
    """How many events the channel's history had at the first step."""
    submission: str
    stopped: int
    """The version that was current at the first step; 0: this change has not begun."""

    @property
    def name(self) -> str:
        """The act's name."""
        return ACT_NAMES[self.act]

    @property
    def is_offered(self) -> bool:
        """Whether there is a version to go to."""
        if self.act is UrlAct.REVERT:
            return self.view.url.can_revert
        return self.act is UrlAct.ROTATE or self.view.url.can_reset

    @property
    def target(self) -> UrlVersion | None:
        """The version that will be current; a rotation makes it only when it is done."""
        if self.act is UrlAct.ROTATE:
            return None
        return self.view.url.previous if self.act is UrlAct.REVERT else self.view.url.first

    def address(self, step: Step) -> str:
        """Return where a step of this change is."""
        channel = self.view.channel.value
        return url_for(f"console.change_{step}", channel=channel, act=self.act.value)

    def step_after(self, step: Step) -> Step:
        """Return the step that follows."""
        steps = STEPS[self.act]
        return steps[steps.index(step) + 1]

    def is_open(self, step: Step) -> bool:
        """Tell whether all steps before ``step`` are done, and the last is not."""
        steps = STEPS[self.act]
        is_under_way = self.reached is not Step.COMPLETION
        return is_under_way and step in steps and steps.index(self.reached) >= steps.index(step)


def _change(channel: str, act: str) -> Change:
    draft = _draft_of(f"{channel}:{act}", current_session().draft)
    return Change(
        act=UrlAct(act),
        view=channel_view(Channel(channel)),
        reached=Step(draft.get("reached", Step.START)),
        expected=draft.get("expected", ""),
        reason=draft.get("reason", ""),
        seen=int(draft.get("seen", "0")),
        submission=draft.get(FIELD, ""),
        stopped=int(draft.get("stopped", "0")),
    )


def _draft_of(subject: str, draft: Mapping[str, str]) -> Mapping[str, str]:
    return draft if draft.get("subject") == subject else {}


def _go_on(change: Change, done: Step, **fields: str) -> Response:
    following = change.step_after(done)
    subject = f"{change.view.channel.value}:{change.act.value}"
    draft = {"subject": subject, "reached": following.value, **fields}
    services().sessions.keep_draft(current_session(), draft)
    return redirect(change.address(following), HTTPStatus.SEE_OTHER)


def _back_to_start(change: Change) -> Response:
    return redirect(change.address(Step.START), HTTPStatus.SEE_OTHER)


def _show(step: Step, change: Change, errors: Mapping[str, str] | None = None) -> str:
    return render_template(
        f"console/change_{step}.html",
        change=change,
        errors=errors or {},
        breaking=breaking(change.view.url) if step in _WARNING_STEPS else None,
    )


def _mistake(step: Step, change: Change, errors: Mapping[str, str]) -> Page:
    return _show(step, change, errors), HTTPStatus.UNPROCESSABLE_ENTITY


_BASE: Final = f"/reception-urls/{CHANNEL}/{ACT}"


@blueprint.get(_BASE)
@requires(Permission.CHANGE_RECEPTION_URLS)
def change_start(channel: str, act: str) -> Page:
    """Tell target and effect and offer the box; or say why there is nothing to go back to."""
    change = _change(channel, act)
    if not change.is_offered:
        return render_template("console/change_not_offered.html", change=change)
    return _show(Step.START, change)


@blueprint.post(_BASE)
@requires(Permission.CHANGE_RECEPTION_URLS)
def tick(channel: str, act: str) -> Page:
    """Take the ticked box and the version that was seen."""
    change = _change(channel, act)
    if request.form.get("ticked") != "yes":
        message = "内容を確かめて、チェックを入れてください。"
        return _mistake(Step.START, change, {"ticked": message})
    expected = request.form.get("expected", "")
    if expected != str(change.view.url.current.id):
        return _conflict(change, since=-1)
    seen = len(event_views(change.view.channel))
    fields = {
        "expected": expected,
        "stopped": str(change.view.url.current.number),
        "reason": "",
        "seen": str(seen),
        FIELD: new_secret_name(),
    }
    return _go_on(change, Step.START, **fields)


@blueprint.get(f"{_BASE}/warning")
@requires(Permission.CHANGE_RECEPTION_URLS)
def change_warning(channel: str, act: str) -> Page:
    """Warn of what will stop working."""
    change = _change(channel, act)
    if not change.is_open(Step.WARNING):
        return _back_to_start(change)
    return _show(Step.WARNING, change)


@blueprint.post(f"{_BASE}/warning")
@requires(Permission.CHANGE_RECEPTION_URLS)
def accept_warning(channel: str, act: str) -> Page:
    """Take the OK to the warning."""
    change = _change(channel, act)
    if not change.is_open(Step.WARNING):
        return _back_to_start(change)
    return _go_on(change, Step.WARNING)


@blueprint.get(f"{_BASE}/reason")
@requires(Permission.CHANGE_RECEPTION_URLS)
def change_reason(channel: str, act: str) -> Page:
    """Ask why, with the button that names the act."""
    change = _change(channel, act)
    if not change.is_open(Step.REASON):
        return _back_to_start(change)
    return _show(Step.REASON, change)


@blueprint.post(f"{_BASE}/reason")
@requires(Permission.CHANGE_RECEPTION_URLS)
def give_reason(channel: str, act: str) -> Page:
    """Take the reason."""
    change = _change(channel, act)
    if not change.is_open(Step.REASON):
        return _back_to_start(change)
    reason = " ".join(request.form.get("reason", "").split())
    mistake = "" if reason else "required"
    if has_control_characters(reason):
        mistake = "characters"
    if len(reason) > REASON_CHARACTERS:
        mistake = "too-long"
    if mistake:
        return _mistake(Step.REASON, change, {"reason": _REASON_MISTAKES[mistake]})
    return _go_on(change, Step.REASON, reason=reason, **{FIELD: new_secret_name()})


@blueprint.get(f"{_BASE}/confirmation")
@requires(Permission.CHANGE_RECEPTION_URLS)
def change_confirmation(channel: str, act: str) -> Page:
    """Show everything once more before it is done."""
    change = _change(channel, act)
    if not change.is_open(Step.CONFIRMATION):
        return _back_to_start(change)
    return _show(Step.CONFIRMATION, change)


@blueprint.post(f"{_BASE}/confirmation")
@requires(Permission.CHANGE_RECEPTION_URLS)
def confirm_change(channel: str, act: str) -> Page:
    """Do it, unless the URL is no longer the one that was seen at the first step."""
    change = _change(channel, act)
    if not is_of_this_page({FIELD: change.submission}):
        return chosen_elsewhere(change.address(Step.START))
    if change.reached is Step.COMPLETION:
        return redirect(change.address(Step.COMPLETION), HTTPStatus.SEE_OTHER)
    if not change.is_open(Step.CONFIRMATION):
        return _back_to_start(change)
    expected = _version_id(request.form.get("expected", ""))
    try:
        changed = _perform(change, expected)
    except Conflict:
        if not _is_own_doing(change):
            return _conflict(change, since=change.seen)
        changed = change.view.url
    except StoreUnavailable as error:
        return _cannot_tell(change, error)
    return _complete(change, changed)


def _complete(change: Change, changed: ReceptionUrl) -> Page:
    """Show that it is done: it is, whatever becomes of the session's draft."""
    try:
        return _go_on(change, Step.CONFIRMATION)
    except (StoreUnavailable, SessionEnded) as error:
        log.warning("draft lost: %s", error.code, extra={"code": error.code})
    address = services().reception.address(changed.current)
    view = replace(change.view, url=changed, address=address)
    return _show(Step.COMPLETION, replace(change, view=view))


def _is_own_doing(change: Change) -> bool:
    """Tell whether the only thing that happened since the first step is this very change.

    So it is when the last button is pressed again after an answer that got lost.
    """
    unseen = event_views(change.view.channel)[: -change.seen or None]
    done = [(each.event.act, each.event.actor, each.event.reason) for each in unseen]
    return done == [(change.act, current_staff().account.label, change.reason)]


def _cannot_tell(change: Change, error: StoreUnavailable) -> Page:
    log.error("unsettled: %s", error.code, extra={"code": error.code, "detail": error.detail})
    return failure(
        "URLが変わったかどうか、いまは確かめられません",
        "つながりにくくなったため、変更の結果を確かめられませんでした。",
        "1分ほど待ってから、変更の履歴を開いて、変わったかどうかを確かめてください。"
        "確かめるまで、もう一度変更しないでください。",
        reference=request_id.get(),
        action={
            "label": "変更の履歴を確かめる",
            "href": url_for("console.url_history", channel=change.view.channel),
        },
    ), error.status


def _perform(change: Change, expected: UrlVersionId) -> ReceptionUrl:
    return services().reception.change(
        change.act,
        current_staff().facility.id,
        change.view.channel,
        expected=expected,
        actor=current_staff().account.label,
        reason=change.reason,
    )


def _version_id(typed: str) -> UrlVersionId:
    try:
        return UrlVersionId(UUID(typed))
    except ValueError:
        return UrlVersionId(UUID(int=0))


def _conflict(change: Change, *, since: int) -> Page:
    """Tell what happened to the URL; ``since`` counts the events that the person had seen."""
    events = event_views(change.view.channel)
    unseen = events[: len(events) - since] if since >= 0 else events[:1]
    page = render_template("console/change_conflict.html", change=change, events=unseen)
    return page, HTTPStatus.CONFLICT


@blueprint.get(f"{_BASE}/completion")
@requires(Permission.CHANGE_RECEPTION_URLS)
def change_completion(channel: str, act: str) -> Page:
    """Say that it is done and show the URL that works now."""
    change = _change(channel, act)
    if change.reached is not Step.COMPLETION:
        return _back_to_start(change)
    return _show(Step.COMPLETION, change)
