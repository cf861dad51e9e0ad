"""The deployment's settings: read once, frozen, checked; production unless told otherwise."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Final, Self
from urllib.parse import urlsplit

from zaitaku.core.errors import SettingsError
from zaitaku.core.openid import OpenIdProvider
from zaitaku.core.replication import MOST_STANDBYS
from zaitaku.core.sealing import PLAIN, UNSEALED, SealRing
from zaitaku.core.signing import Keyring, looks_random
from zaitaku.core.site_operator import SiteOperator
from zaitaku.core.store_addresses import check_ephemeral_address, check_sql_address
from zaitaku.core.watch_settings import WatchSettings
from zaitaku.core.web_addresses import is_number, is_private_way, is_web_address
from zaitaku.wire import BRIDGE_PORTS, MalformedMessage, version_of

LONGEST_VALIDITY_DAYS = 366
SHORTEST_TRAFFIC_DAYS = 31
"""No less than what the pages call recent."""
LONGEST_TRAFFIC_DAYS = 3660
LARGEST_CROWD = 1000
HIGHEST_PORT = 65535
LONGEST_FRESHNESS: Final = timedelta(days=1)
_DAY_IN_MINUTES: Final = 24 * 60
_CONTACT: Final = re.compile(r"(?:mailto:|https://|tel:)[!-~]+")
_HEADER_WORD: Final = re.compile(r"[!-~]+")
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST_NAME: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
"""Letters, digits, hyphens (RFC 1123 §2.1); other scripts as their ASCII form."""


class Mode(StrEnum):
    """What kind of deployment this is."""

    PRODUCTION = "production"
    SANDBOX = "sandbox"
    """Synthetic patients and a test authority; never for real patients."""


@dataclass(frozen=True)
class RevocationService:
    """An operator's own service that knows about revocations (``docs/revocation-service.md``).

    Raises:
        SettingsError: a value is missing or unsafe.
    """

    url: str
    """An operator's own service that knows about revocations
    ([revocation-service.md](revocation-service.md)), https."""
    key: str = field(repr=False)
    """The key that is shown to that service with each question."""
    ca_file: Path | None = None
    """PEM file of certificate authorities to trust for that service instead of the system's."""
    is_stapled: bool = False
    """1: that service must hand over the authority's own answer each time."""

    def __post_init__(self) -> None:
        if not is_private_way(self.url):
            raise SettingsError("ZAITAKU_REVOCATION_URL must be an https address")
        if not _HEADER_WORD.fullmatch(self.key):
            raise SettingsError("ZAITAKU_REVOCATION_KEY must be visible ASCII without spaces")

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Self | None:
        """Read the service from environment variables; ``None`` when there is none."""
        url = environ.get("ZAITAKU_REVOCATION_URL")
        if not url:
            return None
        ca_file = environ.get("ZAITAKU_REVOCATION_CA_FILE")
        return cls(
            url,
            _required(environ, "ZAITAKU_REVOCATION_KEY"),
            Path(ca_file) if ca_file else None,
            _switch(environ, "ZAITAKU_REVOCATION_STAPLED"),
        )


