"""The CSV file: what Excel shows is what is in the list, and nothing in it acts."""

import csv
import io
import tracemalloc
from dataclasses import replace
from datetime import UTC, date, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.consent.world import HANAKO, TARO, Card, World
from zaitaku.core.ids import ConsentId
from zaitaku.core.spreadsheets import harmless
from zaitaku.eligibility.model import Sex
from zaitaku.facilities.model import Channel, CharacterSet, InstitutionCode
from zaitaku.records import consented
from zaitaku.records.consented import ConsentedPatients
from zaitaku.records.export import csv_lines, export_consented, file_name
from zaitaku.records.listing import ConsentedPatient, ItemState, ListQuery

HEADINGS = [
    "受付番号",
    "氏名",
    "氏名カナ",
    "生年月日",
    "性別",
    "手術",
    "診療",
    "薬剤",
    "健診",
    "特定疾病療養受療証",
    "限度額適用認定証",
    "機能",
    "同意日時",
    "受診日",
    "有効期限",
    "状態",
]


def _line(name: str | None, *, is_expired: bool = False) -> ConsentedPatient:
    state = ItemState.EXPIRED if is_expired else ItemState.GRANTED
    return ConsentedPatient(
        consent_id=ConsentId(UUID(int=1)),
        name=name,
        kana=None,
        birth_date=date(1941, 3, 3),
        sex=Sex.MALE,
        surgery=state,
        clinical=ItemState.REFUSED,
        medication=ItemState.NOT_ASKED,
        checkup=state,
        specific_disease=state,
        high_cost_limit=ItemState.REFUSED,
        channel=Channel.ONLINE,
        recorded_at=datetime(2026, 11, 19, 15, 0, 1, tzinfo=UTC),
        visit_date=date(2026, 11, 20),
        valid_until=datetime(2026, 11, 21, 15, 0, tzinfo=UTC),
        reference="261120-123-4567",
        is_expired=is_expired,
    )


def _read(content: bytes, codec: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode(codec), newline="")))


def _ends_of(line: ConsentedPatient) -> tuple[str, str]:
    _, row = _read(b"".join(csv_lines([line], CharacterSet.UTF_8)), "utf-8-sig")
    return row[HEADINGS.index("有効期限")], row[HEADINGS.index("状態")]


@pytest.mark.parametrize(
    ("state", "words"), [(ItemState.REFUSED, "同意なし"), (ItemState.WITHDRAWN, "取消し")]
)
def test_where_nothing_stands_nothing_ends(state: ItemState, words: str) -> None:
    """A word such as なし would be read as a consent that never ends."""
    line = replace(_line("在宅"), surgery=state, checkup=state, specific_disease=state)
    assert _ends_of(line) == ("", words)
    assert _ends_of(replace(line, valid_until=None)) == ("", words)


def test_a_consent_without_a_last_day_holds_until_it_is_withdrawn() -> None:
    line = replace(_line("在宅"), channel=Channel.HOME_VISIT, valid_until=None)
    assert _ends_of(line) == ("取消しまで", "有効")


def test_a_line_in_the_file() -> None:
    content = b"".join(csv_lines([_line("在宅　太郎")], CharacterSet.UTF_8))
    assert content.startswith(b"\xef\xbb\xbf")
    assert content.endswith(b"\r\n")
    assert _read(content, "utf-8-sig") == [
        HEADINGS,
        [
            "261120-123-4567",
            "在宅　太郎",
            "（未取得）",
            "1941/03/03",
            "男",
            "○",
            "",
            "",
            "○",
            "○",
            "",
            "オンライン診療等・外来診療等（通常とは異なる動線）",
            "2026/11/20 00:00:01",
            "2026/11/20",
            "2026/11/21",
            "有効",
        ],
    ]


def test_an_expired_consent_has_no_mark_in_the_file() -> None:
    content = b"".join(csv_lines([_line("太郎", is_expired=True)], CharacterSet.UTF_8))
    _, line = _read(content, "utf-8-sig")
    assert "○" not in line
    assert line[-1] == "期限切れ"


def test_shift_jis_has_no_mark_and_writes_geta_for_what_it_lacks() -> None:
    content = b"".join(csv_lines([_line("𠮷田　髙﨑")], CharacterSet.SHIFT_JIS))
    assert not content.startswith(b"\xef\xbb\xbf")
    heading, line = _read(content, "cp932")
    assert heading == HEADINGS
    assert line[1] == "〓田　髙﨑"


DANGEROUS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "＋1", "－1", "＠SUM"]


@pytest.mark.parametrize("name", DANGEROUS)
def test_no_cell_becomes_a_formula(name: str) -> None:
    content = b"".join(csv_lines([_line(name)], CharacterSet.UTF_8))
    assert _read(content, "utf-8-sig")[1][1] == f"'{name}"


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_whatever_a_name_is_the_file_keeps_its_form(name: str) -> None:
    content = b"".join(csv_lines([_line(name)], CharacterSet.UTF_8))
    lines = _read(content, "utf-8-sig")
    assert [len(line) for line in lines] == [len(HEADINGS)] * 2
    assert lines[1][1] == (harmless(name) or "（未取得）")
    assert not lines[1][1].startswith(tuple("=+-@\t\r"))


def test_the_name_of_the_file() -> None:
    name = file_name(InstitutionCode("1310123456"), date(2026, 11, 20))
    assert name == "同意取得済み患者_1310123456_20261120.csv"


def test_the_file_has_every_line_that_the_search_finds_and_no_other(any_world: World) -> None:
    any_world.register()
    any_world.register(card=Card.named("hanako"))
    any_world.register(facility=any_world.other)
    for number in range(3):
        any_world.register(card=Card.named(f"person-{number}"))

    def names(query: ListQuery) -> list[str]:
        content = export_consented(
            any_world.database,
            any_world.facility.id,
            query,
            now=any_world.clock.now(),
            character_set=CharacterSet.UTF_8,
        )
        return [line[1] for line in _read(b"".join(content), "utf-8-sig")[1:]]

    everyone = [*["（未取得）"] * 3, HANAKO.name, TARO.name]
    assert names(ListQuery(size=2, page=2)) == everyone
    assert names(ListQuery(search="ざいたく")) == [TARO.name]


def test_a_download_that_is_broken_off_leaves_the_database_free(any_world: World) -> None:
    any_world.register()
    lines = export_consented(
        any_world.database,
        any_world.facility.id,
        ListQuery(),
        now=any_world.clock.now(),
        character_set=CharacterSet.SHIFT_JIS,
    )
    assert next(lines)
    assert next(lines)
    lines.close()
    assert any_world.register().is_new


def test_25_000_lines_are_written_with_flat_memory() -> None:
    line = _line("在宅　太郎")
    tracemalloc.start()
    try:
        lines = csv_lines((line for _ in range(25_000)), CharacterSet.SHIFT_JIS)
        count = sum(1 for _ in lines)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (count, peak < 1_000_000) == (25_001, True)


def test_the_database_hands_the_lines_over_in_parts(
    any_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consented, "STREAM_ROWS", 2)
    for number in range(5):
        any_world.register(card=Card.named(f"person-{number}"))
    with any_world.database.reading() as connection:
        listed = ConsentedPatients(connection, any_world.facility.id)
        found = listed.stream(ListQuery(), now=any_world.clock.now())
        assert len({row.consent_id for row in found}) == 5
