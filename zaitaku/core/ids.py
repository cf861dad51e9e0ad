"""Names for rows, and random names for people to carry.

Rows are named by UUIDv7 (RFC 9562 §5.7): they sort by time, so an index grows at its end, and two
database clusters never make the same one.
"""

import secrets
from typing import NewType
from uuid import UUID

from uuid_utils.compat import uuid7

FacilityId = NewType("FacilityId", UUID)
UrlVersionId = NewType("UrlVersionId", UUID)
PatientId = NewType("PatientId", UUID)
CredentialId = NewType("CredentialId", UUID)
ConsentId = NewType("ConsentId", UUID)
RecordId = NewType("RecordId", UUID)
AccountId = NewType("AccountId", UUID)
ActivationCodeId = NewType("ActivationCodeId", UUID)
DeviceId = NewType("DeviceId", UUID)

JourneyId = NewType("JourneyId", str)
ChallengeId = NewType("ChallengeId", str)

SECRET_BYTES = 16
"""128 bits: as much as a session name must have (OWASP ASVS 5.0 §7.2.3)."""


def new_uuid() -> UUID:
    """Return a new time-ordered name for a row."""
    return uuid7()


def new_secret_name() -> str:
    """Return a new unguessable name of 22 URL-safe characters (128 random bits)."""
    return secrets.token_urlsafe(SECRET_BYTES)


def random_digits(count: int) -> str:
    """Return ``count`` random decimal digits; the first may be zero."""
    return f"{secrets.randbelow(10**count):0{count}d}"
