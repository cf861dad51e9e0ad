"""Cards for rehearsing what the bridge says about cards that cannot be used, or not as usual.

What each of them answers is in ``zaitaku.cardbridge.virtual.card``; here they only get names.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from zaitaku.core.files import write_private
from zaitaku.sandbox.cards import DemoCard
from zaitaku.sandbox.people import ALL_TRIES, PIN

FIRST_NUMBER: Final = 51
"""Of the file names, so that these cards come behind the demo's."""
ANDROID: Final = "android"


@dataclass(frozen=True)
class Stranger:
    """What one of these cards is called."""

    kind: str
    """As in ``zaitaku.cardbridge.virtual.cardfile.CardKind``; the name of its file, too."""
    name: str
    description: str


STRANGERS: Final = (
    Stranger(
        "no-certificate",
        "電子証明書が入っていないカード",
        "利用者証明用電子証明書がありません。暗証番号を入れる前に、窓口の案内が出ます。",
    ),
    Stranger(
        "no-pin",
        "顔認証マイナンバーカード",
        "暗証番号の設定がないカードです。責めずに、ほかの方法の案内が出ることを確かめます。",
    ),
    Stranger(
        "juki-card",
        "住民基本台帳カード",
        "前に使われていたカードです。そのカードだと分かる案内が出ます。",
    ),
    Stranger(
        "drivers-licence",
        "運転免許証",
        "名前だけを尋ね、中身は読みません。そのカードだと分かる案内が出ます。",
    ),
    Stranger(
        "residence-card",
        "在留カード",
        "特別永住者証明書も同じです。そのカードだと分かる案内が出ます。",
    ),
    Stranger("passport", "パスポート", "パスポートだと分かる案内が出ます。"),
    Stranger(
        "payment-card",
        "銀行・クレジットのカード",
        "お金を払うカードだと分かる案内が出ます。",
    ),
    Stranger(
        "transit-card",
        "交通系ICカード",
        "FeliCa のカードです。電子マネーや社員証も同じ案内になります。",
    ),
)


def make_strangers(folder: Path, owner: DemoCard) -> tuple[DemoCard, ...]:
    """Write the cards that cannot be used, and ``owner``'s token on a phone; return them all.

    The PIN tries are set back each time.
    """
    phone = replace(
        owner,
        kind=ANDROID,
        name=f"{owner.name}（スマートフォンの中）",
        description="暗証番号を先に求める、スマートフォンの電子証明書です。ふつうに使えます。",
    )
    others = (
        DemoCard(each.name, each.description, each.kind, ALL_TRIES, None, PIN) for each in STRANGERS
    )
    cards = (phone, *others)
    for number, card in enumerate(cards, start=FIRST_NUMBER):
        write_private(folder / f"{number}-{card.kind}.json", card.to_json().encode())
    return cards
