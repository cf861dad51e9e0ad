"""Browsers' answers with passkeys, read by py_webauthn (Web Authentication Level 3).

The library and what it needs take five megabytes. Only who logs in to the console needs them, so
``zaitaku.accounts.passkeys`` imports this room when it is first used.
"""

import struct
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Final

from cbor2 import CBORError
from cryptography.exceptions import UnsupportedAlgorithm
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import (
    parse_authentication_credential_json,
    parse_registration_credential_json,
)
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    AuthenticatorTransport,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from zaitaku.accounts.model import Account
from zaitaku.accounts.sign_in_model import (
    Passkey,
    PasskeyRefused,
    ShownPasskey,
    VerifiedPasskey,
    VerifiedUse,
)

LONGEST_CREDENTIAL: Final = 1023
"""Bytes (Web Authentication Level 3 §5.1.3, step 7)."""
_SERVICE: Final = "在宅受付 管理画面"
_MALFORMED: Final = (
    WebAuthnException,
    CBORError,
    UnsupportedAlgorithm,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    OverflowError,
    RecursionError,
    struct.error,
)
"""What the parsers raise on an answer that no browser gives."""


def ask_for_new(
    account: Account, known: Collection[Passkey], *, host: str, milliseconds: int
) -> tuple[bytes, str]:
    """Return a challenge and what asks a browser for a new passkey of ``account``."""
    options = generate_registration_options(
        rp_id=host,
        rp_name=_SERVICE,
        user_id=account.id.bytes,
        user_name=account.user_id,
        user_display_name=account.name,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            require_resident_key=True,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=[_descriptor(each) for each in known],
        timeout=milliseconds,
    )
    return options.challenge, options_to_json(options)


def ask_for_proof(known: Collection[Passkey], *, host: str, milliseconds: int) -> tuple[bytes, str]:
    """Return a challenge and what asks a browser for a proof with one of the ``known``."""
    options = generate_authentication_options(
        rp_id=host,
        allow_credentials=[_descriptor(each) for each in known],
        user_verification=UserVerificationRequirement.REQUIRED,
        timeout=milliseconds,
    )
    return options.challenge, options_to_json(options)


def read_new(challenge: bytes, answer: str, *, host: str, origin: str) -> VerifiedPasskey:
    """Return the new passkey of an answer (§7.1).

    Raises:
        PasskeyRefused: the answer proves nothing.
    """
    with _refused():
        credential = parse_registration_credential_json(answer)
        found = verify_registration_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=host,
            expected_origin=origin,
            require_user_verification=True,
        )
        transports = credential.response.transports or []
    if len(found.credential_id) > LONGEST_CREDENTIAL:
        raise PasskeyRefused("credential too long")
    return VerifiedPasskey(
        credential_id=found.credential_id,
        public_key=found.credential_public_key,
        sign_count=found.sign_count,
        transports=tuple(sorted({each.value for each in transports})),
        is_backed_up=found.credential_backed_up,
    )


def read_use(
    public_key: bytes, challenge: bytes, answer: str, *, host: str, origin: str
) -> VerifiedUse:
    """Return what an answer with a known passkey proves (§7.2); its counter is not compared.

    Raises:
        PasskeyRefused: the answer proves nothing.
    """
    with _refused():
        found = verify_authentication_response(
            credential=answer,
            expected_challenge=challenge,
            expected_rp_id=host,
            expected_origin=origin,
            credential_public_key=public_key,
            # The counter is compared where the row is locked, and a step back is remembered.
            credential_current_sign_count=0,
            require_user_verification=True,
        )
        return VerifiedUse(found.new_sign_count, found.credential_backed_up)


def read_shown(answer: str) -> ShownPasskey:
    """Return which passkey an answer names.

    Raises:
        PasskeyRefused: it is no answer of a browser.
    """
    with _refused():
        credential = parse_authentication_credential_json(answer)
        return ShownPasskey(credential.raw_id, credential.response.user_handle)


@contextmanager
def _refused() -> Iterator[None]:
    try:
        yield
    except _MALFORMED as error:
        raise PasskeyRefused(type(error).__name__) from error


def _descriptor(passkey: Passkey) -> PublicKeyCredentialDescriptor:
    transports = [AuthenticatorTransport(each) for each in passkey.transports]
    return PublicKeyCredentialDescriptor(id=passkey.credential_id, transports=transports or None)
