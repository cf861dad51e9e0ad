"""The limits of the edge: what is counted there, and for whom (``zaitaku.core.limits``).

Before a log-in, an activation and a beginning, a store that is away lets nobody through uncounted.
A card that has signed is registered all the same: its consent is in the durable store alone.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Final

from zaitaku.blueprints.edge import services, the_request
from zaitaku.core import limits
from zaitaku.core.addresses import address_bucket
from zaitaku.core.attempts import Attempt, FailureLimit, count_against
from zaitaku.core.errors import (
    StoreUnavailable,
    TooManyAttempts,
    TooManyBeginnings,
    TooManyReadings,
    ZaitakuError,
)
from zaitaku.core.ids import JourneyId
from zaitaku.core.limits import Limit
from zaitaku.devices.errors import CodeTooYoung
from zaitaku.devices.model import read_code
from zaitaku.devices.service import DeviceRequest
from zaitaku.identity.model import Verified
from zaitaku.reception.model import ReceptionContext


def check_beginning(context: ReceptionContext) -> None:
    """Count a journey that begins.

    Raises:
        TooManyBeginnings: at this URL, or from this address, too many have begun.
        StoreUnavailable: the short-lived store is away.
    """
    url, address = str(context.version.id), _address()
    _count(
        {
            limits.BEGIN_BY_ADDRESS: address,
            limits.BEGIN_BY_URL_AND_ADDRESS: f"{url} {address}",
            limits.BEGIN_BY_URL: url,
        },
        TooManyBeginnings,
    )


def check_hand_over() -> None:
    """Count a hand-over that begins.

    Raises:
        TooManyBeginnings: from this address, too many have begun.
        StoreUnavailable: the short-lived store is away.
    """
    _count({limits.HAND_OVER_BY_ADDRESS: _address()}, TooManyBeginnings)


def check_card_ask(journey: JourneyId) -> None:
    """Count a request for a card.

    Raises:
        TooManyReadings: the journey has asked too often.
        StoreUnavailable: the short-lived store is away.
    """
    _count({limits.CARD_ASK_BY_JOURNEY: journey}, TooManyReadings)


def check_proof() -> None:
    """Count a proof that is to be verified.

    Raises:
        TooManyAttempts: from this address, too many have come.
        StoreUnavailable: the short-lived store is away.
    """
    _count({limits.PROOF_BY_ADDRESS: _address()}, TooManyAttempts)


def check_card(verified: Verified) -> None:
    """Count a registration by a card; only a card that is known for certain counts.

    Raises:
        TooManyReadings: the card has registered too often.
    """
    try:
        _count({limits.REGISTER_BY_CARD: verified.subject_hashes[0]}, TooManyReadings)
    except StoreUnavailable:
        return  # what the card has signed is not to be lost


@contextmanager
def activating(wanted: DeviceRequest) -> Iterator[None]:
    """Count a failed activation against its code and its account.

    Raises:
        InvalidField: what was typed is no code.
        TooManyAttempts: either has failed too often.
        StoreUnavailable: the short-lived store is away.
    """
    login = wanted.login
    account = f"{login.institution_code} {login.user_id}"
    by_code = _failures(limits.ACTIVATE_BY_CODE)
    by_account = _failures(limits.ACTIVATE_BY_ACCOUNT)
    attempts = (
        (by_code, by_code.begin(read_code(wanted.activation_code))),
        (by_account, by_account.begin(account)),
    )
    try:
        yield
    except ZaitakuError as failure:
        if isinstance(failure, _NOBODYS_FAULT):
            _forgive(attempts)
        raise
    _forgive(attempts)


_NOBODYS_FAULT: Final = (StoreUnavailable, CodeTooYoung)


def _forgive(attempts: Iterable[tuple[FailureLimit, Attempt]]) -> None:
    with suppress(StoreUnavailable):  # the count is then too strict, and for minutes only
        for limit, attempt in attempts:
            limit.give_back(attempt)


def _address() -> str:
    return address_bucket(the_request().remote_addr or "")


def _count(subjects: Mapping[Limit, str], refusal: type[TooManyAttempts]) -> None:
    site = services()
    count_against(
        subjects,
        ephemeral=site.ephemeral,
        clock=site.clock,
        factor=site.settings.crowd_factor,
        refusal=refusal,
    )


def _failures(limit: Limit) -> FailureLimit:
    return FailureLimit.of(limit, ephemeral=services().ephemeral, clock=services().clock)
