"""Every limit on how often something may be done, with its number and its reason.

``docs/overload.md`` shows this table (a test compares them). A window is one of the clock's own, so
that ``Retry-After`` is its end. ``ZAITAKU_CROWD_FACTOR`` raises those of patients' on which
everything counts. Every subject is stored as a digest and forgotten with the window.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

_TEN_MINUTES: Final = timedelta(minutes=10)
_QUARTER: Final = timedelta(minutes=15)


class Counted(StrEnum):
    """What counts towards a limit."""

    ALL = "すべて"
    FAILURES = "失敗"


@dataclass(frozen=True)
class Limit:
    """At most ``most`` in ``window`` for each subject."""

    kind: str
    """Under which it is counted; no two limits share one."""
    subject: str
    most: int
    window: timedelta
    counted: Counted
    reason: str


BEGIN_BY_ADDRESS: Final = Limit(
    "begin:address",
    "接続元（IPv6は/64）",
    1200,
    _TEN_MINUTES,
    Counted.ALL,
    "大きな病院の院内Wi-Fiや携帯電話会社では、何百人もが1つの接続元になる。毎秒2件までは患者とみなす",
)
BEGIN_BY_URL_AND_ADDRESS: Final = Limit(
    "begin:url-and-address",
    "医療機関別URLと接続元の組",
    600,
    _TEN_MINUTES,
    Counted.ALL,
    "1つの接続元だけで、医療機関のURLの枠を使い切れないようにする",
)
BEGIN_BY_URL: Final = Limit(
    "begin:url",
    "医療機関別URL",
    3000,
    _TEN_MINUTES,
    Counted.ALL,
    "外来が1日5000人の病院の、朝の山の5倍より多い",
)
CARD_ASK_BY_JOURNEY: Final = Limit(
    "card:journey",
    "手続き",
    60,
    _TEN_MINUTES,
    Counted.ALL,
    "読み取りのやり直しは10秒に1回より多くならない。依頼1件ごとに署名と記憶が要る",
)
HAND_OVER_BY_ADDRESS: Final = Limit(
    "handover:address",
    "接続元",
    600,
    _TEN_MINUTES,
    Counted.ALL,
    "9桁の番号を使い切られないようにする。施設の中で一度に渡すのは多くて数十件",
)
PROOF_BY_ADDRESS: Final = Limit(
    "proof:address",
    "接続元",
    1200,
    _TEN_MINUTES,
    Counted.ALL,
    "証明書の検証は高くつく。手続きの始まりと同じだけあれば足りる",
)
REGISTER_BY_CARD: Final = Limit(
    "register:card",
    "カード（シリアル番号の鍵つきハッシュ）",
    20,
    timedelta(hours=1),
    Counted.ALL,
    "1日に数か所を受診し、考え直して登録し直しても20回にはならない",
)
LOGIN_BY_ADDRESS: Final = Limit(
    "login:address",
    "接続元",
    60,
    _QUARTER,
    Counted.FAILURES,
    "施設の全員が1つの接続元になる。打ち間違いは数に入っても、成功は入らない",
)
LOGIN_BY_ACCOUNT: Final = Limit(
    "login:account",
    "アカウント（無いものも）",
    10,
    _QUARTER,
    Counted.FAILURES,
    "ロックより多く、無いアカウントでも同じに数えるので、有無は分からない",
)
PASSKEY_BY_ADDRESS: Final = Limit(
    "passkey:address", "接続元", 60, _QUARTER, Counted.FAILURES, "パスワードと同じ"
)
ACTIVATE_BY_CODE: Final = Limit(
    "activate:code",
    "アクティベーションコード",
    10,
    _QUARTER,
    Counted.FAILURES,
    "1つのコードは1台だけのもの。何度も断られるなら、端末の設定が違う",
)
ACTIVATE_BY_ACCOUNT: Final = Limit(
    "activate:account",
    "アクティベーションのアカウント",
    10,
    _QUARTER,
    Counted.FAILURES,
    "コードを次々に試させない",
)
TYPED_POSTER: Final = Limit(
    "typed",
    "接続元",
    30,
    _TEN_MINUTES,
    Counted.FAILURES,
    "待合室の全員が1つの接続元になる。番号は推測できない長さなので、まちがいだけを数える",
)
TYPED_HAND_OVER: Final = Limit(
    "handover-typed",
    "接続元",
    20,
    _TEN_MINUTES,
    Counted.FAILURES,
    "1億の番号のうち、生きているのは一度に数件",
)
APPOINTMENTS: Final = Limit(
    "appointments",
    "医療機関のプログラム",
    30,
    timedelta(minutes=1),
    Counted.ALL,
    "1回に500件まで送れるので、毎分15000件",
)

LIMITS: Final = (
    BEGIN_BY_ADDRESS,
    BEGIN_BY_URL_AND_ADDRESS,
    BEGIN_BY_URL,
    CARD_ASK_BY_JOURNEY,
    HAND_OVER_BY_ADDRESS,
    PROOF_BY_ADDRESS,
    REGISTER_BY_CARD,
    LOGIN_BY_ADDRESS,
    LOGIN_BY_ACCOUNT,
    PASSKEY_BY_ADDRESS,
    ACTIVATE_BY_CODE,
    ACTIVATE_BY_ACCOUNT,
    TYPED_POSTER,
    TYPED_HAND_OVER,
    APPOINTMENTS,
)
