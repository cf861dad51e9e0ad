"""The demo's stand-in for the app on a phone: its key, its people, the site's settings for it."""

from datetime import date
from pathlib import Path
from typing import Final

from zaitaku.core.clock import SystemClock, japan_date
from zaitaku.core.files import write_once
from zaitaku.core.signing import Keyring
from zaitaku.demo.places import Places
from zaitaku.eligibility.model import Insured, Sex
from zaitaku.eligibility.sandbox import SandboxEligibility
from zaitaku.identity.oidc.client_keys import ClientKeys, new_key
from zaitaku.identity.oidc.service import CALLBACK_PATH
from zaitaku.identity.oidc.subjects import subject_hashes
from zaitaku.sandbox.people import Person, people_with_phones
from zaitaku.sandbox.provider.app import ACR, Client, StandIn, open_key

CLIENT_ID: Final = "zaitaku-demo"


def make_app_key(places: Places) -> None:
    """Make the key by which the site is known to the stand-in, unless it is there."""
    if not _key_file(places).exists():
        write_once(_key_file(places), new_key())


def app_environ(places: Places) -> dict[str, str]:
    """Return the site's settings for the stand-in."""
    return {
        "ZAITAKU_OIDC_ISSUER": places.provider,
        "ZAITAKU_OIDC_AUTHORIZATION_URL": f"{places.provider}/authorize",
        "ZAITAKU_OIDC_TOKEN_URL": f"{places.provider}/token",
        "ZAITAKU_OIDC_KEYS_URL": f"{places.provider}/keys",
        "ZAITAKU_OIDC_CLIENT_ID": CLIENT_ID,
        "ZAITAKU_OIDC_KEY_FILE": str(_key_file(places)),
        "ZAITAKU_OIDC_ACR_VALUES": ACR,
    }


def stand_in(places: Places) -> StandIn:
    """Return the stand-in, which knows the site and the people of today."""
    return StandIn(
        issuer=places.provider,
        key=open_key(places.data / "provider-key.pem"),
        client=Client(
            id=CLIENT_ID,
            redirect_uri=places.origin + CALLBACK_PATH,
            keys=ClientKeys.load(_key_file(places)).published(),
        ),
        people=people_with_phones(_today()),
    )


def bind_app_people(eligibility: SandboxEligibility, provider: StandIn, subject_key: str) -> None:
    """Let each person be the same one by phone as by card."""
    for subject, person in provider.people.items():
        newest, *_ = subject_hashes(
            issuer=provider.issuer, subject=subject, keys=Keyring((subject_key,))
        )
        eligibility.bind(newest, insured_as(person))


def insured_as(person: Person) -> Insured:
    """Return a demo person as the insurer knows them."""
    return Insured(
        person_key=f"demo:{person.kana}",
        name=person.name,
        kana=person.kana,
        birth_date=person.birth_date,
        sex=Sex(person.sex),
    )


def _key_file(places: Places) -> Path:
    return places.data / "openid-key.pem"


def _today() -> date:
    return japan_date(SystemClock().now())
