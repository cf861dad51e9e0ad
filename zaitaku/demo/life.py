"""Something to see in the demo's console from the first minute.

Synthetic people consent by their own virtual cards, through the same doors as everybody: asked,
signed, verified, registered. The clinic expects some of them tomorrow. Its staff has one account of
each kind, all with the demo's password.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from types import MappingProxyType
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from zaitaku import wire
from zaitaku.accounts.model import Role
from zaitaku.consent.document import ConsentDocument
from zaitaku.consent.model import ConsentItem, Decision, Operator
from zaitaku.consent.questions import questions_for
from zaitaku.core.clock import JST, japan_date
from zaitaku.core.ids import JourneyId, UrlVersionId, new_secret_name
from zaitaku.core.languages import Language
from zaitaku.core.together import Work, together
from zaitaku.eligibility.months import MonthRange
from zaitaku.facilities.model import Channel, Facility
from zaitaku.reception.posters.model import PosterNumber
from zaitaku.reception.posters.store import use_added
from zaitaku.records.appointments.model import Planned
from zaitaku.records.consented import ConsentedPatients
from zaitaku.records.listing import ListQuery
from zaitaku.records.view_kinds import ViewKind
from zaitaku.records.viewing import Viewer
from zaitaku.sandbox.cards import DemoCard
from zaitaku.sandbox.people import Case
from zaitaku.services import Services

STAFF: Final = MappingProxyType(
    {
        Role.MASTER: "master01",
        Role.MASTER_RESET: "mreset01",
        Role.GENERAL: "ippan01",
        Role.MEDICAL_VIEW: "etsuran1",
    }
)
"""User IDs of the demo's clinic beside its administrator's."""
_NAMES: Final = {
    Role.MASTER: ("マスタ", "マスタ"),
    Role.MASTER_RESET: ("マスタリセット", "マスタリセット"),
    Role.GENERAL: ("うけつけたろう", "ウケツケタロウ"),
    Role.MEDICAL_VIEW: ("いしみどり", "イシミドリ"),
}
_POSTERS: Final = MappingProxyType(
    {Channel.HOME_VISIT: ("待合室", "退院窓口"), Channel.ONLINE: ("受付カウンター",)}
)
_DAYS: Final = 28
_CLOSED: Final = frozenset({0, 6})
_SEEN: Final = (ViewKind.MEDICATION, ViewKind.TREATMENT)
_MONTHS_SEEN: Final = 12
_FIRST_HOUR: Final = 9
_FIRST_NUMBER: Final = 10021


@dataclass(frozen=True)
class _Story:
    """One person's consent."""

    case: Case
    channel: Channel
    refused: frozenset[ConsentItem] = frozenset()
    operator: Operator = Operator.SELF


_STORIES: Final = (
    _Story(Case.HANAKO, Channel.HOME_VISIT, frozenset({ConsentItem.SURGERY})),
    _Story(Case.TARO, Channel.ONLINE),
    _Story(Case.KIYO, Channel.HOME_VISIT, operator=Operator.COMPANION),
    _Story(Case.CHILD, Channel.ONLINE, operator=Operator.LEGAL_REPRESENTATIVE),
    _Story(Case.OLD_ROOT, Channel.HOME_VISIT, frozenset({ConsentItem.CHECKUP})),
)
_EXPECTED: Final = (
    (Case.TARO, Channel.ONLINE),
    (Case.CHILD, Channel.ONLINE),
    (Case.LAST_TRY, Channel.ONLINE),
    (Case.KIYO, Channel.HOME_VISIT),
    (Case.NEXT, Channel.HOME_VISIT),
)
"""Who comes tomorrow; two of them have not consented."""


def employ(services: Services, facility: Facility, password: str, actor: str) -> None:
    """Give the clinic one account of each kind that people use, where it is missing."""
    known = {account.user_id for account in services.accounts.all_of(facility.id)}
    for role, user_id in STAFF.items():
        if user_id not in known:
            name, kana = _NAMES[role]
            services.accounts.register(
                facility.id,
                role=role,
                user_id=user_id,
                name=name,
                kana=kana,
                actor=actor,
                password=password,
                must_change=False,
            )


def begin(services: Services, facility: Facility, cards: tuple[DemoCard, ...], actor: str) -> None:
    """Let a new clinic have been at work: consents, appointments, posters, views, a device."""
    let_people_consent(services, facility, cards, actor)
    _put_up_posters(services, facility, actor)
    _look(services, facility)
    services.devices.issue(facility, "訪問用タブレット1", actor=actor)


