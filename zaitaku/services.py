"""All services of one deployment, made once at start and handed to the HTTP edge."""

from dataclasses import dataclass

from zaitaku.accounts.import_seal import PasswordSeal
from zaitaku.accounts.imports import AccountImports
from zaitaku.accounts.managing import AccountManagement
from zaitaku.accounts.own_sign_in import OwnSignInService
from zaitaku.accounts.passkeys import Ceremonies, RelyingParty
from zaitaku.accounts.passwords import Passwords
from zaitaku.accounts.second_factor import SecondFactorService
from zaitaku.accounts.service import AccountService
from zaitaku.accounts.sessions import Sessions
from zaitaku.audit.service import AuditService
from zaitaku.consent.resetting import WithdrawnReset
from zaitaku.consent.service import ConsentService
from zaitaku.consent.withdrawing import WithdrawalService
from zaitaku.consent.wording import Wordings
from zaitaku.core.clock import Clock, SystemClock
from zaitaku.core.database import Database
from zaitaku.core.ephemeral import EphemeralStore
from zaitaku.core.ephemeral_open import open_ephemeral
from zaitaku.core.sealing import Seal
from zaitaku.core.watch import NO_WATCH, Watch
from zaitaku.devices.service import DeviceService
from zaitaku.eligibility.medical import MedicalInformationProvider, NoMedicalInformation
from zaitaku.eligibility.provider import EligibilityProvider, NoEligibility
from zaitaku.eligibility.sandbox import SandboxEligibility
from zaitaku.eligibility.sandbox_medical import SandboxMedicalInformation
from zaitaku.eligibility.set_up import SandboxSetUp
from zaitaku.facilities.registry import FacilityRegistry
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
from zaitaku.reception.links import LinkedApps, NoLinkedApps
from zaitaku.reception.posters.reports import UseReports
from zaitaku.reception.posters.service import PosterService
from zaitaku.reception.posters.uses import UseCounter
from zaitaku.reception.printing import PrintService
from zaitaku.reception.service import ReceptionService
from zaitaku.reception.tokens import UrlTokens
from zaitaku.records.appointments.service import AppointmentService
from zaitaku.records.eligibility import EligibilityChecks
from zaitaku.records.view_export import ViewHistoryService
from zaitaku.records.viewing import ViewingService
from zaitaku.settings import Mode, Settings
from zaitaku.watching.watches import watched


@dataclass(frozen=True)
class Sandbox:
    """What only a connection-verification environment has (domain.md §9)."""

    set_up: SandboxSetUp
    consents: WithdrawnReset


@dataclass(frozen=True)
class Services:
    """What the edge and the command line call."""

    settings: Settings
    clock: Clock
    watch: Watch
    """Who is told what happens."""
    database: Database
    ephemeral: EphemeralStore
    facilities: FacilityService
    registry: FacilityRegistry
    reception: ReceptionService
    prints: PrintService
    posters: PosterService
    uses: UseCounter
    use_reports: UseReports
    linked_apps: LinkedApps
    identity: IdentityService
    openid: OpenIdService | None
    """``None``: this deployment has no OpenID provider."""
    hand_overs: HandOvers
    wordings: Wordings
    consent: ConsentService
    eligibility: EligibilityProvider
    medical: MedicalInformationProvider
    eligibility_checks: EligibilityChecks
    sandbox: Sandbox | None
    """テスト用データセットアップ; ``None``: this deployment is for real patients."""
    accounts: AccountService
    account_management: AccountManagement
    account_imports: AccountImports
    sessions: Sessions
    own_sign_in: OwnSignInService
    second_factor: SecondFactorService
    jobs: JobService
    audit: AuditService
    devices: DeviceService
    withdrawals: WithdrawalService
    viewing: ViewingService
    appointments: AppointmentService
    view_history: ViewHistoryService

    def close(self) -> None:
        """Close all pooled connections to the stores; what is asked later opens new ones."""
        self.jobs.close()
        self.ephemeral.close()
        self.database.close()


