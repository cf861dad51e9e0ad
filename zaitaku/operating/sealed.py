"""What leaves the machine: one file that only the holder of a key elsewhere can open.

The site holds the public key alone (age, age-encryption.org/v1), so whoever takes the site over
cannot read the copies that left. Anybody who knows the public key can seal something else: what
tells is the digest, kept elsewhere.
"""

import os
import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any, Final

import pyrage
from pyrage.x25519 import Identity, Recipient

from zaitaku.core.errors import ZaitakuError
from zaitaku.core.files import new_file
from zaitaku.operating.copies import file_digest, insist_on_outside

_OWNER_ONLY: Final = 0o700
_FILE_MODE: Final = 0o600
_PLAIN: Final = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE)
_DEEPEST: Final = 64
"""Folders within folders."""
_FILTER: Final[Mapping[str, Any]] = {"filter": "tar"} if hasattr(tarfile, "tar_filter") else {}
"""Python before 3.11.4 (Debian 12) has no filters, later ones ask for one (PEP 706)."""
_NOT_OURS: Final = (
    *(tarfile.TarError, ValueError, OverflowError),
    *(FileExistsError, NotADirectoryError, IsADirectoryError),
)
"""What an archive comes to that ``_pack`` would never make."""


class KeyUnfit(ZaitakuError):
    """A key of age cannot be read."""

    code = "age-key-unfit"


class Unsealable(ZaitakuError):
    """Something cannot be sealed such that it could be opened again; ``detail`` names it."""

    code = "unsealable"


class CannotOpen(ZaitakuError):
    """A sealed file is damaged, or was sealed for another key."""

    code = "cannot-open"


def new_key() -> tuple[str, str]:
    """Return a new private key and its public key, in age's letters."""
    identity = Identity.generate()
    return str(identity), str(identity.to_public())


def seal(places: Sequence[Path], target: Path, recipients: Iterable[str]) -> str:
    """Put files and folders into one file at ``target`` that only ``recipients`` can open.

    Nothing lies unsealed beside it at any moment. Returned is the file's SHA-256: kept elsewhere,
    it tells whether somebody who knows the public key has put another file in its place.

    Raises:
        KeyUnfit: there is no recipient, or one is not a public key of age.
        Unsealable: something is neither a file nor a folder, lies too deep, has no name of its
            own, or two have the same.
        WithinCopy: ``target`` lies in a copy.
        OSError: a file cannot be read, or ``target`` cannot be written or is there already.
    """
    keys = [_recipient(text) for text in recipients]
    if not keys:
        raise KeyUnfit("there is no public key")
    insist_on_outside(target.parent)
    named = _named(places)
    with new_file(target) as fresh, fresh.open("wb") as out, _packed(named) as packed:
        pyrage.encrypt_io(packed, out, keys)
    return file_digest(target)


def unseal(sealed: Path, identity: str, folder: Path) -> None:
    """Unpack a sealed file into the new ``folder``; nothing is left there when that fails.

    Raises:
        KeyUnfit: ``identity`` is not a private key of age.
        CannotOpen: the file is damaged, or was sealed for another key.
        WithinCopy: ``folder`` lies in a copy.
        OSError: the file cannot be read, or ``folder`` is there already.
    """
    key = _identity(identity)
    insist_on_outside(folder.parent)
    with tempfile.TemporaryDirectory(prefix=".zaitaku-", dir=folder.parent) as name:
        inside = Path(name) / "inside"
        inside.mkdir(mode=_OWNER_ONLY)
        packed = Path(name) / "packed"
        with sealed.open("rb") as source, packed.open("wb+") as plain:
            _decrypt(source, plain, key)
            plain.seek(0)
            _unpack(plain, inside)
        folder.mkdir(mode=_OWNER_ONLY)
        inside.rename(folder)


def _unpack(plain: IO[bytes], inside: Path) -> None:
    try:
        with tarfile.open(fileobj=plain, mode="r:") as archive:
            archive.extractall(  # noqa: S202 - each was looked at
                inside, members=_ours(archive), **_FILTER
            )
    except _NOT_OURS as error:
        raise CannotOpen("what is in it is no copy of ours") from error


def _ours(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Yield the files and folders that ``_pack`` makes, for whoever opens them alone.

    Anybody who knows the public key can seal what lies elsewhere once it is unpacked.
    """
    seen: set[PurePosixPath] = set()
    for member in archive:
        place = PurePosixPath(member.name)
        if not _is_plain(member) or place in seen:
            raise CannotOpen("what is in it is no copy of ours")
        seen.add(place)
        member.uid, member.gid, member.uname, member.gname = os.getuid(), os.getgid(), "", ""
        member.mode = _OWNER_ONLY if member.isdir() else _FILE_MODE
        yield member


def _is_plain(member: tarfile.TarInfo) -> bool:
    """Tell whether it is a file or a folder that lies within its archive."""
    parts = PurePosixPath(member.name).parts
    lies_within = 0 < len(parts) <= _DEEPEST and parts[0] != "/" and ".." not in parts
    return member.type in _PLAIN and not member.issparse() and lies_within


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
def _packed(places: Mapping[str, Path]) -> Iterator[IO[bytes]]:
    """Give what a packer beside writes: what is unsealed is only ever on its way in memory."""
    read_end, write_end = os.pipe()
    with ThreadPoolExecutor(max_workers=1) as packer:
        packing = packer.submit(_pack, places, write_end)
        with os.fdopen(read_end, "rb") as packed:
            yield packed
        packing.result()


def _pack(places: Mapping[str, Path], write_end: int) -> None:
    # What a link leads to is packed: the link alone would lead nowhere.
    with (
        os.fdopen(write_end, "wb") as pipe,
        tarfile.open(fileobj=pipe, mode="w|", dereference=True) as archive,
    ):
        for name, place in places.items():
            archive.add(place, arcname=name, filter=_packable)


def _packable(member: tarfile.TarInfo) -> tarfile.TarInfo:
    # It would be refused where it is needed: at the opening.
    if not _is_plain(member):
        raise Unsealable(member.name)
    return member


def _named(places: Iterable[Path]) -> Mapping[str, Path]:
    named: dict[str, Path] = {}
    for place in places:
        name = place.absolute().name
        if name in {"", "..", *named}:
            raise Unsealable(str(place))
        named[name] = place
    return named


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
