"""The list of consented patients: what it shows, finds, sorts, and can never show."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event

from tests.consent.world import HANAKO, TARO, VISIT_DAY, Card, World
from zaitaku.consent.model import ConsentItem, Decision
from zaitaku.core.clock import JST
from zaitaku.core.errors import InvalidField
from zaitaku.eligibility.model import Insured, Sex
from zaitaku.eligibility.sandbox import SandboxEligibility
from zaitaku.facilities.model import Channel, Facility
from zaitaku.records.consented import ConsentedPatients
from zaitaku.records.listing import ConsentedPatient, ItemState, LineState, ListQuery, Page, SortKey
from zaitaku.records.news import SeenList

HANAKOS_CARD = Card.named("hanako")


def _page(world: World, query: ListQuery | None = None, facility: Facility | None = None) -> Page:
    with world.database.reading() as connection:
        listed = ConsentedPatients(connection, (facility or world.facility).id)
        return listed.page(query or ListQuery(), now=world.clock.now())


def _names(page: Page) -> list[str | None]:
    return [row.name for row in page.rows]


def _found(world: World, search: str) -> list[str | None]:
    return sorted(_names(_page(world, ListQuery(search=search))), key=str)


def test_a_line_tells_what_was_agreed(any_world: World) -> None:
    receipt = any_world.register(
        decisions={ConsentItem.CHECKUP: Decision.REFUSE}, decision=Decision.GRANT
    ).receipt
    (row,) = _page(any_world).rows
    assert row == ConsentedPatient(
        consent_id=row.consent_id,
        name=TARO.name,
        kana=TARO.kana,
        birth_date=TARO.birth_date,
        sex=Sex.MALE,
        surgery=ItemState.GRANTED,
        clinical=ItemState.GRANTED,
        medication=ItemState.GRANTED,
        checkup=ItemState.REFUSED,
        specific_disease=ItemState.GRANTED,
        high_cost_limit=ItemState.GRANTED,
        channel=Channel.HOME_VISIT,
        recorded_at=receipt.recorded_at,
        visit_date=None,
        valid_until=None,
        reference=receipt.reference,
        is_expired=False,
    )
    assert row.last_day is None


def test_what_was_not_asked_is_not_refused(world: World) -> None:
    world.change_settings(surgery=False)
    world.register()
    (row,) = _page(world).rows
    assert row.surgery is ItemState.NOT_ASKED


def test_who_refuses_everything_is_found_by_the_state_alone(any_world: World) -> None:
    any_world.register(decision=Decision.REFUSE)
    assert _page(any_world).rows == _page(any_world, ListQuery(search="在宅")).rows == ()
    (row,) = _page(any_world, ListQuery(state=LineState.REFUSED, search="在宅")).rows
    assert {row.surgery, row.clinical, row.medication, row.checkup} == {ItemState.REFUSED}


def test_who_granted_once_stays_in_the_list(any_world: World) -> None:
    any_world.register()
    any_world.register(decision=Decision.REFUSE)
    assert [row.state for row in _page(any_world).rows] == [LineState.REFUSED]


def test_a_name_that_is_not_obtained_is_none(any_world: World) -> None:
    any_world.register(card=Card.named("unknown"))
    any_world.register()
    for descending in (False, True):
        query = ListQuery(sort=SortKey.KANA, descending=descending)
        assert _names(_page(any_world, query)) == [TARO.name, None]


def test_an_online_consent_expires_and_keeps_no_mark(any_world: World) -> None:
    any_world.register(Channel.ONLINE, decisions={ConsentItem.CHECKUP: Decision.REFUSE})
    any_world.clock.moment = datetime(2026, 11, 21, 23, 59, 59, tzinfo=JST)
    (row,) = _page(any_world).rows
    assert (row.surgery, row.is_expired, row.last_day) == (
        ItemState.GRANTED,
        False,
        date(2026, 11, 21),
    )
    any_world.clock.moment = datetime(2026, 11, 22, tzinfo=JST)
    (row,) = _page(any_world).rows
    assert (row.surgery, row.checkup, row.is_expired) == (
        ItemState.EXPIRED,
        ItemState.REFUSED,
        True,
    )


def test_a_home_visit_consent_does_not_expire(world: World) -> None:
    world.register()
    world.clock.advance(timedelta(days=3650))
    assert _page(world).rows[0].surgery is ItemState.GRANTED


def test_no_facility_sees_anothers_patients(any_world: World) -> None:
    mine = any_world.register().receipt
    theirs = any_world.register(card=HANAKOS_CARD, facility=any_world.other).receipt
    assert _names(_page(any_world)) == [TARO.name]
    assert _names(_page(any_world, facility=any_world.other)) == [HANAKO.name]
    for search in (HANAKO.name, HANAKO.kana, theirs.reference, "%", ""):
        assert HANAKO.name not in _found(any_world, search)
    assert _found(any_world, mine.reference) == [TARO.name]


def test_another_facilitys_reference_finds_nothing_of_a_shared_patient(world: World) -> None:
    world.register()
    theirs = world.register(facility=world.other).receipt
    assert _found(world, theirs.reference) == []


@pytest.mark.parametrize(
    "search",
    [
        "在宅",
        "太郎",
        "在宅太郎",
        "在宅 太郎",
        "在宅　太郎",
        "ザイタク",
        "ざいたく",
        "ｻﾞｲﾀｸ",
        "ザイタクタロウ",
        "ザイタク　タロウ",
        "  たろう ",
    ],
)
def test_a_name_is_found_however_it_is_typed(any_world: World, search: str) -> None:
    any_world.register()
    any_world.register(card=HANAKOS_CARD)
    assert _found(any_world, search) == [TARO.name]


@pytest.mark.parametrize("search", ["花太", "'", '"', "\\", "x' OR '1'='1"])
def test_what_is_nowhere_is_not_found(any_world: World, search: str) -> None:
    any_world.register()
    assert _found(any_world, search) == []


def test_wildcards_are_ordinary_characters(any_world: World) -> None:
    provider = SandboxEligibility(any_world.database)
    people = {"percent": "百%太郎", "underscore": "下_太郎", "backslash": "斜\\太郎"}
    for key, name in people.items():
        card = Card.named(key)
        person = Insured(key, name, "カナ", date(1950, 1, 1), Sex.FEMALE)
        provider.bind(card.subject_hashes[0], person)
        any_world.register(card=card)
    assert _found(any_world, "%") == ["百%太郎"]
    assert _found(any_world, "_") == ["下_太郎"]
    assert _found(any_world, "\\") == ["斜\\太郎"]
    assert _found(any_world, "百%郎") == []


def test_every_reference_ever_given_finds_the_patient(any_world: World) -> None:
    receipts = [any_world.register().receipt for _ in range(2)]
    any_world.register(card=HANAKOS_CARD)
    for receipt in receipts:
        for typed in (
            receipt.reference,
            receipt.reference.replace("-", ""),
            receipt.reference.replace("-", "ー").translate({ord("1"): "１"}),
        ):
            assert _found(any_world, typed) == [TARO.name]


def test_channel_and_days_narrow_the_list(any_world: World) -> None:
    any_world.clock.moment = datetime(2026, 11, 19, 23, 59, 50, tzinfo=JST)
    any_world.register()
    any_world.clock.moment = datetime(2026, 11, 20, 0, 0, 0, tzinfo=JST)
    any_world.register(Channel.ONLINE, card=HANAKOS_CARD)

    def found(**asked: Any) -> list[str | None]:
        return _names(_page(any_world, ListQuery(**asked)))

    assert found(channel=Channel.ONLINE) == [HANAKO.name]
    assert found(recorded_from=date(2026, 11, 20)) == [HANAKO.name]
    assert found(recorded_to=date(2026, 11, 19)) == [TARO.name]
    day = date(2026, 11, 20)
    assert found(recorded_from=day, recorded_to=day, channel=Channel.HOME_VISIT) == []


@pytest.mark.parametrize("sort", SortKey)
def test_every_order_is_the_other_way_round_when_descending(
    any_world: World, sort: SortKey
) -> None:
    any_world.register(Channel.ONLINE)
    any_world.register(Channel.ONLINE, card=HANAKOS_CARD, visit_date=VISIT_DAY + timedelta(days=1))
    ascending, descending = (
        _names(_page(any_world, ListQuery(sort=sort, descending=flag))) for flag in (False, True)
    )
    assert ascending == descending[::-1]
    if sort is not SortKey.REFERENCE:  # its digits are random
        assert ascending == [TARO.name, HANAKO.name]


def _fill(world: World, count: int) -> None:
    for number in range(count):
        world.register(card=Card.named(f"person-{number}"))


def test_pages_show_each_line_once(any_world: World) -> None:
    _fill(any_world, 7)
    seen = [_page(any_world, ListQuery(page=page, size=3)) for page in (1, 2, 3)]
    assert [len(page.rows) for page in seen] == [3, 3, 1]
    assert {(page.total, page.pages) for page in seen} == {(7, 3)}
    assert len({row.consent_id for page in seen for row in page.rows}) == 7


def test_a_page_beyond_the_end_is_the_last_page(world: World) -> None:
    _fill(world, 3)
    page = _page(world, ListQuery(page=99, size=2))
    assert (page.number, page.pages, len(page.rows)) == (2, 2, 1)


def test_an_empty_list_has_one_empty_page(world: World) -> None:
    assert _page(world) == Page(rows=(), total=0, number=1, pages=1)


@contextmanager
def _statements(world: World) -> Iterator[list[str]]:
    heard: list[str] = []

    def hear(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        heard.append(statement)

    event.listen(world.database.engine, "before_cursor_execute", hear)
    yield heard
    event.remove(world.database.engine, "before_cursor_execute", hear)


def test_a_page_costs_the_same_whatever_its_size(any_world: World) -> None:
    _fill(any_world, 5)
    for search, most in (("", 3), ("2611", 3), ("ザイタク", 3)):
        for size in (1, 5):
            with _statements(any_world) as heard:
                _page(any_world, ListQuery(search=search, size=size))
            assert len([line for line in heard if "SELECT" in line]) == most


def test_the_plain_list_reads_an_index_and_sorts_nothing(world: World) -> None:
    _fill(world, 3)
    with _statements(world) as heard:
        _page(world)
    rows = next(line for line in heard if "ORDER BY" in line and "count(" not in line)
    with world.database.reading() as connection:
        plan = connection.exec_driver_sql(
            f"EXPLAIN QUERY PLAN {rows}", (world.facility.id.hex, 50, 0)
        )
        lines = [row[3] for row in plan]
    assert any("ix_consent_list" in line for line in lines)
    assert not any("TEMP B-TREE" in line or line.startswith("SCAN") for line in lines)


def _listed(world: World, ask: Callable[[ConsentedPatients], Any]) -> Any:
    with world.database.reading() as connection:
        return ask(ConsentedPatients(connection, world.facility.id))


def _seen(world: World) -> SeenList:
    seen = _listed(world, lambda listed: SeenList.of(listed, world.clock.now()))
    return SeenList.from_mapping(seen.to_mapping())


def test_lines_added_since_the_list_was_read_are_counted(any_world: World) -> None:
    any_world.register()
    seen = _seen(any_world)
    assert _listed(any_world, seen.added) == 0
    any_world.register(card=HANAKOS_CARD)
    any_world.register(facility=any_world.other)
    assert _listed(any_world, seen.added) == 1
    assert _listed(any_world, _seen(any_world).added) == 0


def test_a_line_that_is_recorded_anew_is_news(any_world: World) -> None:
    any_world.register()
    seen = _seen(any_world)
    any_world.register()
    assert _listed(any_world, seen.added) == 1


def test_what_was_stamped_before_and_committed_after_the_reading_is_news(
    any_world: World,
) -> None:
    any_world.register()
    seen = _seen(any_world)
    any_world.clock.advance(timedelta(seconds=-90))
    any_world.register(card=HANAKOS_CARD)
    assert _listed(any_world, seen.added) == 1


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"since": "now"},
        {"since": "2026-11-20T10:00:00"},
        {"since": "0001-01-01T00:00:00+14:00"},
        {"since": "9999-12-31T23:59:59-14:00"},
        {"since": "2026-11-20T10:00:00+09:00", "known": ".".join(map(str, range(201)))},
    ],
)
def test_news_need_a_moment_that_can_be(values: dict[str, str]) -> None:
    with pytest.raises(InvalidField):
        SeenList.from_mapping(values)
