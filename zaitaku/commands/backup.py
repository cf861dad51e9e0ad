"""``zaitaku backup`` and ``zaitaku restore``: copies of the database, and the way back."""

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

import click

from zaitaku.commands.desk import japan_time
from zaitaku.core.clock import JST, SystemClock
from zaitaku.core.database import Database
from zaitaku.core.ephemeral_open import open_ephemeral
from zaitaku.core.errors import StoreUnavailable, ZaitakuError
from zaitaku.core.files import write_once
from zaitaku.operating.backups import check_copy, make_copy
from zaitaku.operating.copies import PREFIX, Engine, Manifest, NoCopy, file_digest, newest_in
from zaitaku.operating.keeping import forget_older
from zaitaku.operating.key_files import key_files
from zaitaku.operating.reasons import OTHERWISE, file_trouble, why
from zaitaku.operating.restoring import restore_cluster, restore_file
from zaitaku.operating.sealed import new_key, seal, unseal
from zaitaku.settings import Settings
from zaitaku.watching.notes import Notes, note_backup

_FOLDER: Final = click.Path(file_okay=False, path_type=Path)
_COPY: Final = click.Path(exists=True, file_okay=False, path_type=Path)
_FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)
_NEW: Final = click.Path(path_type=Path)
_ROOT: Final = 0

_WORDS: Final = {
    "nothing-to-copy": (
        "控えるデータベースがありません。ZAITAKU_DATABASE_URL の場所を確かめてください。"
    ),
    "copy-damaged": "この控えは、こわれています。使わずに、別の控えを確かめてください",
    "copy-unreadable": "この控えを読めません。こわれているとはかぎりません",
    "postgresql-tool-failed": "PostgreSQLのプログラムが、失敗しました",
    "would-overwrite": "そこには、もう何かがあります。上書きはしません。何も変えていません",
    "wrong-engine": "控えと、戻す先の、データベースの種類がちがいます",
    "no-such-point": "この控えからは、その時刻に戻せません",
    "age-key-unfit": (
        "age の鍵を読めません。公開の鍵は age1、秘密の鍵は AGE-SECRET-KEY-1 で始まり、"
        "途中で切れていないものです。"
    ),
    "within-copy": (
        "そこは、ほかの控えの中です。置くと、その控えが使えなくなるので、何も作っていません"
    ),
    "unsealable": (
        "封をしても、あとで開けられません。ファイルでもフォルダーでもないもの（パイプなど）が"
        "あるか、同じ名前のものが二つあります。何も作っていません"
    ),
    "cannot-open": "開けません。こわれているか、別の鍵で封じたものです。",
    "store-unavailable": "データベースか、控えを置く場所を使えません",
}

WHAT_NEXT: Final = (
    "次に、このデータベースで zaitaku migrate を動かし、zaitaku audit verify と"
    " zaitaku records verify --all で確かめます（docs/operations.md）。"
)


@click.group()
def backup() -> None:
    """データベースの控えを作り、確かめます。サーバーは動いたままでかまいません。"""


@backup.command()
@click.argument("folder", type=_FOLDER)
@click.option(
    "--keep",
    type=click.IntRange(min=1),
    help="新しいほうから、この数だけ残す。作れたときだけ、古い控えを消す（なければ、消さない）",
)
def make(folder: Path, keep: int | None) -> None:
    """FOLDER の中に、新しい控えを1つ作り、確かめてから名前を付けます。"""
    settings, clock = Settings.from_env(), SystemClock()
    database = Database(settings.database_url)
    with _told():
        try:
            place = make_copy(database, folder, clock)
        finally:
            database.close()
    click.echo(f"控えを作り、確かめました: {place}")
    # Only for those who watch: the copy is good also when nobody can be told of it.
    try:
        with closing(open_ephemeral(settings.ephemeral_url, clock)) as ephemeral:
            note_backup(Notes(ephemeral), clock.now())
    except StoreUnavailable:
        click.echo(
            "控えた日時を書き残せませんでした（短期の保管場所につながりません）。"
            "zaitaku status は、まだ控えがないと言います。",
            err=True,
        )
    if keep is not None:
        _forget_older(place, keep, clock.now())


def _forget_older(newest: Path, keep: int, now: datetime) -> None:
    with _told():
        ended = forget_older(newest, keep, now)
    for place in ended.gone:
        click.echo(f"古い控えを消しました: {place}")
    for place in ended.stuck:
        click.echo(f"古い控えを消せませんでした（新しい控えは使えます）: {place}", err=True)
    for place in ended.damaged:
        click.echo(f"こわれた控えがあります（数えず、消していません）: {place}", err=True)


@backup.command()
@click.argument("place", metavar="COPY", type=_COPY)
def verify(place: Path) -> None:
    """控え COPY が、作ったときのままで、データベースとして読めるかを確かめます。"""
    with _told():
        manifest = check_copy(place)
    click.echo(f"使えます。{_described(manifest)}")


@backup.command("new-key")
@click.argument("file", type=_NEW)
def make_key(file: Path) -> None:
    """封をする鍵の組を作ります。秘密の鍵は FILE に、公開の鍵は画面に出します。

    サーバーではない機械で動かし、FILE は、ネットワークにつながない場所に保管してください。
    """
    private, public = new_key()
    text = f"# {public}\n{private}\n".encode()
    if write_once(file, text) != text:
        raise click.ClickException(f"{file} は、もうあります。何も変えていません。")
    click.echo(public)


