"""A patient without a browser: walks the wizard over HTTP and signs with a card file's key."""

import base64
import json
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol, Self
from urllib.parse import parse_qs, urlencode, urlsplit

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from zaitaku import wire

_HIDDEN = re.compile(r'<input type="hidden" name="([a-z_]+)" value="([^"]*)">')
_WAITING = b"data-waiting"
"""What the page of somebody who has to wait has; it comes back by itself."""
_BUSY = b'"busy"'
"""What programs are told in the same place."""
PREPARATION = ("yes", "yes", "yes", "self")
BROWSER: Final = {
    "sec-ch-ua": '"Chromium";v="141", "Not?A_Brand";v="8"',
    "sec-ch-ua-mobile": "?1",
    "sec-ch-ua-platform": '"Android"',
    "Upgrade-Insecure-Requests": "1",
    "User-Agent": (
        "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko)"
        " Chrome/141.0.0.0 Mobile Safari/537.36"
    ),
    "Accept": (
        "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,"
        "*/*;q=0.8,application/signed-exchange;v=b3;q=0.7"
    ),
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-User": "?1",
    "Sec-Fetch-Dest": "document",
    "Accept-Encoding": "gzip, deflate, br, zstd",
    "Accept-Language": "ja",
}
"""What a phone's browser says with every page and form: servers take their time to read it."""


@dataclass(frozen=True)
class Card:
    """Certificate and key of a virtual card."""

    certificate: str
    key: RSAPrivateKey

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a card file of the sandbox."""
        body = json.loads(path.read_text("utf-8"))
        key = load_pem_private_key(body["key"].encode(), password=None)
        assert isinstance(key, RSAPrivateKey)
        return cls(body["certificate"], key)

    def answer(self, token: str) -> wire.CardProof:
        """Sign what a card request asks for."""
        claims = token.split(".")[1]
        body = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
        request = wire.CardRequest.from_claims(body)
        signature = self.key.sign(request.statement(), PKCS1v15(), SHA256())
        return wire.CardProof(request.challenge, self.certificate, signature.hex())


class Client(Protocol):
    """What carries requests: urllib3's ``PoolManager``, or something lighter."""

    def request(
        self,
        method: str,
        url: str,
        *,
        body: str | None = None,
        headers: Mapping[str, str] | None = None,
        redirect: bool = False,
    ) -> Any:
        """Send a request and return its answer, as urllib3 does."""
        ...


@dataclass
class Walker:
    """One patient's browser: cookies, the present page, and how many requests it took."""

    pool: Client
    origin: str
    cookies: dict[str, str] = field(default_factory=dict)
    requests: int = 0
    location: str = ""
    page: str = ""

    def give_consent(self, url: str, card: Card) -> str:
        """Walk a home-visit journey to its end and return the page with the reference number."""
        for _ in self.steps(url, card):
            continue
        return self.page

    def steps(self, url: str, card: Card) -> Iterator[None]:
        """Walk a home-visit journey; stop wherever its patient reads a page, the last included."""
        self.get(url)
        yield
        self.post({})
        for answer in PREPARATION:
            yield
            self.post({"answer": answer})
        yield
        self.post({})
        yield
        self.post({"answer": "each"})
        while "/items/" in self.location:
            yield
            self.post({"answer": "grant"})
        yield
        self.post({})
        yield
        token = self._ask_card()
        self.get(f"{self.location}/return?code={self._send(card.answer(token))}")
        assert self.location.endswith("/done"), self.location
        yield

    def get(self, url: str) -> None:
        """Fetch a page, following redirects as a browser does."""
        answer = self._request("GET", url)
        while answer.status == 303:
            url = self._absolute(answer.headers["Location"])
            answer = self._request("GET", url)
        assert answer.status == 200, (answer.status, url)
        self.location, self.page = url, answer.data.decode()

    def post(self, fields: dict[str, str]) -> None:
        """Send the page's form and fetch where it leads."""
        self.get(self._absolute(self._send_form(fields)))

    def _send_form(self, fields: dict[str, str]) -> str:
        answer = self._request("POST", self.location, dict(_HIDDEN.findall(self.page)) | fields)
        assert answer.status == 303, (answer.status, self.location)
        return str(answer.headers["Location"])

    def _ask_card(self) -> str:
        query = urlsplit(self._send_form({})).query
        return parse_qs(query)["request"][0]

    def _send(self, proof: wire.CardProof) -> str:
        answer = self._hand_in(proof)
        while answer.status == 503 and _BUSY in answer.data:
            # The bridge keeps the proof, and its patient presses the button again.
            time.sleep(int(answer.headers["Retry-After"]))
            answer = self._hand_in(proof)
        assert answer.status == 200, answer.data
        return str(answer.json()["code"])

    def _hand_in(self, proof: wire.CardProof) -> Any:
        self.requests += 1
        return self.pool.request(
            "POST",
            self.origin + wire.PROOF_PATH,
            body=proof.to_json(),
            headers={"Content-Type": "application/json"},
        )

    def _request(self, method: str, url: str, fields: dict[str, str] | None = None) -> Any:
        answer = self.ask(method, url, fields)
        while answer.status == 503 and _WAITING in answer.data:
            time.sleep(int(answer.headers["Retry-After"]))
            answer = self.ask(method, url, fields)
        return answer

    def ask(self, method: str, url: str, fields: dict[str, str] | None = None) -> Any:
        """Send a request once, with and for this browser's cookies."""
        self.requests += 1
        headers = self._headers()
        if fields is not None:
            headers["Origin"] = self.origin
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        body = urlencode(fields) if fields is not None else None
        answer = self.pool.request(method, url, body=body, headers=headers, redirect=False)
        for cookie in answer.headers.getlist("Set-Cookie"):
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        return answer

    def _headers(self) -> dict[str, str]:
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        came = {"Sec-Fetch-Site": "same-origin", "Referer": self.location}
        first = {"Sec-Fetch-Site": "none"}
        return BROWSER | (came if self.location else first) | {"Cookie": cookies}

    def _absolute(self, location: str) -> str:
        return location if location.startswith("http") else self.origin + location
