"""The wire format: what is shown is what is signed, and nothing is read in two ways."""

import copy
import hashlib
import json
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from zaitaku.wire import (
    AUDIENCE,
    DOMAIN_TAG,
    LAST_MOMENT,
    TEXT_SIZES,
    CardProof,
    CardRequest,
    Choice,
    MalformedMessage,
    Shown,
    document_digest,
    is_readable,
    statement,
    version_of,
)

TEXT = st.text(min_size=1, max_size=12)
READABLE = st.text(
    st.characters(categories=("L", "N", "P", "S", "Zs")), min_size=1, max_size=12
).filter(is_readable)
MOMENTS = st.integers(0, LAST_MOMENT)
CHOICES = st.lists(
    st.builds(
        Choice,
        item=TEXT,
        wording=READABLE,
        granted=st.booleans(),
        marked=st.just("") | READABLE,
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda choice: choice.item,
)
VERSIONS = st.lists(st.integers(0, 999_999), min_size=1, max_size=4).map(
    lambda numbers: ".".join(map(str, numbers))
)
HEX = st.binary(min_size=1, max_size=40).map(bytes.hex)
PROOFS = st.builds(CardProof, challenge=TEXT, certificate=HEX, signature=HEX)
Inputs = tuple[str, bytes, str]
INPUTS = st.tuples(TEXT, st.binary(max_size=40), TEXT)


def decision(choice: Choice) -> dict[str, Any]:
    return {
        "item": choice.item,
        "wording": {"id": "w", "sha256": hashlib.sha256(choice.wording.encode()).hexdigest()},
        "decision": "grant" if choice.granted else "refuse",
    }


def document(choices: list[Choice]) -> str:
    return written([decision(choice) for choice in choices])


def written(decisions: list[dict[str, Any]], **changes: object) -> str:
    """Return a document with these decisions; ``changes`` replace its other members."""
    body = {
        "facility": {"name": "みどり坂"},
        "channel": "online",
        "visit_date": "2026-12-01",
        "operator": "companion",
        "language": "ja",
    }
    return json.dumps({**body, "decisions": decisions, **changes})


@st.composite
def requests(draw: st.DrawFn) -> CardRequest:
    choices = draw(CHOICES)
    return CardRequest(
        origin=draw(TEXT),
        challenge=draw(TEXT),
        nonce=draw(st.binary(min_size=32, max_size=32)).hex(),
        issued_at=draw(MOMENTS),
        expires_at=draw(MOMENTS),
        document=document(choices),
        choices=tuple(choices),
        language="ja",
        return_path=draw(st.from_regex(r"/[a-z0-9][a-z0-9/._-]*", fullmatch=True)),
        text_size=draw(st.sampled_from(TEXT_SIZES)),
        bridge=draw(st.just("") | VERSIONS),
    )


REQUEST = CardRequest(
    origin="https://zaitaku.example",
    challenge="challenge",
    nonce="ab" * 32,
    issued_at=1,
    expires_at=2,
    document=document([Choice("surgery", "words", True)]),
    choices=(Choice("surgery", "words", True),),
    language="ja",
    return_path="/j/x/card/return",
)

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(), max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)


class TestStatement:
    @given(INPUTS, INPUTS)
    def test_different_inputs_make_different_statements(self, one: Inputs, other: Inputs) -> None:
        made = [
            statement(origin=origin, nonce=nonce, document=text)
            for origin, nonce, text in (one, other)
        ]
        assert (made[0] == made[1]) is (one == other)

    @given(TEXT, TEXT)
    def test_characters_do_not_move_between_parts(self, one: str, other: str) -> None:
        assume(one != other)
        assert statement(origin=one + other, nonce=b"", document="x") != statement(
            origin=one, nonce=other.encode(), document="x"
        )
        assert statement(origin=one, nonce=b"n", document=other) != statement(
            origin=other, nonce=b"n", document=one
        )

    @given(TEXT, st.binary(), TEXT)
    def test_has_a_fixed_length_and_its_own_tag(self, origin: str, nonce: bytes, text: str) -> None:
        made = statement(origin=origin, nonce=nonce, document=text)
        assert len(made) == len(DOMAIN_TAG) + 3 * 32
        assert made.startswith(b"zaitaku consent statement 1\0")
        assert made.endswith(document_digest(text))

    def test_is_written_down(self) -> None:
        """A bridge that is already installed must go on making the same bytes."""
        made = statement(origin="https://zaitaku.example", nonce=b"\1" * 32, document="{}")
        digest = hashlib.sha256(made).hexdigest()
        assert digest == "c397731f3855a6623980374a66b96fabed464f5b1e02357e1a6f967fb2b427f2"

    @given(requests())
    def test_of_a_request(self, request: CardRequest) -> None:
        assert request.statement() == statement(
            origin=request.origin,
            nonce=bytes.fromhex(request.nonce),
            document=request.document,
        )


