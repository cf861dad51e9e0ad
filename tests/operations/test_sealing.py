"""What leaves the machine: sealed for one key, opened by it alone, and harmless to who opens it."""

import os
import tarfile
from collections.abc import Iterator
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import pyrage
import pytest

from tests.operations.copies import CODES
from zaitaku.core.clock import FixedClock
from zaitaku.core.database import Database
from zaitaku.operating import sealed as sealed_module
from zaitaku.operating.backups import check_copy, make_copy
from zaitaku.operating.copies import MANIFEST, WithinCopy, file_digest
from zaitaku.operating.sealed import CannotOpen, KeyUnfit, Unsealable, new_key, seal, unseal


def test_a_sealed_copy_opens_with_its_key_alone(copy: Path, tmp_path: Path) -> None:
    private, public = new_key()
    sealed = tmp_path / "sealed.age"
    seal((copy,), sealed, [public])
    assert CODES[0].encode() not in sealed.read_bytes()
    unseal(sealed, f"# {public}\n{private}\n", tmp_path / "opened")
    assert check_copy(tmp_path / "opened" / copy.name) == check_copy(copy)
    with pytest.raises(CannotOpen):
        unseal(sealed, new_key()[0], tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_nothing_lies_unsealed_on_the_medium_at_any_moment(
    copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    medium = tmp_path / "medium"
    medium.mkdir()
    seen: set[str] = set()
    encrypt = pyrage.encrypt_io

    def look_and_encrypt(packed: object, out: object, keys: object) -> None:
        seen.update(path.name for path in medium.iterdir())
        seen.update(name for name in open_files() if name.startswith(str(medium)))
        encrypt(packed, out, keys)

    monkeypatch.setattr(pyrage, "encrypt_io", look_and_encrypt)
    seal((copy,), medium / "sealed.age", [new_key()[1]])
    fresh = medium / ".sealed.age.new"
    assert seen == {"sealed.age", fresh.name, str(fresh)}
    assert [path.name for path in medium.iterdir()] == ["sealed.age"]


def open_files() -> Iterator[str]:
    """Yield what this process has open, also files without a name."""
    for link in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            yield str(link.readlink())


def test_the_digest_tells_another_file_in_its_place(copy: Path, tmp_path: Path) -> None:
    sealed, public = tmp_path / "sealed.age", new_key()[1]
    digest = seal((copy,), sealed, [public])
    assert file_digest(sealed) == digest
    assert seal((copy,), tmp_path / "other.age", [public]) != digest


def test_a_sealed_file_that_is_no_copy_is_told(tmp_path: Path) -> None:
    private, public = new_key()
    sealed = tmp_path / "sealed.age"
    key = pyrage.x25519.Recipient.from_str(public)
    sealed.write_bytes(pyrage.encrypt(b"no archive", [key]))
    with pytest.raises(CannotOpen):
        unseal(sealed, private, tmp_path / "opened")
    assert not (tmp_path / "opened").exists()


def member(name: str, kind: bytes = tarfile.REGTYPE, **facts: Any) -> tarfile.TarInfo:
    """Return what an archive tells of a file."""
    told = tarfile.TarInfo(name)
    told.type = kind
    for fact, value in facts.items():
        setattr(told, fact, value)
    return told


FOREIGN: dict[str, list[tarfile.TarInfo]] = {
    "above": [member("../outside")],
    "above, later": [member("copy/../../outside")],
    "absolute": [member("/tmp/zaitaku-outside")],
    "link": [member("copy", tarfile.SYMTYPE, linkname="/tmp")],
    "hard link": [member("copy", tarfile.LNKTYPE, linkname="../outside")],
    "pipe": [member("copy", tarfile.FIFOTYPE)],
    "device": [member("copy", tarfile.CHRTYPE)],
    "the folder itself": [member(".", tarfile.DIRTYPE, mode=0o555)],
    "nameless": [member("", tarfile.DIRTYPE)],
    "twice": [member("copy"), member("copy")],
    "file, then folder": [member("copy"), member("copy", tarfile.DIRTYPE)],
    "below a file": [member("copy"), member("copy/file")],
    "no time": [member("copy", mtime=0, pax_headers={"mtime": "nan"})],
    "never": [member("copy", mtime=0, pax_headers={"mtime": "1e300"})],
    "deep": [member("/".join(["d"] * 3000))],
}


@pytest.mark.parametrize("members", FOREIGN.values(), ids=FOREIGN)
@pytest.mark.parametrize("is_filtered", [True, False])
def test_what_somebody_else_has_sealed_reaches_nothing_else(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    members: list[tarfile.TarInfo],
    *,
    is_filtered: bool,
) -> None:
    if not is_filtered and sealed_module._FILTER:
        monkeypatch.setattr(sealed_module, "_FILTER", {"filter": "fully_trusted"})
    sealed, private = sealed_archive(tmp_path, members)
    with pytest.raises(CannotOpen):
        unseal(sealed, private, tmp_path / "opened")
    assert list(tmp_path.iterdir()) == [sealed]
    assert not Path("/tmp/zaitaku-outside").exists()


def test_a_small_file_is_none_that_fills_the_disk(tmp_path: Path) -> None:
    zeros = BytesIO(bytes(1_000_000))
    sealed, private = sealed_archive(tmp_path, [member("copy", size=1_000_000)], zeros, "w:xz")
    with pytest.raises(CannotOpen):
        unseal(sealed, private, tmp_path / "opened")


def sealed_archive(
    folder: Path, members: list[tarfile.TarInfo], content: BytesIO | None = None, mode: Any = "w"
) -> tuple[Path, str]:
    """Seal what nobody here would pack; return the file and the key to it."""
    private, public = new_key()
    packed = BytesIO()
    with tarfile.open(fileobj=packed, mode=mode) as archive:
        for each in members:
            archive.addfile(each, content)
    sealed = folder / "sealed.age"
    key = pyrage.x25519.Recipient.from_str(public)
    sealed.write_bytes(pyrage.encrypt(packed.getvalue(), [key]))
    return sealed, private


def test_what_is_opened_is_for_its_owner_alone(copy: Path, tmp_path: Path) -> None:
    private, public = new_key()
    copy.chmod(0o755)
    seal((copy,), tmp_path / "sealed.age", [public])
    unseal(tmp_path / "sealed.age", private, tmp_path / "opened")
    found = [tmp_path / "opened", *(tmp_path / "opened").rglob("*")]
    assert {path.stat().st_mode & 0o077 for path in found} == {0}


def test_what_could_not_be_opened_is_not_sealed(
    copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    medium, public = tmp_path / "medium", new_key()[1]
    medium.mkdir()
    other = tmp_path / "other" / copy.name
    other.mkdir(parents=True)
    (pipe := tmp_path / "pipe").mkdir()
    os.mkfifo(pipe / "fifo")
    monkeypatch.chdir(copy)
    for places in ((copy, other), (pipe,), (Path(".."),)):
        with pytest.raises(Unsealable):
            seal(places, medium / "sealed.age", [public])
    assert list(medium.iterdir()) == []


def test_nothing_is_put_into_a_copy(
    copy: Path,
    database: Database,
    tmp_path: Path,
    clock: FixedClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    private, public = new_key()
    seal((copy,), tmp_path / "sealed.age", [public])
    (copy / "below").mkdir()
    monkeypatch.chdir(copy)
    for place in (Path(), Path("below"), copy):
        with pytest.raises(WithinCopy):
            seal((copy,), place / "inside.age", [public])
        with pytest.raises(WithinCopy):
            unseal(tmp_path / "sealed.age", private, place / "opened")
        with pytest.raises(WithinCopy):
            make_copy(database, place, clock)
    check_copy(copy)


def test_beside_a_copy_there_is_room(
    copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private, public = new_key()
    monkeypatch.chdir(copy)
    seal((Path(),), Path("../sealed.age"), [public])
    unseal(Path("../sealed.age"), private, Path("../../opened"))
    assert check_copy(tmp_path / "opened" / copy.name) == check_copy(copy)


def test_the_present_folder_is_sealed_under_its_name(
    copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private, public = new_key()
    monkeypatch.chdir(copy)
    seal((Path(),), tmp_path / "sealed.age", [public])
    unseal(tmp_path / "sealed.age", private, tmp_path / "opened")
    assert check_copy(tmp_path / "opened" / copy.name) == check_copy(copy)


def test_what_a_link_leads_to_is_sealed(copy: Path, tmp_path: Path) -> None:
    private, public = new_key()
    link = tmp_path / "link"
    link.symlink_to(copy)
    seal((link,), tmp_path / "sealed.age", [public])
    unseal(tmp_path / "sealed.age", private, tmp_path / "opened")
    assert check_copy(tmp_path / "opened" / link.name) == check_copy(copy)


def test_what_cannot_be_sealed_leaves_nothing(copy: Path, tmp_path: Path) -> None:
    medium = tmp_path / "medium"
    medium.mkdir()
    with pytest.raises(FileNotFoundError):
        seal((copy, copy / "absent"), medium / "sealed.age", [new_key()[1]])
    assert list(medium.iterdir()) == []


def test_a_sealed_copy_that_was_changed_does_not_open(copy: Path, tmp_path: Path) -> None:
    private, public = new_key()
    sealed = tmp_path / "sealed.age"
    seal((copy,), sealed, [public])
    content = bytearray(sealed.read_bytes())
    content[-100] ^= 1
    sealed.write_bytes(content)
    with pytest.raises(CannotOpen):
        unseal(sealed, private, tmp_path / "opened")
    assert not (tmp_path / "opened").exists()


def test_sealing_for_nobody_and_opening_with_nothing_fail(copy: Path, tmp_path: Path) -> None:
    for recipients in ([], ["age1nonsense"]):
        with pytest.raises(KeyUnfit):
            seal((copy,), tmp_path / "sealed.age", recipients)
    assert not (tmp_path / "sealed.age").exists()
    for identity in ("", "# only a comment", "AGE-SECRET-KEY-1NONSENSE"):
        with pytest.raises(KeyUnfit):
            unseal(copy / MANIFEST, identity, tmp_path / "opened")


def test_a_sealed_file_is_never_overwritten(copy: Path, tmp_path: Path) -> None:
    sealed = tmp_path / "sealed.age"
    sealed.write_bytes(b"precious")
    with pytest.raises(FileExistsError):
        seal((copy,), sealed, [new_key()[1]])
    assert sealed.read_bytes() == b"precious"
    assert {path.name for path in tmp_path.glob("*sealed*")} == {"sealed.age"}
    assert list(tmp_path.glob(".*")) == []
