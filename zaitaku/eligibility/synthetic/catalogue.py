"""What invented people can have: illnesses with the drugs, tests and treatments that go with them.

Ingredients are named generically and codes have the official form; facilities are invented and
say so. Nothing here is advice on treatment.
"""

from dataclasses import dataclass
from typing import Final

from zaitaku.eligibility.medical import Drug
from zaitaku.eligibility.model import Sex

HOSPITALS: Final = ("架空中央病院", "架空市立みほん病院", "医療法人架空会　ためし総合病院")
CLINICS: Final = (
    "見本町内科医院（架空）",
    "ためし坂クリニック（架空）",
    "例の森診療所（架空）",
    "仮名橋ファミリークリニック（架空）",
)
PHARMACIES: Final = ("見本町薬局（架空）", "ためし坂薬局（架空）", "例の森調剤薬局（架空）")
MONTHLY_DAYS: Final = 28
EVERY_MORNING: Final = "１日１回　朝食後"


@dataclass(frozen=True)
class Analyte:
    """Something that is measured, in whole steps of a decimal unit."""

    name: str
    unit: str
    least: int
    """Lower end of what is normal, in steps."""
    most: int
    """Upper end of what is normal, in steps."""
    decimals: int = 0
    """Decimal places that a step stands for."""

    def written(self, steps: int) -> str:
        """Return a value as it is printed."""
        return f"{steps / 10**self.decimals:.{self.decimals}f}"

    @property
    def normal(self) -> str:
        """The range that is normal, as it is printed."""
        return f"{self.written(self.least)}～{self.written(self.most)}"


@dataclass(frozen=True)
class Illness:
    """A chronic illness and what follows from it."""

    name: str
    code: str
    """ICD-10."""
    department: str
    from_age: int
    percent: int
    """How many of a hundred people of that age have it."""
    drugs: tuple[Drug, ...]
    treatments: tuple[str, ...]
    analytes: tuple[Analyte, ...]
    """What is tested because of it; the values tend to be too high."""
    only: Sex | None = None
    to_age: int = 200


@dataclass(frozen=True)
class Operation:
    """An operation that people of an age have."""

    name: str
    code: str
    department: str
    from_age: int
    to_age: int = 200


def _tablet(name: str, code: str, amount: str = "１錠", usage: str = EVERY_MORNING) -> Drug:
    return Drug(f"【般】{name}", code, amount, usage, MONTHLY_DAYS)


HBA1C: Final = Analyte("ＨｂＡ１ｃ（ＮＧＳＰ）", "％", 49, 59, 1)
GLUCOSE: Final = Analyte("空腹時血糖", "mg/dL", 73, 109)
LDL: Final = Analyte("ＬＤＬコレステロール", "mg/dL", 65, 139)
TRIGLYCERIDE: Final = Analyte("中性脂肪", "mg/dL", 40, 149)
CREATININE: Final = Analyte("血清クレアチニン", "mg/dL", 46, 107, 2)
POTASSIUM: Final = Analyte("血清カリウム", "mEq/L", 36, 48, 1)
BNP: Final = Analyte("ＢＮＰ", "pg/mL", 3, 184, 1)
EOSINOPHILS: Final = Analyte("好酸球", "％", 0, 70, 1)
SYSTOLIC: Final = Analyte("収縮期血圧", "mmHg", 95, 129)
DIASTOLIC: Final = Analyte("拡張期血圧", "mmHg", 55, 84)
AST: Final = Analyte("ＡＳＴ（ＧＯＴ）", "U/L", 13, 30)
ALT: Final = Analyte("ＡＬＴ（ＧＰＴ）", "U/L", 7, 30)
GAMMA_GT: Final = Analyte("γ－ＧＴ", "U/L", 9, 50)
HDL: Final = Analyte("ＨＤＬコレステロール", "mg/dL", 40, 95)
BMI: Final = Analyte("ＢＭＩ", "kg/m2", 185, 249, 1)

