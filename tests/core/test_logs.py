"""Logs: one JSON object a line, in UTC, and nothing private however it is handed over."""

import io
import json
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zaitaku.core.errors import InvalidField, ZaitakuError
from zaitaku.core.ids import new_secret_name
from zaitaku.core.logs import HIDDEN, configure_logging, redacted, request_id
from zaitaku.core.signing import Keyring

LOGGER = logging.getLogger("tests.logs")


@contextmanager
def logged() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Log into memory; give a function that returns the lines so far, parsed."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    root.handlers[:] = []
    configure_logging(stream)
    try:
        yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)


class TestLine:
    def test_says_when_how_bad_who_and_what(self) -> None:
        before = datetime.now(UTC)
        with logged() as lines:
            LOGGER.warning("%d of %s", 3, "予約", extra={"facility": "1312345678", "tries": 2})
        (line,) = lines()
        assert line.pop("time").endswith("Z")
        assert line == {
            "level": "WARNING",
            "logger": "tests.logs",
            "request": "",
            "message": "3 of 予約",
            "facility": "1312345678",
            "tries": 2,
        }
        assert before.tzinfo is UTC

    def test_time_is_utc(self) -> None:
        record = logging.LogRecord("n", logging.INFO, "", 0, "m", None, None)
        record.created = datetime(2026, 11, 20, 1, 2, 3, 456000, tzinfo=UTC).timestamp()
        with logged() as lines:
            logging.getLogger().handle(record)
        assert lines()[0]["time"] == "2026-11-20T01:02:03.456Z"

    def test_carries_the_request(self) -> None:
        with logged() as lines:
            token = request_id.set("request-1")
            LOGGER.info("inside")
            request_id.reset(token)
            LOGGER.info("outside")
        assert [line["request"] for line in lines()] == ["request-1", ""]

    def test_stays_one_line(self) -> None:
        with logged() as lines:
            LOGGER.info("first\nsecond\u2028third \ud800", extra={"note": "a\nb"})
        assert [line["message"] for line in lines()] == ["first\nsecond\u2028third \ud800"]

    def test_a_second_configuration_replaces_the_first(self) -> None:
        with logged() as first:
            second = io.StringIO()
            configure_logging(second)
            LOGGER.info("once")
            assert first() == []
            assert len(second.getvalue().splitlines()) == 1

    def test_other_handlers_stay(self) -> None:
        other = logging.NullHandler()
        with logged():
            logging.getLogger().addHandler(other)
            configure_logging(io.StringIO())
            assert other in logging.getLogger().handlers

    def test_libraries_that_log_addresses_keep_quiet(self) -> None:
        with logged() as lines:
            for name in ("werkzeug", "sqlalchemy.engine.Engine", "urllib3.connectionpool"):
                logging.getLogger(name).info("GET /r/abc?x=1")
        assert lines() == []

    def test_a_line_that_cannot_be_written_shows_nothing(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with logged() as lines:
            LOGGER.info("number %d", "secret word")
        assert lines()[0]["message"] == "a line of tests.logs could not be written"
        assert capsys.readouterr().err == ""

    def test_a_closed_stream_stops_nobody(self, capsys: pytest.CaptureFixture[str]) -> None:
        with logged():
            stream = io.StringIO()
            configure_logging(stream)
            stream.close()
            LOGGER.info("secret word")
        assert capsys.readouterr().err == ""


class TestFailures:
    def test_foreign_words_are_left_out_and_the_place_stays(self) -> None:
        with logged() as lines:
            try:
                int("山田太郎")
            except ValueError:
                LOGGER.exception("it failed")
        error = lines()[0]["error"]
        assert error.endswith("builtins.ValueError")
        assert "test_logs.py" in error
        assert "山田" not in json.dumps(lines(), ensure_ascii=False)

    def test_our_own_words_and_the_whole_chain_are_told(self) -> None:
        with logged() as lines:
            try:
                try:
                    int("山田太郎")
                except ValueError as error:
                    raise InvalidField("phone", "digits") from error
            except ZaitakuError:
                LOGGER.exception("it failed")
        told = lines()[0]["error"].splitlines()
        assert "builtins.ValueError" in told
        assert told[-1] == f"zaitaku.core.errors.InvalidField: phone: {HIDDEN}"

    def test_an_unwanted_context_is_left_out(self) -> None:
        with logged() as lines:
            try:
                try:
                    int("x")
                except ValueError:
                    raise ZaitakuError("told") from None
            except ZaitakuError:
                LOGGER.exception("it failed")
        assert "ValueError" not in lines()[0]["error"]

    def test_no_exception_at_hand(self) -> None:
        with logged() as lines:
            LOGGER.info("it failed", exc_info=(None, None, None))
        assert lines()[0]["message"] == "it failed"


RANDOM_BYTES = st.binary(min_size=16, max_size=300)
SECRETS = st.one_of(
    st.builds(
        lambda payload: Keyring(("k" * 32,)).signer("reception-url").sign(payload).decode(),
        st.from_regex(r"[A-Za-z0-9_-]{7}", fullmatch=True),
    ),
    st.builds(lambda _: new_secret_name(), st.integers()),
    RANDOM_BYTES.map(bytes.hex),
    RANDOM_BYTES.map(lambda value: value.hex().upper()),
    RANDOM_BYTES.map(lambda value: value.hex(":")),
    st.from_regex(r"eyJ[\w-]{20,60}\.[\w-]{30,90}\.[\w-]{86}", fullmatch=True).filter(str.isascii),
    st.from_regex(r"[A-Za-z0-9]{64,200}==", fullmatch=True),
    st.from_regex(r"[0-9]{12}", fullmatch=True),
    st.from_regex(r"[0-9]{4}-[0-9]{4}-[0-9]{3}", fullmatch=True),
)
AROUND = st.sampled_from(
    ["{}", "went ({}) wrong", "journey:{}:end", '"{}"', "漢字 {}。", "value {}, and", "<{}>\n"]
)
DIGITS_OF_A_ROW = r"[0-9]{8}(-[0-9]{4}){3}-[0-9]{12}"
PRIVATE = st.builds(str.format, AROUND, SECRETS)


def fail(error: Exception) -> NoReturn:
    raise error


def hand_over_as_message(secret: str) -> None:
    LOGGER.info(secret)


def hand_over_as_argument(secret: str) -> None:
    LOGGER.info("it was %s or %r", secret, [secret])


def hand_over_as_extra(secret: str) -> None:
    LOGGER.info("m", extra={"note": secret, "deep": [{"a": (secret, {secret})}], secret: 1})


def hand_over_as_mapping(secret: str) -> None:
    LOGGER.info({"note": secret, "object": Exception(secret)})


def hand_over_as_failure(secret: str) -> None:
    try:
        fail(ZaitakuError(secret))
    except ZaitakuError:
        LOGGER.exception("m")


WAYS = [
    hand_over_as_message,
    hand_over_as_argument,
    hand_over_as_extra,
    hand_over_as_mapping,
    hand_over_as_failure,
]


class TestRedaction:
    @given(st.sampled_from(WAYS), AROUND, SECRETS)
    def test_no_secret_by_any_way(
        self, way: Callable[[str], None], around: str, secret: str
    ) -> None:
        with logged() as lines:
            way(around.format(secret))
        assert secret not in json.dumps(lines(), ensure_ascii=False)
        assert len(lines()) == 1

    @given(
        st.sampled_from(["pin", "PIN", "user_pin", "暗証番号", "password", "Set-Cookie", "token"]),
        st.sampled_from(["{}={}", "{}: {}", '{{"{}": "{}"}}', "{{'{}': '{}'}}", "a=1&{}={}&b=2"]),
        st.from_regex(r"[0-9]{4}|[a-z]{6}", fullmatch=True),
    )
    def test_values_of_secret_names(self, name: str, form: str, value: str) -> None:
        assert value not in redacted(form.format(name, value))

    @given(st.sampled_from(["pin", "card_pin", "token", "certificate_hex", "sid", "kana"]))
    def test_members_of_secret_names(self, name: str) -> None:
        with logged() as lines:
            LOGGER.info("m", extra={name: 1234, "deep": {name: "1234"}})
        assert lines()[0][name] == lines()[0]["deep"][name] == HIDDEN

    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            ("GET /r/short HTTP/1.1", f"GET /r/{HIDDEN} HTTP/1.1"),
            ("/j/abc/items/surgery?lang=en", f"/j/{HIDDEN}/items/surgery?{HIDDEN}"),
            ("https://host/x?name=山田", f"https://host/x?{HIDDEN}"),
            ("redis://user:word@host:1/0", f"redis://{HIDDEN}@host:1/0"),
            (
                "-----BEGIN PRIVATE KEY-----\nMIIE\nshort\n-----END PRIVATE KEY----- x",
                f"{HIDDEN} x",
            ),
            ("-----BEGIN CERTIFICATE-----\nMIIE", HIDDEN),
        ],
    )
    def test_paths_queries_and_keys(self, text: str, shown: str) -> None:
        assert redacted(text) == shown

    @pytest.mark.parametrize(
        "text",
        [
            "/j/<jid>/items/<item>",
            "/r/<token>",
            "facility 1312345678 rotated its URL to version 12",
            "2026-11-20T10:00:00.000Z",
            "2026-11-20 10:00:00",
            "code=store-unavailable status=503",
            "zaitaku.core.ephemeral_sql wrote /work/main/data/zaitaku.db",
            "019aa1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b",
            "127.0.0.1:18231",
            "shipping: done",
        ],
    )
    def test_innocent_words_stay(self, text: str) -> None:
        assert redacted(text) == text

    @given(st.one_of(st.uuids().map(str), st.from_regex(DIGITS_OF_A_ROW, fullmatch=True)))
    def test_the_name_of_a_row_stays_whatever_its_digits(self, row: str) -> None:
        with logged() as lines:
            LOGGER.info("audit head of %s", row, extra={"facility": row})
        assert (lines()[0]["facility"], lines()[0]["message"]) == (row, f"audit head of {row}")

    @given(st.uuids().map(str), st.from_regex(r"0[0-9]{2}-[0-9]{4}-[0-9]{4}", fullmatch=True))
    def test_a_number_beside_the_name_of_a_row_does_not(self, row: str, number: str) -> None:
        for text in (f"{row} {number}", f"{row}-{number}", f"{row}{number}", f"a {number}, {row}"):
            assert number not in redacted(text)

    @given(st.one_of(st.text(), PRIVATE))
    def test_twice_is_as_once(self, text: str) -> None:
        assert redacted(redacted(text)) == redacted(text)


def test_frames_name_no_values() -> None:
    with logged() as lines:
        try:
            pin = "1234"
            fail(KeyError(pin))
        except KeyError:
            LOGGER.info("m", exc_info=sys.exc_info(), stack_info=True)
    assert "1234" not in json.dumps(lines())
