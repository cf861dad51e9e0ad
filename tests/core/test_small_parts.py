"""Clock, ids, errors, keyrings, readings and languages."""

from collections.abc import Iterator
from dataclasses import FrozenInstanceError
from datetime import UTC, date, datetime, timedelta
from http import HTTPStatus

import pytest
from html5lib import parseFragment
from hypothesis import given
from hypothesis import strategies as st
from itsdangerous import BadSignature
from markupsafe import Markup, escape

from tests.core.stores import NOW
from zaitaku.core import errors
from zaitaku.core.clock import JST, FixedClock, SystemClock, japan_date
from zaitaku.core.ids import new_secret_name, new_uuid, random_digits
from zaitaku.core.languages import NAMES, Language
from zaitaku.core.ruby import markup, plain
from zaitaku.core.signing import Keyring

OLD, NEW, FOREIGN = ("o" * 32, "n" * 32, "f" * 32)


class TestClock:
    def test_the_machines_time_is_utc_and_now(self) -> None:
        told = SystemClock().now()
        assert told.utcoffset() == timedelta(0)
        assert abs(datetime.now(UTC) - told) < timedelta(seconds=5)

    def test_a_held_clock_moves_only_when_told(self) -> None:
        clock = FixedClock(NOW)
        assert clock.now() == clock.now() == NOW
        assert clock.now().utcoffset() == timedelta(0)
        clock.advance(timedelta(days=1))
        clock.advance(timedelta(hours=-25))
        assert clock.now() == NOW - timedelta(hours=1)

    @pytest.mark.parametrize(
        ("moment", "day"),
        [
            (datetime(2026, 11, 20, 14, 59, 59, tzinfo=UTC), date(2026, 11, 20)),
            (datetime(2026, 11, 20, 15, 0, 0, tzinfo=UTC), date(2026, 11, 21)),
            (datetime(2026, 11, 20, 0, 0, tzinfo=JST), date(2026, 11, 20)),
        ],
    )
    def test_the_day_changes_at_midnight_in_japan(self, moment: datetime, day: date) -> None:
        assert japan_date(moment) == day

    @given(st.datetimes(datetime(1952, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
    def test_japan_is_nine_hours_ahead(self, moment: datetime) -> None:
        assert japan_date(moment) == (moment + timedelta(hours=9)).date()


class TestIds:
    def test_rows_names_sort_by_time_and_differ(self) -> None:
        made = [new_uuid() for _ in range(2000)]
        assert len(set(made)) == 2000
        assert [name.int >> 80 for name in made] == sorted(name.int >> 80 for name in made)
        assert {name.version for name in made} == {7}

    def test_secret_names_are_22_url_safe_characters(self) -> None:
        made = {new_secret_name() for _ in range(2000)}
        assert len(made) == 2000
        assert {len(name) for name in made} == {22}
        assert all(set(name) <= set(URL_SAFE) for name in made)

    @given(st.integers(1, 30))
    def test_random_digits_are_as_many_as_asked(self, count: int) -> None:
        digits = random_digits(count)
        assert len(digits) == count
        assert digits.isascii()
        assert digits.isdigit()

    def test_random_digits_begin_with_any_digit(self) -> None:
        assert {random_digits(7)[0] for _ in range(500)} == set("0123456789")


URL_SAFE = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def all_errors(root: type[errors.ZaitakuError]) -> Iterator[type[errors.ZaitakuError]]:
    yield root
    for child in root.__subclasses__():
        yield from all_errors(child)


class TestErrors:
    def test_codes_are_kebab_case_and_do_not_clash(self) -> None:
        own = [
            error
            for error in all_errors(errors.ZaitakuError)
            if error.__module__.endswith("core.errors") and "code" in vars(error)
        ]
        codes = [error.code for error in own]
        assert len(codes) == len(set(codes)) > 5
        assert all(code == code.lower() and code.replace("-", "").isalpha() for code in codes)

    @pytest.mark.parametrize(
        ("error", "code", "status"),
        [
            (errors.ZaitakuError(), "unexpected", HTTPStatus.INTERNAL_SERVER_ERROR),
            (errors.SettingsError(), "settings", HTTPStatus.INTERNAL_SERVER_ERROR),
            (errors.StoreUnavailable(), "store-unavailable", HTTPStatus.SERVICE_UNAVAILABLE),
            (errors.NotFound(), "not-found", HTTPStatus.NOT_FOUND),
            (errors.Conflict(), "conflict", HTTPStatus.CONFLICT),
        ],
    )
    def test_public_code_and_status(
        self, error: errors.ZaitakuError, code: str, status: HTTPStatus
    ) -> None:
        assert (error.code, error.status, error.detail) == (code, status, "")
        assert str(error) == code

    def test_evidence(self) -> None:
        waiting = errors.TooManyAttempts("sixth", retry_after=30)
        assert (waiting.retry_after, waiting.detail, waiting.status) == (30, "sixth", 429)
        invalid = errors.InvalidField("phone", "digits")
        assert (invalid.field, invalid.rule, invalid.status) == ("phone", "digits", 422)
        assert str(invalid) == "phone: digits"


class TestKeyring:
    @pytest.mark.parametrize("keys", [(), ("k" * 31,), (NEW, "k" * 31), ("",)])
    def test_weak_or_no_keys(self, keys: tuple[str, ...]) -> None:
        with pytest.raises(ValueError, match="at least 32") as caught:
            Keyring(keys)
        assert "kkk" not in str(caught.value)

    def test_is_not_printed_and_not_changed(self) -> None:
        keyring = Keyring((NEW, OLD))
        assert NEW not in repr(keyring) + str(keyring)
        with pytest.raises(FrozenInstanceError):
            keyring.keys = ()  # type: ignore[misc]

    @given(st.binary())
    def test_the_newest_signs_and_all_verify(self, value: bytes) -> None:
        old, both, new = Keyring((OLD,)), Keyring((NEW, OLD)), Keyring((NEW,))
        assert both.signer("url").unsign(old.signer("url").sign(value)) == value
        assert both.signer("url").sign(value) == new.signer("url").sign(value)
        with pytest.raises(BadSignature):
            new.signer("url").unsign(old.signer("url").sign(value))

    @given(st.binary())
    def test_a_purpose_says_nothing_for_another(self, value: bytes) -> None:
        keyring = Keyring((NEW,))
        signed = keyring.signer("url").sign(value)
        for other in ("session", "ur", "url2", ""):
            with pytest.raises(BadSignature):
                keyring.signer(other).unsign(signed)

    def test_tags_have_22_characters(self) -> None:
        payload, _, tag = Keyring((NEW,)).signer("url").sign("payload").decode().rpartition(".")
        assert (payload, len(tag)) == ("payload", 22)

    @given(st.data())
    def test_no_changed_character_passes(self, data: st.DataObject) -> None:
        signer = Keyring((NEW,)).signer("url")
        signed = signer.sign("payload").decode()
        place = data.draw(st.integers(0, len(signed) - 1) | st.just(len(signed) - 1))
        other = data.draw(st.sampled_from(URL_SAFE + ".=+/ ").filter(lambda c: c != signed[place]))
        with pytest.raises(BadSignature):
            signer.unsign(signed[:place] + other + signed[place + 1 :])

    @given(st.integers(0, 29))
    def test_nothing_shortened_or_lengthened_passes(self, length: int) -> None:
        signer = Keyring((NEW,)).signer("url")
        signed = signer.sign("payload").decode()
        for changed in (signed[:length], signed + "A", signed + "=", signed + "=="):
            with pytest.raises(BadSignature):
                signer.unsign(changed)

    @given(st.binary(), st.binary())
    def test_keyed_hashes(self, one: bytes, other: bytes) -> None:
        both = list(Keyring((NEW, OLD)).keyed_hashes("subject", one))
        assert both == [*Keyring((NEW,)).keyed_hashes("subject", one), both[1]]
        assert both[1:] == list(Keyring((OLD,)).keyed_hashes("subject", one))
        assert all(len(value) == 64 for value in both)
        assert both[0] != next(Keyring((NEW,)).keyed_hashes("other", one))
        assert (both[0] == next(Keyring((NEW,)).keyed_hashes("subject", other))) is (one == other)


READINGS = st.text(st.sampled_from("漢字かな<>&\"'{}|ab "), max_size=30)


class TestRuby:
    def test_a_reading(self) -> None:
        text = "{薬|くすり}の{情報|じょうほう}"
        assert plain(text) == "薬の情報"
        first = "<ruby>薬<rp>(</rp><rt>くすり</rt><rp>)</rp></ruby>"
        assert markup(text).startswith(first + "の<wbr><ruby>情報")

    @pytest.mark.parametrize("text", ["{}", "{a}", "{a|}", "{|b}", "{a|b|c}", "a|b", "}{"])
    def test_what_is_no_reading_stays(self, text: str) -> None:
        assert plain(text) == text
        assert markup(text) == escape(text)

    def test_everything_is_escaped(self) -> None:
        shown = markup("<script>{<b>|\"x'}&")
        assert isinstance(shown, Markup)
        assert shown.startswith("&lt;script&gt;<ruby>&lt;b&gt;<rp>")
        assert "<b>" not in shown

    @given(READINGS)
    def test_the_page_reads_as_the_plain_text(self, text: str) -> None:
        fragment = parseFragment(str(markup(text)), namespaceHTMLElements=False)
        for ruby in fragment.iter("ruby"):
            for aside in [child for child in ruby if child.tag in {"rp", "rt"}]:
                aside.text = ""
        assert "".join(fragment.itertext()) == plain(text)
        assert {element.tag for element in fragment.iter()} <= {
            "DOCUMENT_FRAGMENT",
            "ruby",
            "rp",
            "rt",
            "wbr",
        }


class TestLanguages:
    def test_each_is_named_and_tagged(self) -> None:
        assert [str(language) for language in Language] == ["ja", "ja-x-yasashii", "en"]
        assert list(NAMES) == list(Language)
        assert NAMES[Language.EASY_JAPANESE] == "やさしい日本語"

    @pytest.mark.parametrize("tag", ["", "JA", "ja-JP", "fr", "<b>"])
    def test_nothing_else_is_one(self, tag: str) -> None:
        with pytest.raises(ValueError, match="not a valid Language"):
            Language(tag)
