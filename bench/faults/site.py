"""A site to be hurt: several clinics on given stores, many patients' cards, one revocation list."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final, Self
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from bench.faults.posters import Poster, read_cards, write_posters
from tests.servers import free_port
from zaitaku.core.clock import SystemClock
from zaitaku.demo.places import Places
from zaitaku.demo.setup import prepare
from zaitaku.eligibility.model import Insured, Sex
from zaitaku.eligibility.store import SandboxPeople
from zaitaku.facilities.model import Channel, EnvironmentSettings, Facility, InstitutionCode
from zaitaku.identity.subjects import subject_hashes
from zaitaku.sandbox.authority import Generation, TestAuthority
from zaitaku.sandbox.profile import Period, Signer, card_builder, digest_for, new_key
from zaitaku.services import Services, build_services
from zaitaku.settings import Settings

CODES: Final = ("1310123456", "2740000017", "1310000019", "1310000027")
PATIENTS: Final = 24
ACTOR: Final = "faults"
_LIST_AGE: Final = timedelta(days=2)
"""So old is the revocation list, so that it is valid for a clock that is a day behind, too."""
_BORN: Final = date(1941, 2, 3)
_SETTINGS: Final = EnvironmentSettings(
    surgery=True, clinical=True, medication=False, home_visit=True, online=True
)
_SYLLABLES: Final = "アイウエオカキクケコ"


@dataclass(frozen=True)
class Stores:
    """Addresses as ``ZAITAKU_DATABASE_URL`` and ``ZAITAKU_EPHEMERAL_URL`` take them."""

    database_url: str
    ephemeral_url: str

    def environ(self) -> dict[str, str]:
        """Return them as settings."""
        return {
            "ZAITAKU_DATABASE_URL": self.database_url,
            "ZAITAKU_EPHEMERAL_URL": self.ephemeral_url,
        }


@dataclass(frozen=True)
class Site:
    """Everything about a site but its processes."""

    folder: Path
    """What its processes and patients write."""
    port: int
    environ: dict[str, str] = field(repr=False)
    facilities: tuple[Facility, ...]
    """The first is the clinic with accounts; patients go to all."""
    cards: Path
    """The patients' cards (``read_cards``)."""
    user_id: str
    """Of the clinic's administrator, who may see medical information."""
    password: str = field(repr=False)

    @classmethod
    def prepare(
        cls,
        folder: Path,
        stores: Stores,
        *,
        patients: int = PATIENTS,
        keys: Path | None = None,
        host: str = "localhost",
        settings: Mapping[str, str] | None = None,
    ) -> Self:
        """Make the tables, the clinics and the cards; the stores answer, the site does not run.

        Keys, authority and cards are made in the folder ``keys`` or taken from there: sites on
        other stores can share them. ``settings`` are further variables of the environment, or
        other values for them.
        """
        folder.mkdir(parents=True, exist_ok=True)
        keys, port = keys or folder / "keys", free_port()
        places = Places.from_env(
            {
                "ZAITAKU_DATA": str(keys),
                "ZAITAKU_PORT": str(port),
                "ZAITAKU_BRIDGE_PORT": str(free_port()),
                "ZAITAKU_PROVIDER_PORT": str(free_port()),
            }
        )
        # A list alone tells about revocation: patients and server have no third program to share.
        # Patients come from many addresses, as behind a proxy that names them.
        own = {
            **stores.environ(),
            "ZAITAKU_ORIGIN": f"http://{host}:{port}",
            "ZAITAKU_OCSP_URL": "",
            "ZAITAKU_TRUSTED_PROXIES": "1",
            "ZAITAKU_CROWD_FACTOR": "1000",
            **(settings or {}),
        }
        ready = prepare(places, is_empty=True, instead=own)
        environ = {**ready.environ, **own}
        with services_on(environ) as services:
            clinic = services.facilities.find(InstitutionCode(str(ready.summary["facility_code"])))
            others = tuple(_clinic(services, code) for code in CODES)
            cards = _cards(keys, services, patients)
        login = ready.summary["console"]
        return cls(
            folder=folder,
            port=port,
            environ=environ,
            facilities=(clinic, *others),
            cards=cards,
            user_id=login["user_id"],
            password=login["password"],
        )

    @property
    def origin(self) -> str:
        """Where patients find it."""
        return self.environ["ZAITAKU_ORIGIN"]

    @property
    def host(self) -> str:
        """The name or address of the machine in it."""
        return str(urlsplit(self.origin).hostname)

    @property
    def posters_file(self) -> Path:
        """What hangs on the walls now."""
        return self.folder / "posters.json"

    @contextmanager
    def services(self) -> Iterator[Services]:
        """Open the site's own stores, as the operator's command line does."""
        with services_on(self.environ) as opened:
            yield opened

    def hang_posters(self, services: Services) -> None:
        """Show patients the present address of every clinic."""
        write_posters(self.posters_file, [poster_of(services, each) for each in self.facilities])


@contextmanager
def services_on(environ: Mapping[str, str]) -> Iterator[Services]:
    """Open the services of a deployment with these settings."""
    services = build_services(Settings.from_env(environ))
    try:
        yield services
    finally:
        services.database.close()
        services.ephemeral.close()


def poster_of(services: Services, facility: Facility) -> Poster:
    """Return what hangs on a clinic's wall when it was printed now."""
    current = services.reception.show(facility.id, Channel.HOME_VISIT).current
    return Poster(services.reception.address(current), str(current.id))


def _clinic(services: Services, code: str) -> Facility:
    return services.facilities.add(
        InstitutionCode(code),
        registered_name=f"ためし診療所{code[:4]}",
        phone="03-0000-1234",
        hours="",
        settings=_SETTINGS,
        actor=ACTOR,
        founding=services.reception.issue_first,
    )


class _Earlier(SystemClock):
    def now(self) -> datetime:
        """Return the moment for which the list is made."""
        return super().now() - _LIST_AGE


def _cards(keys: Path, services: Services, count: int) -> Path:
    authority = TestAuthority.open(keys / "authority", _Earlier())
    authority.refresh(force=True)
    root, path = authority.roots[Generation.SECOND], keys / "patients.json"
    if not path.exists():
        _make_cards(path, root, authority.clock.now(), count)
    with services.database.transaction() as connection:
        people = SandboxPeople(connection)
        for turn, card in enumerate(read_cards(path)):
            newest, *_ = subject_hashes(
                certificate=x509.load_der_x509_certificate(bytes.fromhex(card.certificate)),
                issuer=root.certificate,
                keys=services.settings.subject_keys,
            )
            people.put(newest, _person(turn))
    return path


def _make_cards(path: Path, root: Signer, now: datetime, count: int) -> None:
    # All of one key: making a key takes longer than all the rest. Each has a serial of its own,
    # so each is another patient's.
    key = new_key()
    subject = x509.Name([x509.NameAttribute(NameOID.COUNTRY_NAME, "JP")])
    period = Period(now - timedelta(days=400), now + timedelta(days=400))
    made = [
        card_builder(root, subject, key.public_key(), period).sign(root.key, digest_for(root.key))
        for _ in range(count)
    ]
    certificates = [each.public_bytes(Encoding.DER).hex() for each in made]
    body = {"key": Signer(made[0], key).pem(), "certificates": certificates}
    path.write_text(json.dumps(body), "utf-8")


def _person(turn: int) -> Insured:
    given = "".join(_SYLLABLES[int(digit)] for digit in f"{turn:03}")
    born = _BORN + timedelta(days=turn)
    return Insured(f"faults:{turn}", f"試験　{given}", f"シケン　{given}", born, Sex.FEMALE)
