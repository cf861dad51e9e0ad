"""What the shipped examples let reach what, keep where, and do when a store is away."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from bench.site import make_site
from tests.servers import free_port
from zaitaku.cli import root
from zaitaku.core.errors import StoreUnavailable

HOUSE = Path(__file__).parents[2]
SERVER = HOUSE / "packaging" / "server"
SITE_USER = 10001
SITE = {"web1", "web2", "worker", "migrate", "backup"}
CLUSTER = {f"{kind}{turn}" for kind in ("etcd", "postgres") for turn in (1, 2, 3)} | {"etcd-users"}
COMPOSE: dict[str, Any] = yaml.safe_load((SERVER / "compose" / "compose.yaml").read_text("utf-8"))
SERVICES: dict[str, Any] = COMPOSE["services"]


def units() -> list[str]:
    """Return the units that run on one machine."""
    target = (SERVER / "systemd" / "zaitaku.target").read_text("utf-8")
    return [
        name
        for names in re.findall(r"^Wants=(.+)$", target, re.MULTILINE)
        for name in names.split()
    ]


def read_unit(name: str) -> dict[str, dict[str, list[str]]]:
    """Return a unit's options, section by section, each with all its values."""
    text = (SERVER / "systemd" / re.sub(r"@\w+", "@", name)).read_text("utf-8")
    found: dict[str, dict[str, list[str]]] = {}
    for section, body in re.findall(r"^\[(\w+)\]\n(.*?)(?=^\[|\Z)", text, re.MULTILINE | re.DOTALL):
        options: dict[str, list[str]] = found.setdefault(section, {})
        for option, value in re.findall(r"^(\w+)=(.*)$", body, re.MULTILINE):
            options.setdefault(option, []).append(value)
    return found


def image_makes(place: str, file: str) -> bool:
    """Tell whether an image has a folder that belongs to the site's user."""
    text = (SERVER / "container" / file).read_text("utf-8")
    owner = f"-o {SITE_USER} -g {SITE_USER}"
    return bool(re.search(rf"install -d {owner} -m 0700 {re.escape(place)}$", text, re.MULTILINE))


def test_only_the_cluster_reaches_who_commands_it() -> None:
    inside = {name for name, service in SERVICES.items() if "cluster" in service["networks"]}
    assert inside == CLUSTER
    assert COMPOSE["networks"]["cluster"] == {"internal": True}
    assert {name for name in CLUSTER if "back" in SERVICES[name]["networks"]} == {
        *("postgres1", "postgres2", "postgres3")
    }
    assert "front" not in {net for name in CLUSTER for net in SERVICES[name]["networks"]}
    shared = (SERVER / "compose" / "patroni.yaml").read_text("utf-8")
    for name in ("postgres1", "postgres2", "postgres3"):
        # The address of the inner network alone, and a word for whoever wants to change something.
        assert SERVICES[name]["networks"]["cluster"] == {"aliases": [f"{name}.cluster"]}
        assert SERVICES[name]["environment"]["PATRONI_RESTAPI_LISTEN"] == f"{name}.cluster:8008"
        assert SERVICES[name]["environment"]["PATRONI_RESTAPI_PASSWORD"]
        # What the file says would stand instead of what the environment says.
        assert not {"restapi", "etcd3"} & set(yaml.safe_load(shared))


def test_every_word_of_compose_stands_in_the_example() -> None:
    asked = set(re.findall(r"\$\{(\w+):\?\}", (SERVER / "compose" / "compose.yaml").read_text()))
    listed = (SERVER / "compose" / "passwords.env.example").read_text("utf-8")
    assert set(re.findall(r"^(\w+)=$", listed, re.MULTILINE)) == asked


def test_pods_reach_the_stores_and_not_their_keepers() -> None:
    items = yaml.safe_load((SERVER / "kubernetes" / "zaitaku.yaml").read_text("utf-8"))["items"]
    policies = {
        item["metadata"]["name"]: item["spec"] for item in items if item["kind"] == "NetworkPolicy"
    }
    stores = {5432, 6379, 26379}
    ways = policies["to-the-stores"]["egress"]
    [inward] = [way for way in ways if "zaitaku-stores" in str(way["to"])]
    assert {entry["port"] for entry in inward["ports"]} == stores
    entries = policies["stores-from-zaitaku"]["ingress"]
    [outward] = [entry for entry in entries if "namespaceSelector" in str(entry["from"])]
    assert {entry["port"] for entry in outward["ports"]} == stores


def test_the_site_can_write_where_its_volumes_are() -> None:
    for name in SITE:
        file = "backup.Containerfile" if name == "backup" else "Containerfile"
        for source, place, *_ in (words.split(":") for words in SERVICES[name]["volumes"]):
            if source in COMPOSE["volumes"]:
                assert image_makes(place, file), (name, place)
    assert image_makes("/var/lib/zaitaku", "Containerfile")


def test_postgresql_writes_where_its_container_can() -> None:
    shared = yaml.safe_load((SERVER / "compose" / "patroni.yaml").read_text("utf-8"))["postgresql"]
    # What a tmpfs beneath the image's own folders looks like differs between runtimes; not /tmp's.
    assert shared["parameters"]["unix_socket_directories"] == "/tmp"
    assert shared["pgpass"].startswith("/tmp/")
    for name in ("postgres1", "postgres2", "postgres3"):
        assert SERVICES[name]["tmpfs"] == ["/tmp"]


