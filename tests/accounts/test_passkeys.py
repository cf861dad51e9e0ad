"""Challenges and the checks of what browsers answer to them."""

import base64
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.accounts.software_key import SoftwareKey
from tests.conftest import NOW
from zaitaku.accounts.model import Account, Role
from zaitaku.accounts.passkeys import (
    ANSWER_CHARACTERS,
    Ceremonies,
    Purpose,
    RelyingParty,
    shown_passkey,
    steps_back,
)
from zaitaku.accounts.sign_in_model import (
    Passkey,
    PasskeyId,
    PasskeyRefused,
    VerifiedUse,
    check_passkey_name,
)
from zaitaku.core.clock import FixedClock
from zaitaku.core.ephemeral import EphemeralStore
from zaitaku.core.errors import InvalidField
from zaitaku.core.ids import AccountId, FacilityId, new_uuid

ORIGIN = "http://localhost:8000"
ME = "session-1"

ACCOUNT = Account(
    id=AccountId(new_uuid()),
    facility_id=FacilityId(new_uuid()),
    user_id="kanri",
    role=Role.ADMIN,
    name="みどり",
    kana="ミドリ",
    starts_on=None,
    ends_on=None,
    is_enabled=True,
    wrong_passwords=0,
    locked_at=None,
    password_changed_at=NOW,
    must_change_password=False,
    is_deleted=False,
)


@pytest.fixture
def ceremonies(ephemeral: EphemeralStore) -> Ceremonies:
    return Ceremonies(ephemeral=ephemeral, relying_party=RelyingParty.of(ORIGIN))


def registered(ceremonies: Ceremonies, key: SoftwareKey) -> Passkey:
    ceremony = ceremonies.begin_registration(ACCOUNT, (), whose=ME)
    challenge = ceremonies.take_challenge(ceremony.name, Purpose.REGISTER, whose=ME)
    verified = ceremonies.verify_registration(challenge, key.create(ceremony.options))
    return Passkey(
        id=PasskeyId(new_uuid()),
        account_id=ACCOUNT.id,
        name="受付",
        credential_id=verified.credential_id,
        public_key=verified.public_key,
        sign_count=verified.sign_count,
        transports=verified.transports,
        is_backed_up=verified.is_backed_up,
        created_at=NOW,
        used_at=None,
        suspended_at=None,
    )


def test_a_passkey_is_made_with_user_verification_and_without_attestation(
    ceremonies: Ceremonies,
) -> None:
    key = SoftwareKey(ORIGIN)
    passkey = registered(ceremonies, key)
    asked = json.loads(ceremonies.begin_registration(ACCOUNT, [passkey], whose=ME).options)
    assert asked["authenticatorSelection"]["userVerification"] == "required"
    assert asked["authenticatorSelection"]["residentKey"] == "required"
    assert asked["attestation"] == "none"
    assert [each["transports"] for each in asked["excludeCredentials"]] == [["hybrid", "internal"]]
    assert passkey.credential_id == key.credential_id
    assert key.user_handle == ACCOUNT.id.bytes


def test_a_proof_is_verified(ceremonies: Ceremonies) -> None:
    key = SoftwareKey(ORIGIN, count=4)
    passkey = registered(ceremonies, key)
    ceremony = ceremonies.begin_proof(Purpose.LOG_IN, (), whose=ME)
    assert "allowCredentials" not in ceremony.options or not json.loads(ceremony.options).get(
        "allowCredentials"
    )
    challenge = ceremonies.take_challenge(ceremony.name, Purpose.LOG_IN, whose=ME)
    key.count = 5
    answer = key.get(ceremony.options)
    assert shown_passkey(answer).user_handle == ACCOUNT.id.bytes
    assert ceremonies.verify_use(passkey, challenge, answer).sign_count == 5


@pytest.mark.parametrize(
    ("purpose", "whose"), [(Purpose.SECOND_STEP, ME), (Purpose.LOG_IN, "session-2")]
)
def test_a_challenge_serves_its_purpose_and_its_session_only(
    ceremonies: Ceremonies, purpose: Purpose, whose: str
) -> None:
    ceremony = ceremonies.begin_proof(Purpose.LOG_IN, (), whose=ME)
    with pytest.raises(PasskeyRefused):
        ceremonies.take_challenge(ceremony.name, purpose, whose=whose)


