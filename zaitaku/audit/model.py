"""Entries of a facility's audit trail, chained by their digests.

Each entry carries the digest of the one before it. Whoever changes, removes or inserts one must
make all later digests anew, and then the last of them no longer equals the one that was printed,
exported or logged before.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum, auto
from types import MappingProxyType
from typing import Final

from zaitaku.core.ids import FacilityId

FIRST_LINK: Final = "0" * 64
"""What the first entry names as the one before it."""


class Act(StrEnum):
    """What somebody did, or tried to do."""

    LOGIN = auto()
    REFUSE_LOGIN = auto()
    PASS_PASSWORD = auto()
    """The password was right; the login is complete only after its second step."""
    LOGOUT = auto()
    CHANGE_PASSWORD = auto()
    REGISTER_ACCOUNT = auto()
    UPDATE_ACCOUNT = auto()
    DELETE_ACCOUNT = auto()
    LOCK_ACCOUNT = auto()
    UNLOCK_ACCOUNT = auto()
    RESET_PASSWORD = auto()
    IMPORT_ACCOUNTS = auto()
    TELL_PASSWORDS = auto()
    """The initial passwords of a bulk registration were downloaded."""
    FORGET_PASSWORDS = auto()
    """Whoever has them had the initial passwords of a bulk registration thrown away."""
    REGISTER_PASSKEY = auto()
    RENAME_PASSKEY = auto()
    REMOVE_PASSKEY = auto()
    SUSPEND_PASSKEY = auto()
    MAKE_RECOVERY_CODES = auto()
    PASS_SECOND_FACTOR = auto()
    REFUSE_SECOND_FACTOR = auto()
    CONFIRM_SELF = auto()
    """Somebody who was logged in proved once more who they are."""
    END_SESSIONS = auto()
    CHANGE_SIGN_IN_POLICY = auto()
    REGISTER_FACILITY = auto()
    CHANGE_FACILITY = auto()
    CHANGE_CODE = auto()
    RELATE_FACILITY = auto()
    CHANGE_SETTINGS = auto()
    ACCEPT_TERMS = auto()
    ISSUE_URL = auto()
    ROTATE_URL = auto()
    REVERT_URL = auto()
    RESET_URL = auto()
    ADD_POSTER = auto()
    CHANGE_POSTER = auto()
    ARCHIVE_POSTER = auto()
    RESTORE_POSTER = auto()
    EXPORT_PATIENTS = auto()
    KEEP_APPOINTMENTS = auto()
    REMOVE_APPOINTMENTS = auto()
    WITHDRAW_CONSENT = auto()
    EXPORT_VIEW_HISTORY = auto()
    EXPORT_AUDIT = auto()
    ISSUE_ACTIVATION_CODE = auto()
    INVALIDATE_ACTIVATION_CODE = auto()
    REGISTER_DEVICE = auto()
    CHECK_ELIGIBILITY = auto()
    BIND_TEST_CARD = auto()
    UNBIND_TEST_CARDS = auto()
    REGISTER_TEST_DATA = auto()
    DELETE_TEST_DATA = auto()
    RESET_TEST_CONSENTS = auto()


ACT_NAMES: Final = MappingProxyType(
    {
        Act.LOGIN: "ログイン",
        Act.REFUSE_LOGIN: "ログイン失敗",
        Act.PASS_PASSWORD: "パスワードの確認（二つ目の確認の前）",
        Act.LOGOUT: "ログアウト",
        Act.CHANGE_PASSWORD: "パスワード変更",
        Act.REGISTER_ACCOUNT: "アカウント登録",
        Act.UPDATE_ACCOUNT: "アカウント更新",
        Act.DELETE_ACCOUNT: "アカウント削除",
        Act.LOCK_ACCOUNT: "アカウントロック",
        Act.UNLOCK_ACCOUNT: "アカウントロック解除",
        Act.RESET_PASSWORD: "パスワード再発行",
        Act.IMPORT_ACCOUNTS: "アカウント一括登録",
        Act.TELL_PASSWORDS: "一括登録の初期パスワードのダウンロード",
        Act.FORGET_PASSWORDS: "一括登録の初期パスワードの消去",
        Act.REGISTER_PASSKEY: "パスキーの登録",
        Act.RENAME_PASSKEY: "パスキーの名前の変更",
        Act.REMOVE_PASSKEY: "パスキーの削除",
        Act.SUSPEND_PASSKEY: "パスキーの停止",
        Act.MAKE_RECOVERY_CODES: "回復コードの作成",
        Act.PASS_SECOND_FACTOR: "二つ目の確認",
        Act.REFUSE_SECOND_FACTOR: "二つ目の確認の失敗",
        Act.CONFIRM_SELF: "本人の確認（大切な操作の前）",
        Act.END_SESSIONS: "ほかの端末のログアウト",
        Act.CHANGE_SIGN_IN_POLICY: "二要素認証の設定",
        Act.REGISTER_FACILITY: "医療機関等の登録",
        Act.CHANGE_FACILITY: "医療機関等の登録内容の変更",
        Act.CHANGE_CODE: "医療機関等コードの変更・承継",
        Act.RELATE_FACILITY: "関連医療機関情報の変更",
        Act.CHANGE_SETTINGS: "環境設定情報更新",
        Act.ACCEPT_TERMS: "利用規約への同意",
        Act.ISSUE_URL: "URLの最初の発行",
        Act.ROTATE_URL: "URLを変更する",
        Act.REVERT_URL: "URLを変更前に戻す",
        Act.RESET_URL: "最初のURLに戻す",
        Act.ADD_POSTER: "ポスターの登録",
        Act.CHANGE_POSTER: "ポスターの変更",
        Act.ARCHIVE_POSTER: "ポスターの使用終了",
        Act.RESTORE_POSTER: "ポスターの使用再開",
        Act.EXPORT_PATIENTS: "同意取得済み患者一覧のダウンロード",
        Act.KEEP_APPOINTMENTS: "受診予定の登録",
        Act.REMOVE_APPOINTMENTS: "受診予定の削除",
        Act.WITHDRAW_CONSENT: "患者の希望による同意の取消し",
        Act.EXPORT_VIEW_HISTORY: "医療情報閲覧履歴のダウンロード",
        Act.EXPORT_AUDIT: "操作履歴のダウンロード",
        Act.ISSUE_ACTIVATION_CODE: "アクティベーションコードの発行",
        Act.INVALIDATE_ACTIVATION_CODE: "アクティベーションコードの無効化",
        Act.REGISTER_DEVICE: "端末の登録",
        Act.CHECK_ELIGIBILITY: "資格情報の再照会",
        Act.BIND_TEST_CARD: "テスト用カードの登録",
        Act.UNBIND_TEST_CARDS: "テスト用カードの登録の削除",
        Act.REGISTER_TEST_DATA: "テストデータの登録",
        Act.DELETE_TEST_DATA: "テストデータの削除",
        Act.RESET_TEST_CONSENTS: "テストで取り消した同意の初期化",
    }
)
"""How lists and files name each act."""


@dataclass(frozen=True)
class Entry:
    """One entry; ``sequence`` counts from 1 in each facility."""

    facility_id: FacilityId
    sequence: int
    at: datetime
    act: Act
    actor: str
    """User ID and name of an account, or the operator's own name; at most 100 characters."""
    subject: str
    """What it was done to: a user ID, a channel; never a patient's name. At most 200 characters."""
    detail: Mapping[str, str]
    """What changed, in words that a list may show; never a password, never a patient's data."""
    previous: str
    digest: str


def digest_of(
    facility_id: FacilityId,
    sequence: int,
    *,
    at: datetime,
    act: str,
    actor: str,
    subject: str,
    detail: Mapping[str, str],
    previous: str,
) -> str:
    """Return the SHA-256 (hex) of everything that an entry says and of the one before it."""
    said = {
        "facility": str(facility_id),
        "sequence": sequence,
        "at": at.astimezone(UTC).isoformat(timespec="microseconds"),
        "act": act,
        "actor": actor,
        "subject": subject,
        "detail": dict(detail),
        "previous": previous,
    }
    line = json.dumps(said, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(line.encode()).hexdigest()


def is_sound(entry: Entry) -> bool:
    """Tell whether an entry still says what its digest was made of."""
    return entry.digest == digest_of(
        entry.facility_id,
        entry.sequence,
        at=entry.at,
        act=entry.act,
        actor=entry.actor,
        subject=entry.subject,
        detail=entry.detail,
        previous=entry.previous,
    )
