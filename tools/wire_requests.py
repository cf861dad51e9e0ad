"""Card requests that a bridge carries out, and such that it refuses."""

import base64
import hashlib
import json
from collections.abc import Iterator
from typing import Any

from joserfc import jws
from joserfc.jwk import OKPKey

from tools.wire_keys import VectorKeys
from zaitaku import wire
from zaitaku.cardbridge.trust.pins import registry
from zaitaku.sdk.keys import ALGORITHM, SiteKeys

ORIGIN = "https://clinic.example"
NOW = 1_800_000_000
WORDING = "医師などが、手術の情報を見ることに同意しますか。"
MARK = "\u0301"
Claims = dict[str, Any]


def document(**changes: object) -> str:
    """Return a consent document; ``changes`` replace its members."""
    decision = {
        "item": "surgery",
        "wording": {"sha256": hashlib.sha256(WORDING.encode()).hexdigest()},
        "decision": "grant",
    }
    body: dict[str, object] = {
        "channel": "home-visit",
        "decisions": [decision],
        "facility": {"name": "みどり坂在宅クリニック"},
        "language": "ja",
        "operator": "self",
        "visit_date": None,
    }
    return json.dumps({**body, **changes}, ensure_ascii=False, separators=(",", ":"))


def claims() -> Claims:
    """Return the claims of the plainest request."""
    request = wire.CardRequest(
        origin=ORIGIN,
        challenge="challenge-1",
        nonce="5a" * wire.NONCE_BYTES,
        issued_at=NOW,
        expires_at=NOW + 600,
        document=document(),
        choices=(wire.Choice("surgery", WORDING, True),),
        language="ja",
        return_path="/consent/return",
    )
    body: Claims = json.loads(json.dumps(request.claims()))
    return body


def build(keys: VectorKeys) -> dict[str, Any]:
    """Return the content of ``requests.json``."""
    key = keys.site["oldest"]
    cases = [*_accepted(key), *_malformed(key), *_untimely(key), *_unsigned(keys)]
    return {
        "origin": ORIGIN,
        "now": NOW,
        "bridge_version": "1.0.0",
        "keys_document": _published(key),
        "cases": cases,
        "changes_of_key": _changes_of_key(keys),
    }


def _token(key: OKPKey, body: Claims, **header: object) -> str:
    fields = {"alg": ALGORITHM, "typ": wire.REQUEST_TYPE, "kid": key.thumbprint(), **header}
    payload = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return jws.serialize_compact(fields, payload.encode(), key, registry=registry())


def _published(*keys: OKPKey) -> dict[str, Any]:
    return SiteKeys(tuple(keys)).published(ORIGIN)


def _case(name: str, page: str, token: str) -> dict[str, str]:
    return {"name": name, "page": page, "token": token}


def _accepted(key: OKPKey) -> Iterator[dict[str, str]]:
    requests: dict[str, Claims] = {
        "the plainest": {},
        "with readings": {
            "choices": [
                {
                    "item": "surgery",
                    "wording": WORDING,
                    "granted": True,
                    "marked": "{手術|しゅじゅつ}",
                }
            ]
        },
        "online, with 受診日": {"document": document(channel="online", visit_date="2027-01-20")},
        "a member of the site's own": {"document": document(journey="j-1")},
        "without 受診日": {"document": document().replace(',"visit_date":null', "")},
        "a facility in the shape that it chose": {
            "document": document(facility={"name": "葛\U000e0100城クリニック"})
        },
        "a facility with two marks on a letter": {
            "document": document(facility={"name": f"A{MARK * 2}"})
        },
        "a claim that nobody knows": {"comment": "ignored"},
        "largest text": {"text_size": "largest"},
        "a bridge that is new enough": {"bridge": "1.0"},
        "at the last second": {"iat": NOW - 600, "exp": NOW},
        "a clock that is two minutes ahead": {"iat": NOW + 120, "exp": NOW + 720},
    }
    for name, changes in requests.items():
        yield _case(name, "pin", _token(key, {**claims(), **changes}))
    yield _case("named EdDSA", "pin", _token(key, claims(), alg="EdDSA"))


