"""``zaitaku openid``: a key is made once, and only its public half is shown."""

import json
from pathlib import Path

from click.testing import CliRunner

from zaitaku.cli import root
from zaitaku.identity.oidc.client_keys import ClientKeys


def test_a_key_is_made_and_shown(tmp_path: Path) -> None:
    path = tmp_path / "openid-key.pem"
    made = CliRunner().invoke(root, ["openid", "key", str(path)])
    assert made.exit_code == 0, made.output
    (entry,) = json.loads(made.output)["keys"]
    assert entry.keys() == {"kty", "n", "e", "kid", "alg", "use"}
    assert path.stat().st_mode & 0o777 == 0o600
    again = CliRunner().invoke(root, ["openid", "show", str(path)])
    assert json.loads(again.output) == ClientKeys.load(path).published() == json.loads(made.output)


def test_a_key_that_is_there_stays(tmp_path: Path) -> None:
    path = tmp_path / "openid-key.pem"
    path.write_text("mine")
    refused = CliRunner().invoke(root, ["openid", "key", str(path)])
    assert refused.exit_code == 1
    assert path.read_text() == "mine"
