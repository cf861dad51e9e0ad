"""How passwords are kept: argon2id what people choose, a fast hash what is drawn (ADR 13, 30)."""

import time

import pytest

from zaitaku.accounts.passwords import Passwords, initial_password


def test_the_decoy_password_opens_nothing(passwords: Passwords) -> None:
    assert not passwords.verify(None, "anything")
    assert not passwords.verify("not a hash", "anything")


def test_hashes_are_argon2id_with_the_recommended_cost() -> None:
    assert Passwords().hash("x").startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_initial_passwords_differ_and_are_fit() -> None:
    made = {initial_password() for _ in range(50)}
    assert len(made) == 50
    assert all(len(password) == 19 for password in made)


def test_an_initial_password_is_kept_by_a_fast_hash_of_its_own(passwords: Passwords) -> None:
    password = initial_password()
    kept = passwords.hash_initial(password)
    assert passwords.is_initial(kept)
    assert not passwords.is_outdated(kept)
    assert passwords.hash_initial(password) != kept
    assert passwords.verify(kept, password)
    for wrong in (password[:-1], "", "\ud800", initial_password()):
        assert not passwords.verify(kept, wrong)
    assert not passwords.is_initial(passwords.hash("hitotsu-no-ie-3"))


def test_ten_thousand_initial_passwords_take_a_moment(passwords: Passwords) -> None:
    started = time.process_time()
    for _ in range(10_000):
        passwords.hash_initial(initial_password())
    assert time.process_time() - started < 2


def test_verifying_costs_an_argon2_whichever_hash_is_kept(
    passwords: Passwords, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[str] = []
    real = passwords._matches

    def watched(kept: str, password: str) -> bool:
        hashed.append(kept)
        return real(kept, password)

    monkeypatch.setattr(passwords, "_matches", watched)
    for kept in (None, passwords.hash_initial("abcd-efgh"), passwords.hash("abcd-efgh")):
        passwords.verify(kept, "abcd-efgh")
    assert len(hashed) == 3
    assert all(kept.startswith("$argon2id$") for kept in hashed)
