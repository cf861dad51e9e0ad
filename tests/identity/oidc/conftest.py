"""A deployment that is registered at the independent provider."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.identity.asking import LIFETIME
from tests.identity.world import KEYS, ORIGIN
from tests.provider.running import RunningProvider, new_signing_key, running_provider
from zaitaku.core.clock import FixedClock
from zaitaku.core.ephemeral import EphemeralStore
from zaitaku.core.ephemeral_open import open_ephemeral
from zaitaku.core.openid import OpenIdProvider
from zaitaku.identity.oidc.client import OpenIdClient
from zaitaku.identity.oidc.client_keys import ClientKeys, new_key
from zaitaku.identity.oidc.exchange import HttpExchange
from zaitaku.identity.oidc.provider_keys import ProviderKeys
from zaitaku.identity.oidc.service import CALLBACK_PATH, OpenIdService
from zaitaku.identity.outcomes import Outcomes

REDIRECT_URI = ORIGIN + CALLBACK_PATH


@pytest.fixture
def clock() -> FixedClock:
    """This very moment: the provider has a clock of its own."""
    return FixedClock(datetime.now(UTC))


@pytest.fixture
def ephemeral(tmp_path: Path, clock: FixedClock) -> Iterator[EphemeralStore]:
    """A short-lived store that goes by the same moment."""
    opened = open_ephemeral(f"sqlite:///{tmp_path / 'ephemeral.db'}", clock)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The deployment's key."""
    path = tmp_path_factory.mktemp("client") / "openid-key.pem"
    path.write_bytes(new_key())
    return path


@pytest.fixture(scope="session")
def provider(key_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProvider]:
    """The independent provider, which knows this deployment's key."""
    with running_provider(
        tmp_path_factory.mktemp("provider"),
        client_keys=ClientKeys.load(key_file).published(),
        redirect_uri=REDIRECT_URI,
        signing_key=new_signing_key("first"),
    ) as running:
        yield running


Opener = Callable[[OpenIdProvider], OpenIdService]


@pytest.fixture
def opened_with(clock: FixedClock, ephemeral: EphemeralStore) -> Opener:
    """Open a service on given settings."""
    return lambda profile: open_service(profile, clock, ephemeral)


@pytest.fixture
def app(provider: RunningProvider, key_file: Path, opened_with: Opener) -> OpenIdService:
    """The service of a deployment that is registered at the running provider."""
    return opened_with(provider.profile(key_file))


def open_service(
    profile: OpenIdProvider, clock: FixedClock, ephemeral: EphemeralStore
) -> OpenIdService:
    """Return a service as ``zaitaku.services`` makes it."""
    exchange = HttpExchange()
    return OpenIdService(
        client=OpenIdClient(
            provider=profile,
            client_keys=ClientKeys.load(profile.key_file),
            provider_keys=ProviderKeys(profile.keys_url, exchange=exchange),
            exchange=exchange,
            clock=clock,
            redirect_uri=REDIRECT_URI,
        ),
        ephemeral=ephemeral,
        outcomes=Outcomes(ephemeral, LIFETIME),
        subject_keys=KEYS,
        origin=ORIGIN,
        lifetime=LIFETIME,
    )