class TestClaims:
    @given(requests())
    def test_there_and_back_through_json(self, request: CardRequest) -> None:
        claims = json.loads(json.dumps(request.claims()))
        assert CardRequest.from_claims(claims) == request

    def test_registered_names(self) -> None:
        claims = REQUEST.claims()
        assert (claims["iss"], claims["aud"], claims["jti"]) == (
            "https://zaitaku.example",
            AUDIENCE,
            "challenge",
        )
        assert (claims["iat"], claims["exp"]) == (1, 2)
        assert not {"origin", "challenge", "issued_at", "expires_at"} & set(claims)

    @given(requests(), st.data())
    def test_no_changed_claim_is_read_as_something_else(
        self, request: CardRequest, data: st.DataObject
    ) -> None:
        claims = json.loads(json.dumps(request.claims()))
        name = data.draw(st.sampled_from(sorted(claims)))
        claims[name] = data.draw(JSON_VALUES)
        try:
            read = CardRequest.from_claims(claims)
        except MalformedMessage:
            return
        assert json.loads(json.dumps(read.claims())) == claims

    @given(requests(), st.data())
    def test_a_missing_claim_is_refused(self, request: CardRequest, data: st.DataObject) -> None:
        claims = request.claims()
        del claims[data.draw(st.sampled_from(sorted(claims.keys() - {"text_size", "bridge"})))]
        with pytest.raises(MalformedMessage):
            CardRequest.from_claims(claims)

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("aud", "somebody-else"),
            ("aud", [AUDIENCE]),
            ("iss", ""),
            ("iat", True),
            ("iat", -1),
            ("iat", 1_800_000_000_000),
            ("exp", 10**30),
            ("iat", "1"),
            ("exp", 1.5),
            ("nonce", "ab" * 31),
            ("nonce", "AB" * 32),
            ("nonce", "ab " * 32),
            ("nonce", "xy" * 32),
            ("language", "half \ud800"),
            ("language", "en"),
            ("choices", {}),
            ("choices", [None]),
            ("choices", [{"item": "surgery", "wording": "words", "granted": 1}]),
            ("choices", []),
            ("choices", [{"item": "surgery", "wording": "words", "granted": True, "marked": 1}]),
            ("protocol", "1"),
            ("text_size", "huge"),
            ("text_size", ""),
            ("text_size", None),
            ("bridge", ""),
            ("bridge", "1."),
            ("bridge", "01"),
            ("bridge", "1.2.3.4.5"),
            ("bridge", "1.0\n"),
            ("bridge", "１"),
            ("bridge", 1),
            ("return_path", "j/x"),
            ("return_path", "//evil.example"),
            ("return_path", "/\\evil.example"),
            ("return_path", "/x?code=1"),
            ("return_path", "/x#y"),
            ("return_path", "/x\r\nSet-Cookie: a"),
            ("return_path", "/x y"),
            ("return_path", "/x\0"),
            ("return_path", "/ｘ"),
            ("return_path", "https://evil.example/"),
        ],
    )
    def test_a_claim_that_breaks_its_rule_is_refused(self, name: str, value: object) -> None:
        with pytest.raises(MalformedMessage):
            CardRequest.from_claims({**REQUEST.claims(), name: value})


class TestVersions:
    @given(VERSIONS, VERSIONS)
    def test_they_compare_as_numbers(self, one: str, other: str) -> None:
        padded = [
            [int(part) for part in text.split(".")] + [0] * (3 - text.count("."))
            for text in (one, other)
        ]
        assert (version_of(one) < version_of(other)) is (padded[0] < padded[1])
        assert (version_of(one) == version_of(other)) is (padded[0] == padded[1])

    @pytest.mark.parametrize("text", ["", "a", "1..2", "1.2.3.4.5", "-1", "1.0000000", " 1", "1 "])
    def test_what_is_no_version_is_refused(self, text: str) -> None:
        with pytest.raises(MalformedMessage, match="version"):
            version_of(text)

    def test_what_every_site_says_is_left_unsaid(self) -> None:
        assert not {"text_size", "bridge"} & set(REQUEST.claims())
        assert replace(REQUEST, text_size="large").claims()["text_size"] == "large"
        assert CardRequest.from_claims(json.loads(json.dumps(REQUEST.claims()))) == REQUEST


