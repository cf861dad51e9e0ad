"""The shipped nginx configuration: read by nginx itself, and run before a stand-in."""

import gzip
import re
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import urllib3

from tests.deploy.nginx import SHIPPED, Nginx, check, free_pair, running_nginx, write_configuration
from tests.deploy.web import wait_until
from tests.servers import free_port
from zaitaku.core.limits import BEGIN_BY_ADDRESS

SECRET = "AbCdEf0.very-secret-token"
ONE_AT_ONCE = "limit_conn zaitaku_connections 1;"
CONFIGURATION = (SHIPPED / "zaitaku.conf").read_text("utf-8")
AT_ONCE = re.findall(r"limit_conn zaitaku_connections \d+;", CONFIGURATION)[0]


class StandIn(ThreadingHTTPServer):
    """An instance that notes what reaches it."""

    daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Answers)
        self.heard: list[tuple[str, str, dict[str, str]]] = []
        self.status = 200
        self.breaks_off = False
        self.cache = "no-store"
        self.may_answer = threading.Event()
        self.may_answer.set()

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: StandIn

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        self.rfile.read(length)
        self.server.heard.append((self.command, self.path, dict(self.headers.items())))
        self.server.may_answer.wait(20)
        if self.server.breaks_off:
            self.connection.close()
            self.close_connection = True
            return
        body = b"body { color: black }" * 100
        self.send_response(self.server.status)
        self.send_header("Content-Type", "text/css")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", self.server.cache)
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.do_GET()

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Stay silent."""


@pytest.fixture
def two() -> Iterator[tuple[StandIn, StandIn]]:
    servers = StandIn(), StandIn()
    for server in servers:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield servers
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def nginx(two: tuple[StandIn, StandIn], tmp_path: Path) -> Iterator[Nginx]:
    ports = [server.port for server in two]
    with running_nginx(tmp_path, free_pair(), ports) as running:
        yield running


@pytest.fixture
def pool(nginx: Nginx) -> Iterator[urllib3.PoolManager]:
    with urllib3.PoolManager(ca_certs=nginx.authority, retries=False) as opened:
        yield opened


def heard(two: tuple[StandIn, StandIn]) -> list[tuple[str, str]]:
    return [(method, path) for server in two for method, path, _ in server.heard]


def test_nginx_reads_it(tmp_path: Path) -> None:
    result = check(write_configuration(tmp_path, free_pair(), [8001, 8002]))
    assert result.returncode == 0, result.stderr
    assert "[warn]" not in result.stderr
    assert "syntax is ok" in result.stderr


def test_a_post_that_may_have_been_done_is_never_sent_again(
    two: tuple[StandIn, StandIn], nginx: Nginx, pool: urllib3.PoolManager
) -> None:
    for server in two:
        server.breaks_off = True
    answer = pool.request("POST", f"{nginx.origin}/j/x/card", body=b"a=1")
    assert answer.status == 503
    assert heard(two) == [("POST", "/j/x/card")]
    assert "Please keep this page open" in answer.data.decode()
    assert answer.headers["Retry-After"] == "10"


def test_what_can_be_asked_again_is_asked_of_the_other(
    two: tuple[StandIn, StandIn], nginx: Nginx, pool: urllib3.PoolManager
) -> None:
    two[0].status = 504
    for _ in range(4):
        assert pool.request("GET", f"{nginx.origin}/j/x/items").status == 200
    # After the second refusal it is left alone for a while.
    assert len(two[0].heard) == 2
    assert len(two[1].heard) == 4


def test_a_post_finds_the_other_when_a_connection_is_refused(
    two: tuple[StandIn, StandIn], nginx: Nginx, pool: urllib3.PoolManager
) -> None:
    two[0].shutdown()
    two[0].server_close()
    for _ in range(4):
        assert pool.request("POST", f"{nginx.origin}/j/x/card", body=b"a=1").status == 200
    assert len(two[1].heard) == 4


def test_those_who_were_away_a_moment_ago_are_tried_before_giving_up(
    two: tuple[StandIn, StandIn], nginx: Nginx, pool: urllib3.PoolManager
) -> None:
    two[0].status = two[1].status = 504
    for _ in range(4):
        assert pool.request("GET", f"{nginx.origin}/j/x/items").status in {503, 504}
    two[1].status = 200
    for _ in range(4):
        assert pool.request("GET", f"{nginx.origin}/j/x/items").status == 200


def test_own_words_of_an_instance_pass(
    two: tuple[StandIn, StandIn], nginx: Nginx, pool: urllib3.PoolManager
) -> None:
    for status in (404, 429, 500, 502, 503):
        two[0].status = two[1].status = status
        answer = pool.request("GET", f"{nginx.origin}/page")
        assert (answer.status, answer.data[:4]) == (status, b"body"), status


def test_what_the_instances_are_told(
    two: tuple[StandIn, StandIn], nginx: Nginx, pool: urllib3.PoolManager
) -> None:
    invented = {
        "X-Forwarded-For": "203.0.113.7",
        "X-Forwarded-Proto": "http",
        "Forwarded": "for=203.0.113.7",
        "traceparent": "00-1-2-01",
        "X-Zaitaku-Elsewhere": "0",
    }
    pool.request("GET", f"{nginx.origin}/page", headers=invented)
    told = {name.lower(): value for name, value in (two[0].heard + two[1].heard)[0][2].items()}
    assert told["x-forwarded-for"] == "127.0.0.1"
    assert told["x-forwarded-proto"] == "https"
    assert told["x-zaitaku-elsewhere"] == "1"
    assert told["host"] == f"127.0.0.1:{nginx.port}"
    assert not {"forwarded", "traceparent"} & set(told)


def test_nothing_secret_is_written_down(
    two: tuple[StandIn, StandIn], nginx: Nginx, pool: urllib3.PoolManager
) -> None:
    pool.request("GET", f"{nginx.origin}/r/{SECRET}?code={SECRET}")
    for server in two:
        server.breaks_off = True
    pool.request("POST", f"{nginx.origin}/r/{SECRET}", body=SECRET.encode())
    # It writes a line when the answer is out.
    wait_until(lambda: '"status":503' in nginx.log())
    written = nginx.log()
    assert '"status":200' in written
    assert "secret" not in written


def test_the_state_of_the_instances_is_nobodys_business(
    two: tuple[StandIn, StandIn], nginx: Nginx, pool: urllib3.PoolManager
) -> None:
    for path in ("/healthz", "/readyz", "/metrics"):
        assert pool.request("GET", nginx.origin + path).status == 404
    assert heard(two) == []


def test_static_files_are_kept_as_long_as_their_instance_says(
    two: tuple[StandIn, StandIn], nginx: Nginx, pool: urllib3.PoolManager
) -> None:
    two[0].cache = two[1].cache = "public, max-age=31536000, immutable"
    for _ in range(3):
        answer = pool.request("GET", f"{nginx.origin}/static/a.css?v=1", decode_content=False)
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert len(heard(two)) == 1
    packed = pool.request(
        "GET",
        f"{nginx.origin}/static/a.css?v=1",
        headers={"Accept-Encoding": "gzip"},
        decode_content=False,
    )
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data).startswith(b"body")
    two[0].cache = two[1].cache = "no-cache"
    for _ in range(2):
        pool.request("GET", f"{nginx.origin}/static/b.css?v=2")
    assert len(heard(two)) == 3


def test_a_file_of_another_version_is_asked_of_the_other(
    two: tuple[StandIn, StandIn], nginx: Nginx, pool: urllib3.PoolManager
) -> None:
    two[0].status = 404
    for turn in range(4):
        assert pool.request("GET", f"{nginx.origin}/static/a.css?v={turn}").status == 200
    two[1].status = 404
    assert pool.request("GET", f"{nginx.origin}/static/gone.css").status == 404
    last = max(two, key=lambda server: len(server.heard)).heard[-1]
    assert last[2]["X-Zaitaku-Elsewhere"] in {"0", "1"}


def test_nobody_home(tmp_path: Path) -> None:
    with (
        running_nginx(tmp_path, free_pair(), [free_port(), free_port()]) as nginx,
        urllib3.PoolManager(ca_certs=nginx.authority, retries=False) as pool,
    ):
        for method in ("GET", "POST"):
            answer = pool.request(method, f"{nginx.origin}/r/x")
            assert answer.status == 503
            assert answer.data == (SHIPPED / "away.html").read_bytes()


def test_plain_http_leads_to_tls(nginx: Nginx) -> None:
    with urllib3.PoolManager(retries=False) as pool:
        answer = pool.request("GET", f"http://127.0.0.1:{nginx.port + 1}/r/x", redirect=False)
    assert answer.status == 301
    assert answer.headers["Location"] == "https://127.0.0.1/r/x"


def words_of(answer: bytes) -> tuple[int, dict[str, str], bytes]:
    """Return the status, headers and page of an answer as it came."""
    head, _, page = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    return int(first.split()[1]), dict(line.split(": ", 1) for line in lines), page


@pytest.mark.parametrize(
    ("asked", "status", "page"),
    [
        ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000\r\n", 413, "too-large"),
        (f"GET /{'a' * 9000} HTTP/1.1\r\nHost: x\r\n", 414, "unreadable"),
        (f"GET / HTTP/1.1\r\nHost: x\r\nCookie: {'a' * 9000}\r\n", 431, "unreadable"),
        ("GET / HTTP/1.1\r\n", 400, "unreadable"),
    ],
    ids=lambda value: str(value)[:12],
)
def test_what_nginx_refuses_is_told_in_plain_words(
    nginx: Nginx, asked: str, status: int, page: str
) -> None:
    trusting = ssl.create_default_context(cafile=nginx.authority)
    with (
        socket.create_connection(("127.0.0.1", nginx.port), timeout=20) as plain,
        trusting.wrap_socket(plain, server_hostname="127.0.0.1") as connection,
    ):
        connection.sendall(f"{asked}Connection: close\r\n\r\n".encode())
        answer = b""
        # nginx hangs up a while later: it lets the other side read first.
        while not answer.endswith(b"</html>\n"):
            answer += connection.recv(65536)
    told, headers, body = words_of(answer)
    assert (told, body) == (status, (SHIPPED / f"{page}.html").read_bytes())
    assert headers["Cache-Control"] == "no-store"
    # It would be the same again later.
    assert "Retry-After" not in headers


def test_what_is_too_large_over_http_2_is_told_as_well(nginx: Nginx) -> None:
    # nginx measures it once more in the place of the page (github.com/nginx/nginx/issues/1356).
    asked = ["--header", "Content-Length: 9000000", "--data", "x", f"{nginx.origin}/"]
    options = ["--silent", "--http2", "--cacert", nginx.authority, "--write-out", "%{http_version}"]
    told = subprocess.run(["curl", *options, *asked], capture_output=True, check=True).stdout
    assert told == (SHIPPED / "too-large.html").read_bytes() + b"2"


def test_too_many_from_one_address_are_asked_to_wait(
    two: tuple[StandIn, StandIn], tmp_path: Path
) -> None:
    for server in two:
        server.may_answer.clear()
    ports = [server.port for server in two]
    first: list[int] = []
    with (
        running_nginx(tmp_path, free_pair(), ports, [(AT_ONCE, ONE_AT_ONCE)]) as nginx,
        urllib3.PoolManager(ca_certs=nginx.authority, retries=False, maxsize=2) as pool,
    ):
        asking = threading.Thread(
            target=lambda: first.append(pool.request("GET", f"{nginx.origin}/page").status)
        )
        asking.start()
        wait_for(lambda: bool(heard(two)))
        for method in ("GET", "POST"):
            answer = pool.request(method, f"{nginx.origin}/r/x")
            assert (answer.status, answer.headers["Retry-After"]) == (429, "10")
            assert answer.data == (SHIPPED / "busy.html").read_bytes()
        for server in two:
            server.may_answer.set()
        asking.join()
    assert first == [200]


def wait_for(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_hospital_behind_one_address_is_not_too_many() -> None:
    # As many as may begin from one address in five minutes, each asking for three things at once.
    patients = BEGIN_BY_ADDRESS.most / (BEGIN_BY_ADDRESS.window / timedelta(minutes=5))
    assert int(re.findall(r"\d+", AT_ONCE)[0]) >= patients * 3


@pytest.mark.parametrize("page", sorted(SHIPPED.glob("*.html")), ids=lambda page: page.stem)
def test_each_page_of_nginx_speaks_to_everybody(page: Path) -> None:
    text = page.read_text("utf-8")
    assert re.findall(r' lang="([\w-]+)"', text) == ["ja", "ja-x-yasashii", "en"]
    assert f"/{page.name};" in CONFIGURATION
    # Only what may be different the next time is asked for again.
    waits = f"/{page.name} 10;" in CONFIGURATION
    assert ('http-equiv="refresh" content="10"' in text) is waits


@pytest.mark.parametrize("path", ["/r/x", "/line"])
def test_a_waiting_page_comes_from_one_server_as_it_is_and_anew_each_time(
    two: tuple[StandIn, StandIn], nginx: Nginx, pool: urllib3.PoolManager, path: str
) -> None:
    two[0].status = two[1].status = 503
    for asked in (1, 2, 3, 4, 5, 6):
        answer = pool.request("GET", nginx.origin + path)
        assert answer.status == 503
        assert answer.data.startswith(b"body { color: black }")
        assert answer.headers["Cache-Control"] == "no-store"
        assert len(heard(two)) == asked
    # Being full is not being away: nobody is left out.
    assert len(two[0].heard) == len(two[1].heard) == 3
