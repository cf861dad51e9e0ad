"""Debian's nginx with the configuration that the product ships, on ports and paths of a test."""

import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from zaitaku.core.clock import SystemClock

SHIPPED = Path(__file__).parents[2] / "packaging" / "server" / "nginx"
STOP_SECONDS = 20
_OWN_HTTP2 = (1, 25, 1)
"""From this version on HTTP/2 has a directive of its own (nginx.org, CHANGES)."""
MAIN = """
{user}
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log alert;
worker_processes 2;
events {{ worker_connections 512; }}
http {{
    include /etc/nginx/mime.types;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/zaitaku.conf;
}}
"""


@dataclass(frozen=True)
class Nginx:
    """A proxy that runs."""

    port: int
    folder: Path

    @property
    def origin(self) -> str:
        """Where browsers reach it."""
        return f"https://127.0.0.1:{self.port}"

    @property
    def authority(self) -> str:
        """The file of the certificate to trust."""
        return str(self.folder / "fullchain.pem")

    def log(self) -> str:
        """Return all that it has written down so far."""
        return "".join(path.read_text("utf-8") for path in self.folder.glob("*.log"))


def replaced(text: str, changes: Sequence[tuple[str, str]]) -> str:
    """Return the text with each change made; a change that finds nothing is a mistake."""
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return text


def write_configuration(
    folder: Path, port: int, upstreams: Sequence[int], changes: Sequence[tuple[str, str]] = ()
) -> Path:
    """Write the shipped configuration for this test and return the main file."""
    _make_certificate(folder)
    text = replaced(
        (SHIPPED / "zaitaku.conf").read_text("utf-8"),
        [
            ("    listen 80;\n    listen [::]:80;\n", f"    listen 127.0.0.1:{port + 1};\n"),
            ("listen 443 ssl http2;", f"listen 127.0.0.1:{port} ssl http2;"),
            ("    listen [::]:443 ssl http2;\n", ""),
            ("/etc/ssl/zaitaku/fullchain.pem", str(folder / "fullchain.pem")),
            ("/etc/ssl/private/zaitaku.pem", str(folder / "key.pem")),
            ("/var/log/nginx", str(folder)),
            ("/var/cache/nginx", str(folder)),
            ("/usr/share/zaitaku", str(SHIPPED)),
            *((f"127.0.0.1:{8001 + at}", f"127.0.0.1:{to}") for at, to in enumerate(upstreams)),
            *changes,
        ],
    )
    if "ssl http2;" in text and _version() >= _OWN_HTTP2:
        # As the comment beside it says.
        text = replaced(
            text, [("ssl http2;", "ssl;"), ("server_tokens off;", "server_tokens off; http2 on;")]
        )
    (folder / "zaitaku.conf").write_text(text, "utf-8")
    main = folder / "nginx.conf"
    user = "user root;" if os.geteuid() == 0 else ""
    main.write_text(MAIN.format(folder=folder, user=user), "utf-8")
    return main


def _version() -> tuple[int, ...]:
    told = subprocess.run([binary(), "-v"], capture_output=True, text=True, check=True).stderr
    number = re.search(r"nginx/(\d+)\.(\d+)\.(\d+)", told)
    assert number, told
    return tuple(map(int, number.groups()))


def check(main: Path) -> subprocess.CompletedProcess[str]:
    """Let nginx read a configuration without serving it."""
    return subprocess.run(
        [binary(), "-t", "-e", "stderr", "-c", str(main)],
        capture_output=True,
        text=True,
        check=False,
    )


@contextmanager
def running_nginx(
    folder: Path, port: int, upstreams: Sequence[int], changes: Sequence[tuple[str, str]] = ()
) -> Iterator[Nginx]:
    """Run the shipped configuration until the block ends."""
    main = write_configuration(folder, port, upstreams, changes)
    process = subprocess.Popen([binary(), "-e", str(folder / "error.log"), "-c", str(main)])
    try:
        _await(port, process)
        yield Nginx(port, folder)
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)


def binary() -> str:
    """Return the path of nginx, which is not in everybody's ``PATH``."""
    found = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        raise FileNotFoundError("nginx is needed: apt-get install nginx-light")
    return found


def free_pair() -> int:
    """Return a port that is free together with the next one."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
            try:
                second.bind(("127.0.0.1", port + 1))
            except (OSError, OverflowError):
                continue
            return port


def _await(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + STOP_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise RuntimeError("nginx did not start")


def _make_certificate(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = SystemClock().now()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, SHA256())
    )
    (folder / "fullchain.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
