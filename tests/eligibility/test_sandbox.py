"""The sandbox's people, and a lookup that never fails its caller."""

import logging
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zaitaku.core.database import Database
from zaitaku.core.errors import StoreUnavailable
from zaitaku.eligibility.model import Insured, Sex
from zaitaku.eligibility.provider import insured_or_none
from zaitaku.eligibility.sandbox import SandboxEligibility

TARO = Insured("person-1", "在宅　太郎", "ザイタク　タロウ", date(1941, 3, 3), Sex.MALE)
ONE, TWO = "1" * 64, "2" * 64


def test_a_bound_card_is_found_under_any_of_its_hashes(any_database: Database) -> None:
    provider = SandboxEligibility(any_database)
    provider.bind(ONE, TARO)
    assert provider.find((ONE,)) == TARO
    assert provider.find((TWO, ONE)) == TARO
    assert provider.find((TWO,)) is None
    assert provider.find(()) is None


def test_the_newest_hash_decides_and_a_new_binding_replaces_the_old(database: Database) -> None:
    provider = SandboxEligibility(database)
    provider.bind(ONE, TARO)
    provider.bind(TWO, replace(TARO, name="新しい　名前"))
    assert provider.find((TWO, ONE)) == replace(TARO, name="新しい　名前")
    assert provider.find((ONE, TWO)) == TARO
    provider.bind(ONE, replace(TARO, sex=Sex.UNKNOWN))
    assert provider.find((ONE,)) == replace(TARO, sex=Sex.UNKNOWN)


class _Failing:
    def __init__(self, error: BaseException) -> None:
        self._error = error

    def find(self, subject_hashes: tuple[str, ...]) -> Insured | None:
        raise self._error


@given(st.sampled_from([TimeoutError, StoreUnavailable, ValueError, LookupError, OSError]))
def test_any_failure_of_a_provider_is_no_answer(kind: type[Exception]) -> None:
    assert insured_or_none(_Failing(kind("在宅　太郎")), (ONE,)) is None


def test_a_failure_is_logged_without_its_message(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        insured_or_none(_Failing(TimeoutError("在宅　太郎")), (ONE,))
    assert "TimeoutError" in caplog.text
    assert "在宅" not in caplog.text


def test_a_request_to_stop_is_not_swallowed() -> None:
    with pytest.raises(KeyboardInterrupt):
        insured_or_none(_Failing(KeyboardInterrupt()), (ONE,))


def test_an_answer_is_handed_on(database: Database) -> None:
    provider = SandboxEligibility(database)
    provider.bind(ONE, TARO)
    assert insured_or_none(provider, (ONE,)) == TARO
