"""Passkeys and recovery codes in logins: what they open, what closes them, what is recorded."""

import threading
from datetime import timedelta

import pytest

from tests.accounts.door import ORIGIN, Door, door
from tests.accounts.software_key import SoftwareKey
from zaitaku.accounts import second_factor
from zaitaku.accounts.errors import AccountNotUsable
from zaitaku.accounts.passwords import Passwords
from zaitaku.accounts.recovery import code_digest
from zaitaku.accounts.second_factor import (
    ATTEMPTS_PER_ADDRESS,
)
from zaitaku.accounts.sign_in_model import (
    MOST_PASSKEYS,
    RECOVERY_CODES,
    LastPasskey,
    NeedsOwnPasskey,
    PasskeyRefused,
    PasskeyTaken,
    PasskeyUnknown,
    PolicyChanged,
    RecoveryCodeRefused,
    SecondStepLocked,
    Stage,
    TooManyPasskeys,
)
from zaitaku.accounts.sign_in_store import SignInStore
from zaitaku.audit.model import Act
from zaitaku.core.clock import FixedClock
from zaitaku.core.database import Database
from zaitaku.core.ephemeral import EphemeralStore
from zaitaku.core.errors import StoreUnavailable, TooManyAttempts
from zaitaku.core.ids import AccountId


@pytest.fixture(name="door")
def small_door(
    database: Database, ephemeral: EphemeralStore, clock: FixedClock, passwords: Passwords
) -> Door:
    return door(database, ephemeral, clock, passwords)


@pytest.fixture
def any_door(
    any_database: Database, ephemeral: EphemeralStore, clock: FixedClock, passwords: Passwords
) -> Door:
    return door(any_database, ephemeral, clock, passwords)


@pytest.fixture
def key() -> SoftwareKey:
    return SoftwareKey(ORIGIN)


def test_a_passkey_alone_logs_in_and_is_recorded(any_door: Door, key: SoftwareKey) -> None:
    new = any_door.register(key, "  受付の　パソコン ")
    assert (new.passkey.name, new.passkey.used_at) == ("受付の パソコン", None)
    assert any_door.log_in(key).account.id == any_door.staff.account.id
    (kept,) = any_door.own.of(any_door.staff.account).passkeys
    assert kept.used_at == any_door.clock.now()
    assert any_door.acts()[-2:] == [Act.REGISTER_PASSKEY, Act.LOGIN]


def test_the_first_passkey_brings_ten_codes_and_the_next_ones_none(
    door: Door, key: SoftwareKey
) -> None:
    first = door.register(key)
    assert len(set(first.codes)) == RECOVERY_CODES
    assert door.register(SoftwareKey(ORIGIN)).codes == ()
    assert door.own.of(door.staff.account).codes_left == RECOVERY_CODES
    with door.database.reading() as connection:
        kept = str(connection.exec_driver_sql("SELECT * FROM recovery_code").all())
    assert not any(code in kept for code in first.codes)


def test_who_has_a_passkey_takes_a_second_step(door: Door, key: SoftwareKey) -> None:
    assert door.stage() is Stage.FULL
    door.register(key)
    assert door.stage() is Stage.SECOND_STEP
    door.step(key)
    assert door.acts()[-2:] == [Act.PASS_SECOND_FACTOR, Act.LOGIN]


def test_another_accounts_passkey_is_no_second_step(door: Door, key: SoftwareKey) -> None:
    door.register(key)
    stranger = SoftwareKey(ORIGIN)
    with pytest.raises(PasskeyRefused):
        door.step(stranger)
    assert door.acts()[-1] is Act.REFUSE_SECOND_FACTOR


def test_a_recovery_code_opens_once(door: Door, key: SoftwareKey) -> None:
    codes = door.register(key).codes
    wide = codes[0].upper().replace("-", " ").translate(str.maketrans("ABC", "ＡＢＣ"))
    door.second.pass_by_code(door.staff.account, wide)
    assert door.own.of(door.staff.account).codes_left == RECOVERY_CODES - 1
    with pytest.raises(RecoveryCodeRefused):
        door.second.pass_by_code(door.staff.account, codes[0])


