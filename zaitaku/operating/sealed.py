"""What leaves the machine: one file that only the holder of a key elsewhere can open.

The site holds the public key alone (age, age-encryption.org/v1), so whoever takes the site over can
neither read the copies that left nor alter them unseen.
"""

import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

import pyrage
from pyrage.x25519 import Identity, Recipient

from zaitaku.core.errors import ZaitakuError
from zaitaku.core.files import write_private

_OWNER_ONLY: Final = 0o700
PUBLIC_PREFIX: Final = "age1"


class KeyUnfit(ZaitakuError):
    """A key of age cannot be read."""

    code = "age-key-unfit"


class CannotOpen(ZaitakuError):
    """A sealed file is damaged, or was sealed for another key."""

    code = "cannot-open"


def new_key() -> tuple[str, str]:
    """Return a new private key and its public key, in age's letters."""
    identity = Identity.generate()
    return str(identity), str(identity.to_public())


def seal(places: Sequence[Path], target: Path, recipients: Iterable[str]) -> None:
    """Put files and folders into one file at ``target`` that only ``recipients`` can open.

    Raises:
        KeyUnfit: there is no recipient, or one is not a public key of age.
        OSError: a file cannot be read, or ``target`` cannot be written or is there already.
    """
    keys = [_recipient(text) for text in recipients]
    if not keys:
        raise KeyUnfit("there is no public key")
    unfinished = target.with_name(f".{target.name}.unfinished")
    # The packed copy is as secret as the copy itself: it lies beside the result, for its owner.
    with _packed(places, target.parent) as packed:
        write_private(unfinished, b"")
        with unfinished.open("wb") as out:
            pyrage.encrypt_io(packed, out, keys)
    target.hardlink_to(unfinished)
    unfinished.unlink()


def unseal(sealed: Path, identity: str, folder: Path) -> None:
    """Unpack a sealed file into the new ``folder``; nothing is left there when that fails.

    Raises:
        KeyUnfit: ``identity`` is not a private key of age.
        CannotOpen: the file is damaged, or was sealed for another key.
        OSError: the file cannot be read, or ``folder`` is there already.
    """
    key = _identity(identity)
    with tempfile.TemporaryDirectory(prefix=".zaitaku-", dir=folder.parent) as name:
        inside = Path(name) / "inside"
        inside.mkdir(mode=_OWNER_ONLY)
        packed = Path(name) / "packed"
        with sealed.open("rb") as source, packed.open("wb+") as plain:
            _decrypt(source, plain, key)
            plain.seek(0)
            with tarfile.open(fileobj=plain) as archive:
                archive.extractall(inside, filter="data")
        folder.mkdir(mode=_OWNER_ONLY)
        inside.rename(folder)


def _decrypt(source: IO[bytes], plain: IO[bytes], key: Identity) -> None:
    try:
        pyrage.decrypt_io(source, plain, [key])
    except pyrage.DecryptError as error:
        raise CannotOpen(type(error).__name__) from error
    except OSError as error:
        if error.errno is not None:  # the disk's own trouble; a damaged file has no number
            raise
        raise CannotOpen("the file was changed or cut short") from error


@contextmanager
def _packed(places: Sequence[Path], beside: Path) -> Iterator[IO[bytes]]:
    with tempfile.TemporaryFile(dir=beside) as file:
        with tarfile.open(fileobj=file, mode="w") as archive:
            for place in places:
                archive.add(place, arcname=place.name)
        file.seek(0)
        yield file


def _recipient(text: str) -> Recipient:
    try:
        return Recipient.from_str(text)
    except pyrage.RecipientError as error:
        raise KeyUnfit("a public key of age begins with age1") from error


def _identity(text: str) -> Identity:
    lines = (line.strip() for line in text.splitlines())
    found = next((line for line in lines if line and not line.startswith("#")), "")
    try:
        return Identity.from_str(found)
    except pyrage.IdentityError as error:
        raise KeyUnfit("a private key of age begins with AGE-SECRET-KEY-1") from error
