"""Names for cards that nobody has named: whoever reads one sees that it is made up."""

from datetime import date
from typing import Final

from zaitaku.eligibility.model import Insured, Sex
from zaitaku.eligibility.synthetic.dice import Dice

_FAMILY: Final = (("試験", "シケン"), ("見本", "ミホン"), ("架空", "カクウ"), ("例文", "レイブン"))
_MEN: Final = (("一郎", "イチロウ"), ("健", "ケン"), ("実", "ミノル"), ("翔太", "ショウタ"))
_WOMEN: Final = (("花", "ハナ"), ("和子", "カズコ"), ("さくら", "サクラ"), ("美咲", "ミサキ"))


def invented_person(subject_hash: str) -> Insured:
    """Return somebody invented for a card, the same for the same card."""
    dice = Dice("person", subject_hash)
    sex = dice.pick((Sex.MALE, Sex.FEMALE))
    family, family_kana = dice.pick(_FAMILY)
    given, given_kana = dice.pick(_MEN if sex is Sex.MALE else _WOMEN)
    return Insured(
        person_key=f"test:{subject_hash[:32]}",
        name=f"{family}　{given}",
        kana=f"{family_kana}　{given_kana}",
        birth_date=date(dice.between(1935, 1990), dice.between(1, 12), dice.between(1, 28)),
        sex=sex,
    )
