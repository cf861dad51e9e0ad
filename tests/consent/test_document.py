"""The consent document's one canonical text, and what is refused as a document."""

import json
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import date, timedelta
from random import Random
from typing import Any
from uuid import UUID

import pytest
import rfc8785
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.consent.documents import documents
from zaitaku.consent.document import MAXIMUM_CHARACTERS, ConsentDocument
from zaitaku.consent.errors import MalformedDocument
from zaitaku.consent.model import Answer, Decision, Operator
from zaitaku.core.clock import JST
from zaitaku.core.ids import JourneyId, UrlVersionId
from zaitaku.facilities.model import Channel, InstitutionCode

Body = dict[str, Any]
NOWHERE = UUID("00000000-0000-7000-8000-000000000000")


@given(documents())
def test_parsing_the_canonical_text_gives_the_document_back(document: ConsentDocument) -> None:
    text = document.canonical()
    assert ConsentDocument.parse_canonical(text) == document
    assert ConsentDocument.parse(text).sha256() == document.sha256()


@given(documents(), st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_the_canonical_text_is_what_another_implementation_writes(
    document: ConsentDocument, name: str
) -> None:
    assume(name.strip())
    text = replace(document, facility_name=name).canonical()
    assert text.encode() == rfc8785.dumps(json.loads(text))


@given(documents(), st.randoms(use_true_random=False), st.booleans())
def test_order_of_members_and_white_space_do_not_matter(
    document: ConsentDocument, random: Random, ascii_only: bool
) -> None:
    def shuffled(value: object) -> object:
        if isinstance(value, dict):
            pairs = [(name, shuffled(part)) for name, part in value.items()]
            random.shuffle(pairs)
            return dict(pairs)
        return [shuffled(part) for part in value] if isinstance(value, list) else value

    text = json.dumps(shuffled(json.loads(document.canonical())), indent=1, ensure_ascii=ascii_only)
    assert ConsentDocument.parse(text).canonical() == document.canonical()
    with pytest.raises(MalformedDocument, match="canonical"):
        ConsentDocument.parse_canonical(text)


def _other_day(document: ConsentDocument) -> date | None:
    return document.visit_date and document.visit_date + timedelta(days=1)


CHANGES: dict[str, Callable[[ConsentDocument], Any]] = {
    "journey": lambda document: JourneyId(document.journey[:-1] + "_x"),
    "facility_code": lambda document: InstitutionCode(
        ("13" if document.facility_code.digits[:2] != "13" else "14")
        + document.facility_code.digits[2:]
    ),
    "facility_name": lambda document: document.facility_name + "院",
    "url_version": lambda _: UrlVersionId(NOWHERE),
    "visit_date": _other_day,
    "operator": lambda document: next(
        operator for operator in Operator if operator is not document.operator
    ),
    "stated_at": lambda document: document.stated_at + timedelta(seconds=1),
    "notice": lambda document: replace(document.notice, sha256="f" * 63 + "e"),
    "decisions": lambda document: (_turned(document.decisions[0]), *document.decisions[1:]),
}


def _turned(answer: Answer) -> Answer:
    is_granted = answer.decision is Decision.GRANT
    return replace(answer, decision=Decision.REFUSE if is_granted else Decision.GRANT)


@given(documents(), st.sampled_from(sorted(CHANGES)))
def test_any_change_changes_the_digest(document: ConsentDocument, name: str) -> None:
    changed = replace(document, **{name: CHANGES[name](document)})
    assume(changed != document)
    assert changed.sha256() != document.sha256()


@settings(max_examples=30)
@given(documents(), documents())
def test_two_documents_never_share_a_digest(one: ConsentDocument, other: ConsentDocument) -> None:
    assert (one == other) == (one.sha256() == other.sha256())


def test_the_changes_above_leave_out_no_field() -> None:
    names = {field.name for field in fields(ConsentDocument)}
    # Language and channel cannot change alone; the test of two documents covers them.
    assert names - CHANGES.keys() == {"language", "channel"}


@settings(max_examples=30)
@given(documents().filter(lambda document: len(document.decisions) > 1))
def test_the_order_of_asking_is_part_of_the_document(document: ConsentDocument) -> None:
    turned = replace(document, decisions=document.decisions[::-1])
    assert turned.sha256() != document.sha256()


REF: Body = {"id": "checkup", "version": 1, "language": "ja", "sha256": "0" * 64}
BODY: Body = {
    "type": "zaitaku-consent/1",
    "journey": "j",
    "facility": {"code": "1310123456", "name": "みどり坂クリニック"},
    "channel": "online",
    "url_version": str(NOWHERE),
    "visit_date": "2026-11-20",
    "language": "ja",
    "operator": "self",
    "stated_at": "2026-11-20T01:00:00Z",
    "notice": {**REF, "id": "eligibility-notice"},
    "decisions": [{"item": "checkup", "wording": REF, "decision": "grant"}],
}


def test_the_sample_is_sound() -> None:
    assert ConsentDocument.parse(json.dumps(BODY)).visit_date == date(2026, 11, 20)


def _with_answer(**changes: object) -> list[Any]:
    return [{**BODY["decisions"][0], **changes}]


HOSTILE_VALUES = [
    ("type", "zaitaku-consent/2"),
    ("type", None),
    ("journey", ""),
    ("journey", "j j"),
    ("journey", "j\n"),
    ("journey", "j" * 65),
    ("journey", 1),
    ("facility", None),
    ("facility", []),
    ("facility", {"code": "1310123456"}),
    ("facility", {"code": "1310123456", "name": ""}),
    ("facility", {"code": "1310123456", "name": "　"}),
    ("facility", {"code": "1310123456", "name": "\ud800"}),
    ("facility", {"code": "1310123456", "name": "名", "phone": "1"}),
    ("facility", {"code": "9910123456", "name": "名"}),
    ("facility", {"code": 1310123456, "name": "名"}),
    ("channel", "fax"),
    ("channel", "home-visit"),
    ("url_version", "x"),
    ("url_version", "{00000000-0000-7000-8000-000000000000}"),
    ("url_version", "00000000000070008000000000000000"),
    ("visit_date", None),
    ("visit_date", "20261120"),
    ("visit_date", "2026-W47-5"),
    ("visit_date", "2026-02-30"),
    ("visit_date", 20261120),
    ("language", "de"),
    ("language", "en"),
    ("operator", "neighbour"),
    ("stated_at", "2026-11-20T01:00:00+00:00"),
    ("stated_at", "2026-11-20T01:00:00.5Z"),
    ("stated_at", "2026-11-20 01:00:00Z"),
    ("stated_at", "2026-11-20T1:00:00Z"),
    ("stated_at", 0),
    ("notice", None),
    ("notice", {**REF, "language": "en"}),
    ("notice", {**REF, "extra": 1}),
    ("notice", {**REF, "version": "1"}),
    ("decisions", None),
    ("decisions", []),
    ("decisions", {}),
    ("decisions", [1]),
    ("decisions", BODY["decisions"] * 2),
    ("decisions", _with_answer(item="blood-type")),
    ("decisions", _with_answer(item="surgery")),
    ("decisions", _with_answer(decision="maybe")),
    ("decisions", _with_answer(decision=True)),
    ("decisions", _with_answer(wording={**REF, "version": True})),
    ("decisions", _with_answer(wording={**REF, "version": 0})),
    ("decisions", _with_answer(wording={**REF, "version": [1]})),
    ("decisions", _with_answer(wording={**REF, "id": {}})),
    ("decisions", _with_answer(wording={**REF, "version": 1.0})),
    ("decisions", _with_answer(wording={**REF, "version": 2**31})),
    ("decisions", _with_answer(wording={**REF, "sha256": "0" * 63})),
    ("decisions", _with_answer(wording={**REF, "sha256": "A" * 64})),
    ("decisions", _with_answer(wording={**REF, "language": "en"})),
    (
        "decisions",
        [
            {"item": item, "wording": {**REF, "id": item}, "decision": "grant"}
            for item in ("clinical", "medication")
        ],
    ),
]


@pytest.mark.parametrize(("name", "value"), HOSTILE_VALUES)
def test_hostile_values_are_refused(name: str, value: object) -> None:
    with pytest.raises(MalformedDocument):
        ConsentDocument.parse(json.dumps({**BODY, name: value}))


@pytest.mark.parametrize("name", sorted(BODY))
def test_every_member_must_be_there(name: str) -> None:
    rest = {key: value for key, value in BODY.items() if key != name}
    with pytest.raises(MalformedDocument):
        ConsentDocument.parse(json.dumps(rest))


GOOD = json.dumps(BODY)
HOSTILE_TEXTS = {
    "empty": "",
    "cut off": GOOD[:-1],
    "trailing": GOOD + "x",
    "an array": f"[{GOOD}]",
    "a word": "null",
    "unknown member": GOOD[:-1] + ', "note": 1}',
    "repeated member": GOOD[:-1] + ', "operator": "companion"}',
    "repeated inside": GOOD.replace('"version": 1,', '"version": 1, "version": 2,', 1),
    "not a number": GOOD.replace('"version": 1', '"version": NaN', 1),
    "endless": GOOD.replace('"version": 1', '"version": Infinity', 1),
    "huge number": GOOD.replace('"version": 1', '"version": ' + "9" * 5000, 1),
    "deep": "[" * 15_000,
    "long": GOOD + " " * MAXIMUM_CHARACTERS,
    "byte order mark": "\ufeff" + GOOD,
}


@pytest.mark.parametrize("text", HOSTILE_TEXTS.values(), ids=HOSTILE_TEXTS.keys())
def test_hostile_texts_are_refused(text: str) -> None:
    with pytest.raises(MalformedDocument):
        ConsentDocument.parse(text)


@given(st.text() | st.recursive(st.none() | st.text(), st.lists).map(json.dumps))
def test_any_other_text_is_refused_by_its_own_type(text: str) -> None:
    with pytest.raises(MalformedDocument):
        ConsentDocument.parse(text)


@settings(max_examples=30)
@given(documents())
def test_a_document_keeps_utc_and_whole_seconds(document: ConsentDocument) -> None:
    for moment in (
        document.stated_at.replace(microsecond=1),
        document.stated_at.replace(tzinfo=JST),
        document.stated_at.replace(tzinfo=None),
    ):
        with pytest.raises(MalformedDocument, match="stated_at"):
            replace(document, stated_at=moment)


@settings(max_examples=30)
@given(documents())
def test_the_day_belongs_to_the_online_channel_alone(document: ConsentDocument) -> None:
    is_online = document.channel is Channel.ONLINE
    wrong = None if is_online else date(2026, 11, 20)
    with pytest.raises(MalformedDocument, match="visit_date"):
        replace(document, visit_date=wrong)
