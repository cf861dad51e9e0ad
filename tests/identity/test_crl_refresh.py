"""Renewing the lists from an address: never older, never unsigned, never half."""

import json
import logging
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.wrappers import Request, Response

from tests.conftest import NOW
from tests.sandbox.loopback import serving
from zaitaku.identity.connection import SourceAway
from zaitaku.identity.revocation import CrlFile, FreshCrlFile, RevocationStatus
from zaitaku.identity.revocation.download import Download, HttpFetch, Validators
from zaitaku.identity.revocation.fresh import in_the_background
from zaitaku.identity.revocation.refresh import (
    EVERY,
    RETRY,
    CrlRefresh,
    Refreshed,
    RefreshFailed,
)
from zaitaku.sandbox.authority import PINNED, Generation, TestAuthority
from zaitaku.sandbox.profile import Signer, digest_for
from zaitaku.sdk.crl import read_lists

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
GOOD, REVOKED, UNKNOWN = (
    RevocationStatus.GOOD,
    RevocationStatus.REVOKED,
    RevocationStatus.UNKNOWN,
)


def made(
    root: Signer,
    *revoked: Signer,
    at: datetime = NOW - HOUR,
    ends: datetime | None = None,
    number: int | None = 1,
) -> bytes:
    """Return a list in PEM."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(root.certificate.subject)
        .last_update(at)
        .next_update(ends or at + 7 * DAY)
    )
    if number is not None:
        builder = builder.add_extension(x509.CRLNumber(number), critical=False)
    for card in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(card.certificate.serial_number)
        builder = builder.add_revoked_certificate(entry.revocation_date(at).build())
    return builder.sign(root.key, digest_for(root.key)).public_bytes(Encoding.PEM)


@dataclass
class Shelf:
    """A ``Fetch`` that gives what a test puts there."""

    content: bytes | None = None
    trouble: str = ""
    validators: Validators = field(default_factory=dict)
    asked_with: list[Validators] = field(default_factory=list)

    def __call__(self, validators: Validators) -> Download:
        self.asked_with.append(validators)
        if self.trouble:
            raise SourceAway(self.trouble)
        return Download(self.content, self.validators)


@dataclass(frozen=True)
class Place:
    """A file that is kept up to date, and where it comes from."""

    refresh: CrlRefresh
    shelf: Shelf

    @property
    def path(self) -> Path:
        return self.refresh.path

    def renew(self, content: bytes, now: datetime = NOW) -> Refreshed:
        self.shelf.content = content
        return self.refresh.refresh(now)

    def status(self, card: Signer, root: Signer, now: datetime = NOW) -> RevocationStatus:
        return CrlFile(self.path).status(card.certificate, root.certificate, now)


@pytest.fixture
def place(tmp_path: Path, authority: TestAuthority) -> Place:
    shelf = Shelf()
    roots = [authority.roots[entry].certificate for entry in PINNED]
    return Place(CrlRefresh(tmp_path / "crl.pem", shelf, roots), shelf)


@pytest.fixture
def root(authority: TestAuthority) -> Signer:
    return authority.roots[Generation.SECOND]


def test_the_first_list_is_put_there(place: Place, card: Signer, root: Signer) -> None:
    assert place.renew(made(root)) is Refreshed.RENEWED
    assert place.status(card, root) is GOOD
    assert place.path.stat().st_mode & 0o777 == 0o600


def test_a_newer_list_takes_the_place_of_an_older(place: Place, card: Signer, root: Signer) -> None:
    place.renew(made(root, at=NOW - DAY))
    assert place.renew(made(root, card, number=2)) is Refreshed.RENEWED
    assert place.status(card, root) is REVOKED


@pytest.mark.parametrize(
    ("at", "number"),
    [(NOW - DAY, 1), (NOW - DAY, 3), (NOW, 1), (NOW - DAY, None)],
    ids=["older", "older by time", "older by number", "older without number"],
)
def test_an_older_list_is_left_where_it_is(
    place: Place, card: Signer, root: Signer, at: datetime, number: int | None
) -> None:
    place.renew(made(root, card, number=2))
    before = place.path.read_bytes()
    assert place.renew(made(root, at=at, number=number)) is Refreshed.UNCHANGED
    assert place.path.read_bytes() == before
    assert place.status(card, root) is REVOKED


def test_the_same_list_changes_nothing(place: Place, root: Signer) -> None:
    content = made(root)
    place.renew(content)
    written = place.path.stat().st_mtime_ns
    assert place.renew(content) is Refreshed.UNCHANGED
    assert place.path.stat().st_mtime_ns == written


def test_lists_of_other_generations_stay(
    place: Place, authority: TestAuthority, card: Signer, old_root_card: Signer, root: Signer
) -> None:
    first = authority.roots[Generation.FIRST]
    place.renew(made(root) + made(first, old_root_card))
    place.renew(made(root, card, number=2))
    assert place.status(card, root) is REVOKED
    assert place.status(old_root_card, first) is REVOKED
    assert len(read_lists(place.path.read_bytes())) == 2


def test_a_list_that_has_ended_is_dropped(
    place: Place, authority: TestAuthority, root: Signer
) -> None:
    place.renew(made(root) + made(authority.roots[Generation.FIRST], ends=NOW + HOUR))
    place.renew(made(root, at=NOW + HOUR, number=2), now=NOW + 2 * HOUR)
    assert len(read_lists(place.path.read_bytes())) == 1


def test_a_der_list_is_taken(place: Place, card: Signer, root: Signer) -> None:
    content = x509.load_pem_x509_crl(made(root, card)).public_bytes(Encoding.DER)
    assert place.renew(content) is Refreshed.RENEWED
    assert place.status(card, root) is REVOKED


def test_what_stands_there_broken_is_replaced(place: Place, card: Signer, root: Signer) -> None:
    place.path.write_bytes(b"broken")
    assert place.renew(made(root)) is Refreshed.RENEWED
    assert place.status(card, root) is GOOD


UNFIT: dict[str, Callable[[Signer, Signer], bytes]] = {
    "empty": lambda *_: b"",
    "page": lambda *_: b"<html>Welcome to the hotel's network</html>",
    "namesake": lambda _, foreign: made(foreign),
    "forged": lambda root, foreign: made(Signer(root.certificate, foreign.key)),
    "ended": lambda root, _: made(root, at=NOW - 9 * DAY),
    "future": lambda root, _: made(root, at=NOW + DAY),
    "half": lambda root, _: made(root)[:-40],
}


@pytest.mark.parametrize("content", UNFIT.values(), ids=UNFIT.keys())
def test_what_is_no_list_of_ours_changes_nothing(
    place: Place,
    authority: TestAuthority,
    card: Signer,
    root: Signer,
    content: Callable[[Signer, Signer], bytes],
) -> None:
    place.renew(made(root, card))
    before = place.path.read_bytes()
    with pytest.raises(RefreshFailed):
        place.renew(content(root, authority.roots[Generation.FOREIGN]))
    assert place.path.read_bytes() == before
    assert place.status(card, root) is REVOKED


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=8))
def test_whatever_is_served_the_file_never_grows_older(
    place: Place, root: Signer, steps: list[tuple[int, int]]
) -> None:
    place.path.unlink(missing_ok=True)
    newest = (0, 0)
    for hours, number in steps:
        place.renew(made(root, at=NOW - 8 * HOUR + hours * HOUR, number=number))
        (present,) = read_lists(place.path.read_bytes())
        reached = present.crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
        age = int((present.crl.last_update_utc - (NOW - 8 * HOUR)) / HOUR)
        assert (age, reached) >= newest
        assert age >= newest[0]
        assert reached >= newest[1]
        newest = (age, reached)


def test_an_address_that_is_away_changes_nothing(place: Place, card: Signer, root: Signer) -> None:
    place.renew(made(root, card))
    place.shelf.trouble = "status 503"
    with pytest.raises(RefreshFailed, match="503"):
        place.refresh.refresh(NOW)
    assert place.status(card, root) is REVOKED


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path, root: Signer) -> None:
    refresh = CrlRefresh(tmp_path / "away" / "crl.pem", Shelf(made(root)), [root.certificate])
    with pytest.raises(RefreshFailed, match="FileNotFoundError"):
        refresh.refresh(NOW)


def test_what_the_server_said_is_given_back(place: Place, root: Signer) -> None:
    place.shelf.validators = {"etag": '"one"', "last-modified": "Fri, 20 Nov 2026 00:00:00 GMT"}
    place.renew(made(root))
    place.renew(made(root))
    assert place.shelf.asked_with == [{}, place.shelf.validators]


def test_a_file_that_somebody_changed_is_fetched_in_any_case(place: Place, root: Signer) -> None:
    place.shelf.validators = {"etag": '"one"'}
    place.renew(made(root))
    place.path.write_bytes(b"something else")
    place.renew(made(root))
    assert place.shelf.asked_with == [{}, {}]


def test_it_is_due_an_hour_after_a_success_and_soon_after_a_failure(
    place: Place, root: Signer
) -> None:
    assert place.refresh.is_due(NOW)
    place.renew(made(root))
    assert not place.refresh.is_due(NOW + EVERY - timedelta(seconds=1))
    assert place.refresh.is_due(NOW + EVERY)
    place.shelf.trouble = "gone"
    with pytest.raises(RefreshFailed):
        place.refresh.refresh(NOW + EVERY)
    assert not place.refresh.is_due(NOW + EVERY + RETRY - timedelta(seconds=1))
    assert place.refresh.is_due(NOW + EVERY + RETRY)


def test_it_is_due_when_the_clock_was_set_back_or_the_file_is_gone(
    place: Place, root: Signer
) -> None:
    place.renew(made(root))
    assert place.refresh.is_due(NOW - HOUR)
    place.path.unlink()
    assert place.refresh.is_due(NOW)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "null", '{"tried_at": "2026-11-20"}', '{"tried_at": 1}', "\x00"]
)
def test_a_broken_memory_is_forgotten(place: Place, root: Signer, text: str) -> None:
    place.path.with_name("crl.pem.state").write_text(text)
    assert place.refresh.is_due(NOW)
    assert place.renew(made(root)) is Refreshed.RENEWED


def test_only_one_of_several_processes_is_at_it(place: Place, root: Signer) -> None:
    inside, may_go = Event(), Event()

    def slow(validators: Validators) -> Download:
        inside.set()
        assert may_go.wait(10)
        return Download(made(root), {})

    slow_one = CrlRefresh(place.path, slow, [root.certificate])
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(slow_one.refresh, NOW)
        assert inside.wait(10)
        assert place.renew(made(root, number=2)) is Refreshed.ELSEWHERE
        may_go.set()
        assert running.result(10) is Refreshed.RENEWED
    assert place.shelf.asked_with == []


def test_whoever_asks_has_it_renewed_and_does_not_wait(
    place: Place, card: Signer, root: Signer
) -> None:
    place.renew(made(root))
    started: list[Any] = []
    source = FreshCrlFile(place.refresh, start=started.append)
    later = NOW + EVERY
    place.shelf.content = made(root, card, number=2)
    for _ in range(3):
        assert source.status(card.certificate, root.certificate, later) is GOOD
    assert len(started) == 1
    started[0]()
    assert source.status(card.certificate, root.certificate, later) is REVOKED
    assert source.status(card.certificate, root.certificate, later + RETRY) is REVOKED
    assert len(started) == 1


def test_without_a_thread_the_old_list_answers(
    place: Place,
    card: Signer,
    root: Signer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def refused(_: Thread) -> None:
        raise RuntimeError("can't start new thread")

    place.renew(made(root))
    monkeypatch.setattr(Thread, "start", refused)
    source = FreshCrlFile(place.refresh)
    assert source.status(card.certificate, root.certificate, NOW + EVERY) is GOOD
    assert "can't start new thread" in caplog.text


def test_the_old_list_answers_to_its_end_while_the_address_is_away(
    place: Place, card: Signer, root: Signer, caplog: pytest.LogCaptureFixture
) -> None:
    place.renew(made(root, ends=NOW + DAY))
    place.shelf.trouble = "status 500"
    source = FreshCrlFile(place.refresh, start=lambda work: work())
    with caplog.at_level(logging.WARNING):
        assert source.status(card.certificate, root.certificate, NOW + DAY) is GOOD
    assert "status 500" in caplog.text
    late = NOW + DAY + timedelta(seconds=1)
    assert source.status(card.certificate, root.certificate, late) is UNKNOWN


@dataclass
class Mirror:
    """A real server of a list, which knows about conditions."""

    content: bytes
    status: int = 200
    etag: str = '"first"'
    seen: list[dict[str, str]] = field(default_factory=list)

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        return self._answer(Request(environ))(environ, start)

    def _answer(self, request: Request) -> Response:
        self.seen.append(dict(request.headers))
        response = Response(self.content, self.status, content_type="application/pkix-crl")
        response.headers["ETag"] = self.etag
        response.headers["Last-Modified"] = "Fri, 20 Nov 2026 00:00:00 GMT"
        if self.status == 302:
            response.headers["Location"] = "/elsewhere"
        return response.make_conditional(request)


@contextmanager
def mirror(content: bytes, **changes: Any) -> Iterator[tuple[Mirror, str]]:
    server = Mirror(content, **changes)
    with serving(server) as url:
        yield server, url


@pytest.mark.enable_socket
class TestOverHttp:
    def test_a_list_is_fetched_once_and_then_only_asked_about(
        self, tmp_path: Path, card: Signer, root: Signer
    ) -> None:
        with mirror(made(root, card)) as (server, url):
            refresh = CrlRefresh(tmp_path / "crl.pem", HttpFetch(url), [root.certificate])
            assert refresh.refresh(NOW) is Refreshed.RENEWED
            assert refresh.refresh(NOW) is Refreshed.UNCHANGED
            server.content, server.etag = made(root, number=2), '"second"'
            assert refresh.refresh(NOW) is Refreshed.RENEWED
        assert "If-None-Match" not in server.seen[0]
        assert server.seen[1]["If-None-Match"] == '"first"'
        assert server.seen[1]["If-Modified-Since"] == "Fri, 20 Nov 2026 00:00:00 GMT"

    @pytest.mark.parametrize("status", [302, 304, 404, 500])
    def test_anything_but_the_file_is_a_failure(
        self, tmp_path: Path, root: Signer, status: int
    ) -> None:
        with mirror(made(root), status=status) as (server, url):
            refresh = CrlRefresh(tmp_path / "crl.pem", HttpFetch(url), [root.certificate])
            with pytest.raises(RefreshFailed, match=str(status)):
                refresh.refresh(NOW)
        assert len(server.seen) == 1
        assert not refresh.path.exists()

    def test_a_file_without_end_is_cut_off(self, tmp_path: Path, root: Signer) -> None:
        with mirror(bytes(300_000)) as (_, url):
            fetch = HttpFetch(url, limit=100_000)
            refresh = CrlRefresh(tmp_path / "crl.pem", fetch, [root.certificate])
            with pytest.raises(RefreshFailed, match="too long"):
                refresh.refresh(NOW)

    def test_nobody_there_is_a_failure(self, tmp_path: Path, root: Signer) -> None:
        with mirror(b"") as (_, url):
            pass
        refresh = CrlRefresh(tmp_path / "crl.pem", HttpFetch(url), [root.certificate])
        with pytest.raises(RefreshFailed, match="NewConnectionError"):
            refresh.refresh(NOW)

    def test_in_the_background_it_comes_by_itself(
        self, tmp_path: Path, card: Signer, root: Signer
    ) -> None:
        done = Event()
        with mirror(made(root, card)) as (_, url):
            refresh = CrlRefresh(tmp_path / "crl.pem", HttpFetch(url), [root.certificate])

            def start(work: Any) -> None:
                def told() -> None:
                    work()
                    done.set()

                in_the_background(told)

            source = FreshCrlFile(refresh, start=start)
            assert source.status(card.certificate, root.certificate, NOW) is UNKNOWN
            assert done.wait(10)
            assert source.status(card.certificate, root.certificate, NOW) is REVOKED


def test_what_is_remembered_names_no_certificate(place: Place, card: Signer, root: Signer) -> None:
    place.renew(made(root, card))
    text = place.path.with_name("crl.pem.state").read_text()
    assert set(json.loads(text)) == {"tried_at", "succeeded", "validators", "stamp"}
    assert str(card.certificate.serial_number) not in text