class TestChoices:
    @given(requests())
    def test_what_stands_in_the_document_is_accepted(self, request: CardRequest) -> None:
        request.check_document()
        replace(request, choices=request.choices[::-1]).check_document()

    @given(requests(), st.data(), TEXT)
    def test_any_other_word_or_answer_is_refused(
        self, request: CardRequest, data: st.DataObject, words: str
    ) -> None:
        place = data.draw(st.integers(0, len(request.choices) - 1))
        shown = request.choices[place]
        for changed in (
            replace(shown, granted=not shown.granted),
            replace(shown, wording=shown.wording + words),
            replace(shown, item=shown.item + words),
        ):
            choices = list(request.choices)
            choices[place] = changed
            with pytest.raises(MalformedMessage):
                replace(request, choices=tuple(choices)).check_document()

    @given(requests(), st.data())
    def test_nothing_is_left_out_or_shown_twice(
        self, request: CardRequest, data: st.DataObject
    ) -> None:
        place = data.draw(st.integers(0, len(request.choices) - 1))
        without = request.choices[:place] + request.choices[place + 1 :]
        twice = (*request.choices, request.choices[place])
        for choices in (without, twice):
            with pytest.raises(MalformedMessage):
                replace(request, choices=choices).check_document()

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "no json",
            "[]",
            "null",
            "1",
            "{}",
            '{"decisions": null}',
            '{"decisions": {}}',
            '{"decisions": [1]}',
            '{"decisions": [{"item": "surgery"}]}',
            '{"decisions": [{"item": [], "wording": {"sha256": "x"}, "decision": "grant"}]}',
            "[" * 100_000,
        ],
    )
    def test_what_is_no_document_is_refused(self, text: str) -> None:
        with pytest.raises(MalformedMessage):
            replace(REQUEST, document=text).check_document()

    def test_the_document_speaks_in_two_answers_only(self) -> None:
        refused = replace(REQUEST.choices[0], granted=False)
        for answer in ("refuse", "maybe", "", None, False, ["grant"]):
            entry = {**decision(refused), "decision": answer}
            request = replace(REQUEST, choices=(refused,), document=written([entry]))
            if answer == "refuse":
                request.check_document()
                continue
            with pytest.raises(MalformedMessage):
                request.check_document()

    def test_a_decision_that_stands_twice_is_refused(self) -> None:
        entry = decision(REQUEST.choices[0])
        request = replace(REQUEST, document=written([entry, entry]))
        with pytest.raises(MalformedMessage):
            request.check_document()

    def test_a_member_that_stands_twice_is_refused(self) -> None:
        text = REQUEST.document.replace('"decision": ', '"decision": "refuse", "decision": ')
        assert json.loads(text) == json.loads(REQUEST.document)
        with pytest.raises(MalformedMessage):
            replace(REQUEST, document=text).check_document()


class TestWhatIsShownBeside:
    """Facility, channel and 受診日 are read from the document: what is shown is what is signed."""

    def test_they_are_the_documents_own(self) -> None:
        assert REQUEST.check_document() == Shown(
            facility="みどり坂",
            channel="online",
            visit_date=date(2026, 12, 1),
            operator="companion",
            language="ja",
        )

    def test_a_home_visit_has_no_date(self) -> None:
        entries = [decision(choice) for choice in REQUEST.choices]
        without = written(entries, channel="home-visit", visit_date=None)
        assert replace(REQUEST, document=without).check_document().visit_date is None

    @pytest.mark.parametrize(
        "changes",
        [
            {"facility": None},
            {"facility": {}},
            {"facility": {"name": ""}},
            {"facility": "みどり坂"},
            {"channel": "elsewhere"},
            {"channel": None},
            {"visit_date": "tomorrow"},
            {"visit_date": 20261201},
            {"visit_date": "20261201"},
            {"visit_date": "2026-W49-2"},
            {"operator": None},
            {"operator": "somebody"},
            {"language": None},
            {"language": "en"},
            {"facility": {"name": " "}},
            {"facility": {"name": "あ" * 101}},
        ],
    )
    def test_a_document_that_lacks_them_is_refused(self, changes: dict[str, object]) -> None:
        entries = [decision(choice) for choice in REQUEST.choices]
        with pytest.raises(MalformedMessage):
            replace(REQUEST, document=written(entries, **changes)).check_document()