def test_health_is_asked_in_words_that_every_runtime_takes() -> None:
    # Podman 4 takes the words of CMD apart once more at their spaces.
    asked = {name: service.get("healthcheck", {}).get("test") for name, service in SERVICES.items()}
    for name, words in asked.items():
        if words and words[0] == "CMD":
            assert not [word for word in words if " " in word], name


def test_what_compose_is_given_on_site_is_not_committed() -> None:
    ignored = (HOUSE / ".gitignore").read_text("utf-8").splitlines()
    for made in (".env", "zaitaku.env", "nginx.conf", "authority/", "secrets/", "tls/"):
        assert f"/packaging/server/compose/{made}" in ignored


def test_nginx_of_compose_takes_more_than_one_address_may_ask() -> None:
    official = "events {\n    worker_connections  1024;\n}\n"
    [change] = re.findall(
        r"sed '([^']+)' /etc/nginx/nginx\.conf", SERVICES["nginx"]["entrypoint"][2]
    )
    after = subprocess.run(
        ["sed", change], input=official, capture_output=True, text=True, check=True
    ).stdout
    [most] = re.findall(r"worker_connections (\d+);", after)
    shipped = (SERVER / "nginx" / "zaitaku.conf").read_text("utf-8")
    [one] = re.findall(r"limit_conn zaitaku_connections (\d+);", shipped)
    assert int(most) > 3 * int(one)
    assert SERVICES["nginx"]["ulimits"]["nofile"] > 2 * int(most)


def test_who_owns_the_secret_file_is_said() -> None:
    # A secret that is a file keeps the owner that it has outside.
    said = f"install -m 0400 -o {SITE_USER} -g {SITE_USER} request-key.pem secrets/"
    for text in (SERVER / "compose" / "compose.yaml", HOUSE / "docs" / "deploying.md"):
        assert said in text.read_text("utf-8")
    assert COMPOSE["secrets"] == {"request-key": {"file": "./secrets/request-key.pem"}}


def test_the_backup_has_its_tools_and_a_role_of_its_own() -> None:
    backup = SERVICES["backup"]
    image = (SERVER / "container" / "backup.Containerfile").read_text("utf-8")
    server = re.findall(
        r"/postgresql/(\d+)/", (SERVER / "compose" / "patroni.yaml").read_text("utf-8")
    )
    assert re.findall(r"postgresql-client-(\d+)", image) == server
    # pg_verifybackup calls it, and Debian has it among the server's programs.
    assert f"/usr/lib/postgresql/{server[0]}/bin/pg_waldump /usr/lib/postgresql" in image
    assert backup["networks"] == ["back"]
    assert "//zaitaku_backup:" in backup["environment"]["ZAITAKU_DATABASE_URL"]
    others = [str(SERVICES[name]) for name in SITE - {"backup"}]
    assert not [text for text in others if "BACKUP" in text]


@pytest.mark.parametrize("name", ["zaitaku-web@8001.service", "zaitaku-worker.service"])
def test_a_unit_tries_for_as_long_as_a_store_is_away(name: str) -> None:
    unit = read_unit(name)
    assert unit["Service"]["Restart"] == ["always"]
    # systemd.unit(5): otherwise it gives up after five starts within ten seconds.
    assert unit["Unit"]["StartLimitIntervalSec"] == ["0"]


def test_each_unit_may_have_settings_of_its_own() -> None:
    read = {
        name: [
            place.lstrip("-").replace("%N", name.removesuffix(".service"))
            for place in read_unit(name)["Service"]["EnvironmentFile"]
        ]
        for name in units()
    }
    assert len(read) == 3
    assert {places[0] for places in read.values()} == {"/etc/zaitaku/zaitaku.env"}
    assert len({places[1] for places in read.values()}) == len(read)
    told = (HOUSE / "docs" / "deploying.md").read_text("utf-8")
    assert [places[1] for places in read.values() if places[1] not in told] == []


def test_each_process_of_a_machine_is_asked_for_its_own_numbers() -> None:
    example = HOUSE / "packaging" / "monitoring" / "prometheus" / "scrape.example.yml"
    [job] = yaml.safe_load(example.read_text("utf-8"))["scrape_configs"]
    targets = [target for group in job["static_configs"] for target in group["targets"]]
    machines = {target.rpartition(":")[0] for target in targets}
    assert len(set(targets)) == len(targets) == len(machines) * len(units())


def test_what_is_away_is_named_and_nothing_secret(tmp_path: Path) -> None:
    made = make_site(
        tmp_path,
        origin="http://127.0.0.1",
        database_url=f"sqlite:///{tmp_path / 'zaitaku.db'}",
        ephemeral_url=f"sqlite:///{tmp_path / 'ephemeral.db'}",
        patients=0,
    )
    away = f"postgresql+psycopg://zaitaku:secret@127.0.0.1:{free_port()}/zaitaku"
    environ = {**made.environ, "ZAITAKU_DATABASE_URL": away}
    for command in ("serve", "migrate"):
        failure = CliRunner().invoke(root, [command], env=environ).exception
        assert isinstance(failure, StoreUnavailable), command
        assert failure.detail.startswith("データベースを使えません")
        assert "ZAITAKU_DATABASE_URL" in failure.detail
        assert "secret" not in failure.detail
