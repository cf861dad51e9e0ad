"""What the demo needs before it starts: secrets, test authority, cards, database, a clinic."""

import json
import shlex
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from cryptography import x509

from zaitaku.accounts.model import ROLE_NAMES, Role
from zaitaku.core.errors import NotFound
from zaitaku.core.sealing import PLAIN
from zaitaku.core.signing import Keyring
from zaitaku.demo.app import app_environ, bind_app_people, insured_as, make_app_key, stand_in
from zaitaku.demo.doors import Door, doors
from zaitaku.demo.life import STAFF, begin, employ
from zaitaku.demo.places import Places
from zaitaku.demo.secrets import USER_ID, DemoSecrets, write_private
from zaitaku.eligibility.sandbox import SandboxEligibility
from zaitaku.facilities.model import Channel, EnvironmentSettings, Facility, InstitutionCode
from zaitaku.identity.keys import RequestKeys
from zaitaku.identity.subjects import subject_hashes
from zaitaku.sandbox.authority import TestAuthority
from zaitaku.sandbox.cards import DemoCard, make_demo_cards
from zaitaku.sandbox.provider.app import StandIn
from zaitaku.schema import upgrade
from zaitaku.services import Services, build_services
from zaitaku.settings import Settings

CODE: Final = InstitutionCode("1312345670")
ACTOR: Final = "demo"
_SETTINGS: Final = EnvironmentSettings(
    surgery=True, clinical=True, medication=False, home_visit=True, online=True
)


@dataclass(frozen=True)
class Demo:
    """A demo that is ready to start."""

    places: Places
    environ: dict[str, str]
    authority: TestAuthority
    provider: StandIn
    summary: dict[str, Any]


def prepare(
    places: Places, *, is_empty: bool = False, instead: Mapping[str, str] = MappingProxyType({})
) -> Demo:
    """Make what is missing in the data folder; a second run finds everything as it was.

    A clinic that is new has people who consented and are expected, unless ``is_empty``. Settings
    in ``instead`` take the place of the demo's own, such as other stores.
    """
    places.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    secrets = DemoSecrets.open(places.data / "secrets.json")
    authority = TestAuthority.open(places.data / "authority")
    cards = make_demo_cards(places.data / "cards", authority)
    RequestKeys.make(places.data / "request-key.pem")
    make_app_key(places)
    environ = {**_environ(places, secrets), **instead}
    write_private(places.data / "demo.env", _shell_lines(environ))
    services = build_services(Settings.from_env(environ))
    upgrade(services.database)
    eligibility = SandboxEligibility(services.database)
    _bind_people(eligibility, cards, secrets.subject_key)
    provider = stand_in(places)
    bind_app_people(eligibility, provider, secrets.subject_key)
    facility, is_new = _clinic(services, secrets.password)
    if is_new and not is_empty:
        with closing(_without_ocsp(environ)) as alone:
            begin(alone, facility, cards, ACTOR)
    summary = _summary(places, services, facility, secrets.password, cards)
    services.close()
    write_private(
        places.data / "demo.json", json.dumps(summary, ensure_ascii=False, indent=2) + "\n"
    )
    return Demo(places, environ, authority, provider, summary)


def _environ(places: Places, secrets: DemoSecrets) -> dict[str, str]:
    data = places.data
    return {
        "ZAITAKU_MODE": "sandbox",
        "ZAITAKU_ORIGIN": places.origin,
        "ZAITAKU_DATABASE_URL": f"sqlite:///{data / 'zaitaku.db'}",
        "ZAITAKU_EPHEMERAL_URL": f"sqlite:///{data / 'ephemeral.db'}",
        "ZAITAKU_URL_KEYS": secrets.url_key,
        "ZAITAKU_SESSION_KEYS": secrets.session_key,
        "ZAITAKU_SUBJECT_KEYS": secrets.subject_key,
        "ZAITAKU_SEAL_KEYS": secrets.seal_key or PLAIN,
        "ZAITAKU_REQUEST_KEY_FILE": str(data / "request-key.pem"),
        "ZAITAKU_TRUST_ANCHORS": str(data / "authority" / "roots.pem"),
        "ZAITAKU_CRL_FILE": str(data / "authority" / "crl.pem"),
        "ZAITAKU_OCSP_URL": places.ocsp,
        "ZAITAKU_BRIDGE_PORTS": str(places.bridge_port),
        "ZAITAKU_OPERATOR_NAME": "みどり市医師会（デモ）",
        "ZAITAKU_OPERATOR_PHONE": "03-0000-5678",
        **app_environ(places),
    }


def _shell_lines(environ: dict[str, str]) -> str:
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in environ.items())


def _bind_people(
    eligibility: SandboxEligibility, cards: tuple[DemoCard, ...], subject_key: str
) -> None:
    for card in cards:
        if card.person and card.certificate:
            eligibility.bind(_subject_hash(card, subject_key), insured_as(card.person))


def _subject_hash(card: DemoCard, subject_key: str) -> str:
    newest, *_ = subject_hashes(
        certificate=x509.load_der_x509_certificate(card.certificate),
        issuer=x509.load_der_x509_certificate(card.ca_certificate),
        keys=Keyring((subject_key,)),
    )
    return newest


def _without_ocsp(environ: dict[str, str]) -> Services:
    # The demo's responder answers only while the demo runs; its revocation list says the same.
    kept = {name: value for name, value in environ.items() if name != "ZAITAKU_OCSP_URL"}
    return build_services(Settings.from_env(kept))


def _clinic(services: Services, password: str) -> tuple[Facility, bool]:
    try:
        return services.facilities.find(CODE), False
    except NotFound:
        pass
    facility = services.facilities.add(
        CODE,
        registered_name="医療法人みどり坂会　みどり坂クリニック",
        phone="03-0000-1234",
        hours="月〜金 9:00〜12:30、14:00〜18:00（祝日は休み）",
        settings=_SETTINGS,
        actor=ACTOR,
        founding=services.reception.issue_first,
    )
    _administrator(services, facility, password)
    employ(services, facility, password, ACTOR)
    return facility, True


def _administrator(services: Services, facility: Facility, password: str) -> None:
    made = services.accounts.register(
        facility.id,
        role=Role.ADMIN,
        user_id=USER_ID,
        name="うけつけはなこ",
        kana="ウケツケハナコ",
        actor=ACTOR,
    )
    services.accounts.change_password(made.account, current=made.password, new=password)


def _summary(
    places: Places,
    services: Services,
    facility: Facility,
    password: str,
    cards: tuple[DemoCard, ...],
) -> dict[str, Any]:
    urls = {
        channel.value: services.reception.address(
            services.reception.show(facility.id, channel).current
        )
        for channel in Channel
    }
    found = doors(services, facility.id, (USER_ID, *STAFF.values()), password)
    opens = found[USER_ID] is Door.OPEN
    return {
        "patient_urls": urls,
        "facility_code": str(facility.code),
        "facility_name": facility.name,
        "console": {
            "url": f"{places.origin}/console/",
            "user_id": USER_ID,
            "password": password if opens else None,
        },
        "staff": {ROLE_NAMES[role]: user_id for role, user_id in STAFF.items()},
        "first_password": password,
        "accounts": found,
        "bridge": places.bridge,
        "app": places.provider,
        "cards": [
            {
                "name": card.name,
                "description": card.description,
                "pin": card.pin,
                "serial": card.serial,
            }
            for card in cards
        ],
    }
