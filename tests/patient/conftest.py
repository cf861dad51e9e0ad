"""The site of the patient's tests: the whole application in one process."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pytest

from tests.conftest import NOW
from tests.lending import AppLender
from tests.patient.phoning import Phone, PhoneKeys, running_phone
from tests.patient.site import ALL_ITEMS, Site, Visitor
from zaitaku.core.clock import FixedClock
from zaitaku.core.openid import OpenIdProvider
from zaitaku.core.sealing import SealRing
from zaitaku.core.signing import Keyring
from zaitaku.facilities.model import InstitutionCode
from zaitaku.identity.keys import RequestKeys
from zaitaku.sandbox.authority import Generation, TestAuthority
from zaitaku.sandbox.profile import Period, Signer
from zaitaku.services import Services, build_services
from zaitaku.settings import Mode, Settings

KEYS = Keyring(("a-key-for-the-tests-of-patient-pages-1234567",))
SESSION_KEYS = Keyring(("a-session-key-for-the-tests-of-pages-2345678",))
SUBJECT_KEYS = Keyring(("a-subject-key-for-the-tests-of-pages-3456789",))
SEAL_KEYS = SealRing(("a-seal-key-for-the-tests-of-pages-45678901",))


@dataclass(frozen=True)
class Cards:
    """One card for each case; making a key takes a while, so the tests share them."""

    good: Signer
    other: Signer
    expiring: Signer
    expired: Signer
    early: Signer
    revoked: Signer
    foreign: Signer


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> TestAuthority:
    """A test authority as of the held morning."""
    return TestAuthority.open(tmp_path_factory.mktemp("authority"), FixedClock(NOW))


@pytest.fixture(scope="session")
def cards(authority: TestAuthority) -> Cards:
    """The cards that people hold in these tests."""
    revoked = _card(authority, -100, 900)
    authority.revoke(revoked.certificate)
    return Cards(
        good=_card(authority, -100, 900),
        other=_card(authority, -100, 900),
        expiring=_card(authority, -1700, 30),
        expired=_card(authority, -1800, -1),
        early=_card(authority, 2, 900),
        revoked=revoked,
        foreign=_card(authority, -100, 900, Generation.FOREIGN),
    )


@pytest.fixture(scope="session")
def phone_keys(tmp_path_factory: pytest.TempPathFactory) -> PhoneKeys:
    """The keys that all phones share."""
    return PhoneKeys.make(tmp_path_factory.mktemp("phone"))


@pytest.fixture
def phone(phone_keys: PhoneKeys, clock: FixedClock) -> Iterator[Phone]:
    """A phone with the app."""
    with running_phone(phone_keys, clock, TODAY) as running:
        yield running


@pytest.fixture
def openid() -> OpenIdProvider | None:
    """Who reads cards by phone: nobody, unless a test says otherwise."""
    return None


@pytest.fixture
def services(
    tmp_path: Path,
    sqlite_template: Path,
    authority: TestAuthority,
    clock: FixedClock,
    openid: OpenIdProvider | None,
) -> Iterator[Services]:
    """The services of a sandbox on fresh stores."""
    (tmp_path / "zaitaku.db").write_bytes(sqlite_template.read_bytes())
    RequestKeys.make(tmp_path / "request-key.pem")
    settings = Settings(
        mode=Mode.SANDBOX,
        origin="http://localhost:8000",
        database_url=f"sqlite:///{tmp_path / 'zaitaku.db'}",
        ephemeral_url=f"sqlite:///{tmp_path / 'ephemeral.db'}",
        url_keys=KEYS,
        session_keys=SESSION_KEYS,
        subject_keys=SUBJECT_KEYS,
        seal_keys=SEAL_KEYS,
        request_key_file=tmp_path / "request-key.pem",
        trust_anchors=(authority.roots_file,),
        crl_file=authority.crl_file,
        openid=openid,
    )
    built = build_services(settings, clock)
    yield built
    built.close()


@pytest.fixture
def site(
    services: Services, authority: TestAuthority, clock: FixedClock, app_lender: AppLender
) -> Iterator[Site]:
    """A clinic that uses both channels and asks for everything."""
    facility = services.facilities.add(
        code=InstitutionCode("1312345670"),
        registered_name="みどり坂クリニック",
        phone="03-0000-1234",
        hours="月〜金 9:00〜18:00",
        settings=ALL_ITEMS,
        actor="test",
    )
    with services.database.transaction() as connection:
        services.reception.issue_first(connection, facility.id, "test")
    with app_lender.lend(services) as app:
        yield Site(app, services, clock, authority, facility)


@pytest.fixture
def visitor(site: Site) -> Visitor:
    """Somebody with a browser."""
    return site.visitor()


def _card(
    authority: TestAuthority,
    begins: int,
    ends: int,
    generation: Generation = Generation.SECOND,
) -> Signer:
    period = Period(NOW + timedelta(days=begins), NOW + timedelta(days=ends))
    return authority.issue_for(period, generation)


TODAY = date(2026, 11, 20)