@dataclass(frozen=True)
class Settings:
    """Everything that a deployment decides.

    Raises:
        SettingsError: a value is missing, weak, or contradicts another.
    """

    mode: Mode
    """``production``, also when it is not set, or ``sandbox``: test authority, synthetic
    patients."""
    origin: str
    """Scheme and host under which patients reach the site, as browsers write it (lower case, no
    default port): ``https://zaitaku.example``; https in production."""
    database_url: str = field(repr=False)
    """``sqlite:////var/lib/zaitaku/zaitaku.db`` (a file) or ``postgresql+psycopg://…``; several
    servers of one cluster ([cluster.md](cluster.md)):
    ``postgresql+psycopg://zaitaku@/zaitaku?host=a:5432&host=b:5432&target_session_attrs=read-write``."""
    ephemeral_url: str = field(repr=False)
    """``redis://…``, ``redis+sentinel://a:26379,b:26379,c:26379/service/0``, or an SQLite file or
    ``postgresql+psycopg://…`` of its own."""
    url_keys: Keyring
    """Keys that sign reception URLs, newest first. Changing the newest does not retire printed
    posters."""
    session_keys: Keyring
    """Keys that sign session cookies and form tokens, newest first."""
    subject_keys: Keyring
    """Keys that hash certificate serials, newest first. Losing them separates patients from their
    cards: back them up with the database."""
    request_key_file: Path
    """PEM file of the Ed25519 key that signs card requests."""
    trust_anchors: tuple[Path, ...]
    """PEM files of the root certificates of the authentication certificates; a test root refuses
    to start in production."""
    seal_keys: SealRing = UNSEALED
    """Keys that seal the few columns that nobody searches, newest first; ``plain`` stands for no
    seal. Needed in production. Losing them loses what they sealed."""
    crl_file: Path | None = None
    """The authority's revocation lists (PEM, several, or one in DER); past their nextUpdate every
    proof is refused. One of this, ``ZAITAKU_OCSP_URL`` and ``ZAITAKU_REVOCATION_URL`` is needed."""
    ocsp_url: str | None = None
    """OCSP responder; with other sources, all must call a certificate good."""
    crl_url: str | None = None
    """Where ``ZAITAKU_CRL_FILE`` is renewed from; without it, somebody else renews it."""
    ocsp_freshness: timedelta | None = None
    """How old an OCSP answer without our nonce may be, 1 to 1440 minutes; 0 or not set: from a
    responder a nonce is needed, a stapled answer is good for a day."""
    revocation_service: RevocationService | None = None
    """An operator's own service; with others, all must call a certificate good."""
    online_validity_days: int = 1
    """Days after the 受診日 until whose end an online consent holds, at most 366."""
    challenge_lifetime: timedelta = timedelta(minutes=10)
    journey_lifetime: timedelta = timedelta(hours=12)
    bridge_ports: tuple[int, ...] = BRIDGE_PORTS
    """Loopback ports at which the card page looks for the card bridge, in this order, 1 to
    65535."""
    bridge_minimum: str = ""
    """Lowest version of the card bridge that is still served, like ``1.2.3``; older ones show a
    page that leads back to the site, which says where to get the new one; empty: any."""
    bridge_download: str = ""
    """Where patients get the card bridge, https; empty: they are told to ask their facility."""
    openid: OpenIdProvider | None = None
    """Who reads the card by the patient's phone; ``None``: that way is not offered."""
    job_result_days: int = 30
    """Days for which files made in the background (exports, results of bulk registration) can be
    downloaded, at most 366."""
    appointment_days: int = 30
    """Days after its day until an appointment (受診予定) is forgotten, at most 366."""
    traffic_days: int = 400
    """Days for which it is kept how often each URL and poster was used, 31 to 3660: a year can be
    compared."""
    crowd_factor: int = 1
    """By how much the limits on what patients do are raised (``docs/overload.md``), for days on
    which very many come, and for load tests; those on log-ins and activations stay."""
    security_contact: str = ""
    """Whom to tell about a security problem, for ``/.well-known/security.txt`` (RFC 9116):
    ``mailto:…``, ``https://…`` or ``tel:…``; empty: there is no such page."""
    trusted_proxies: int = 0
    """How many reverse proxies stand in front and set ``X-Forwarded-For``. In production it must be
    said; 0 must be said as well."""
    synchronous_standbys: int = 0
    """How many standbys of PostgreSQL must have a consent before it is acknowledged; a database
    that waits for fewer (``synchronous_standby_names``) is not used. 0: its own affair."""
    operator: SiteOperator = field(default_factory=SiteOperator)
    """Who runs the site, as patients are told."""
    watching: WatchSettings = field(default_factory=WatchSettings)
    """Who may ask for metrics, and where traces go."""

    def __post_init__(self) -> None:
        self._check_origin()
        self._check_keys()
        self._check_authority()
        self._check_openid()
        self._check_numbers()
        _check_version("ZAITAKU_BRIDGE_MINIMUM", self.bridge_minimum)
        self._check_download()
        _check_contact(self.security_contact)
        check_sql_address("ZAITAKU_DATABASE_URL", self.database_url)
        if self.synchronous_standbys and self.database_url.startswith("sqlite"):
            raise SettingsError("ZAITAKU_SYNCHRONOUS_STANDBYS needs PostgreSQL")
        check_ephemeral_address(self.ephemeral_url)

    def _check_origin(self) -> None:
        if not _is_origin(self.origin):
            raise SettingsError("ZAITAKU_ORIGIN must be a scheme and a host in lower case, no more")
        if self.mode is Mode.PRODUCTION and not self.is_tls:
            raise SettingsError("ZAITAKU_ORIGIN must be https in production")

    def _check_keys(self) -> None:
        rings = (self.url_keys.keys, self.session_keys.keys, self.subject_keys.keys)
        keys = [set(ring) for ring in (*rings, self.seal_keys.secrets)]
        if len(set.union(*keys)) < sum(map(len, keys)):
            raise SettingsError(
                "two of ZAITAKU_URL_KEYS, ZAITAKU_SESSION_KEYS, ZAITAKU_SUBJECT_KEYS and"
                " ZAITAKU_SEAL_KEYS share a key"
            )

    def _check_authority(self) -> None:
        if not self.trust_anchors:
            raise SettingsError("ZAITAKU_TRUST_ANCHORS names no root certificate")
        if self.crl_file is None and self.ocsp_url is None and self.revocation_service is None:
            raise SettingsError(
                "none of ZAITAKU_CRL_FILE, ZAITAKU_OCSP_URL and ZAITAKU_REVOCATION_URL is given"
            )
        if self.crl_url is not None and self.crl_file is None:
            raise SettingsError("ZAITAKU_CRL_URL needs a ZAITAKU_CRL_FILE to keep the lists in")
        for name, url in (("OCSP_URL", self.ocsp_url), ("CRL_URL", self.crl_url)):
            if url is not None and not is_web_address(url):
                raise SettingsError(f"ZAITAKU_{name} must be an http or https address")
        if not timedelta(0) < (self.ocsp_freshness or LONGEST_FRESHNESS) <= LONGEST_FRESHNESS:
            raise SettingsError("ZAITAKU_OCSP_FRESHNESS_MINUTES must be 0 to 1440")

    def _check_openid(self) -> None:
        if self.openid and self.mode is Mode.PRODUCTION and not self.openid.is_tls:
            raise SettingsError("ZAITAKU_OIDC_… addresses must be https in production")

    def _check_download(self) -> None:
        url = self.bridge_download
        if url and not is_private_way(url):
            raise SettingsError("ZAITAKU_BRIDGE_DOWNLOAD_URL must be an https address")

    def _check_numbers(self) -> None:
        for name, days, first, last in (
            ("ONLINE_VALIDITY_DAYS", self.online_validity_days, 0, LONGEST_VALIDITY_DAYS),
            ("JOB_RESULT_DAYS", self.job_result_days, 1, LONGEST_VALIDITY_DAYS),
            ("APPOINTMENT_DAYS", self.appointment_days, 1, LONGEST_VALIDITY_DAYS),
            ("TRAFFIC_DAYS", self.traffic_days, SHORTEST_TRAFFIC_DAYS, LONGEST_TRAFFIC_DAYS),
            ("CROWD_FACTOR", self.crowd_factor, 1, LARGEST_CROWD),
            ("SYNCHRONOUS_STANDBYS", self.synchronous_standbys, 0, MOST_STANDBYS),
        ):
            if not first <= days <= last:
                raise SettingsError(f"ZAITAKU_{name} must be {first} to {last}")
        if self.trusted_proxies < 0:
            raise SettingsError("ZAITAKU_TRUSTED_PROXIES must not be negative")
        if self.watching.traces_from_proxy and not self.trusted_proxies:
            raise SettingsError("ZAITAKU_TRACES_FROM_PROXY needs a ZAITAKU_TRUSTED_PROXIES")
        if any(not 0 < port <= HIGHEST_PORT for port in self.bridge_ports):
            raise SettingsError(f"ZAITAKU_BRIDGE_PORTS must be 1 to {HIGHEST_PORT}")

    @property
    def is_tls(self) -> bool:
        """Whether patients reach the site over TLS."""
        return self.origin.startswith("https://")

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """Read the settings from environment variables.

        Raises:
            SettingsError: a variable is missing or breaks its rule; the detail names it.
        """
        crl_file = environ.get("ZAITAKU_CRL_FILE")
        mode = _mode(environ)
        return cls(
            mode=mode,
            origin=_required(environ, "ZAITAKU_ORIGIN").rstrip("/"),
            database_url=_required(environ, "ZAITAKU_DATABASE_URL"),
            ephemeral_url=_required(environ, "ZAITAKU_EPHEMERAL_URL"),
            url_keys=_keyring(environ, "ZAITAKU_URL_KEYS"),
            session_keys=_keyring(environ, "ZAITAKU_SESSION_KEYS"),
            subject_keys=_keyring(environ, "ZAITAKU_SUBJECT_KEYS"),
            seal_keys=_seal_ring(environ, mode),
            request_key_file=Path(_required(environ, "ZAITAKU_REQUEST_KEY_FILE")),
            trust_anchors=tuple(
                Path(name) for name in _words(_required(environ, "ZAITAKU_TRUST_ANCHORS"))
            ),
            crl_file=Path(crl_file) if crl_file else None,
            ocsp_url=environ.get("ZAITAKU_OCSP_URL") or None,
            crl_url=environ.get("ZAITAKU_CRL_URL") or None,
            ocsp_freshness=_minutes(environ, "ZAITAKU_OCSP_FRESHNESS_MINUTES"),
            revocation_service=RevocationService.from_env(environ),
            openid=OpenIdProvider.from_env(environ),
            bridge_ports=_ports(environ),
            bridge_minimum=environ.get("ZAITAKU_BRIDGE_MINIMUM", "").strip(),
            bridge_download=environ.get("ZAITAKU_BRIDGE_DOWNLOAD_URL", "").strip(),
            online_validity_days=_number(environ, "ZAITAKU_ONLINE_VALIDITY_DAYS", 1),
            security_contact=environ.get("ZAITAKU_SECURITY_CONTACT", "").strip(),
            job_result_days=_number(environ, "ZAITAKU_JOB_RESULT_DAYS", 30),
            appointment_days=_number(environ, "ZAITAKU_APPOINTMENT_DAYS", 30),
            traffic_days=_number(environ, "ZAITAKU_TRAFFIC_DAYS", 400),
            crowd_factor=_number(environ, "ZAITAKU_CROWD_FACTOR", 1),
            trusted_proxies=_proxies(environ, mode),
            synchronous_standbys=_number(environ, "ZAITAKU_SYNCHRONOUS_STANDBYS", 0),
            operator=SiteOperator.from_env(environ),
            watching=WatchSettings.from_env(environ),
        )


