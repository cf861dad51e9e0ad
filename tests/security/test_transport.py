"""The proxy's TLS: versions and ciphers that are recommended, and no other."""

import re
from pathlib import Path

CONF = Path(__file__).parents[2] / "packaging" / "server" / "nginx" / "zaitaku.conf"


def test_the_proxy_speaks_tls_1_2_and_1_3_alone() -> None:
    conf = CONF.read_text("utf-8")
    assert re.findall(r"ssl_protocols ([^;]+);", conf) == ["TLSv1.2 TLSv1.3"]
    (ciphers,) = re.findall(r"ssl_ciphers ([^;]+);", conf)
    for cipher in ciphers.split(":"):
        assert cipher.startswith("ECDHE-"), "forward secrecy"
        assert "GCM" in cipher or "POLY1305" in cipher, "authenticated encryption"