def test_of_many_who_use_one_code_at_once_one_gets_in(any_door: Door, key: SoftwareKey) -> None:
    code = any_door.register(key).codes[0]
    outcomes: list[str] = []

    def use() -> None:
        try:
            any_door.second.pass_by_code(any_door.staff.account, code)
            outcomes.append("in")
        except RecoveryCodeRefused:
            outcomes.append("refused")

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["in", "refused", "refused", "refused"]


def test_new_codes_make_the_former_ones_worthless(door: Door, key: SoftwareKey) -> None:
    former = door.register(key).codes
    renewed = door.own.renew_codes(door.staff.account, door.session())
    with pytest.raises(RecoveryCodeRefused):
        door.second.pass_by_code(door.staff.account, former[0])
    door.second.pass_by_code(door.staff.account, renewed[0])


def test_equal_codes_of_two_accounts_are_kept_differently(door: Door) -> None:
    mine, other = door.staff.account.id, AccountId(door.staff.facility.id)
    assert code_digest(mine, "ab cd") == code_digest(mine, "ＡＢ-ＣＤ")
    assert code_digest(mine, "abcd") != code_digest(other, "abcd")


def test_five_wrong_second_steps_lock_the_account(door: Door, key: SoftwareKey) -> None:
    codes = door.register(key).codes
    for _ in range(4):
        with pytest.raises(RecoveryCodeRefused):
            door.second.pass_by_code(door.staff.account, "wrong")
    with pytest.raises(SecondStepLocked):
        door.second.pass_by_code(door.staff.account, "wrong")
    assert door.acts()[-1] is Act.LOCK_ACCOUNT
    with pytest.raises(RecoveryCodeRefused):
        door.second.pass_by_code(door.staff.account, codes[0])
    with pytest.raises(PasskeyRefused):
        door.log_in(key)
    with pytest.raises(PasskeyRefused):
        door.step(key)


def test_a_right_second_step_forgets_the_wrong_ones(door: Door, key: SoftwareKey) -> None:
    codes = door.register(key).codes
    for right in (codes[0], codes[1]):
        for _ in range(4):
            with pytest.raises(RecoveryCodeRefused):
                door.second.pass_by_code(door.staff.account, "wrong")
        door.second.pass_by_code(door.staff.account, right)


def test_a_counter_that_steps_back_suspends_the_passkey(door: Door, key: SoftwareKey) -> None:
    key.count = 7
    door.register(key)
    key.count = 8
    door.log_in(key)
    with pytest.raises(PasskeyRefused):
        door.log_in(key)
    assert door.acts()[-1] is Act.SUSPEND_PASSKEY
    key.count = 20
    with pytest.raises(PasskeyRefused):
        door.log_in(key)
    (kept,) = door.own.of(door.staff.account).passkeys
    assert not kept.is_usable
    assert door.stage() is Stage.SECOND_STEP


def test_a_removed_passkey_opens_nothing(door: Door, key: SoftwareKey) -> None:
    new = door.register(key)
    door.own.rename(door.staff.account, new.passkey.id, "裏口")
    door.own.remove(door.staff.account, door.session(), new.passkey.id)
    with pytest.raises(PasskeyRefused):
        door.log_in(key)
    assert door.stage() is Stage.FULL
    assert door.acts()[-2:] == [Act.RENAME_PASSKEY, Act.REMOVE_PASSKEY]
    with pytest.raises(PasskeyUnknown):
        door.own.rename(door.staff.account, new.passkey.id, "表")


def test_the_same_passkey_is_not_registered_twice(door: Door, key: SoftwareKey) -> None:
    door.register(key)
    with pytest.raises(PasskeyTaken):
        door.register(key)


