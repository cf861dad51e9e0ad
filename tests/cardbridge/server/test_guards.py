"""Who may speak to the bridge (DNS rebinding, framing, foreign forms), and what it answers."""

from http import HTTPStatus

import pytest

from tests.cardbridge.cards import PIN
from tests.cardbridge.server.rig import BASE, PORT, Opened, Rig, page_name
from zaitaku.cardbridge.card.transport import CardConnection, ReaderFacts
from zaitaku.cardbridge.virtual.card import VirtualCard
from zaitaku.cardbridge.web.app import create_bridge


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        f"evil.example:{PORT}",
        f"127.0.0.1.evil.example:{PORT}",
        "127.0.0.1",
        "localhost",
        "127.0.0.1:80",
        f"[::1]:{PORT}",
        f"0.0.0.0:{PORT}",
        f"127.0.0.1:{PORT}:{PORT}",
        f"user@127.0.0.1:{PORT}",
        "",
    ],
)
@pytest.mark.parametrize("path", ["/", "/read", "/assets/bridge.css", "/virtual/cards", "/nowhere"])
def test_a_foreign_host_name_is_misdirected(rig: Rig, host: str, path: str) -> None:
    answer = rig.client().get(path, headers={"Host": host})
    assert answer.status_code == HTTPStatus.MISDIRECTED_REQUEST
    assert page_name(answer) == "foreign-host"
    assert rig.site.origin not in answer.text


@pytest.mark.parametrize("host", [f"127.0.0.1:{PORT}", f"localhost:{PORT}", f"LOCALHOST:{PORT}"])
def test_the_own_names_are_answered(rig: Rig, host: str) -> None:
    assert rig.client().get("/", headers={"Host": host}).status_code == HTTPStatus.OK


@pytest.mark.parametrize(
    ("headers", "status", "page"),
    [
        ({"Host": "evil.example"}, HTTPStatus.MISDIRECTED_REQUEST, "foreign-host"),
        ({"Host": f"127.0.0.1:{PORT}", "Sec-Fetch-Site": "cross-site"}, 403, "foreign-caller"),
    ],
)
def test_a_foreign_form_of_any_size_is_refused_calmly(
    rig: Rig, caplog: pytest.LogCaptureFixture, headers: dict[str, str], status: int, page: str
) -> None:
    parts = "".join(
        f'--x\r\nContent-Disposition: form-data; name="a{number}"\r\n\r\n1\r\n'
        for number in range(1100)
    )
    told = {**headers, "Content-Type": "multipart/form-data; boundary=x"}
    answer = rig.client().post("/give-up", data=f"{parts}--x--\r\n".encode(), headers=told)
    assert (answer.status_code, page_name(answer)) == (status, page)
    assert not [line for line in caplog.records if line.exc_info or line.levelname == "ERROR"]


def test_a_foreign_host_cannot_post(rig: Rig, card: VirtualCard) -> None:
    opened = rig.opened()
    fields = opened.fields() | {"pin": "0000"}
    answer = rig.client().post(f"{opened.path}/pin", data=fields, headers={"Host": "evil.example"})
    assert answer.status_code == HTTPStatus.MISDIRECTED_REQUEST
    assert card.tries == 3


@pytest.mark.parametrize("destination", ["iframe", "frame", "embed", "object", "image", "empty"])
def test_only_a_window_of_its_own_gets_a_page(rig: Rig, destination: str) -> None:
    headers = {"Sec-Fetch-Dest": destination, "Sec-Fetch-Site": "cross-site"}
    for path in ("/", "/read", rig.opened().path):
        answer = rig.get_as(path, headers)
        assert answer.status_code == HTTPStatus.FORBIDDEN
        assert page_name(answer) == "foreign-caller"


def test_a_navigation_from_the_site_is_welcome(rig: Rig) -> None:
    headers = {
        "Sec-Fetch-Dest": "document",
        "Sec-Fetch-Mode": "navigate",
        "Sec-Fetch-Site": "cross-site",
        "Origin": "null",
    }
    answer = rig.get_as("/read", headers, request=rig.token())
    assert answer.status_code == HTTPStatus.SEE_OTHER


def test_a_prefetch_opens_nothing(rig: Rig) -> None:
    headers = {"Sec-Fetch-Dest": "document", "Sec-Purpose": "prefetch;prerender"}
    assert rig.get_as("/read", headers, request=rig.token()).status_code == 403
    assert rig.site.asked == []


@pytest.mark.parametrize(
    ("name", "value"), [("Purpose", "prefetch"), ("X-Moz", "prefetch"), ("X-Purpose", "preview")]
)
def test_what_an_older_browser_loads_ahead_opens_nothing(rig: Rig, name: str, value: str) -> None:
    assert rig.get_as("/read", {name: value}, request=rig.token()).status_code == 403
    assert rig.site.asked == []


FOREIGN = [
    {"Sec-Fetch-Dest": "empty"},
    {"Sec-Fetch-Dest": "iframe"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "none"},
    {"Origin": "https://evil.example"},
    {"Origin": "http://127.0.0.1:1"},
    {"Origin": f"https://127.0.0.1:{PORT}"},
]


@pytest.mark.parametrize("headers", FOREIGN)
@pytest.mark.parametrize("action", ["pin", "send", "cancel"])
def test_forms_of_other_pages_are_refused_even_with_the_token(
    rig: Rig, card: VirtualCard, headers: dict[str, str], action: str
) -> None:
    opened = rig.opened()
    fields = opened.fields() | {"pin": "0000"}
    answer = rig.post_as(f"{opened.path}/{action}", headers, **fields)
    assert (answer.status_code, page_name(answer)) == (HTTPStatus.FORBIDDEN, "foreign-caller")
    assert page_name(opened.page()) == "pin"
    assert card.tries == 3


