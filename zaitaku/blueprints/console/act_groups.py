"""The acts of the audit trail, grouped for whoever looks for one."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from zaitaku.audit.model import ACT_NAMES, Act

GROUPS: Final[Mapping[str, tuple[Act, ...]]] = MappingProxyType(
    {
        "ログイン": (
            Act.LOGIN,
            Act.REFUSE_LOGIN,
            Act.PASS_PASSWORD,
            Act.PASS_SECOND_FACTOR,
            Act.REFUSE_SECOND_FACTOR,
            Act.CONFIRM_SELF,
            Act.LOGOUT,
            Act.END_SESSIONS,
            Act.CHANGE_PASSWORD,
            Act.REGISTER_PASSKEY,
            Act.RENAME_PASSKEY,
            Act.REMOVE_PASSKEY,
            Act.SUSPEND_PASSKEY,
            Act.MAKE_RECOVERY_CODES,
        ),
        "アカウント": (
            Act.REGISTER_ACCOUNT,
            Act.UPDATE_ACCOUNT,
            Act.DELETE_ACCOUNT,
            Act.LOCK_ACCOUNT,
            Act.UNLOCK_ACCOUNT,
            Act.RESET_PASSWORD,
            Act.IMPORT_ACCOUNTS,
            Act.TELL_PASSWORDS,
            Act.FORGET_PASSWORDS,
        ),
        "URL・ポスター": (
            Act.ISSUE_URL,
            Act.ROTATE_URL,
            Act.REVERT_URL,
            Act.RESET_URL,
            Act.ADD_POSTER,
            Act.CHANGE_POSTER,
            Act.ARCHIVE_POSTER,
            Act.RESTORE_POSTER,
        ),
        "設定": (Act.CHANGE_SETTINGS, Act.ACCEPT_TERMS, Act.CHANGE_SIGN_IN_POLICY),
        "患者・同意": (
            Act.CHECK_ELIGIBILITY,
            Act.WITHDRAW_CONSENT,
            Act.EXPORT_PATIENTS,
            Act.KEEP_APPOINTMENTS,
            Act.REMOVE_APPOINTMENTS,
        ),
        "端末": (
            Act.ISSUE_ACTIVATION_CODE,
            Act.INVALIDATE_ACTIVATION_CODE,
            Act.REGISTER_DEVICE,
        ),
        "履歴": (Act.EXPORT_VIEW_HISTORY, Act.EXPORT_AUDIT),
        "運用者": (
            Act.REGISTER_FACILITY,
            Act.CHANGE_FACILITY,
            Act.CHANGE_CODE,
            Act.RELATE_FACILITY,
        ),
        "テスト用データ": (
            Act.BIND_TEST_CARD,
            Act.UNBIND_TEST_CARDS,
            Act.REGISTER_TEST_DATA,
            Act.DELETE_TEST_DATA,
            Act.RESET_TEST_CONSENTS,
        ),
    }
)


def act_choices() -> list[dict[str, Any]]:
    """Return the filter's options in groups; what has none yet stands at the end."""
    every = {"label": "", "options": [{"value": "", "label": "すべて"}]}
    return [every, *_groups()]


def _groups() -> Iterator[dict[str, Any]]:
    grouped = {act for acts in GROUPS.values() for act in acts}
    rest = tuple(act for act in ACT_NAMES if act not in grouped)
    for label, acts in (*GROUPS.items(), ("そのほか", rest)):
        if acts:
            options = [{"value": act.value, "label": ACT_NAMES[act]} for act in acts]
            yield {"label": label, "options": options}