def _malformed(key: OKPKey) -> Iterator[dict[str, str]]:
    choice = claims()["choices"][0]
    broken: dict[str, Claims] = {
        "for another audience": {"aud": "somebody-else"},
        "a nonce of 31 bytes": {"nonce": "5a" * 31},
        "a nonce in capitals": {"nonce": "5A" * 32},
        "another wording": {"choices": [{**choice, "wording": "ほかの言葉"}]},
        "another answer": {"choices": [{**choice, "granted": False}]},
        "a choice too many": {"choices": [choice, {**choice, "item": "checkup"}]},
        "no choice": {"choices": []},
        "an invisible character": {"choices": [{**choice, "marked": f"{WORDING}\u202e"}]},
        "another language than the document": {"language": "en"},
        "a return to another host": {"return_path": "//evil.example/"},
        "a return with a query": {"return_path": "/x?code=1"},
        "a time that is a text": {"iat": str(NOW)},
        "a time that is true": {"exp": True},
        "times in milliseconds": {"iat": NOW * 1000, "exp": (NOW + 600) * 1000},
        "times before 1970": {"iat": -600, "exp": -1},
        "a lifetime over an hour": {"exp": NOW + 3601},
        "an end before the beginning": {"exp": NOW - 1},
        "an unknown text size": {"text_size": "huge"},
        "a version that is none": {"bridge": "1.x"},
        "a member twice": {
            "document": document().replace('"language"', '"operator":"self","language"')
        },
        "an unknown channel": {"document": document(channel="elsewhere")},
        "no facility": {"document": document(facility={})},
        "a facility of blank letters": {"document": document(facility={"name": "\u3164\u2800"})},
        "a facility without a letter": {"document": document(facility={"name": "★"})},
        "a facility with a joiner that nobody sees": {
            "document": document(facility={"name": "みどり坂\u034f在宅クリニック"})
        },
        "a facility under a heap of marks": {
            "document": document(facility={"name": f"A{MARK * 3}"})
        },
        "a reading that is struck through": {
            "choices": [{**choice, "marked": WORDING.replace("同意", "同\u0336意\u0336")}]
        },
        "a member that is NaN": {
            "document": document().replace('"language"', '"journey":NaN,"language"')
        },
        "a day without hyphens": {"document": document(visit_date="20270120")},
        "a document that is no JSON": {"document": "consent"},
    }
    for name, changes in broken.items():
        yield _case(name, "malformed", _token(key, {**claims(), **changes}))
    for name in sorted(claims()):
        without = {other: value for other, value in claims().items() if other != name}
        yield _case(f"without {name}", "malformed", _token(key, without))
    yield _case("another type", "malformed", _token(key, claims(), typ="JWT"))
    yield _case("cut off", "malformed", _token(key, claims())[:-200].rpartition(".")[0])
    yield _case("no JWS", "malformed", "request")


def _untimely(key: OKPKey) -> Iterator[dict[str, str]]:
    for name, page, changes in (
        ("two minutes after its end", "expired", {"iat": NOW - 721, "exp": NOW - 121}),
        ("before its time", "clock", {"iat": NOW + 121, "exp": NOW + 721}),
        ("a newer protocol", "newer-protocol", {"protocol": 2}),
        ("a newer bridge", "too-old", {"bridge": "1.0.1"}),
        ("of another site", "foreign-origin", {"iss": "https://other.example"}),
        ("of the same host, over http", "foreign-origin", {"iss": "http://clinic.example"}),
    ):
        yield _case(name, page, _token(key, {**claims(), **changes}))


def _unsigned(keys: VectorKeys) -> Iterator[dict[str, str]]:
    key = keys.site["oldest"]
    header, payload, signature = _token(key, claims()).split(".")
    other = _token(key, {**claims(), "jti": "challenge-2"}).split(".")[1]
    bare = base64.urlsafe_b64encode(
        json.dumps({"alg": "none", "typ": wire.REQUEST_TYPE}).encode()
    ).rstrip(b"=")
    page = "bad-signature"
    yield _case("signed by a stranger", page, _token(keys.site["stranger"], claims()))
    yield _case("changed after signing", page, f"{header}.{other}.{signature}")
    yield _case("another signature", page, f"{header}.{payload}.{'A' * 86}")
    yield _case("without algorithm", page, f"{bare.decode()}.{payload}.")
    critical = jws.serialize_compact(
        {"alg": ALGORITHM, "typ": wire.REQUEST_TYPE, "b64": True, "crit": ["b64"]},
        json.dumps(claims()).encode(),
        key,
        registry=jws.JWSRegistry(algorithms=[ALGORITHM], strict_check_header=False),
    )
    yield _case("a critical header field", page, critical)


def _changes_of_key(keys: VectorKeys) -> list[dict[str, Any]]:
    oldest, older, newest = (keys.site[name] for name in ("oldest", "older", "newest"))
    stranger = keys.site["stranger"]
    chain = _published(newest, older, oldest)
    bare = {**_published(newest, oldest), "endorsements": []}
    foreign = SiteKeys((newest, oldest)).published("https://other.example")
    forged = {**_published(newest, stranger), "keys": _published(newest, oldest)["keys"]}
    return [
        _change("the pinned key signs on", "pin", oldest, oldest, _published(newest, oldest)),
        _change("the pinned key vouches", "pin", oldest, newest, _published(newest, oldest)),
        _change("over two changes", "pin", oldest, newest, chain),
        _change("beside the pinned key, unvouched", "key-changed", oldest, newest, bare),
        _change("vouched for another site", "key-changed", oldest, newest, foreign),
        _change("vouched by a stranger", "key-changed", oldest, newest, forged),
        _change("a withdrawn key", "bad-signature", oldest, oldest, _published(newest)),
        _change("the pinned key is gone", "key-changed", oldest, newest, _published(newest)),
    ]


def _change(
    name: str, page: str, pinned: OKPKey, signer: OKPKey, published: dict[str, Any]
) -> dict[str, Any]:
    return {
        "name": name,
        "page": page,
        "before": {"keys_document": _published(pinned), "token": _token(pinned, claims())},
        "keys_document": published,
        "token": _token(signer, claims()),
    }