@st.composite
def hidden_texts(draw: st.DrawFn) -> str:
    """Text with a character that cannot be seen, at any place."""
    hidden = draw(st.characters(categories=("Cc", "Cf", "Co", "Zl", "Zp")).filter("\n".__ne__))
    return draw(READABLE) + hidden + draw(READABLE)


def asking(wording: str, *, facility: str = "みどり坂", marked: str = "") -> CardRequest:
    """Return a request whose one choice has these words."""
    choice = Choice("surgery", wording, True, marked)
    text = written([decision(choice)], facility={"name": facility})
    return replace(REQUEST, choices=(choice,), document=text)


class TestReadable:
    """What the card signs can be read as it stands by whoever looks at the page."""

    @given(hidden_texts())
    def test_no_character_hides_or_turns_others_round(self, text: str) -> None:
        for request in (
            asking(text),
            asking("words", facility=text),
            asking("words", marked=text),
        ):
            with pytest.raises(MalformedMessage):
                request.check_document()

    @pytest.mark.parametrize("character", ["\u202e", "\u2066", "\u200b", "\a", "\r", "\u2028"])
    def test_the_well_known_ones_are_among_them(self, character: str) -> None:
        with pytest.raises(MalformedMessage):
            asking(f"見せません{character}").check_document()

    def test_a_wording_has_paragraphs_and_a_name_has_not(self) -> None:
        asking("質問\n説明\n説明").check_document()
        with pytest.raises(MalformedMessage):
            asking("質問", facility="みどり坂\n公式").check_document()

    @pytest.mark.parametrize(
        ("fits", "too_long"),
        [
            (asking("い" * 2000), asking("い" * 2001)),
            (asking("い", facility="あ" * 100), asking("い", facility="あ" * 101)),
            (asking("い", marked="い" * 8000), asking("い", marked="い" * 8001)),
        ],
    )
    def test_nothing_is_too_long_to_be_read(self, fits: CardRequest, too_long: CardRequest) -> None:
        fits.check_document()
        with pytest.raises(MalformedMessage):
            too_long.check_document()

    @pytest.mark.parametrize(
        ("count", "is_taken"), [(0, False), (1, True), (10, True), (11, False)]
    )
    def test_there_is_something_to_decide_and_not_too_much(
        self, count: int, *, is_taken: bool
    ) -> None:
        choices = [Choice(f"item-{number}", "words", True) for number in range(count)]
        request = replace(REQUEST, choices=tuple(choices), document=document(choices))
        if is_taken:
            request.check_document()
            return
        with pytest.raises(MalformedMessage):
            request.check_document()

    def test_readings_go_with_the_words_and_are_not_digested(self) -> None:
        request = asking("手術", marked="{手術|しゅじゅつ}")
        assert CardRequest.from_claims(json.loads(json.dumps(request.claims()))) == request
        assert request.statement() == asking("手術").statement()

    def test_a_request_without_readings_does_not_mention_them(self) -> None:
        assert set(asking("手術").claims()["choices"][0]) == {"item", "wording", "granted"}


class TestProof:
    @given(PROOFS)
    def test_there_and_back(self, proof: CardProof) -> None:
        assert CardProof.from_mapping(json.loads(proof.to_json())) == proof

    @given(PROOFS, st.data())
    def test_no_changed_member_is_read_as_something_else(
        self, proof: CardProof, data: st.DataObject
    ) -> None:
        body = json.loads(proof.to_json())
        body[data.draw(st.sampled_from(sorted(body)))] = data.draw(JSON_VALUES)
        try:
            read = CardProof.from_mapping(copy.deepcopy(body))
        except MalformedMessage:
            return
        assert json.loads(read.to_json()) == body

    @given(JSON_VALUES)
    def test_what_is_no_proof_is_refused(self, body: object) -> None:
        with pytest.raises(MalformedMessage):
            CardProof.from_mapping(body)

    @pytest.mark.parametrize("name", ["challenge", "certificate", "signature"])
    @pytest.mark.parametrize("value", [None, "", 1, "\ud800"])
    def test_members_are_texts(self, name: str, value: object) -> None:
        body = {"challenge": "c", "certificate": "ab", "signature": "cd", name: value}
        with pytest.raises(MalformedMessage):
            CardProof.from_mapping(body)

    @pytest.mark.parametrize("value", ["a", "AB", "a b", "xy", "ab\n", "ａｂ"])
    def test_hex_is_lower_case_and_nothing_else(self, value: str) -> None:
        with pytest.raises(MalformedMessage):
            CardProof.from_mapping({"challenge": "c", "certificate": value, "signature": "cd"})