@pytest.mark.parametrize("token", ["", "x", "あ", None])
@pytest.mark.parametrize("action", ["pin", "send", "cancel"])
def test_a_form_needs_its_token(
    rig: Rig, card: VirtualCard, action: str, token: str | None
) -> None:
    opened = rig.opened()
    fields = opened.fields() | {"pin": "0000"}
    fields.pop("token")
    sent = fields if token is None else fields | {"token": token}
    answer = rig.post(f"{opened.path}/{action}", **sent)
    assert (answer.status_code, page_name(answer)) == (HTTPStatus.FORBIDDEN, "stale-form")
    assert page_name(opened.page()) == "pin"
    assert card.tries == 3


def test_the_token_of_one_reading_does_not_fit_another(rig: Rig, card: VirtualCard) -> None:
    first = rig.opened("c-1")
    token = first.fields()["token"]
    first.cancel()
    second = rig.opened("c-2")
    fields = second.fields() | {"token": token, "pin": "0000"}
    assert page_name(rig.post(f"{second.path}/pin", **fields)) == "stale-form"
    assert card.tries == 3


def test_an_older_browser_without_fetch_metadata_still_works(rig: Rig) -> None:
    opened = rig.opened()
    fields = opened.fields() | {"pin": PIN}
    answer = rig.client().post(f"{opened.path}/pin", base_url=BASE, data=fields)
    assert answer.status_code == HTTPStatus.SEE_OTHER


def test_every_answer_is_hardened(rig: Rig) -> None:
    opened = rig.opened()
    answers = [
        rig.get("/"),
        rig.get("/read"),
        rig.get("/nowhere"),
        rig.get("/assets/bridge.css"),
        rig.client().get("/", headers={"Host": "evil.example"}),
        rig.read(rig.token()),
        opened.page(),
        opened.enter("12"),
        opened.enter(),
    ]
    for answer in answers:
        policy = answer.headers["Content-Security-Policy"]
        for part in ("default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"):
            assert part in policy
        assert "unsafe" not in policy
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert not [name for name, _ in answer.headers if name.startswith("Access-Control")]
        assert "Set-Cookie" not in answer.headers


def test_forms_lead_to_the_asking_site_and_nowhere_else(rig: Rig) -> None:
    page = rig.opened().page()
    expected = f"form-action 'self' {rig.site.origin};"
    assert expected in page.headers["Content-Security-Policy"]
    assert "form-action 'self';" in rig.get("/").headers["Content-Security-Policy"]
    refusal = rig.read(rig.token(iss="https://evil.example"))
    assert "evil.example" not in refusal.headers["Content-Security-Policy"]


def test_preflights_are_not_granted(rig: Rig) -> None:
    headers = {"Host": f"127.0.0.1:{PORT}", "Origin": rig.site.origin}
    asked = headers | {
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Private-Network": "true",
    }
    answer = rig.client().options("/read", headers=asked)
    assert not [name for name, _ in answer.headers if name.startswith("Access-Control")]


@pytest.mark.parametrize("caller", ["cross-site", "same-site"])
def test_files_of_ours_are_not_for_other_pages(rig: Rig, caller: str) -> None:
    headers = {"Sec-Fetch-Site": caller, "Sec-Fetch-Dest": "style"}
    assert rig.get_as("/assets/bridge.css", headers).status_code == HTTPStatus.FORBIDDEN


@pytest.mark.parametrize("name", ["../app.py", "%2e%2e/app.py", "base.html", ""])
def test_only_two_files_are_given_out(rig: Rig, name: str) -> None:
    assert rig.get(f"/assets/{name}").status_code == HTTPStatus.NOT_FOUND


def test_unknown_pages_methods_and_readings_get_calm_pages(rig: Rig) -> None:
    assert page_name(rig.get("/nowhere")) == "not-found"
    assert page_name(rig.get("/reading/unknown")) == "gone"
    assert rig.post("/read").status_code == HTTPStatus.METHOD_NOT_ALLOWED
    huge = rig.post("/give-up", request="a" * 300_000)
    assert (huge.status_code, page_name(huge)) == (413, "malformed")


class BrokenReaders:
    """Readers with a fault of programming, whose text holds what no log may hold."""

    def readers(self) -> list[str]:
        raise RuntimeError(f"secret {PIN}")

    def connect(self, reader: str) -> CardConnection:
        raise AssertionError(reader)

    def facts(self) -> tuple[ReaderFacts, ...]:
        return ()


def test_the_unforeseen_is_answered_calmly_and_logged_without_its_text(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    broken = Rig(rig.site, BrokenReaders(), rig.state)
    answer = Opened(broken, broken.opened().path).page()
    assert answer.status_code == HTTPStatus.INTERNAL_SERVER_ERROR
    assert page_name(answer) == "unexpected"
    assert "Traceback" not in answer.text
    assert "RuntimeError" in caplog.text
    assert PIN not in caplog.text


def test_a_debug_setting_of_the_environment_changes_nothing(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLASK_DEBUG", "1")
    broken = Rig(rig.site, BrokenReaders(), rig.state)
    assert not broken.app.debug
    answer = Opened(broken, broken.opened().path).page()
    assert page_name(answer) == "unexpected"
    assert PIN not in answer.text


def test_a_bridge_has_no_secret_key_and_no_cookies(rig: Rig) -> None:
    assert create_bridge(rig.config).secret_key is None