def test_a_challenge_is_taken_once_and_dies_after_ten_minutes(
    ceremonies: Ceremonies, clock: FixedClock
) -> None:
    once = ceremonies.begin_proof(Purpose.LOG_IN, (), whose=ME)
    ceremonies.take_challenge(once.name, Purpose.LOG_IN, whose=ME)
    late = ceremonies.begin_proof(Purpose.LOG_IN, (), whose=ME)
    clock.advance(timedelta(minutes=10))
    for ceremony in (once, late):
        with pytest.raises(PasskeyRefused):
            ceremonies.take_challenge(ceremony.name, Purpose.LOG_IN, whose=ME)


WRONG: dict[str, Callable[[SoftwareKey], None]] = {
    "another site": lambda key: setattr(key, "origin", "http://evil.example"),
    "another relying party": lambda key: setattr(key, "rp_id", "evil.example"),
    "no user verification": lambda key: setattr(key, "verifies_user", False),
    "another key": lambda key: key.__post_init__(),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_proof_that_is_wrong_in_one_point_is_refused(ceremonies: Ceremonies, wrong: str) -> None:
    key = SoftwareKey(ORIGIN)
    passkey = registered(ceremonies, key)
    ceremony = ceremonies.begin_proof(Purpose.LOG_IN, (), whose=ME)
    challenge = ceremonies.take_challenge(ceremony.name, Purpose.LOG_IN, whose=ME)
    WRONG[wrong](key)
    with pytest.raises(PasskeyRefused):
        ceremonies.verify_use(passkey, challenge, key.get(ceremony.options))


def test_a_proof_for_another_challenge_is_refused(ceremonies: Ceremonies) -> None:
    key = SoftwareKey(ORIGIN)
    passkey = registered(ceremonies, key)
    first = ceremonies.begin_proof(Purpose.LOG_IN, (), whose=ME)
    second = ceremonies.begin_proof(Purpose.LOG_IN, (), whose=ME)
    challenge = ceremonies.take_challenge(second.name, Purpose.LOG_IN, whose=ME)
    with pytest.raises(PasskeyRefused):
        ceremonies.verify_use(passkey, challenge, key.get(first.options))


@pytest.mark.parametrize("wrong", ["another site", "another relying party", "no user verification"])
def test_a_registration_that_is_wrong_in_one_point_is_refused(
    ceremonies: Ceremonies, wrong: str
) -> None:
    key = SoftwareKey(ORIGIN)
    WRONG[wrong](key)
    with pytest.raises(PasskeyRefused):
        registered(ceremonies, key)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner),
    max_leaves=10,
)


