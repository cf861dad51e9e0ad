"""A site to be hurt: several clinics on given stores, many patients' cards, one revocation list."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final, Self

from cryptography.hazmat.primitives.serialization import Encoding

from bench.faults.load import write_posters
from bench.faults.patients import Poster
from tests.servers import free_port
from zaitaku.core.clock import SystemClock, japan_date
from zaitaku.demo.places import Places
from zaitaku.demo.setup import prepare
from zaitaku.eligibility.model import Insured, Sex
from zaitaku.eligibility.sandbox import SandboxEligibility
from zaitaku.facilities.model import Channel, EnvironmentSettings, Facility, InstitutionCode
from zaitaku.identity.subjects import subject_hashes
from zaitaku.sandbox.authority import Generation, TestAuthority
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
    port: int
    environ: dict[str, str] = field(repr=False)
    facilities: tuple[Facility, ...]
    """The first is the clinic with accounts; patients go to all."""
    cards: tuple[Path, ...]
    facts: Mapping[str, object] = field(repr=False, default_factory=dict)
    """The demo's summary: who may log in, and where."""

    @classmethod
    def prepare(
        cls,
        folder: Path,
        stores: Stores,
        *,
        patients: int = PATIENTS,
        port: int | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> Self:
        """Make the tables, the clinics and the cards; the stores answer, the site does not run.

        ``settings`` are further variables of the environment, or other values for them.
        """
        port = port or free_port()
        places = Places.from_env(
            {
                "ZAITAKU_DATA": str(folder),
                "ZAITAKU_PORT": str(port),
                "ZAITAKU_BRIDGE_PORT": str(free_port()),
                "ZAITAKU_PROVIDER_PORT": str(free_port()),
            }
        )
        # A list alone tells about revocation: patients and server have no third program to share.
        own = {**stores.environ(), "ZAITAKU_OCSP_URL": "", **(settings or {})}
        ready = prepare(places, is_empty=True, instead=own)
        environ = {**ready.environ, **own}
        with services_on(environ) as services:
            clinic = services.facilities.find(InstitutionCode(str(ready.summary["facility_code"])))
            others = tuple(_clinic(services, code) for code in CODES)
            cards = _cards(folder / "authority", folder / "patients", services, patients)
        return cls(folder, port, environ, (clinic, *others), cards, ready.summary)

    @property
    def origin(self) -> str:
        """Where patients find it."""
        return self.environ["ZAITAKU_ORIGIN"]

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


def _cards(
    authority_folder: Path, folder: Path, services: Services, count: int
) -> tuple[Path, ...]:
    authority = TestAuthority.open(authority_folder, _Earlier())
    authority.refresh(force=True)
    folder.mkdir()
    return tuple(
        _card(authority, services, turn, folder / f"{turn:03}.json") for turn in range(count)
    )


def _card(authority: TestAuthority, services: Services, turn: int, path: Path) -> Path:
    born = _BORN + timedelta(days=turn)
    issued_on = japan_date(services.clock.now()) - timedelta(days=400)
    signer = authority.issue(birth_date=born, issued_on=issued_on)
    newest, *_ = subject_hashes(
        certificate=signer.certificate,
        issuer=authority.roots[Generation.SECOND].certificate,
        keys=services.settings.subject_keys,
    )
    given = "".join(_SYLLABLES[int(digit)] for digit in f"{turn:03}")
    name = Insured(f"faults:{turn}", f"試験　{given}", f"シケン　{given}", born, Sex.FEMALE)
    SandboxEligibility(services.database).bind(newest, name)
    der = signer.certificate.public_bytes(Encoding.DER)
    path.write_text(json.dumps({"certificate": der.hex(), "key": signer.pem()}), "utf-8")
    return path
