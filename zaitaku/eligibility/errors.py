"""What can go wrong when eligibility is asked for, and when test data are set up."""

from http import HTTPStatus

from zaitaku.core.errors import Conflict, ZaitakuError


class EligibilityFailed(ZaitakuError):
    """The provider was not reached, or answered what cannot be read."""

    code = "eligibility-failed"
    status = HTTPStatus.SERVICE_UNAVAILABLE


class EligibilityTimedOut(EligibilityFailed):
    """The provider did not answer in time; asking again may help (初回登録タイムアウト)."""

    code = "eligibility-timed-out"


class PersonUnknown(ZaitakuError):
    """The provider answered, and knows nobody by this key or this credential."""

    code = "person-unknown"
    status = HTTPStatus.NOT_FOUND


class CardTaken(Conflict):
    """Another facility has bound the card for its own test; it has to give it up first."""

    code = "card-taken"
