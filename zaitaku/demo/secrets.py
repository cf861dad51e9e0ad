"""The demo's own secrets: made at the first run, kept for the next."""

import json
import os
import secrets
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Self

from zaitaku.accounts.model import check_new_password
from zaitaku.core.errors import InvalidField

KEY_BYTES = 32
PASSWORD_GROUPS = 3
USER_ID: Final = "kanri01"
"""Whose password it is."""


@dataclass(frozen=True, repr=False)
class DemoSecrets:
    """Keys and the console's password of one data folder."""

    url_key: str
    session_key: str
    subject_key: str
    seal_key: str
    password: str

    @classmethod
    def open(cls, path: Path) -> Self:
        """Read the secrets at ``path``, or make them there (mode 0600)."""
        if path.exists():
            # A folder that was made before there were seals goes on without.
            return cls(**{"seal_key": "", **json.loads(path.read_text(encoding="utf-8"))})
        made = cls(
            url_key=secrets.token_urlsafe(KEY_BYTES),
            session_key=secrets.token_urlsafe(KEY_BYTES),
            subject_key=secrets.token_urlsafe(KEY_BYTES),
            seal_key=secrets.token_urlsafe(KEY_BYTES),
            password=_password(),
        )
        write_private(path, json.dumps(asdict(made)))
        return made


def _password() -> str:
    """Draw groups of letters and digits that are easily typed, and that the console accepts.

    Of three hundred one has digits alone, and would be taken for a telephone number.
    """
    while True:
        drawn = "-".join(secrets.token_hex(2) for _ in range(PASSWORD_GROUPS))
        with suppress(InvalidField):
            return check_new_password(drawn, USER_ID)


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    draft = path.with_suffix(".new")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    draft.replace(path)
