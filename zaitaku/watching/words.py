"""A deployment's condition in words for whoever operates it, and what in it needs looking after."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from zaitaku.core.clock import JST, is_within
from zaitaku.watching.condition import AuditCondition, Condition, JobsCondition
from zaitaku.watching.door import Door
from zaitaku.watching.postgres import PostgresCondition, Standby
from zaitaku.watching.presence import Instance, Role

CRL_SOON: Final = timedelta(hours=24)
CERTIFICATE_SOON: Final = timedelta(days=30)
DAILY: Final = timedelta(hours=26)
"""What is done every day may be two hours late."""
LONG_WAIT: Final = timedelta(minutes=10)
FAR_BEHIND_BYTES: Final = 16 * 1024 * 1024
"""One file of the write-ahead log."""

UNKNOWN: Final = "わかりません"
_ROLES: Final = {Role.WEB: "画面", Role.WORKER: "裏の処理"}
_CERTIFICATES: Final = {"root": "認証局のルート証明書", "tls": "サイトのTLS証明書"}


@dataclass(frozen=True)
class Line:
    """One fact; ``worry`` says what is wrong or to be done, and is empty when nothing is."""

    part: str
    fact: str
    worry: str = ""


def lines_of(found: Condition) -> tuple[Line, ...]:
    """Return everything that is to be told, in the order of reading."""
    return (
        *_stores(found),
        *_instances(found),
        _door(found.door),
        *_jobs(found.jobs, found.at),
        *_postgres(found.postgres),
        _audit(found.audit, found.at),
        _backup(found.backup_at, found.at),
        *_ends(found),
    )


def _stores(found: Condition) -> Iterator[Line]:
    yield Line("プログラムの版", found.version)
    for name, answers in (
        ("データベース", found.database_answers),
        ("短期の保管場所", found.ephemeral_answers),
    ):
        yield Line(
            name,
            "動いています" if answers else "つながりません",
            "" if answers else "動いているか確かめてください。",
        )
    worry = "zaitaku migrate を実行してください。" if found.schema_fits is False else ""
    yield Line("データベースの形", found.schema or UNKNOWN, worry)


def _instances(found: Condition) -> Iterator[Line]:
    if found.instances is None:
        yield from (Line(f"プロセス（{each}）", UNKNOWN) for each in _ROLES.values())
        return
    present = [each for each in found.instances if each.is_there(found.at)]
    for each in present:
        yield Line(f"プロセス（{_ROLES[each.role]}）", f"{each.name}　版 {each.version}")
    yield from (_missing(role) for role in Role if not _has(role, present))
    if len({each.version for each in present}) > 1:
        yield Line("版のちがい", "あります", "更新の途中でなければ、古いものを入れかえてください。")


def _has(role: Role, present: list[Instance]) -> bool:
    return any(each.role is role for each in present)


def _missing(role: Role) -> Line:
    return Line(
        f"プロセス（{_ROLES[role]}）",
        "3分以内に見えたものはありません",
        f"zaitaku {_COMMANDS[role]} を動かしてください。",
    )


_COMMANDS: Final = {Role.WEB: "serve", Role.WORKER: "worker"}


def _door(door: Door | None) -> Line:
    part = "入口（この1分）"
    if door is None:
        return Line(part, f"{UNKNOWN}（ZAITAKU_METRICS_ADDRESS を設定すると、1分ごとに見えます）")
    fact = (
        f"列で待つ人 {door.waiting}人、いま始められる人 {door.permits}人、"
        f"待ってもらった回数 列 {door.in_line}回・手がふさがって {door.sent_away}回"
    )
    is_crowded = door.waiting or door.sent_away
    return Line(part, fact, _CROWDED if is_crowded else "")


_CROWDED: Final = "混み合っています。続くときは、機械かプロセスをふやしてください。"


def _jobs(jobs: JobsCondition | None, now: datetime) -> Iterator[Line]:
    if jobs is None:
        yield Line("裏の処理", UNKNOWN)
        return
    waits = now - jobs.oldest_waiting if jobs.oldest_waiting else timedelta()
    is_slow = waits > LONG_WAIT
    yield Line(
        "裏の処理",
        f"待ち {jobs.waiting}件、実行中 {jobs.running}件、いちばん長い待ち {_span(waits)}",
        "zaitaku worker が動いているか確かめてください。" if is_slow else "",
    )
    yield Line(
        "失敗した処理（24時間）",
        f"{jobs.failed}件",
        "ログを確かめてください。" if jobs.failed else "",
    )


def _postgres(found: PostgresCondition | None) -> Iterator[Line]:
    if found is None:
        return
    if not found.is_primary:
        yield Line("PostgreSQL", "待機系です", "主系につながるように設定してください。")
        return
    promise = "あり" if found.is_synchronous else "なし"
    yield Line("同期の複製", promise, "" if found.is_synchronous else _ASYNCHRONOUS)
    for each in found.standbys:
        yield _standby(each)
    if found.is_synchronous and found.synchronous_standbys == 0:
        yield Line(
            "待機系", "同期のものがありません", "登録が止まります。待機系を動かしてください。"
        )
    worry = "保管先を確かめてください。" if found.archive_fails else ""
    yield Line("ログ（WAL）の保管", _moment(found.archived_at), worry)


_ASYNCHRONOUS: Final = "主系がこわれると、登録を失うことがあります。"


def _standby(each: Standby) -> Line:
    if each.lag_bytes is None or each.is_synchronous is None:
        return Line(f"待機系 {each.name}", f"{UNKNOWN}（利用者に pg_monitor を与えると見えます）")
    kind = "同期" if each.is_synchronous else "非同期"
    is_far = each.lag_bytes > FAR_BEHIND_BYTES
    seconds = f"、{each.lag.total_seconds():.1f}秒" if each.lag else ""
    fact = f"{kind}、遅れ {each.lag_bytes:,}バイト{seconds}"
    return Line(f"待機系 {each.name}", fact, "遅れています。" if is_far else "")


def _audit(audit: AuditCondition | None, now: datetime) -> Line:
    part = "操作の記録の確認"
    if audit is None:
        return Line(part, UNKNOWN, "zaitaku audit verify を毎日動かしてください。")
    if not audit.is_whole:
        words = "データベースに触れずに、写しを取ってから調べてください。"
        return Line(part, f"{_moment(audit.verified_at)} 合わないものがありました", words)
    is_late = not is_within(DAILY, audit.verified_at, now)
    worry = "zaitaku audit verify を毎日動かしてください。" if is_late else ""
    return Line(part, f"{_moment(audit.verified_at)} すべて合っていました", worry)


def _backup(at: datetime | None, now: datetime) -> Line:
    is_late = at is None or not is_within(DAILY, at, now)
    return Line("最後の控え", _moment(at), "控えを毎日取ってください。" if is_late else "")


def _ends(found: Condition) -> Iterator[Line]:
    if found.crl_ends is not None:
        is_soon = found.crl_ends - found.at < CRL_SOON
        worry = "切れるとカードを確かめられません。zaitaku crl refresh を実行してください。"
        yield Line("失効リストの期限", _moment(found.crl_ends), worry if is_soon else "")
    elif found.crl_is_readable is False:
        yield Line("失効リスト", "読めません", _NO_LIST)
    for each in found.certificates:
        is_soon = each.ends is None or each.ends - found.at < CERTIFICATE_SOON
        name = f"{_CERTIFICATES[each.name]}の期限"
        worry = "新しいものを用意してください。" if each.ends else _UNREAD[each.name]
        yield Line(name, _moment(each.ends), worry if is_soon else "")


_NO_LIST: Final = (
    "カードを確かめられません。zaitaku crl refresh を実行するか、ファイルを置き直してください。"
)
_UNREAD: Final = {
    "root": "ZAITAKU_TRUST_ANCHORS のファイルを読めるか、確かめてください。",
    "tls": "サイトに、この機械からつながるかを確かめてください。",
}


def _moment(moment: datetime | None) -> str:
    return f"{moment.astimezone(JST):%Y/%m/%d %H:%M}" if moment else UNKNOWN


def _span(span: timedelta) -> str:
    minutes, seconds = divmod(int(span.total_seconds()), 60)
    return f"{minutes}分{seconds:02d}秒"