ILLNESSES: Final = (
    Illness(
        "高血圧症",
        "I10",
        "内科",
        45,
        85,
        (_tablet("アムロジピン錠５ｍｇ", "2171022F3ZZZ"),),
        ("再診料", "特定疾患療養管理料"),
        (SYSTOLIC, POTASSIUM),
    ),
    Illness(
        "２型糖尿病",
        "E11",
        "内科",
        50,
        45,
        (
            _tablet("メトホルミン塩酸塩錠５００ｍｇ", "3962002F3ZZZ", "２錠", "１日２回　朝夕食後"),
            _tablet("シタグリプチン錠５０ｍｇ", "3969010F2ZZZ"),
        ),
        ("再診料", "ＨｂＡ１ｃ"),
        (HBA1C, GLUCOSE),
    ),
    Illness(
        "脂質異常症",
        "E78",
        "内科",
        40,
        60,
        (_tablet("ロスバスタチン錠２．５ｍｇ", "2189017F1ZZZ", usage="１日１回　夕食後"),),
        ("再診料", "ＬＤＬ－コレステロール"),
        (LDL, TRIGLYCERIDE),
    ),
    Illness(
        "心房細動",
        "I48",
        "循環器内科",
        72,
        40,
        (
            _tablet("エドキサバン錠３０ｍｇ", "3339002F2ZZZ"),
            _tablet("ビソプロロールフマル酸塩錠２．５ｍｇ", "2123016F1ZZZ"),
        ),
        ("再診料", "心電図検査（１２誘導）"),
        (BNP, CREATININE),
    ),
    Illness(
        "骨粗鬆症",
        "M81",
        "整形外科",
        68,
        60,
        (
            Drug(
                "【般】アレンドロン酸錠３５ｍｇ（週１回）",
                "3999018F2ZZZ",
                "１錠",
                "起床時　週１回",
                4,
            ),
            _tablet("エルデカルシトールカプセル０．７５μｇ", "3112006M2ZZZ", "１カプセル"),
        ),
        ("再診料", "骨塩定量検査"),
        (),
        only=Sex.FEMALE,
    ),
    Illness(
        "前立腺肥大症",
        "N40",
        "泌尿器科",
        60,
        55,
        (_tablet("タムスロシン塩酸塩口腔内崩壊錠０．２ｍｇ", "2590008F2ZZZ"),),
        ("再診料", "残尿測定検査"),
        (),
        only=Sex.MALE,
    ),
    Illness(
        "変形性膝関節症",
        "M17",
        "整形外科",
        60,
        45,
        (_tablet("アセトアミノフェン錠３００ｍｇ", "1141007F2ZZZ", "３錠", "１日３回　毎食後"),),
        ("再診料", "消炎鎮痛等処置（器具等による療法）"),
        (),
    ),
    Illness(
        "アルツハイマー型認知症",
        "G30",
        "内科",
        80,
        40,
        (_tablet("ドネペジル塩酸塩口腔内崩壊錠５ｍｇ", "1190012F4ZZZ"),),
        ("訪問診療料", "在宅時医学総合管理料"),
        (),
    ),
    Illness(
        "気管支喘息",
        "J45",
        "小児科",
        3,
        70,
        (_tablet("モンテルカストチュアブル錠５ｍｇ", "4490026F3ZZZ", usage="１日１回　就寝前"),),
        ("再診料", "喘息治療管理料"),
        (EOSINOPHILS,),
        to_age=15,
    ),
    Illness(
        "アレルギー性鼻炎",
        "J30",
        "耳鼻咽喉科",
        8,
        50,
        (_tablet("フェキソフェナジン塩酸塩錠６０ｍｇ", "4490023F2ZZZ", "２錠", "１日２回　朝夕"),),
        ("再診料", "ネブライザー"),
        (EOSINOPHILS,),
        to_age=60,
    ),
)

OPERATIONS: Final = (
    Operation("虫垂切除術（虫垂周囲膿瘍を伴わないもの）", "K718", "外科", 6, 39),
    Operation("鼓膜（排液、換気）チューブ挿入術", "K310", "耳鼻咽喉科", 3, 12),
    Operation("腹腔鏡下胆嚢摘出術", "K672-2", "消化器外科", 35),
    Operation("内視鏡的大腸ポリープ・粘膜切除術（長径２センチメートル未満）", "K721", "内科", 45),
    Operation("水晶体再建術（眼内レンズを挿入する場合）", "K282", "眼科", 65),
    Operation("人工関節置換術（膝）", "K082", "整形外科", 68),
    Operation("経皮的冠動脈ステント留置術", "K549", "循環器内科", 60),
)

COLD: Final = Illness(
    "急性上気道炎",
    "J06",
    "内科",
    0,
    12,
    (
        Drug("【般】カルボシステイン錠５００ｍｇ", "2233002F2ZZZ", "３錠", "１日３回　毎食後", 5),
        Drug("【般】アセトアミノフェン錠２００ｍｇ", "1141007F1ZZZ", "２錠", "発熱時", 5),
    ),
    ("初診料",),
    (),
)
"""What anybody has now and then, and gets over; ``percent`` is of a hundred months."""

ALLERGIES: Final = (
    ("ペニシリン系抗菌薬", "発疹", True),
    ("ヨード造影剤", "じんましん", True),
    ("アスピリン", "息苦しさ", True),
    ("そば", "じんましん", False),
    ("スギ花粉", "鼻炎", False),
    ("ラテックス", "皮膚のかゆみ", False),
)

INFECTIONS: Final = ("ＨＢｓ抗原", "ＨＣＶ抗体", "梅毒（ＴＰ抗体）")

AT_CHECKUPS: Final = frozenset({SYSTOLIC, DIASTOLIC, BMI})
"""Measured on the body, not in a laboratory."""

CHECKUP: Final = (
    BMI,
    SYSTOLIC,
    DIASTOLIC,
    TRIGLYCERIDE,
    HDL,
    LDL,
    AST,
    ALT,
    GAMMA_GT,
    GLUCOSE,
    HBA1C,
    CREATININE,
)