@backup.command("seal")
@click.argument("places", metavar="COPY...", nargs=-1, required=True, type=_COPY)
@click.option("--for", "recipients", multiple=True, required=True, help="公開の鍵（age1…）")
@click.option("--to", "target", required=True, type=_NEW, help="作るファイル")
def seal_copies(places: tuple[Path, ...], recipients: tuple[str, ...], target: Path) -> None:
    """控えを、秘密の鍵を持つ人だけが開けるファイル1つにします。持ち出して、切り離して保管します。"""
    with _told():
        for place in places:
            check_copy(place)
        digest = seal(places, target, recipients)
    _tell_sealed(target, digest)


@backup.command("keys")
@click.option("--for", "recipients", multiple=True, required=True, help="公開の鍵（age1…）")
@click.option("--to", "target", required=True, type=_NEW, help="作るファイル")
def seal_keys(recipients: tuple[str, ...], target: Path) -> None:
    """いまの設定（環境変数 ZAITAKU_…）と鍵のファイルを、封をしたファイル1つにします。

    データベースの控えには、鍵は入っていません。鍵を失うと、患者とカードのつながりも失われます。
    """
    settings = Settings.from_env()
    with _told(), key_files(settings, os.environ) as folder:
        digest = seal((folder,), target, recipients)
    _tell_sealed(target, digest)


@backup.command("open")
@click.argument("sealed", metavar="FILE", type=_FILE)
@click.option("--key", "key_file", required=True, type=_FILE, help="秘密の鍵のファイル")
@click.option("--to", "folder", required=True, type=_FOLDER, help="作るフォルダー")
@click.option("--sha256", "digest", help="封をしたときに表示された値。合わなければ開きません")
def open_sealed(sealed: Path, key_file: Path, folder: Path, digest: str | None) -> None:
    """封をしたファイルを開き、中の控えを FOLDER に取り出します。"""
    if digest is not None and file_digest(sealed) != digest.strip().lower():
        raise click.ClickException(
            f"{sealed} は、封をしたときのものではありません。開いていません。"
        )
    with _told():
        unseal(sealed, key_file.read_text("utf-8", errors="replace"), folder)
    click.echo(f"取り出しました: {folder}")


@click.command()
@click.argument("place", metavar="COPY", type=_COPY)
@click.argument("target", type=_NEW)
@click.option("--archive", type=_FOLDER, help="WALの保管場所（PostgreSQL）")
@click.option("--until", help="この時刻まで（PostgreSQL。例: 2026-11-21T09:00 日本時間）")
def restore(place: Path, target: Path, archive: Path | None, until: str | None) -> None:
    """控え COPY から TARGET に戻します。TARGET に何かあれば、何もしません。

    TARGET は、SQLiteではファイル、PostgreSQLではデータのフォルダーです。
    """
    moment = _moment(until)
    with _told():
        if Manifest.read(place).engine is Engine.SQLITE:
            manifest = restore_file(place, target)
        else:
            manifest = restore_cluster(place, target, archive=archive, until=moment)
    click.echo(f"戻しました: {target}。{_described(manifest)}")
    if target.is_file():
        _hand_over(target)
    click.echo(WHAT_NEXT)


def _hand_over(file: Path) -> None:
    # Restored by root, in an emergency: the site's own user must be able to open it.
    if os.geteuid() != _ROOT:
        return
    owner = file.parent.stat()
    os.chown(file, owner.st_uid, owner.st_gid)
    if owner.st_uid == _ROOT:
        click.echo(f"サイトを動かす利用者に渡してください: chown zaitaku: {file}")


def _tell_sealed(target: Path, digest: str) -> None:
    click.echo(f"封をしました: {target}")
    click.echo(f"SHA-256 {digest}（サイトの機械ではないところに、書きとめてください）")


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.ClickException(
            "--until の時刻を読めません。2026-11-21T09:00 のように書いてください。"
        ) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=JST)


def _described(manifest: Manifest) -> str:
    return f"{japan_time(manifest.made_at)}の{manifest.engine}の控え（版 {manifest.version}）"


def _why(error: StoreUnavailable) -> str:
    found = why(error)
    return error.detail if found == OTHERWISE else found


def _no_copy(folder: Path) -> str:
    # Whoever reads this may be in an emergency: that nothing is lost comes with what to type.
    newest = newest_in(folder)
    if newest is None:
        return f"{folder} は、控えではありません。中に、控えもありません。"
    return (
        f"{folder} は、控えではありません。中にある控え（{PREFIX}…）から、1つを指定してください。"
        f"いちばん新しいもの: {newest}"
    )


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except NoCopy as error:
        raise click.ClickException(_no_copy(Path(error.detail))) from error
    except StoreUnavailable as error:
        raise click.ClickException(f"{_WORDS[error.code]}（{_why(error)}）。") from error
    except ZaitakuError as error:
        words = _WORDS.get(error.code, error.code)
        reason = f"（{error.detail}）。" if error.detail and not words.endswith("。") else ""
        raise click.ClickException(words + reason) from error
    except OSError as error:
        where = error.filename or "書く場所"
        raise click.ClickException(f"{where}（{file_trouble(error)}）。") from error
