"""``zaitaku crl``: the authority's revocation lists, as this deployment holds them."""

import click

from zaitaku.commands.desk import japan_time
from zaitaku.core.clock import SystemClock
from zaitaku.identity.anchors import TrustAnchors
from zaitaku.identity.revocation.configured import configured_refresh
from zaitaku.identity.revocation.refresh import Refreshed, RefreshFailed
from zaitaku.sdk.crl import ListsUnreadable, RevocationList, read_lists
from zaitaku.settings import Mode, Settings

_OUTCOMES = {
    Refreshed.RENEWED: "失効リストを新しくしました。",
    Refreshed.UNCHANGED: "失効リストは、もう最新です。",
    Refreshed.ELSEWHERE: "ほかのプロセスが、いま失効リストを新しくしています。",
}


@click.group()
def crl() -> None:
    """認証局の失効リスト（CRL）を新しくし、確かめます。"""


@crl.command()
def refresh() -> None:
    """ZAITAKU_CRL_URL から失効リストを取り寄せ、ZAITAKU_CRL_FILE を新しくします。"""
    settings = Settings.from_env()
    keeper = configured_refresh(settings, _anchors(settings))
    if keeper is None:
        raise click.ClickException("ZAITAKU_CRL_FILE と ZAITAKU_CRL_URL を設定してください。")
    try:
        outcome = keeper.refresh(SystemClock().now())
    except RefreshFailed as failure:
        raise click.ClickException(_failed(failure)) from failure
    click.echo(_OUTCOMES[outcome])


@crl.command()
def show() -> None:
    """いま使っている失効リストの、作成日時と期限を表示します。"""
    settings = Settings.from_env()
    if settings.crl_file is None:
        raise click.ClickException("ZAITAKU_CRL_FILE を設定してください。")
    try:
        lists = read_lists(settings.crl_file.read_bytes())
    except (OSError, ListsUnreadable) as error:
        raise click.ClickException(f"失効リストを読めません（{type(error).__name__}）。") from error
    anchors = _anchors(settings)
    for entry in lists:
        click.echo(_described(entry, anchors))


def renew_at_start(settings: Settings) -> None:
    """Renew the lists before the first patient comes, if the settings say from where.

    A failure is told and keeps nothing from starting: the list that is there may be good for days,
    and without any every proof is refused until one has come.
    """
    keeper = configured_refresh(settings, _anchors(settings)) if settings.crl_url else None
    now = SystemClock().now()
    if keeper is None or not keeper.is_due(now):
        return
    try:
        keeper.refresh(now)
    except RefreshFailed as failure:
        click.echo(_failed(failure), err=True)


def _failed(failure: RefreshFailed) -> str:
    return (
        "失効リストを新しくできませんでした。いまのリストは、そのまま残っています"
        f"（{failure.detail}）。"
    )


def _described(entry: RevocationList, anchors: TrustAnchors) -> str:
    signed = any(entry.is_signed_by(root) for root in anchors.roots)
    is_current = entry.is_current(SystemClock().now())
    ends = entry.crl.next_update_utc
    standing = "使えます" if signed and is_current else "使えません"
    reason = "" if signed else "（信頼する認証局の署名ではありません）"
    until = japan_time(ends) if ends else "なし"
    return (
        f"作成 {japan_time(entry.crl.last_update_utc)}  期限 {until}"
        f"  失効 {len(entry.serials)}件  {standing}{reason}"
    )


def _anchors(settings: Settings) -> TrustAnchors:
    return TrustAnchors.load(settings.trust_anchors, allow_test=settings.mode is Mode.SANDBOX)