def build_services(
    settings: Settings, clock: Clock | None = None, watch: Watch = NO_WATCH
) -> Services:
    """Wire the services of a deployment.

    Raises:
        SettingsError: a file that the settings name is missing or unfit.
    """
    clock = clock or SystemClock()
    database = Database(
        settings.database_url,
        seal=Seal(settings.seal_keys),
        watch=watch,
        standbys=settings.synchronous_standbys,
    )
    ephemeral = watched(open_ephemeral(settings.ephemeral_url, clock), watch)
    sessions = Sessions(ephemeral=ephemeral, clock=clock)
    ceremonies = Ceremonies(ephemeral=ephemeral, relying_party=RelyingParty.of(settings.origin))
    reception = ReceptionService(
        database=database,
        tokens=UrlTokens(settings.url_keys),
        origin=settings.origin,
        clock=clock,
    )
    wordings = Wordings.load()
    passwords = Passwords()
    jobs = JobService(database=database, clock=clock, queue=HueyQueue(settings.ephemeral_url))
    accounts = AccountService(
        database=database, ephemeral=ephemeral, clock=clock, passwords=passwords
    )
    identity = _identity(settings, ephemeral, clock, watch)
    eligibility = _eligibility(settings, database, clock)
    medical = _medical(settings, database, clock)
    return Services(
        settings=settings,
        clock=clock,
        watch=watch,
        database=database,
        ephemeral=ephemeral,
        facilities=FacilityService(database=database, clock=clock),
        registry=FacilityRegistry(database=database, clock=clock),
        reception=reception,
        prints=PrintService.of(settings, database=database, reception=reception, clock=clock),
        posters=PosterService(database=database, clock=clock),
        uses=UseCounter(database=database, ephemeral=ephemeral, clock=clock),
        use_reports=UseReports(database=database, clock=clock, keep_days=settings.traffic_days),
        linked_apps=NoLinkedApps(),
        identity=identity,
        openid=_openid(settings, identity, watch),
        hand_overs=HandOvers(ephemeral=ephemeral, clock=clock, challenges=identity.challenges),
        wordings=wordings,
        consent=ConsentService(
            database=database,
            reception=reception,
            eligibility=eligibility,
            wordings=wordings,
            clock=clock,
            online_validity_days=settings.online_validity_days,
            watch=watch,
        ),
        eligibility=eligibility,
        medical=medical,
        eligibility_checks=EligibilityChecks(database, clock, eligibility),
        sandbox=_sandbox(settings, database, clock, identity),
        accounts=accounts,
        account_management=AccountManagement(database=database, clock=clock, passwords=passwords),
        sessions=sessions,
        own_sign_in=OwnSignInService(
            database=database, ceremonies=ceremonies, sessions=sessions, clock=clock
        ),
        second_factor=SecondFactorService(
            database=database, ephemeral=ephemeral, ceremonies=ceremonies, clock=clock
        ),
        jobs=jobs,
        account_imports=AccountImports(
            database=database,
            clock=clock,
            jobs=jobs,
            passwords=passwords,
            seal=PasswordSeal(settings.session_keys),
        ),
        audit=AuditService(database=database, clock=clock),
        devices=DeviceService(database=database, accounts=accounts, clock=clock),
        withdrawals=WithdrawalService(database, clock),
        viewing=ViewingService(database, medical, clock),
        appointments=AppointmentService(database, clock, settings.appointment_days),
        view_history=ViewHistoryService(database, clock),
    )


def _eligibility(settings: Settings, database: Database, clock: Clock) -> EligibilityProvider:
    if settings.mode is Mode.SANDBOX:
        return SandboxEligibility(database, clock)
    return NoEligibility()


def _medical(settings: Settings, database: Database, clock: Clock) -> MedicalInformationProvider:
    if settings.mode is Mode.SANDBOX:
        return SandboxMedicalInformation(database, clock)
    return NoMedicalInformation()


def _sandbox(
    settings: Settings, database: Database, clock: Clock, identity: IdentityService
) -> Sandbox | None:
    if settings.mode is not Mode.SANDBOX:
        return None
    return Sandbox(
        set_up=SandboxSetUp(database, clock, identity.verifier.hashes_of_serial),
        consents=WithdrawnReset(database, clock),
    )


def _identity(
    settings: Settings, ephemeral: EphemeralStore, clock: Clock, watch: Watch
) -> IdentityService:
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
        watch=watch,
    )


def _openid(settings: Settings, identity: IdentityService, watch: Watch) -> OpenIdService | None:
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
        watch=watch,
    )
