"""Files that are made whole before anybody is sent the first byte of them.

Whoever reads slowly then keeps nothing but the file: no connection, no turn. It has no name, small
ones never leave the memory, and what does is sealed (AES-256-GCM) with a key that is drawn for this
file and stands nowhere else: a disk, or a copy of one, tells nobody anything.
"""

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from itertools import count
from tempfile import SpooledTemporaryFile
from typing import Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from zaitaku.core.errors import StoreUnavailable
from zaitaku.core.pieces import in_pieces

PIECE_BYTES: Final = 64 * 1024
"""A file is written, and read, in pieces of this size."""
IN_MEMORY_BYTES: Final = 512 * 1024
"""What is larger goes to the folder for temporary files (``TMPDIR``)."""
_KEY_BITS: Final = 256
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16


class NoRoom(StoreUnavailable):
    """The folder for temporary files is full, or cannot be written to."""

    code = "no-room"


class SpooledFile:
    """A file that is made once and read once; ``length`` is what a reader gets."""

    def __init__(self) -> None:
        self.length = 0
        # Each piece has its number for a nonce, which no key sees twice: it is this file's own.
        self._cipher = AESGCM(AESGCM.generate_key(_KEY_BITS))
        self._file = SpooledTemporaryFile(max_size=IN_MEMORY_BYTES)  # noqa: SIM115 - see ``close``

    @classmethod
    def of(
        cls, parts: Generator[bytes, None, None], pause: Callable[[], None] = lambda: None
    ) -> "SpooledFile":
        """Make a file of ``parts``, which are closed in any case; ``pause`` is called now and then.

        Raises:
            NoRoom: there is none for it; nothing of it is left.
        """
        made = cls()
        try:
            with closing(parts):
                made._write(parts, pause)
        except BaseException:
            made.close()
            raise
        return made

    def __iter__(self) -> Iterator[bytes]:
        """Yield the file in pieces."""
        self._file.seek(0)
        left, numbers = self.length, count()
        while left:
            sealed = self._file.read(PIECE_BYTES + _TAG_BYTES)
            # A file that was cut short has no piece there, which is no piece of ours.
            piece = self._cipher.decrypt(_nonce(next(numbers)), sealed, None)
            left -= len(piece)
            yield piece

    def __del__(self) -> None:
        # A server that drops an answer must not keep its file.
        self.close()

    def close(self) -> None:
        """Forget the file."""
        # A full disk says so once more when what it did not take is thrown away.
        with suppress(OSError):
            self._file.close()

    def _write(self, parts: Iterable[bytes], pause: Callable[[], None]) -> None:
        for number, piece in enumerate(in_pieces(parts, PIECE_BYTES)):
            sealed = self._cipher.encrypt(_nonce(number), piece, None)
            with _told_as_no_room():
                self._file.write(sealed)
            self.length += len(piece)
            pause()
        with _told_as_no_room():
            self._file.flush()


def _nonce(number: int) -> bytes:
    return number.to_bytes(_NONCE_BYTES, "big")


@contextmanager
def _told_as_no_room() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise NoRoom(type(error).__name__) from error
