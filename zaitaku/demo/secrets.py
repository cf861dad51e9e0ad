"""The demo's own secrets: made at the first run, kept for the next."""

import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

KEY_BYTES = 32
PASSWORD_GROUPS = 3


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
            password="-".join(secrets.token_hex(2) for _ in range(PASSWORD_GROUPS)),
        )
        write_private(path, json.dumps(asdict(made)))
        return made


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    draft = path.with_suffix(".new")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    draft.replace(path)
