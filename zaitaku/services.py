"""All services of one deployment, made once at start and handed to the HTTP edge."""

from dataclasses import dataclass

from zaitaku.accounts.managing import AccountManagement
from zaitaku.accounts.passwords import Passwords
from zaitaku.accounts.service import AccountService
from zaitaku.accounts.sessions import Sessions
from zaitaku.audit.service import AuditService
from zaitaku.consent.service import ConsentService
from zaitaku.consent.wording import Wordings
from zaitaku.core.clock import Clock, SystemClock
from zaitaku.core.database import Database
from zaitaku.core.ephemeral import EphemeralStore
from zaitaku.core.ephemeral_open import open_ephemeral
from zaitaku.devices.service import DeviceService
from zaitaku.eligibility.medical import MedicalInformationProvider, NoMedicalInformation
from zaitaku.eligibility.provider import EligibilityProvider, NoEligibility
from zaitaku.eligibility.sandbox import SandboxEligibility
from zaitaku.eligibility.sandbox_medical import SandboxMedicalInformation
from zaitaku.facilities.service import FacilityService
from zaitaku.identity.anchors import TrustAnchors
from zaitaku.identity.handover import HandOvers
from zaitaku.identity.keys import RequestKeys
from zaitaku.identity.oidc.client import OpenIdClient
from zaitaku.identity.oidc.client_keys import ClientKeys
from zaitaku.identity.oidc.exchange import HttpExchange
from zaitaku.identity.oidc.provider_keys import ProviderKeys
from zaitaku.identity.oidc.service import CALLBACK_PATH, OpenIdService
from zaitaku.identity.revocation.configured import configured_sources
from zaitaku.identity.service import IdentityService
from zaitaku.identity.verification import ProofVerifier
from zaitaku.jobs.queue import HueyQueue
from zaitaku.jobs.service import JobService
from zaitaku.reception.posters.service import PosterService
from zaitaku.reception.posters.uses import UseCounter
from zaitaku.reception.printing import PrintService
from zaitaku.reception.service import ReceptionService
from zaitaku.reception.tokens import UrlTokens
from zaitaku.settings import Mode, Settings


@dataclass(frozen=True)
class Services:
    """What the edge and the command line call."""

    settings: Settings
    clock: Clock
    database: Database
    ephemeral: EphemeralStore
    facilities: FacilityService
    reception: ReceptionService
    prints: PrintService
    posters: PosterService
    uses: UseCounter
    identity: IdentityService
    openid: OpenIdService | None
    """``None``: this deployment has no OpenID provider."""
    hand_overs: HandOvers
    wordings: Wordings
    consent: ConsentService
    eligibility: EligibilityProvider
    medical: MedicalInformationProvider
    accounts: AccountService
    account_management: AccountManagement
    sessions: Sessions
    jobs: JobService
    audit: AuditService
    devices: DeviceService


def build_services(settings: Settings, clock: Clock | None = None) -> Services:
    """Wire the services of a deployment.

    Raises:
        SettingsError: a file that the settings name is missing or unfit.
    """
    clock = clock or SystemClock()
    database = Database(settings.database_url)
    ephemeral = open_ephemeral(settings.ephemeral_url, clock)
    reception = ReceptionService(
        database=database,
        tokens=UrlTokens(settings.url_keys),
        origin=settings.origin,
        clock=clock,
    )
    wordings = Wordings.load()
    passwords = Passwords()
    accounts = AccountService(
        database=database, ephemeral=ephemeral, clock=clock, passwords=passwords
    )
    identity = _identity(settings, ephemeral, clock)
    eligibility = _eligibility(settings, database, clock)
    return Services(
        settings=settings,
        clock=clock,
        database=database,
        ephemeral=ephemeral,
        facilities=FacilityService(database=database, clock=clock),
        reception=reception,
        prints=PrintService.of(settings, database=database, reception=reception, clock=clock),
        posters=PosterService(database=database, clock=clock),
        uses=UseCounter(database=database, ephemeral=ephemeral, clock=clock),
        identity=identity,
        openid=_openid(settings, identity),
        hand_overs=HandOvers(ephemeral=ephemeral, clock=clock, challenges=identity.challenges),
        wordings=wordings,
        consent=ConsentService(
            database=database,
            reception=reception,
            eligibility=eligibility,
            wordings=wordings,
            clock=clock,
            online_validity_days=settings.online_validity_days,
        ),
        eligibility=eligibility,
        medical=_medical(settings, database, clock),
        accounts=accounts,
        account_management=AccountManagement(database=database, clock=clock, passwords=passwords),
        sessions=Sessions(ephemeral=ephemeral, clock=clock),
        jobs=JobService(database=database, clock=clock, queue=HueyQueue(settings.ephemeral_url)),
        audit=AuditService(database=database, clock=clock),
        devices=DeviceService(database=database, accounts=accounts, clock=clock),
    )


def _eligibility(settings: Settings, database: Database, clock: Clock) -> EligibilityProvider:
    if settings.mode is Mode.SANDBOX:
        return SandboxEligibility(database, clock)
    return NoEligibility()


def _medical(settings: Settings, database: Database, clock: Clock) -> MedicalInformationProvider:
    if settings.mode is Mode.SANDBOX:
        return SandboxMedicalInformation(database, clock)
    return NoMedicalInformation()


def _identity(settings: Settings, ephemeral: EphemeralStore, clock: Clock) -> IdentityService:
    is_sandbox = settings.mode is Mode.SANDBOX
    anchors = TrustAnchors.load(settings.trust_anchors, allow_test=is_sandbox)
    return IdentityService(
        ephemeral=ephemeral,
        request_keys=RequestKeys.load(settings.request_key_file),
        verifier=ProofVerifier(
            anchors=anchors,
            revocation=configured_sources(settings, anchors),
            subject_keys=settings.subject_keys,
        ),
        origin=settings.origin,
        clock=clock,
        lifetime=settings.challenge_lifetime,
        bridge_minimum=settings.bridge_minimum,
    )


def _openid(settings: Settings, identity: IdentityService) -> OpenIdService | None:
    if settings.openid is None:
        return None
    exchange = HttpExchange()
    keys = ProviderKeys(settings.openid.keys_url, exchange=exchange)
    return OpenIdService(
        client=OpenIdClient(
            provider=settings.openid,
            client_keys=ClientKeys.load(settings.openid.key_file),
            provider_keys=keys,
            exchange=exchange,
            clock=identity.clock,
            redirect_uri=settings.origin + CALLBACK_PATH,
        ),
        ephemeral=identity.ephemeral,
        outcomes=identity.outcomes,
        subject_keys=settings.subject_keys,
        origin=settings.origin,
        lifetime=settings.challenge_lifetime,
    )
