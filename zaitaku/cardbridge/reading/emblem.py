"""The sign by which a patient knows her own bridge again, such as 「みどりの ふくろう」.

A page on the web, or a program of another user on the bridge's port, can look like the bridge's PIN
page but does not know this sign: it was drawn by lot on this computer, is shown by the bridge's own
pages, and lies in a file that only this user can read. A program that runs as this user can read
it; against that one nothing of the bridge's helps.
"""

import json
import logging
import secrets
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Lock
from typing import Final, Self

from zaitaku.cardbridge.trust.keeping import read_private, write_private

LOG = logging.getLogger(__name__)

FILE: Final = "emblem.json"
COLOURS: Final = 8
THINGS: Final = 16


@dataclass(frozen=True)
class Emblem:
    """Places in the catalogues' lists of colours and things; the same in every language.

    Raises:
        ValueError: there is no such place.
    """

    colour: int
    thing: int

    def __post_init__(self) -> None:
        if self.colour not in range(COLOURS) or self.thing not in range(THINGS):
            raise ValueError("emblem")

    @classmethod
    def drawn(cls) -> Self:
        """Return one by lot."""
        return cls(secrets.randbelow(COLOURS), secrets.randbelow(THINGS))


class EmblemKeeper:
    """Draws the emblem when it is first shown, and keeps it in the state folder."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / FILE
        self._lock = Lock()
        self._emblem: Emblem | None = None

    def emblem(self) -> Emblem | None:
        """Return the emblem; None where it cannot be kept, so that none is shown that changes."""
        with self._lock:
            if self._emblem is None:
                with suppress(OSError):
                    self._emblem = self._kept() or self._new()
            return self._emblem

    def _kept(self) -> Emblem | None:
        """Return what was kept, None when there is none or it is damaged.

        Raises:
            OSError: it cannot be read, or others could have written it.
        """
        try:
            content = json.loads(read_private(self._file))
            return Emblem(content["colour"], content["thing"])
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError):
            LOG.warning("the emblem was damaged and is drawn anew")
            return None

    def _new(self) -> Emblem:
        emblem = Emblem.drawn()
        write_private(self._file, json.dumps(asdict(emblem)))
        return emblem