def test_an_account_has_ten_passkeys_at_most(door: Door) -> None:
    for number in range(MOST_PASSKEYS):
        door.register(SoftwareKey(ORIGIN), str(number))
    with pytest.raises(TooManyPasskeys):
        door.register(SoftwareKey(ORIGIN))


def test_a_passkey_of_an_account_that_may_not_be_used_says_so(door: Door, key: SoftwareKey) -> None:
    door.register(key)
    door.change_account(is_enabled=False)
    with pytest.raises(AccountNotUsable):
        door.log_in(key)


def test_guessing_passkeys_is_limited_by_address_and_success_is_not(
    door: Door, key: SoftwareKey
) -> None:
    door.register(key)
    for _ in range(ATTEMPTS_PER_ADDRESS + 5):
        door.log_in(key)
    stranger = SoftwareKey(ORIGIN)
    for _ in range(ATTEMPTS_PER_ADDRESS):
        with pytest.raises(PasskeyRefused):
            door.log_in(stranger)
    with pytest.raises(TooManyAttempts):
        door.log_in(key)
    door.log_in(key, "192.0.2.2")
    door.clock.advance(timedelta(minutes=15))
    door.log_in(key)


def test_a_database_that_is_away_uses_up_no_attempts(
    door: Door, key: SoftwareKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    door.register(key)

    def away(*_: object) -> None:
        raise StoreUnavailable("OperationalError")

    with monkeypatch.context() as outage:
        outage.setattr(second_factor, "whose_credential", away)
        for _ in range(ATTEMPTS_PER_ADDRESS + 1):
            with pytest.raises(StoreUnavailable):
                door.log_in(key)
    door.log_in(key)


def test_a_passkey_of_one_account_does_not_speak_for_another(door: Door, key: SoftwareKey) -> None:
    door.register(key)
    key.user_handle = bytes(16)
    with pytest.raises(PasskeyRefused):
        door.log_in(key)


def test_who_asks_others_for_a_second_factor_must_have_one(door: Door, key: SoftwareKey) -> None:
    account = door.staff.account
    with pytest.raises(NeedsOwnPasskey):
        door.own.decide(account, door.session(), needs_second_factor=True, seen=0)
    new = door.register(key)
    decided = door.own.decide(account, door.session(), needs_second_factor=True, seen=0)
    assert (decided.revision, decided.needs_second_factor) == (1, True)
    assert door.acts()[-1] is Act.CHANGE_SIGN_IN_POLICY
    with pytest.raises(LastPasskey):
        door.own.remove(account, door.session(), new.passkey.id)
    second = door.register(SoftwareKey(ORIGIN))
    door.own.remove(account, door.session(), new.passkey.id)
    door.own.decide(account, door.session(), needs_second_factor=False, seen=1)
    door.own.remove(account, door.session(), second.passkey.id)
    assert door.stage() is Stage.FULL


def test_the_later_of_two_decisions_is_told_what_holds(door: Door, key: SoftwareKey) -> None:
    door.register(key)
    door.own.decide(door.staff.account, door.session(), needs_second_factor=True, seen=0)
    with pytest.raises(PolicyChanged) as caught:
        door.own.decide(door.staff.account, door.session(), needs_second_factor=False, seen=0)
    assert caught.value.present.needs_second_factor


def test_where_it_is_asked_for_an_account_without_passkey_registers_one_first(
    door: Door, key: SoftwareKey
) -> None:
    door.register(key)
    door.own.decide(door.staff.account, door.session(), needs_second_factor=True, seen=0)
    assert door.own.people_without(door.staff.facility.id) == 0
    with door.database.transaction() as connection:
        removed = SignInStore(connection, door.staff.facility.id).remove_all(door.staff.account.id)
    assert removed == 1
    assert door.own.people_without(door.staff.facility.id) == 1
    assert door.own.of(door.staff.account).codes_left == 0
    assert door.stage() is Stage.FIRST_PASSKEY