def _is_origin(value: str) -> bool:
    # Written as browsers write it (RFC 6454 §6.2): it is compared with theirs, letter by letter.
    try:
        parts = urlsplit(value)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    written = f"[{host}]" if ":" in host else host
    written += "" if port is None else f":{port}"
    is_bare = value == f"{parts.scheme}://{written}"
    is_needed = port != 0 and port != _DEFAULT_PORTS.get(parts.scheme)
    return is_bare and parts.scheme in _DEFAULT_PORTS and is_needed and _is_host(host)


def _is_host(name: str) -> bool:
    # It is written into headers, so nothing may stand in it that separates there.
    return is_number(name) or bool(_HOST_NAME.fullmatch(name))


def _switch(environ: Mapping[str, str], name: str) -> bool:
    value = _number(environ, name, 0)
    if value not in (0, 1):
        raise SettingsError(f"{name} must be 0 or 1")
    return value == 1


def _minutes(environ: Mapping[str, str], name: str) -> timedelta | None:
    minutes = _number(environ, name, 0)
    if abs(minutes) > _DAY_IN_MINUTES:
        raise SettingsError(f"{name} must be 0 to {_DAY_IN_MINUTES}")
    return timedelta(minutes=minutes) if minutes else None


def _required(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name, "").strip()
    if not value:
        raise SettingsError(f"{name} is not set")
    return value


