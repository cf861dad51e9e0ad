"""Viewing of surgery, clinical, medication and checkup information (domain.md §6, §8).

Every view is recorded before anything is asked for; a reload is another view. The address holds
months and the kind, never who the patient is.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from http import HTTPStatus
from types import MappingProxyType
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

from flask import render_template, request, url_for

from zaitaku.accounts.model import Permission
from zaitaku.blueprints.console.patient_detail import is_viewable, states_of, words
from zaitaku.blueprints.console.room import blueprint, failure
from zaitaku.blueprints.edge import refuse_head, services
from zaitaku.blueprints.permissions import current_staff, requires
from zaitaku.core.clock import japan_date
from zaitaku.core.errors import InvalidField
from zaitaku.core.ids import ConsentId
from zaitaku.core.logs import request_id
from zaitaku.core.queries import choice_of
from zaitaku.core.texts import without_control_characters
from zaitaku.eligibility.medical import MedicalInformationFailed, MedicalInformationWithheld
from zaitaku.eligibility.months import LONGEST_MONTHS, Month, MonthRange
from zaitaku.records.detail import PatientDetail, PatientDetails
from zaitaku.records.errors import Refusal, ViewRefused
from zaitaku.records.view_kinds import BRACKETED, KIND_NAMES, PART_NAMES, PARTS, ViewKind
from zaitaku.records.viewing import View, Viewer

log = logging.getLogger(__name__)

INITIAL_MONTHS: Final = 12
OFFERED_MONTHS: Final = (1, 3, 6, 12, 24, 36, LONGEST_MONTHS)
LATEST: Final = "latest"
CHOSEN: Final = "chosen"

_FIELDS: Final = frozenset({"kind", "period", "months", "from", "to"})
_MISTAKES: Final = {
    "kind": "見る情報を選んでください。",
    "period": "診療年月の選び方を選んでください。",
    "months": f"直近の月数は、1から{LONGEST_MONTHS}までの数から選んでください。",
    "from": "診療年月の「から」は、2026-11 のように年と月で入力してください。",
    "to": "診療年月の「まで」は、2026-11 のように年と月で入力してください。",
}
_RULES: Final = {
    "before-from": "診療年月の「まで」は、「から」と同じ月か、あとの月にしてください。",
    "too-long": f"診療年月は、{LONGEST_MONTHS}か月以内にしてください。",
}

_KIND_HINTS: Final = {
    ViewKind.TREATMENT: "手術、診療、薬剤のうち、同意のあるものを表示します。",
    ViewKind.MEDICATION: "調剤された薬と、処方された薬を表示します。",
    ViewKind.CHECKUP: "特定健診などの結果を表示します。",
    ViewKind.CHART: "ほかの医療機関が共有した傷病名、感染症、アレルギー、検査を表示します。",
}

_REFUSED: Final[Mapping[Refusal, tuple[str, ...]]] = MappingProxyType(
    {
        Refusal.NOT_GRANTED: (
            "患者さんは、この情報を見ることに同意していないか、たずねられていません。",
            "必要なときは、患者さんに、URLからもう一度手続きをしていただいてください。",
        ),
        Refusal.WITHDRAWN: (
            "この情報を見る同意は、取り消されています。",
            "必要なときは、患者さんに、URLからもう一度手続きをしていただいてください。",
        ),
        Refusal.EXPIRED: (
            "この情報を見る同意は、期限が切れています。",
            "もう一度受診されるときに、患者さんに、URLから手続きをしていただいてください。",
        ),
        Refusal.NOT_OBTAINED: (
            "資格情報をまだ確かめられていないため、どなたの情報か分かりません。",
            "患者さんがもう一度カードを読み取ると、資格情報を確かめます。",
        ),
    }
)


@dataclass(frozen=True)
class _Asked:
    """What the address asks for."""

    kind: ViewKind
    months: MonthRange


@blueprint.get("/consented-patients/<uuid:consent>/medical-information")
@requires(Permission.VIEW_MEDICAL_INFORMATION)
def medical_information(consent: UUID) -> str | tuple[str, HTTPStatus]:
    """Ask what to look at; with an address that says it, record the view and show it."""
    refuse_head()
    detail = _detail(consent)
    if not request.args.get("period"):
        return _form(detail, {})
    try:
        asked = _read(request.args, japan_date(services().clock.now()))
    except InvalidField as error:
        return _form(detail, _errors(error)), HTTPStatus.UNPROCESSABLE_ENTITY
    view = services().viewing.open(_viewer(), detail.consent.id, asked.kind, asked.months)
    log.info("medical information viewed", extra={"account": str(current_staff().account.id)})
    return render_template(
        "console/medical_information.html",
        detail=detail,
        view=view,
        told=services().viewing.show(view),
        closed=_closed(view),
        unshared=_unshared(view),
        kind_names=KIND_NAMES,
        part_names=PART_NAMES,
        again=f"{request.path}?{urlencode(_kept())}",
        **words(),
    )


def _detail(consent: UUID) -> PatientDetail:
    with services().database.reading() as connection:
        details = PatientDetails(connection, current_staff().facility.id, services().wordings)
        return details.find(ConsentId(consent))


def _viewer() -> Viewer:
    staff = current_staff()
    return Viewer(
        facility_id=staff.facility.id,
        account_id=staff.account.id,
        actor=staff.account.label,
        shares_charts=staff.facility.settings.chart_sharing,
    )


def _read(values: Mapping[str, str], today: date) -> _Asked:
    kind = choice_of(values, "kind", ViewKind)
    if kind is None:
        raise InvalidField("kind", "missing")
    period = values.get("period")
    if period == LATEST:
        return _Asked(kind, MonthRange.latest(_number(values.get("months", "")), today=today))
    if period != CHOSEN:
        raise InvalidField("period", "unknown")
    return _Asked(kind, MonthRange(_month(values, "from"), _month(values, "to")))


def _number(typed: str) -> int:
    if not (typed.isascii() and typed.isdigit()):
        raise InvalidField("months", "not-a-number")
    return int(typed[:4])


def _month(values: Mapping[str, str], name: str) -> Month:
    try:
        return Month.parse(values.get(name, "").strip().replace("/", "-"))
    except InvalidField as error:
        raise InvalidField(name, error.rule) from error


def _errors(error: InvalidField) -> dict[str, str]:
    field = error.field if error.field in _FIELDS else "kind"
    return {field: _RULES.get(error.rule, _MISTAKES[field])}


def _kept() -> dict[str, str]:
    kept = {name: value for name, value in request.args.items() if name in _FIELDS - {"period"}}
    return {name: without_control_characters(value) for name, value in kept.items()}


def _form(detail: PatientDetail, errors: Mapping[str, str]) -> str:
    today = japan_date(services().clock.now())
    shares_charts = _viewer().shares_charts
    initial = MonthRange.latest(INITIAL_MONTHS, today=today)
    typed = {
        "kind": "",
        "period": LATEST if not errors else request.args.get("period", ""),
        "months": str(INITIAL_MONTHS),
        "from": str(initial.first),
        "to": str(initial.last),
        **_kept(),
    }
    return render_template(
        "console/medical_choice.html",
        detail=detail,
        states=states_of(detail.consent),
        is_viewable=is_viewable(detail.consent, services().clock.now()),
        typed=typed,
        errors=errors,
        kinds=[
            {"value": kind.value, "label": name, "hint": _KIND_HINTS[kind]}
            for kind, name in KIND_NAMES.items()
            if kind is not ViewKind.CHART or shares_charts
        ],
        shares_charts=shares_charts,
        months=[{"value": str(count), "label": f"直近{count}か月"} for count in OFFERED_MONTHS],
        **words(),
    )


def _closed(view: View) -> list[str]:
    # Where the facility does not share charts the bracketed parts are nobody's refusal.
    ours = PARTS[view.kind]
    asked = ours if _viewer().shares_charts else [part for part in ours if part not in BRACKETED]
    return [PART_NAMES[part] for part in asked if part not in view.parts]


def _unshared(view: View) -> list[str]:
    if _viewer().shares_charts:
        return []
    return [PART_NAMES[part] for part in PARTS[view.kind] if part in BRACKETED]


@blueprint.errorhandler(ViewRefused)
def view_refused(error: ViewRefused) -> tuple[str, HTTPStatus]:
    """Say that no consent to this stands at this moment, and what can be done."""
    return failure(
        "この情報は、いま見られません", *_REFUSED[error.reason], action=_to_patient()
    ), error.status


@blueprint.errorhandler(MedicalInformationWithheld)
def medical_information_withheld(error: MedicalInformationWithheld) -> tuple[str, HTTPStatus]:
    """Say that nothing of this person may be shown (自己情報提供不可)."""
    return failure(
        "情報を表示できません（自己情報提供不可）",
        "この患者さんの情報は、ご本人を守るために、どの画面にも表示しません。",
        "ほかの方からの問い合わせには、受診しているかどうかも答えないでください。",
        action=_to_patient(),
    ), error.status


@blueprint.errorhandler(MedicalInformationFailed)
def medical_information_failed(error: MedicalInformationFailed) -> tuple[str, HTTPStatus]:
    """Say that nobody answered; that somebody wanted to look is recorded all the same."""
    log.warning("refused: %s", error.code, extra={"code": error.code, "detail": error.detail})
    return failure(
        "医療情報を取り寄せられませんでした",
        "相手のシステムから、回答がありませんでした。閲覧しようとした記録は、履歴に残っています。",
        "少し待ってから、もう一度お試しください。続くときは、運用者に連絡してください。",
        reference=request_id.get(),
        action=_to_patient(),
    ), error.status


def _to_patient() -> dict[str, str]:
    consent = (request.view_args or {})["consent"]
    href = url_for("console.consented_patient", consent=consent)
    return {"label": "患者の詳細へ", "href": href}
