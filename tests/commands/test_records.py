"""``zaitaku records verify``: every record proves itself again, or is named."""

import json
import secrets
from pathlib import Path
from typing import Any, Final

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

from tests.consent.conftest import database, founded_template, wordings, world
from tests.consent.test_id_token_evidence import (
    CLIENT_ID,
    HOLDER,
    ISSUER,
    KEYS,
    provider_key,
    read_by_phone,
)
from tests.consent.world import CODE, World
from zaitaku.commands.records import records
from zaitaku.consent import audit
from zaitaku.consent.tables import credential
from zaitaku.facilities.model import Channel

__all__ = ["database", "founded_template", "wordings", "world"]

CLIENT: Final = ("--client", ISSUER, CLIENT_ID)


@pytest.fixture(autouse=True)
def deployment(world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The world as a deployment that has no provider any more."""
    environ = {
        "ZAITAKU_ORIGIN": "https://zaitaku.example",
        "ZAITAKU_DATABASE_URL": world.database.url.render_as_string(hide_password=False),
        "ZAITAKU_EPHEMERAL_URL": f"sqlite:///{tmp_path / 'unused.db'}",
        "ZAITAKU_URL_KEYS": secrets.token_hex(16),
        "ZAITAKU_SESSION_KEYS": secrets.token_hex(16),
        "ZAITAKU_SUBJECT_KEYS": " ".join(KEYS.keys),
        "ZAITAKU_SEAL_KEYS": "plain",
        "ZAITAKU_REQUEST_KEY_FILE": str(tmp_path / "request.pem"),
        "ZAITAKU_TRUST_ANCHORS": str(tmp_path / "roots.pem"),
        "ZAITAKU_OCSP_URL": "http://127.0.0.1:1/",
        "ZAITAKU_TRUSTED_PROXIES": "1",
    }
    for name, value in environ.items():
        monkeypatch.setenv(name, value)


def verify(*words: str) -> Result:
    return CliRunner().invoke(records, ["verify", CODE.digits, *words])


def by_card(world: World) -> str:
    return world.register(Channel.HOME_VISIT).receipt.reference


def by_phone(world: World) -> str:
    return world.consent.register(read_by_phone(world, world.document())).receipt.reference


def tamper(world: World, **changes: Any) -> None:
    """Change records as somebody can who owns the database."""
    with world.database.transaction() as connection:
        connection.execute(text("DROP TRIGGER consent_record_no_update"))
        for column, (old, new) in changes.items():
            statement = f"UPDATE consent_record SET {column} = replace({column}, :old, :new)"
            connection.execute(text(statement), {"old": old, "new": new})


def verify_everywhere(*words: str) -> Result:
    return CliRunner().invoke(records, ["verify", *words])


def test_records_of_every_facility_prove_themselves(world: World) -> None:
    by_card(world)
    found = verify_everywhere("--all")
    assert found.exit_code == 0, found.output
    assert "確かめました: 1件  合いません: 0件" in found.output
    tamper(world, document=("grant", "grxnt"))
    broken = verify_everywhere("--all")
    assert broken.exit_code == 1
    # Whose it is, is not clear from a reference number alone.
    assert f"{CODE.digits}  " in broken.output
    assert "確かめました: 0件  合いません: 1件" in broken.output


def test_one_record_is_one_facilitys(world: World) -> None:
    by_card(world)
    assert "CODEと受付番号か、--all" in verify_everywhere().output
    # A name that is empty by mistake does not mean everybody.
    assert verify_everywhere("", "--all").exit_code == 2


def test_records_of_both_kinds_prove_themselves(world: World) -> None:
    card, phone = by_card(world), by_phone(world)
    found = verify(card, phone, *CLIENT)
    assert found.exit_code == 0, found.output
    assert f"{card}  確かめました（カードの署名" in found.output
    assert f"{phone}  確かめました（IDトークン" in found.output
    assert f"{ISSUER}  {provider_key().thumbprint()}" in found.output
    assert "確かめました: 2件  合いません: 0件" in found.output


def test_all_of_them_page_by_page(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "PAGE", 2)
    references = [by_card(world) for _ in range(5)]
    found = verify("--all")
    assert "確かめました: 5件  合いません: 0件" in found.output
    assert not any(reference in found.output for reference in references)


def test_a_changed_record_is_named_and_ends_with_1(world: World) -> None:
    card = by_card(world)
    tamper(world, document=('"grant"', '"refuse"'))
    found = verify("--all")
    assert found.exit_code == 1
    assert f"{card}  合いません: 書類が、記録されたハッシュと合いません [digest]" in found.output
    assert "合いません: 1件" in found.output


def test_a_token_needs_its_provider_s_name(world: World) -> None:
    phone = by_phone(world)
    found = verify(phone)
    assert (found.exit_code, "[id-token]" in found.output) == (1, True)


def test_a_credential_of_somebody_else_is_found(world: World) -> None:
    phone = by_phone(world)
    with world.database.transaction() as connection:
        chosen = credential.update().where(credential.c.subject_hash == HOLDER)
        connection.execute(chosen.values(subject_hash="0" * 64))
    found = verify(phone, *CLIENT)
    assert (found.exit_code, "[holder]" in found.output) == (1, True)


def test_keys_that_were_confirmed_elsewhere_are_the_only_ones(world: World, tmp_path: Path) -> None:
    phone, file = by_phone(world), tmp_path / "keys.json"
    for name, status in (("provider", 0), ("another", 1)):
        file.write_text(json.dumps({"keys": [provider_key(name).as_dict(private=False)]}))
        found = verify(phone, *CLIENT, "--provider-keys", str(file))
        assert (found.exit_code, "[provider-key]" in found.output) == (status, bool(status))
    file.write_text("{}")
    unfit = verify(phone, *CLIENT, "--provider-keys", str(file))
    assert "使える公開鍵（JWK Set）がありません" in unfit.output


@pytest.mark.parametrize("words", [(), ("--all", "261121-000-0000")])
def test_one_of_both_is_asked_for(words: tuple[str, ...]) -> None:
    found = verify(*words)
    assert (found.exit_code, "どちらかを書いてください" in found.output) == (2, True)


def test_a_number_that_nobody_has() -> None:
    found = verify("261121-000-0000")
    assert found.exit_code == 1
    assert "受付番号 261121-000-0000 の記録はありません。" in found.output


def test_another_facility_s_record_is_not_found(world: World) -> None:
    world.register(facility=world.other)
    assert "確かめました: 0件" in verify("--all").output
