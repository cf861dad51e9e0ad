"""People who do not exist, and which card each of them holds in the demo."""

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

from zaitaku.sandbox.authority import Generation
from zaitaku.sandbox.profile import Period, birthday_in, card_period

PIN: Final = "1234"
ALL_TRIES: Final = 3
SOON: Final = timedelta(days=20)
SOON_LIMIT: Final = timedelta(days=30)


class Case(StrEnum):
    """What a card is for; the name of its file, too."""

    HANAKO = "yamada-hanako"
    TARO = "sato-taro"
    KIYO = "takahashi-kiyo"
    CHILD = "suzuki-haruto"
    OLD_ROOT = "tanaka-ichiro"
    LAST_TRY = "last-try"
    LOCKED = "locked"
    SOON = "expiring-soon"
    EXPIRED = "expired"
    REVOKED = "revoked"
    FOREIGN = "unknown-authority"
    OTHER = "not-my-number-card"
    NEXT = "next-generation"


@dataclass(frozen=True)
class Person:
    """A synthetic person, as an insurer would know them."""

    name: str
    kana: str
    birth_date: date
    sex: str
    """``female`` or ``male``."""


@dataclass(frozen=True)
class Plan:
    """What one demo card shall be."""

    case: Case
    name: str
    description: str
    person: Person | None
    """``None``: not a My Number Card."""
    issued_on: date
    tries: int = ALL_TRIES
    generation: Generation = Generation.SECOND
    is_revoked: bool = False

    @property
    def period(self) -> Period:
        """The period of the certificate that shall be issued."""
        birth_date = self.person.birth_date if self.person else self.issued_on
        return card_period(self.issued_on, birth_date)

    def suits(self, ends: date, today: date) -> bool:
        """Tell whether a certificate that was issued earlier still shows this case."""
        left = ends - today
        if self.case is Case.EXPIRED:
            return left < timedelta(0)
        if self.case is Case.SOON:
            return timedelta(0) < left <= SOON_LIMIT
        return left > SOON_LIMIT


def plans(today: date) -> tuple[Plan, ...]:
    """Return every demo card as it should be on ``today``, ordinary ones first."""
    return (*_ordinary(today), *_special(today))


def people_with_phones(today: date) -> dict[str, Person]:
    """Return who reads a card by phone in the demo, by the names of their cards' files."""
    ordinary = (Case.HANAKO, Case.TARO, Case.KIYO, Case.CHILD)
    return {
        plan.case.value: plan.person
        for plan in plans(today)
        if plan.case in ordinary and plan.person
    }


def _ordinary(today: date) -> tuple[Plan, ...]:
    lately = today - timedelta(days=200)
    return (
        Plan(
            Case.HANAKO,
            "山田 花子さんのカード",
            "ふつうに使えるカードです。はじめての方は、これを選んでください。",
            Person("山田 花子", "ヤマダ ハナコ", date(1979, 4, 12), "female"),
            lately,
        ),
        Plan(
            Case.TARO,
            "佐藤 太郎さんのカード",
            "ふつうに使えるカードです。二人目の患者さんとして使えます。",
            Person("佐藤 太郎", "サトウ タロウ", date(1962, 11, 3), "male"),
            lately,
        ),
        Plan(
            Case.KIYO,
            "高橋 キヨさんのカード（85歳）",
            "85歳の方の、ふつうに使えるカードです。付き添いの方が手伝う場面を試せます。",
            Person("高橋 キヨ", "タカハシ キヨ", _born(today, 85), "female"),
            lately,
        ),
        Plan(
            Case.CHILD,
            "鈴木 陽翔さんのカード（9歳）",
            "お子さんの、ふつうに使えるカードです。法定代理人が操作する場面を試せます。",
            Person("鈴木 陽翔", "スズキ ハルト", _born(today, 9), "male"),
            lately,
        ),
        Plan(
            Case.OLD_ROOT,
            "田中 一郎さんのカード（前の世代の認証局）",
            "一つ前の世代の認証局が出した、ふつうに使えるカードです。",
            Person("田中 一郎", "タナカ イチロウ", date(1950, 7, 21), "male"),
            today - timedelta(days=700),
            generation=Generation.FIRST,
        ),
    )


def _special(today: date) -> tuple[Plan, ...]:
    lately = today - timedelta(days=200)
    return (
        Plan(
            Case.LAST_TRY,
            "暗証番号があと1回のカード",
            "まちがいが続き、あと1回でロックされるカードです。止まって説明が出ることを確かめます。",
            Person("伊藤 さくら", "イトウ サクラ", date(1988, 3, 5), "female"),
            lately,
            tries=1,
        ),
        Plan(
            Case.LOCKED,
            "暗証番号がロックされたカード",
            "3回続けてまちがえ、ロックされたカードです。解除できる窓口の案内が出ることを確かめます。",
            Person("渡辺 実", "ワタナベ ミノル", date(1955, 9, 30), "male"),
            lately,
            tries=0,
        ),
        _expiring_soon(today),
        Plan(
            Case.EXPIRED,
            "有効期限が切れたカード",
            "電子証明書の有効期限が過ぎています。受け付けずに、更新の案内が出ることを確かめます。",
            Person("小林 茂", "コバヤシ シゲル", date(1947, 2, 14), "male"),
            today - timedelta(days=2100),
            generation=Generation.FIRST,
        ),
        Plan(
            Case.REVOKED,
            "失効したカード",
            "なくしたなどの届け出で、電子証明書が使えなくなったカードです。受け付けません。",
            Person("加藤 恵", "カトウ メグミ", date(1991, 6, 18), "female"),
            lately,
            is_revoked=True,
        ),
        Plan(
            Case.FOREIGN,
            "知らない認証局のカード",
            "名前は同じでも、別の認証局が出したカードです。受け付けないことを確かめます。",
            Person("吉田 誠", "ヨシダ マコト", date(1973, 12, 1), "male"),
            lately,
            generation=Generation.FOREIGN,
        ),
        Plan(
            Case.OTHER,
            "マイナンバーカードではないカード",
            "交通系などの、ほかのICカードです。ちがうカードだと分かる案内が出ることを確かめます。",
            None,
            lately,
        ),
        Plan(
            Case.NEXT,
            "次の世代のカード",
            "これから作られるカードのように、新しい方式（P-384）で署名します。ふつうに使えます。",
            Person("中村 葵", "ナカムラ アオイ", date(1996, 8, 9), "female"),
            lately,
            generation=Generation.THIRD,
        ),
    )


def _expiring_soon(today: date) -> Plan:
    last = today + SOON
    if (last.month, last.day) == (2, 29):
        last += timedelta(days=1)
    return Plan(
        Case.SOON,
        "まもなく期限が切れるカード",
        "電子証明書の有効期限まで30日をきっています。今回は使えて、更新のお知らせが出ます。",
        Person("山本 千代", "ヤマモト チヨ", last.replace(year=last.year - 71), "female"),
        last.replace(year=last.year - 5),
        generation=Generation.FIRST,
    )


def _born(today: date, age: int) -> date:
    """Return a birth date with which somebody is ``age`` years old today."""
    birthday = date(today.year - age, 1, 15)
    has_come = birthday_in(today.year, birthday) <= today
    return birthday if has_come else birthday.replace(year=birthday.year - 1)
