"""Guessing ids gets nobody anywhere: every route that names a thing, tried with a neighbour's.

The neighbour has one of everything. Each route is called, with the neighbour's own ids, by an
administrator of the other facility: nothing is found, nothing of the neighbour is shown, and the
neighbour's audit trail, which every change would lengthen, stays as it is.
"""

import io
from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

import pytest
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from tests.consent.world import TARO
from tests.console.office import Browser, Office
from zaitaku.accounts.model import Permission, Role
from zaitaku.audit.store import Head
from zaitaku.blueprints.permissions import requirement_of
from zaitaku.consent.tables import consent, consent_record
from zaitaku.facilities.model import Channel
from zaitaku.jobs.model import JobKind
from zaitaku.records.appointments.model import Planned

OWN_SESSION = frozenset({"draft", "session", "passkey"})
"""What belongs to one person's sign-in or session: to anybody else it does not exist."""
WORDS = {
    "category": "emergency",
    "codec": "utf-8",
    "channel": "home-visit",
    "act": "rotate",
    "kind": "qr-code",
    "shelf": "archive",
    "version": 1,
    "shown": "entry",
}
"""Parameters that name nothing of a facility's own."""
GONE = {403, 404}


@pytest.fixture
def neighbour(office: Office) -> dict[str, object]:
    """One of everything of the first facility, by the names that routes have for it."""
    facility, services = office.world.facility, office.services
    office.app.config["WTF_CSRF_ENABLED"] = False
    reference = office.world.register().receipt.reference
    admin = next(a for a in services.accounts.all_of(facility.id) if a.role is Role.ADMIN)
    general = next(a for a in services.accounts.all_of(facility.id) if a.role is Role.GENERAL)
    job = services.jobs.submit(
        facility.id,
        kind=JobKind.POSTER_ARCHIVE,
        account_id=admin.id,
        actor="test",
        parameters={"kinds": "poster"},
        input=None,
    )
    owner = office.logged_in()
    at = office.clock.now() + timedelta(days=1)
    planned = Planned.of(
        at=at,
        channel=Channel.HOME_VISIT,
        patient_number="",
        name=TARO.name,
        kana=TARO.kana,
        birth_date=TARO.birth_date,
    )
    services.appointments.keep(facility.id, [planned], actor="test")
    (expected,) = services.appointments.on(facility.id, planned.day).expected
    code = services.devices.issue(facility, "携帯1", actor="test").id
    path = "/console/reception-urls/home-visit/posters/new"
    owner.post(path, {"name": "待合室の掲示", "note": ""})
    return {
        **WORDS,
        "account": general.id,
        "job": job.id,
        "appointment": expected.appointment.id,
        "code": code,
        "consent": _first(office, consent.c.id.name),
        "reference": reference,
        "poster": 1,
        **{name: UUID(int=7) for name in OWN_SESSION},
    }


def _first(office: Office, column: str) -> UUID:
    (row,) = office.world.rows(consent)
    found: UUID = row[column]
    return found


def named(office: Office) -> Iterator[tuple[str, Rule]]:
    """Every route with a parameter that names a thing of one facility."""
    for rule in office.app.url_map.iter_rules():
        requirement = requirement_of(office.app, rule.endpoint)
        if isinstance(requirement, Permission) and set(rule.arguments) - {*WORDS, "unknown"}:
            for method in sorted((rule.methods or set()) & {"GET", "POST"}):
                yield method, rule


def call(office: Office, browser: Browser, method: str, path: str) -> TestResponse:
    file = {"file": (io.BytesIO(b""), "x.csv")} if method == "POST" else None
    origin = office.services.settings.origin
    return browser.client.open(path, method=method, data=file, base_url=origin)


def head(office: Office) -> Head:
    return office.services.audit.head(office.world.facility.id)


def test_every_route_with_another_facilitys_ids_finds_nothing(
    office: Office, neighbour: dict[str, object]
) -> None:
    other = office.world.other
    office.employ(other)
    stranger = office.logged_in(Role.ADMIN, other)
    before, records = head(office), office.world.count(consent_record)
    walked = 0
    for method, rule in named(office):
        values = {name: neighbour[name] for name in rule.arguments}
        path = office.app.url_map.bind("localhost").build(rule.endpoint, values, method)
        answer = call(office, stranger, method, path)
        # What is of somebody's own session is answered like what is over: begin again.
        gone = GONE | {303} if OWN_SESSION & rule.arguments else GONE
        assert answer.status_code in gone, (method, path, answer.status_code, answer.location)
        for secret in (TARO.name, TARO.kana, str(neighbour["reference"]), "携帯1", "待合室の掲示"):
            assert secret not in answer.text, (method, path)
        walked += 1
    assert walked > 30
    assert head(office) == before
    assert office.world.count(consent_record) == records


def test_the_same_routes_find_it_for_the_facility_itself(
    office: Office, neighbour: dict[str, object]
) -> None:
    """So that the test above cannot pass because its ids are wrong."""
    owner, missing = office.logged_in(), []
    for method, rule in named(office):
        if method == "GET" and not set(rule.arguments) & OWN_SESSION:
            values = {name: neighbour[name] for name in rule.arguments}
            path = office.app.url_map.bind("localhost").build(rule.endpoint, values, method)
            if call(office, owner, method, path).status_code == 404:
                missing.append(path)
    assert [
        path for path in missing if "/result" not in path and "account-imports" not in path
    ] == []


def test_neither_facility_sees_the_others_people_accounts_or_acts(
    office: Office, neighbour: dict[str, object]
) -> None:
    other = office.world.other
    office.employ(other)
    stranger = office.logged_in(Role.ADMIN, other)
    for path in (
        "consented-patients",
        f"consented-patients?q={neighbour['reference']}",
        "consented-patients/export",
        "accounts",
        "audit-trail",
        "view-history",
        "activation-codes?searched=yes",
        "reception-urls/home-visit/posters",
        "appointments",
    ):
        answer = call(office, stranger, "GET", f"/console/{path}")
        assert answer.status_code in {200, 409}, path
        shown = answer.text.replace(f'value="{neighbour["reference"]}"', "")
        for secret in (TARO.name, TARO.kana, "携帯1", "待合室の掲示", office.world.facility.name):
            assert secret not in shown, (path, secret)
