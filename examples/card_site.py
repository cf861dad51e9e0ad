"""A whole site that asks for a card, without zaitaku's server: one question, one signed answer.

    zaitaku-bridge --virtual --test-origin http://127.0.0.1:8080
    python examples/card_site.py --port 8080 --roots …/roots.pem --lists …/crl.pem --test

The first command prints where those two files lie. For real cards: the authority's own root
certificates, no ``--test``, a revocation check that asks somebody who knows, TLS in front of the
site, and a store that all its processes share.
"""

import secrets
from pathlib import Path

import click
from flask import Flask, redirect, request, session
from flask.typing import ResponseReturnValue
from markupsafe import escape

from zaitaku import wire
from zaitaku.sdk import (
    CardSite,
    CardTrust,
    Choice,
    MemoryStore,
    RevocationLists,
    SdkError,
    SiteKeys,
    StatedDocument,
    state_document,
)

QUESTION = "この診療所が、あなたの薬の情報を見ることに同意しますか。"


def consent(answer: str) -> StatedDocument:
    """Return what the visitor is about to sign."""
    return state_document(
        facility="見本の診療所",
        channel="home-visit",
        operator="self",
        language="ja",
        choices=[Choice("medication", QUESTION, granted=answer == "yes")],
    )


def page(heading: str, more: str = "") -> str:
    """Return a whole page."""
    return (
        f'<!doctype html><html lang="ja"><meta charset="utf-8"><title>{heading}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<body style="overflow-wrap: anywhere"><h1>{heading}</h1>{more}</body></html>'
    )


def create_site(cards: CardSite, bridge_port: int) -> Flask:
    """Return the web application around ``cards``."""
    app = Flask(__name__)
    app.secret_key = secrets.token_bytes(32)
    app.config["SESSION_COOKIE_SAMESITE"] = "Lax"
    speak_with_bridges(app, cards)

    @app.get("/")
    def question() -> str:
        session.setdefault("holder", secrets.token_urlsafe())
        buttons = (
            '<button name="answer" value="yes">はい</button> <button name="answer">いいえ</button>'
        )
        return page(QUESTION, f'<form action="/ask" method="post">{buttons}</form>')

    @app.post("/ask")
    def ask() -> ResponseReturnValue:
        document = consent(request.form.get("answer", ""))
        holder = session.setdefault("holder", secrets.token_urlsafe())
        asked = cards.ask(document, return_path="/done", holder=holder)
        return redirect(asked.address(bridge_port), 303)

    take_back(app, cards)
    return app


def take_back(app: Flask, cards: CardSite) -> None:
    """Add the addresses to which visitors come back: one registers, as often as it is loaded."""
    records: dict[str, str] = {}  # a real site writes to its database, under the same name

    @app.get("/done")
    def done() -> ResponseReturnValue:
        if "cancelled" in request.args:
            return page("やめました。何も登録していません。")
        code = request.args.get("code", "")
        if code and code == session.get("code"):  # Back or Reload, and the outcome is forgotten
            return redirect("/registered", 303)
        try:
            proof = cards.redeem(code, holder=session.get("holder", ""))
        except SdkError as error:
            return page(f"受け付けできませんでした（{error.code}）"), 403
        records[proof.challenge.name] = proof.challenge.document
        session.update(code=code, record=proof.challenge.name)
        return redirect("/registered", 303)

    @app.get("/registered")
    def registered() -> ResponseReturnValue:
        if session.get("record") not in records:
            return redirect("/", 303)
        # The record stands and the visitor's session names it: only now the outcome may go.
        cards.forget(session["code"], holder=session["holder"])
        record = escape(records[session["record"]])
        return page("受け付けました", f'<pre style="white-space: pre-wrap">{record}</pre>')


def speak_with_bridges(app: Flask, cards: CardSite) -> None:
    """Add the two addresses that bridges call."""

    @app.get(wire.KEYS_PATH)
    def keys() -> ResponseReturnValue:
        return cards.keys_document()

    @app.post(wire.PROOF_PATH)
    def take() -> ResponseReturnValue:
        answer = cards.take(request.get_data())
        return answer.body, answer.status


FILE = click.Path(path_type=Path, exists=True)


@click.command()
@click.option("--port", default=8080)
@click.option("--bridge-port", default=wire.BRIDGE_PORTS[0])
@click.option("--roots", type=FILE, required=True)
@click.option("--lists", type=FILE, required=True)
@click.option("--test", is_flag=True, help="take a test authority's cards")
def main(*, port: int, bridge_port: int, roots: Path, lists: Path, test: bool) -> None:
    """Run the site on this machine; its key lies in the present folder."""
    cards = CardSite(
        origin=f"http://127.0.0.1:{port}",
        keys=SiteKeys.make(Path("request-key.pem")),
        trust=CardTrust.load(roots, revocation=RevocationLists(lists), allow_test=test),
        store=MemoryStore(),
    )
    create_site(cards, bridge_port).run("127.0.0.1", port)


if __name__ == "__main__":
    main()
