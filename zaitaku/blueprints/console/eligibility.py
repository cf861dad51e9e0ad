"""資格確認結果: what the eligibility check tells now of a patient who consented here."""

import logging
from http import HTTPStatus
from uuid import UUID

from flask import render_template, request, url_for

from zaitaku.accounts.model import Permission
from zaitaku.blueprints.console.eligibility_words import sections_of
from zaitaku.blueprints.console.room import blueprint, failure
from zaitaku.blueprints.edge import refuse_head, services
from zaitaku.blueprints.permissions import current_staff, requires
from zaitaku.core.ids import ConsentId
from zaitaku.core.logs import request_id
from zaitaku.eligibility.errors import EligibilityFailed, EligibilityTimedOut, PersonUnknown
from zaitaku.eligibility.model import Withheld
from zaitaku.records.errors import RequeryOver

log = logging.getLogger(__name__)


@blueprint.get("/consented-patients/<uuid:consent>/eligibility")
@requires(Permission.SEE_ELIGIBILITY)
def eligibility_result(consent: UUID) -> str:
    """Ask anew, without the card, and show the answer with its time."""
    refuse_head()
    staff = current_staff()
    answer = services().eligibility_checks.requery(
        staff.facility.id, ConsentId(consent), actor=staff.account.label
    )
    if isinstance(answer, Withheld):
        return render_template(
            "console/eligibility_withheld.html", consent=consent, now=services().clock.now()
        )
    settings = staff.facility.settings
    return render_template(
        "console/eligibility.html",
        consent=consent,
        result=answer,
        sections=sections_of(answer, settings),
        hides_assistance=answer.assistance is not None and not settings.medical_assistance,
    )


@blueprint.errorhandler(RequeryOver)
def requery_over(error: RequeryOver) -> tuple[str, HTTPStatus]:
    """Say why the patient is not asked about any more without the card."""
    return failure(
        "資格情報の再照会はできません",
        "カードを使わない再照会ができるのは、患者さんの同意が有効な間だけです。",
        "訪問診療等では、すべての同意が取り消されたか、同意がないとき、"
        "オンライン診療等では、同意の有効期限が過ぎたときは、再照会できません。",
        "資格を確かめるには、患者さんに、URLからもう一度手続きをしていただくか、"
        "資格確認書などで確かめてください。",
        action=_to_patient(),
    ), error.status


@blueprint.errorhandler(PersonUnknown)
def person_unknown(error: PersonUnknown) -> tuple[str, HTTPStatus]:
    """Say that the provider answered, and knows nobody."""
    return failure(
        "資格情報が見つかりません",
        "この患者さんの資格情報は、まだ登録されていないか、登録が終わっています。",
        "患者さんに、健康保険証としての利用登録がお済みかをたずねるか、資格確認書で確かめてください。",
        action=_to_patient(),
    ), error.status


@blueprint.errorhandler(EligibilityFailed)
def eligibility_failed(error: EligibilityFailed) -> tuple[str, HTTPStatus]:
    """Say that nobody answered, and offer to ask again."""
    log.warning("refused: %s", error.code, extra={"code": error.code, "detail": error.detail})
    is_late = isinstance(error, EligibilityTimedOut)
    return failure(
        "資格情報を照会できませんでした",
        "決められた時間のうちに、回答がありませんでした。"
        if is_late
        else "回答がありませんでした。",
        "同意の登録は、そのまま残っています。少し待ってから、もう一度照会してください。",
        reference=request_id.get(),
        action={"label": "もう一度照会する", "href": request.path},
    ), error.status


def _to_patient() -> dict[str, str]:
    consent = (request.view_args or {})["consent"]
    return {
        "label": "患者さんの画面へ",
        "href": url_for("console.consented_patient", consent=consent),
    }