def _words(value: str) -> list[str]:
    return value.replace(",", " ").split()


def _mode(environ: Mapping[str, str]) -> Mode:
    try:
        return Mode(environ.get("ZAITAKU_MODE", Mode.PRODUCTION))
    except ValueError:
        raise SettingsError("ZAITAKU_MODE must be production or sandbox") from None


def _number(environ: Mapping[str, str], name: str, default: int) -> int:
    try:
        return int(environ.get(name, default))
    except ValueError:
        raise SettingsError(f"{name} must be a whole number") from None


def _proxies(environ: Mapping[str, str], mode: Mode) -> int:
    # TLS ends in a proxy, and a wrong number of them makes every patient one address, or lets
    # anyone choose theirs: whoever deploys has to count.
    name = "ZAITAKU_TRUSTED_PROXIES"
    if mode is Mode.PRODUCTION:
        _required(environ, name)
    return _number(environ, name, 0)


def _ports(environ: Mapping[str, str]) -> tuple[int, ...]:
    words = _words(environ.get("ZAITAKU_BRIDGE_PORTS", ""))
    try:
        return tuple(int(word) for word in words) or BRIDGE_PORTS
    except ValueError:
        raise SettingsError("ZAITAKU_BRIDGE_PORTS must be port numbers") from None


def _check_version(name: str, text: str) -> None:
    try:
        version_of(text or "0")
    except MalformedMessage:
        raise SettingsError(f"{name} must be a version like 1.2.3") from None


def _check_contact(contact: str) -> None:
    if contact and not _CONTACT.fullmatch(contact):
        raise SettingsError("ZAITAKU_SECURITY_CONTACT must begin with mailto:, https:// or tel:")


def _keyring(environ: Mapping[str, str], name: str) -> Keyring:
    keys = tuple(_words(_required(environ, name)))
    if not all(map(looks_random, keys)):
        raise SettingsError(f"{name}: a key is too short or too regular; draw it at random")
    return Keyring(keys)


def _seal_ring(environ: Mapping[str, str], mode: Mode) -> SealRing:
    # In production somebody has to decide it, even if only for "plain".
    name = "ZAITAKU_SEAL_KEYS"
    written = _required(environ, name) if mode is Mode.PRODUCTION else environ.get(name, "")
    keys = tuple(_words(written)) or UNSEALED.keys
    if not all(map(looks_random, (key for key in keys if key != PLAIN))):
        raise SettingsError(f"{name}: a key is too short or too regular; draw it at random")
    if len(set(keys)) < len(keys):
        raise SettingsError(f"{name} names a key twice")
    return SealRing(keys)
