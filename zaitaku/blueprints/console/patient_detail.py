"""One consented patient: what stands, the consent history, each record as it was (domain.md §8)."""

from datetime import datetime
from http import HTTPStatus
from typing import Final
from uuid import UUID

from flask import render_template, request, url_for

from zaitaku.accounts.model import Permission
from zaitaku.blueprints.console.presenting import NOT_OBTAINED, WITHHELD
from zaitaku.blueprints.console.room import blueprint
from zaitaku.blueprints.edge import services
from zaitaku.blueprints.paging import Paging, paging
from zaitaku.blueprints.patient.presenters import receipt_rows
from zaitaku.blueprints.permissions import current_staff, requires
from zaitaku.consent.model import ConsentItem, ConsentState
from zaitaku.consent.names import (
    DECISION_NAMES,
    ITEM_NAMES,
    OPERATOR_NAMES,
    REQUESTER_NAMES,
    STATE_NAMES,
    item_list,
)
from zaitaku.consent.present import PresentConsent
from zaitaku.core.errors import InvalidField
from zaitaku.core.ids import ConsentId
from zaitaku.core.languages import NAMES
from zaitaku.core.queries import page_of
from zaitaku.eligibility.model import Sex
from zaitaku.facilities.channels import CHANNEL_NAMES
from zaitaku.records.detail import HISTORY_SIZE, PatientDetail, PatientDetails
from zaitaku.records.listing import LineState, line_state
from zaitaku.records.view_kinds import VIEWED

SEX_NAMES: Final = {Sex.MALE: "男", Sex.FEMALE: "女", Sex.UNKNOWN: "不明"}
EXPIRED: Final = "期限切れ"
NOT_ASKED: Final = "対象外"


@blueprint.get("/consented-patients/<uuid:consent>")
@requires(Permission.SEE_CONSENTED_PATIENTS)
def consented_patient(consent: UUID) -> str | tuple[str, HTTPStatus]:
    """Show what stands and everything that was said here."""
    try:
        number = page_of(request.args)
    except InvalidField:
        number = 1
    found = _find(consent, number)
    pages = max(1, -(-found.total // HISTORY_SIZE))
    if number > pages:
        number = pages
        found = _find(consent, number)
    now = services().clock.now()
    return render_template(
        "console/patient_detail.html",
        detail=found,
        states=states_of(found.consent),
        state=state_of(found.consent, now),
        is_viewable=is_viewable(found.consent, now),
        is_withdrawable=bool(found.consent.granted(now)),
        may_requery=found.consent.allows_requery(now),
        paging=_paging(consent, number, pages),
        **words(),
    )


@blueprint.get("/consented-patients/<uuid:consent>/records/<string:reference>")
@requires(Permission.SEE_CONSENTED_PATIENTS)
def consent_record(consent: UUID, reference: str) -> str:
    """Show one record: the receipt as the patient has it, and the exact words agreed to."""
    with services().database.reading() as connection:
        details = PatientDetails(connection, current_staff().facility.id, services().wordings)
        statement = details.statement(ConsentId(consent), reference)
        person = details.find(ConsentId(consent)).person
    return render_template(
        "console/consent_record.html",
        consent=consent,
        person=person,
        statement=statement,
        receipt=statement.receipt,
        rows=receipt_rows(statement.receipt),
        language=NAMES[statement.receipt.language],
        **words(),
    )


def _find(consent: UUID, page: int) -> PatientDetail:
    with services().database.reading() as connection:
        details = PatientDetails(connection, current_staff().facility.id, services().wordings)
        return details.find(ConsentId(consent), page=page)


def states_of(present: PresentConsent) -> list[dict[str, str]]:
    """Return what stands of every item, in words."""
    is_expired = present.is_expired(services().clock.now())
    return [_state(present, item, is_expired) for item in ConsentItem]


def state_of(present: PresentConsent, now: datetime) -> LineState:
    """Return what the consent comes to, as the list of patients says it."""
    said = {standing.state for standing in present.items.values()}
    return line_state(
        is_granted=ConsentState.GRANT in said,
        is_withdrawn=ConsentState.WITHDRAWN in said,
        is_expired=present.is_expired(now),
    )


def is_viewable(present: PresentConsent, now: datetime) -> bool:
    """Tell whether consent to any medical information stands."""
    return not VIEWED.isdisjoint(present.granted(now))


def _state(present: PresentConsent, item: ConsentItem, is_expired: bool) -> dict[str, str]:
    standing = present.items.get(item)
    if standing is None:
        return {"name": ITEM_NAMES[item], "mark": "", "state": NOT_ASKED}
    is_granted = standing.state is ConsentState.GRANT
    return {
        "name": ITEM_NAMES[item],
        "mark": "○" if is_granted and not is_expired else "",
        "state": EXPIRED if is_granted and is_expired else STATE_NAMES[standing.state],
        "since": standing.since.isoformat(),
    }


def words() -> dict[str, object]:
    """Return what the templates of one patient name things by."""
    return {
        "channel_names": CHANNEL_NAMES,
        "decision_names": DECISION_NAMES,
        "item_list": item_list,
        "item_names": ITEM_NAMES,
        "not_obtained": NOT_OBTAINED,
        "operator_names": OPERATOR_NAMES,
        "requester_names": REQUESTER_NAMES,
        "sex_names": SEX_NAMES,
        "withheld": WITHHELD,
    }


def _paging(consent: UUID, number: int, pages: int) -> Paging:
    def address(page: int) -> str:
        return url_for("console.consented_patient", consent=consent, page=page)

    return paging(number, pages, address)
