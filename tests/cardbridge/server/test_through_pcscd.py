"""The command itself with a virtual card in a real pcscd: the way a real card takes."""

import json
import time
from pathlib import Path

import pytest

from tests.cardbridge.cards import PIN, WRONG_PIN, Material, write_card
from tests.cardbridge.server.fakesite import CODE, FakeSite
from tests.cardbridge.server.rig import back_to, check_signature, claims_for
from tests.cardbridge.server.test_cli import command
from tests.cardbridge.server.visitor import Visitor, hidden
from tests.pcscd import pcscd, wait_for, wait_for_card, wait_for_no_card

pytestmark = [pytest.mark.pcscd, pytest.mark.enable_socket]


def test_from_the_request_to_the_code_and_back(
    site: FakeSite, tmp_path: Path, material: Material
) -> None:
    cards = tmp_path / "cards"
    cards.mkdir()
    write_card(cards / "a-ordinary.json", material)
    claims = claims_for(site.origin, now=time.time())
    options = ("--port", "0", "--state", str(tmp_path), "--virtual", str(cards), "--vpcd")
    with pcscd(), command(*options, "--test-origin", site.origin) as (_, address):
        wait_for_card()
        visitor = Visitor(address)
        path = visitor.get(f"/read?request={site.sign(claims)}").headers["Location"]
        posted = visitor.post(f"{path}/pin", **hidden(visitor.page(path)), pin=WRONG_PIN)
        wrong = visitor.get(posted.headers["Location"])
        assert wrong.status == 422
        assert "あと2回" in wrong.data.decode()
        token = json.loads(visitor.page("/virtual/cards"))["token"]
        stamp = json.loads(visitor.page(f"{path}/changes"))["stamp"]
        visitor.post("/virtual/remove", token=token)
        wait_for_no_card()
        changes = f"{path}/changes?seen={stamp}"
        wait_for(lambda: json.loads(visitor.page(changes))["changed"] or None, "change")
        assert 'data-page="no-card"' in visitor.page(path)
        visitor.post("/virtual/insert", token=token, card="a-ordinary")
        wait_for_card()
        answer = visitor.post(f"{path}/pin", **hidden(visitor.page(path)), pin=PIN)
        assert answer.headers["Location"] == back_to(site, f"code={CODE}")
    [proof] = site.proofs
    check_signature(proof, material.public_key, claims)


def test_without_a_daemon_the_page_says_so(site: FakeSite, tmp_path: Path) -> None:
    claims = claims_for(site.origin, now=time.time())
    options = ("--port", "0", "--state", str(tmp_path), "--test-origin", site.origin)
    with command(*options) as (_, address):
        visitor = Visitor(address)
        path = visitor.get(f"/read?request={site.sign(claims)}").headers["Location"]
        assert 'data-page="no-service"' in visitor.page(path)


def test_a_daemon_without_a_reader_is_told_apart(site: FakeSite, tmp_path: Path) -> None:
    claims = claims_for(site.origin, now=time.time())
    options = ("--port", "0", "--state", str(tmp_path), "--test-origin", site.origin)
    with pcscd(readers=False), command(*options) as (_, address):
        visitor = Visitor(address)
        path = visitor.get(f"/read?request={site.sign(claims)}").headers["Location"]
        assert 'data-page="no-reader"' in visitor.page(path)
