"""An operator's own service over HTTP: what it is told, and what is believed of it."""

import base64
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest
from cryptography.x509 import ocsp
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.wrappers import Request, Response

from tests.cardbridge.server.test_trust import make_certificate
from tests.conftest import NOW
from tests.identity.test_stapled import answer
from tests.identity.world import Says, verify
from tests.sandbox.loopback import serving
from zaitaku.identity.errors import CertificateRevoked, RevocationUnknown
from zaitaku.identity.revocation import RevocationChain, RevocationDesk, RevocationStatus
from zaitaku.identity.revocation.desk import desk_line
from zaitaku.identity.subjects import issuer_key_id
from zaitaku.sandbox.authority import Generation, TestAuthority
from zaitaku.sandbox.profile import Signer

GOOD, REVOKED, UNKNOWN = (
    RevocationStatus.GOOD,
    RevocationStatus.REVOKED,
    RevocationStatus.UNKNOWN,
)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
KEY = "a-key-of-the-operator"

Body = dict[str, Any]


@dataclass
class Desk:
    """The operator's side; ``change`` puts something else into its answer."""

    status: str = "good"
    change: Callable[[Body], Body] = lambda body: body
    http_status: int = 200
    stapled: bytes | None = None
    seen: list[Request] = field(default_factory=list)
    bodies: list[Body] = field(default_factory=list)

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        return self._answer(Request(environ))(environ, start)

    def _answer(self, request: Request) -> Response:
        self.seen.append(request)
        self.bodies.append(json.loads(request.get_data()))
        if request.headers.get("Authorization") != f"Bearer {KEY}":
            return Response(status=401)
        return Response(self.said(), self.http_status, content_type="application/json")

    def said(self) -> str:
        body = {
            "question": self.bodies[-1]["question"],
            "status": self.status,
            "this_update": (NOW - HOUR).isoformat(),
            "next_update": (NOW + HOUR).isoformat(),
        }
        if self.stapled is not None:
            body["ocsp"] = base64.b64encode(self.stapled).decode()
        return json.dumps(self.change(body))


@contextmanager
def asked(
    desk: Desk,
    *,
    key: str = KEY,
    freshness: timedelta = DAY,
    is_stapled: bool = False,
    ca_file: Path | None = None,
    tls: tuple[Path, Path] | None = None,
) -> Iterator[RevocationDesk]:
    with serving(desk, tls=tls) as url:
        line = desk_line(key, ca_file)
        yield RevocationDesk.at(url, line, freshness=freshness, is_stapled=is_stapled)


@pytest.fixture(scope="module")
def root(authority: TestAuthority) -> Signer:
    return authority.roots[Generation.SECOND]


def status(
    desk: Desk,
    card: Signer,
    root: Signer,
    *,
    now: datetime = NOW,
    freshness: timedelta = DAY,
    is_stapled: bool = False,
) -> RevocationStatus:
    with asked(desk, freshness=freshness, is_stapled=is_stapled) as source:
        return source.status(card.certificate, root.certificate, now)


pytestmark = pytest.mark.enable_socket


@pytest.mark.parametrize("said", [GOOD, REVOKED, UNKNOWN])
def test_the_service_decides(card: Signer, root: Signer, said: RevocationStatus) -> None:
    assert status(Desk(said.value), card, root) is said


def test_it_is_told_the_certificate_and_nothing_else(card: Signer, root: Signer) -> None:
    desk = Desk()
    status(desk, card, root)
    (body,), (request,) = desk.bodies, desk.seen
    assert set(body) == {"question", "issuer_key_sha256", "serial"}
    assert int(body["serial"], 16) == card.certificate.serial_number
    assert body["issuer_key_sha256"] == issuer_key_id(root.certificate).hex()
    assert len(body["question"]) == 32
    assert request.path == "/"
    assert not request.args
    assert set(request.headers.keys()) <= {
        *("Host", "Accept-Encoding", "User-Agent", "Content-Length", "Content-Type"),
        *("Accept", "Authorization", "Connection"),
    }


def test_each_question_has_a_name_of_its_own(
    card: Signer, other_card: Signer, root: Signer
) -> None:
    desk = Desk()
    with asked(desk) as source:
        for one in (card, other_card, card):
            source.status(one.certificate, root.certificate, NOW)
    assert len({body["question"] for body in desk.bodies}) == 2


def _without(name: str) -> Callable[[Body], Body]:
    return lambda body: {key: value for key, value in body.items() if key != name}


def _with(**changes: object) -> Callable[[Body], Body]:
    return lambda body: body | changes


LATER = (NOW + timedelta(minutes=6)).isoformat()
EARLIER = (NOW - timedelta(seconds=1)).isoformat()
LONG_AGO = (NOW - DAY - timedelta(seconds=1)).isoformat()


