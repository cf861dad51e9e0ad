"""The machine on which the command runs: its files, its disk, its time zones."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from zaitaku.core.errors import SettingsError
from zaitaku.identity.keys import RequestKeys
from zaitaku.identity.oidc.client_keys import ClientKeys
from zaitaku.operating.deployment import Deployment
from zaitaku.operating.setting_words import in_japanese
from zaitaku.settings import Mode
from zaitaku.watching.words import Line

_OTHERS: Final = 0o077
LEAST_FREE_BYTES: Final = 2 * 1024**3
LEAST_FREE_SHARE: Final = 0.1
_GIGABYTE: Final = 1024**3


def mode(deployment: Deployment) -> Iterator[Line]:
    """Tell whether this is for real patients."""
    is_real = deployment.settings.mode is Mode.PRODUCTION
    yield Line(
        "動かし方",
        "本番" if is_real else "試験用（sandbox）",
        "" if is_real else "本当の患者には使えません。本番では ZAITAKU_MODE を外します。",
    )


def names_of_settings(deployment: Deployment) -> Iterator[Line]:
    """Tell of settings that nothing reads: one that was misspelt is not there."""
    worry = (
        "いまは、どこにも使われていません。"
        "つづりと、いっしょに要る設定を確かめてください（docs/settings.md）。"
    )
    for name in deployment.unread:
        yield Line(f"設定 {name}", "読まれません", worry)


def named_operator(deployment: Deployment) -> Iterator[Line]:
    """Tell whether patients are told who runs the site; it has to be so with real ones."""
    part, operator = "運営者", deployment.settings.operator
    if operator.name and operator.phone:
        yield Line(part, f"{operator.name}（{operator.phone}）")
    elif deployment.settings.mode is Mode.SANDBOX:
        yield Line(part, "患者の画面に出ません（試験用）")
    elif operator.name:
        worry = "ZAITAKU_OPERATOR_PHONE を書いてください。"
        yield Line(part, f"{operator.name}（電話番号は、患者の画面に出ません）", worry)
    else:
        worry = "ZAITAKU_OPERATOR_NAME と ZAITAKU_OPERATOR_PHONE を書いてください。"
        yield Line(part, "だれが運営しているか、患者の画面に出ません", worry)


def private_files(deployment: Deployment) -> Iterator[Line]:
    """Tell which files of keys and of people's data others on this machine can read."""
    settings = deployment.settings
    paths = [settings.request_key_file, *deployment.sqlite_files()]
    if settings.openid is not None:
        paths.append(settings.openid.key_file)
    for path in paths:
        yield _privacy(path)


def _privacy(path: Path) -> Line:
    part = f"ファイル {path}"
    try:
        is_open = bool(path.stat().st_mode & _OTHERS)
    except OSError as error:
        return Line(part, "見られません", _unseen(error))
    if is_open:
        return Line(part, "ほかの利用者も読めます", f"chmod 600 {path} を実行してください。")
    return Line(part, "持ち主だけが読めます")


def _unseen(error: OSError) -> str:
    if isinstance(error, PermissionError):
        return "この利用者には見えません。サイトを動かす利用者（zaitaku）で動かしてください。"
    return "ありません。置き場所を確かめてください。"


def key_files(deployment: Deployment) -> Iterator[Line]:
    """Tell whether the keys in files can be used."""
    settings = deployment.settings
    yield _usable(settings.request_key_file, RequestKeys.load)
    if settings.openid is not None:
        yield _usable(settings.openid.key_file, ClientKeys.load)


def _usable(path: Path, load: Callable[[Path], object]) -> Line:
    part = f"鍵 {path}"
    try:
        load(path)
    except SettingsError as error:
        return Line(part, "使えません", in_japanese(error.detail))
    return Line(part, "使えます")


def disk(deployment: Deployment) -> Iterator[Line]:
    """Tell how much room is left where this machine keeps something."""
    folders = {path.parent for path in deployment.sqlite_files()}
    if deployment.settings.crl_file is not None:
        folders.add(deployment.settings.crl_file.parent)
    for folder in sorted(folders):
        yield _room_in(folder)


def _room_in(folder: Path) -> Line:
    part = f"ディスク {folder}"
    try:
        usage = shutil.disk_usage(folder)
    except OSError as error:
        return Line(part, "見られません", _unseen(error))
    is_low = usage.free < max(LEAST_FREE_BYTES, usage.total * LEAST_FREE_SHARE)
    fact = f"空き {usage.free / _GIGABYTE:.1f} GB（{usage.free / usage.total:.0%}）"
    return Line(
        part, fact, "場所を空けてください。いっぱいになると登録できません。" if is_low else ""
    )


def time_zone(_: Deployment) -> Iterator[Line]:
    """Tell whether this Python knows Japan's time."""
    try:
        ZoneInfo("Asia/Tokyo")
    except ZoneInfoNotFoundError:
        yield Line("時間帯の資料", "ありません", "Debianの tzdata を入れてください。")
    else:
        yield Line("時間帯の資料", "あります")