def let_people_consent(
    services: Services, facility: Facility, cards: tuple[DemoCard, ...], actor: str
) -> None:
    """Let people consent by their own cards, and be expected tomorrow."""
    by_name = {card.person.kana: card for card in cards if card.person}
    by_case = {case: by_name[kana] for case, kana in _KANA.items()}
    tomorrow = japan_date(services.clock.now()) + timedelta(days=1)
    for story in _STORIES:
        _consent(services, facility, by_case[story.case], story, tomorrow)
    planned = [
        _planned(by_case[case], channel, tomorrow, number)
        for number, (case, channel) in enumerate(_EXPECTED)
    ]
    services.appointments.keep(facility.id, planned, actor=actor)


def _put_up_posters(services: Services, facility: Facility, actor: str) -> None:
    """Hang up posters and let four synthetic weeks have passed in front of them."""
    today = japan_date(services.clock.now())
    for channel, names in _POSTERS.items():
        current = services.reception.show(facility.id, channel).current
        for name in names:
            services.posters.add(facility.id, channel, name=name, note="", actor=actor)
        uses = [
            _use_of(current.id, today - timedelta(days=ago), ago, number)
            for ago in range(_DAYS)
            for number in range(len(names) + 1)
        ]
        with services.database.transaction() as connection:
            together(connection, *uses)


def _use_of(version: UrlVersionId, day: date, ago: int, number: int) -> Work:
    scans = (ago * 7 + number * 5) % 6 if ago % 7 not in _CLOSED else 0
    return use_added(version, PosterNumber(number), day, scans=scans, completions=scans // 2)


def _look(services: Services, facility: Facility) -> None:
    """Let the doctor have looked at two patients."""
    doctor = next(
        each for each in services.accounts.all_of(facility.id) if each.role is Role.MEDICAL_VIEW
    )
    viewer = Viewer(facility.id, doctor.id, doctor.label, shares_charts=False)
    months = MonthRange.latest(_MONTHS_SEEN, today=japan_date(services.clock.now()))
    with services.database.reading() as connection:
        listed = ConsentedPatients(connection, facility.id)
        rows = listed.page(ListQuery(), now=services.clock.now()).rows
    for row in rows[: len(_SEEN)]:
        services.viewing.open(viewer, row.consent_id, _SEEN[0], months)
    services.viewing.open(viewer, rows[-1].consent_id, _SEEN[1], months)


_KANA: Final = MappingProxyType(
    {
        Case.HANAKO: "ヤマダ ハナコ",
        Case.TARO: "サトウ タロウ",
        Case.KIYO: "タカハシ キヨ",
        Case.CHILD: "スズキ ハルト",
        Case.OLD_ROOT: "タナカ イチロウ",
        Case.LAST_TRY: "イトウ サクラ",
        Case.NEXT: "ナカムラ アオイ",
    }
)


def _consent(
    services: Services, facility: Facility, card: DemoCard, story: _Story, visit: date
) -> None:
    journey = JourneyId(new_secret_name())
    document = _document(services, facility, journey, story, visit)
    asked = services.identity.ask(
        journey=journey,
        document=document.canonical(),
        choices=services.consent.choices(document),
        language=document.language.value,
        return_path="/",
    )
    challenge = services.identity.challenges.living(asked.challenge)
    statement = wire.statement(
        origin=challenge.origin, nonce=challenge.nonce, document=challenge.document
    )
    proof = wire.CardProof(asked.challenge, card.certificate.hex(), _sign(card, statement).hex())
    code = services.identity.accept(proof)
    services.consent.register(services.identity.outcome(code, journey))


def _document(
    services: Services, facility: Facility, journey: JourneyId, story: _Story, visit: date
) -> ConsentDocument:
    url = services.reception.show(facility.id, story.channel)
    context = services.reception.context_of(url.current.id)
    items = [question.item for question in questions_for(context.facility.settings)]
    return services.consent.state(
        journey=journey,
        context=context,
        language=Language.JAPANESE,
        operator=story.operator,
        visit_date=visit if story.channel is Channel.ONLINE else None,
        decisions={
            item: Decision.REFUSE if item in story.refused else Decision.GRANT for item in items
        },
    )


def _sign(card: DemoCard, statement: bytes) -> bytes:
    key = load_pem_private_key(card.key.encode(), password=None)
    if isinstance(key, RSAPrivateKey):
        return key.sign(statement, PKCS1v15(), SHA256())
    if isinstance(key, EllipticCurvePrivateKey):
        return key.sign(statement, ECDSA(SHA384()))
    raise TypeError(type(key).__name__)


def _planned(card: DemoCard, channel: Channel, day: date, number: int) -> Planned:
    person = card.person
    if person is None:
        raise TypeError("a card without a person is expected by nobody")
    return Planned.of(
        at=datetime.combine(day, time(_FIRST_HOUR + number), JST),
        channel=channel,
        patient_number=str(_FIRST_NUMBER + number),
        name=person.name,
        kana=person.kana,
        birth_date=person.birth_date,
    )