@pytest.mark.parametrize(
    "change",
    [
        _with(question="0" * 32),
        _with(question="秘密"),
        _with(question="\ud800"),
        _with(status="\ud800"),
        _with(status="GOOD"),
        _with(status="fine"),
        _with(status=None),
        _with(this_update=LATER, next_update=LATER),
        _with(next_update=EARLIER),
        _with(this_update=LONG_AGO),
        _with(this_update="2026-11-20T10:00:00"),
        _with(this_update="yesterday"),
        _with(this_update=1_790_000_000),
        _with(next_update="9999-12-31T23:59:59+00:00", this_update="9999-12-31T23:59:59+00:00"),
        _with(ocsp="not Base64!"),
        _with(ocsp=7),
        _with(ocsp=base64.b64encode(b"nonsense").decode()),
        *(_without(name) for name in ("question", "status", "this_update", "next_update")),
    ],
)
def test_what_is_not_an_answer_for_now_is_not_knowing(
    card: Signer, root: Signer, change: Callable[[Body], Body]
) -> None:
    assert status(Desk(change=change), card, root) is UNKNOWN


@settings(max_examples=40)
@given(
    content=st.binary(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=6,
    ).map(lambda value: json.dumps(value).encode())
)
def test_any_bytes_are_not_knowing(card: Signer, root: Signer, content: bytes) -> None:
    source = RevocationDesk(lambda _: content)
    assert source.status(card.certificate, root.certificate, NOW) is UNKNOWN


@pytest.mark.parametrize("http_status", [204, 301, 401, 403, 404, 429, 500])
def test_any_other_status_is_not_knowing(card: Signer, root: Signer, http_status: int) -> None:
    assert status(Desk(http_status=http_status), card, root) is UNKNOWN


def test_a_wrong_key_is_not_knowing_and_is_not_logged(
    card: Signer, root: Signer, caplog: pytest.LogCaptureFixture
) -> None:
    with asked(Desk(), key="a-wrong-key") as source:
        assert source.status(card.certificate, root.certificate, NOW) is UNKNOWN
        assert "a-wrong-key" not in repr(source) + repr(desk_line("a-wrong-key"))
    assert "status 401" in caplog.text
    assert "a-wrong-key" not in caplog.text
    assert f"{card.certificate.serial_number:x}" not in caplog.text


def test_an_unreadable_answer_is_logged_without_its_values(
    card: Signer, root: Signer, caplog: pytest.LogCaptureFixture
) -> None:
    status(Desk(change=_with(status="a-very-private-value")), card, root)
    assert "unreadable" in caplog.text
    assert "a-very-private-value" not in caplog.text


def test_its_word_is_remembered_to_its_end(card: Signer, root: Signer) -> None:
    desk = Desk()
    with asked(desk) as source:
        for later, count in ((timedelta(0), 1), (HOUR - timedelta(seconds=1), 1), (HOUR, 2)):
            source.status(card.certificate, root.certificate, NOW + later)
            assert len(desk.bodies) == count


def test_the_authoritys_own_answer_counts_when_it_is_stapled(card: Signer, root: Signer) -> None:
    good = answer(card, root)
    revoked = answer(card, root, said=ocsp.OCSPCertStatus.REVOKED)
    assert status(Desk("good", stapled=good), card, root, is_stapled=True) is GOOD
    assert status(Desk("revoked", stapled=revoked), card, root, is_stapled=True) is REVOKED


def test_the_service_cannot_say_other_than_what_it_staples(card: Signer, root: Signer) -> None:
    revoked = answer(card, root, said=ocsp.OCSPCertStatus.REVOKED)
    assert status(Desk("good", stapled=revoked), card, root) is UNKNOWN


def test_a_stapled_answer_that_is_too_old_is_not_knowing(card: Signer, root: Signer) -> None:
    old = answer(card, root, this_update=NOW - 2 * HOUR)
    assert status(Desk("good", stapled=old), card, root, freshness=HOUR) is UNKNOWN
    assert status(Desk("good", stapled=old), card, root, freshness=3 * HOUR) is GOOD


def test_where_a_staple_is_needed_the_service_alone_is_not_enough(
    card: Signer, root: Signer
) -> None:
    assert status(Desk("good"), card, root, is_stapled=True) is UNKNOWN


def test_a_staple_about_another_card_is_not_knowing(
    card: Signer, other_card: Signer, root: Signer
) -> None:
    assert status(Desk("good", stapled=answer(other_card, root)), card, root) is UNKNOWN


def test_proofs_are_accepted_and_refused_by_it(authority: TestAuthority, card: Signer) -> None:
    for said, failure in (("revoked", CertificateRevoked), ("unknown", RevocationUnknown)):
        with asked(Desk(said)) as source, pytest.raises(failure):
            verify(authority, card, revocation=RevocationChain([source]))
    with asked(Desk()) as source:
        chain = RevocationChain([source, Says(GOOD)])
        assert verify(authority, card, revocation=chain).verified_at == NOW


def test_over_tls_only_the_known_authority_counts(
    card: Signer, root: Signer, tmp_path: Path
) -> None:
    tls = make_certificate(tmp_path)
    with asked(Desk(), tls=tls, ca_file=tls[0]) as source:
        assert source.status(card.certificate, root.certificate, NOW) is GOOD
    stranger = Desk()
    with asked(stranger, tls=tls) as source:
        assert source.status(card.certificate, root.certificate, NOW) is UNKNOWN
    assert stranger.bodies == []


def test_nobody_there_is_not_knowing(card: Signer, root: Signer) -> None:
    with asked(Desk()) as source:
        pass
    assert source.status(card.certificate, root.certificate, NOW) is UNKNOWN