class TestHostileAnswers:
    """Whatever is sent, the answer is a refusal and nothing else."""

    key = SoftwareKey(ORIGIN)
    party = RelyingParty.of(ORIGIN)

    @pytest.fixture
    def genuine(self, ceremonies: Ceremonies) -> tuple[Ceremonies, Passkey, bytes, dict[str, str]]:
        passkey = registered(ceremonies, self.key)
        first = ceremonies.begin_registration(ACCOUNT, (), whose=ME)
        challenge = ceremonies.take_challenge(first.name, Purpose.REGISTER, whose=ME)
        answers = {
            "create": self.key.create(first.options),
            "get": self.key.get(first.options),
        }
        return ceremonies, passkey, challenge, answers

    def refuse(
        self, genuine: tuple[Ceremonies, Passkey, bytes, dict[str, str]], answer: str
    ) -> None:
        ceremonies, passkey, challenge, _ = genuine
        with pytest.raises(PasskeyRefused):
            ceremonies.verify_registration(challenge, answer)
        with pytest.raises(PasskeyRefused):
            ceremonies.verify_use(passkey, challenge, answer)

    def test_any_json_and_any_text(
        self, genuine: tuple[Ceremonies, Passkey, bytes, dict[str, str]]
    ) -> None:
        @given(st.text() | JSON.map(json.dumps))
        @settings(max_examples=60)
        def check(answer: str) -> None:
            self.refuse(genuine, answer)

        check()

    @pytest.mark.parametrize("answer", ["[" * 15_000, "x" * (ANSWER_CHARACTERS + 1), "\ud800", ""])
    def test_what_no_browser_sends(
        self, genuine: tuple[Ceremonies, Passkey, bytes, dict[str, str]], answer: str
    ) -> None:
        self.refuse(genuine, answer)

    def test_a_proof_with_any_part_replaced(
        self, genuine: tuple[Ceremonies, Passkey, bytes, dict[str, str]]
    ) -> None:
        said = json.loads(genuine[3]["get"])

        @given(changed_parts(said, ["authenticatorData", "clientDataJSON", "signature"]))
        @settings(max_examples=80)
        def check(answer: str) -> None:
            self.refuse(genuine, answer)

        check()

    def test_a_registration_with_any_part_replaced_is_refused_or_made(
        self, genuine: tuple[Ceremonies, Passkey, bytes, dict[str, str]]
    ) -> None:
        ceremonies, _, challenge, answers = genuine
        said = json.loads(answers["create"])

        # Without attestation nobody signs a registration: another key is as good as this one.
        @given(changed_parts(said, ["attestationObject", "clientDataJSON"]))
        @settings(max_examples=80)
        def check(answer: str) -> None:
            with suppress(PasskeyRefused):
                assert ceremonies.verify_registration(challenge, answer).public_key

        check()


def changed_parts(said: dict[str, Any], parts: list[str]) -> st.SearchStrategy[str]:
    """Draw answers in which some characters of one part are others."""

    def change(part: str, place: int, put: str) -> str:
        text = said["response"][part]
        place %= len(text)
        text = (text[:place] + put + text[place + len(put) :])[: len(text)]
        return json.dumps(said | {"response": said["response"] | {part: text}})

    alphabet = "ABYZabyz0189-_"
    drawn = st.builds(
        change,
        st.sampled_from(parts),
        st.integers(0, 400),
        st.text(alphabet, min_size=1, max_size=4),
    )
    return drawn.filter(lambda answer: bytes_of(json.loads(answer), parts) != bytes_of(said, parts))


def bytes_of(said: dict[str, Any], parts: list[str]) -> list[bytes]:
    """Return what the parts mean: the last character of Base64 has bits that mean nothing."""
    return [base64.urlsafe_b64decode(said["response"][part] + "===") for part in parts]


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_a_counter_that_does_not_grow_steps_back_unless_nobody_counts(
    kept: int, shown: int
) -> None:
    passkey = replace(SAMPLE, sign_count=kept)
    grows = shown > kept or kept == shown == 0
    assert steps_back(passkey, VerifiedUse(shown, is_backed_up=False)) is not grows


SAMPLE = Passkey(
    id=PasskeyId(new_uuid()),
    account_id=ACCOUNT.id,
    name="受付",
    credential_id=b"1",
    public_key=b"",
    sign_count=0,
    transports=(),
    is_backed_up=False,
    created_at=NOW,
    used_at=None,
    suspended_at=None,
)


@pytest.mark.parametrize(
    ("origin", "can"),
    [
        ("https://zaitaku.example", True),
        ("http://localhost:8000", True),
        ("http://127.0.0.1:8000", False),
        ("https://[2001:db8::1]", False),
    ],
)
def test_an_address_of_numbers_can_have_no_passkeys(origin: str, can: bool) -> None:
    assert RelyingParty.of(origin).can_have_passkeys is can


@pytest.mark.parametrize(
    ("typed", "rule"),
    [("  ", "missing"), ("", "missing"), ("あ" * 41, "too-long"), ("a\x1b[2J", "characters")],
)
def test_the_name_of_a_passkey_keeps_its_rule(typed: str, rule: str) -> None:
    with pytest.raises(InvalidField) as caught:
        check_passkey_name(typed)
    assert (caught.value.field, caught.value.rule) == ("name", rule)


def test_a_fit_name_loses_needless_spaces_only() -> None:
    assert check_passkey_name("  受付　の パソコン😀 ") == "受付 の パソコン😀"
