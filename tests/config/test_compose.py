"""docker-compose.yml and the Dockerfile: everything they name exists, and nothing in them is a secret or a root."""

import json
import re
import shlex
import tomllib
from pathlib import Path

import jsonschema
import pytest
import yaml

from chassis.settings import read_settings
from edge_agent.settings import load_settings
from firmware_sim.plan import read_plan
from hub.settings import METRICS_PORTS, HubSettings
from tests.fixtures_prometheus import promtool
from wardline.cli import _parser, main
from wardline.compose_secrets import CLIENTS, MASTER, SERVICES, write_compose_secrets
from wardline.credentials import Client, read_clients, write_broker_files

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
DOCKERFILE = (ROOT / "Dockerfile").read_text()
RUNNING = {name: service for name, service in COMPOSE["services"].items() if name != "init"}
OURS = {name: service for name, service in COMPOSE["services"].items() if service["image"].startswith("wardline:")}

WORDS = {"type": "array", "items": {"type": "string"}, "minItems": 1}
TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}
DURATION = {"type": "string", "pattern": r"^\d+(ms|s|m|h)$"}
VOLUME = {
    "type": "object",
    "required": ["type", "source", "target"],
    "additionalProperties": False,
    "properties": {
        "type": {"enum": ["bind", "volume"]},
        "source": {"type": "string"},
        "target": {"type": "string", "pattern": "^/"},
        "read_only": {"type": "boolean"},
        "volume": {"type": "object", "additionalProperties": False, "properties": {"nocopy": {"type": "boolean"}}},
    },
}
SERVICE = {
    "type": "object",
    "required": ["image", "user", "restart"],
    "additionalProperties": False,
    "properties": {
        "image": {"type": "string"},
        "build": {"type": "string"},
        "user": {"type": "string"},
        "restart": {"enum": ["no", "always", "on-failure", "unless-stopped"]},
        "init": {"type": "boolean"},
        "read_only": {"type": "boolean"},
        "tmpfs": WORDS,
        "cap_drop": WORDS,
        "security_opt": WORDS,
        "network_mode": {"enum": ["none"]},
        "networks": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "required": ["aliases"],
                "additionalProperties": False,
                "properties": {"aliases": WORDS},
            },
        },
        "profiles": WORDS,
        "command": WORDS,
        "entrypoint": WORDS,
        "environment": TEXTS,
        "ports": WORDS,
        "volumes": {"type": "array", "items": VOLUME},
        "logging": {
            "type": "object",
            "additionalProperties": False,
            "properties": {"driver": {"type": "string"}, "options": TEXTS},
        },
        "depends_on": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "required": ["condition"],
                "additionalProperties": False,
                "properties": {
                    "condition": {"enum": ["service_started", "service_healthy", "service_completed_successfully"]},
                    "required": {"type": "boolean"},
                },
            },
        },
        "healthcheck": {
            "type": "object",
            "required": ["test", "interval", "timeout", "retries"],
            "additionalProperties": False,
            "properties": {
                "test": {"type": "array", "prefixItems": [{"enum": ["CMD", "CMD-SHELL"]}], "minItems": 2},
                "interval": DURATION,
                "timeout": DURATION,
                "start_period": DURATION,
                "retries": {"type": "integer", "minimum": 1},
            },
        },
    },
}
SCHEMA = {
    "type": "object",
    "required": ["services"],
    "additionalProperties": False,
    "patternProperties": {"^x-": {}},
    "properties": {
        "name": {"type": "string", "pattern": "^[a-z0-9][a-z0-9_-]*$"},
        "services": {"type": "object", "additionalProperties": SERVICE},
        "volumes": {"type": "object", "additionalProperties": {"type": "null"}},
    },
}


def mounts(service: dict, kind: str) -> dict[str, str]:
    """Source by target."""
    return {volume["target"]: volume["source"] for volume in service.get("volumes", []) if volume["type"] == kind}


def commands(service: dict) -> list[list[str]]:
    """The words of every `wardline` command a service of our image runs."""
    if "entrypoint" not in service:
        return [service["command"]]
    script = service["entrypoint"][-1]
    return [shlex.split(words) for words in re.findall(r"wardline ([^&;\n]+)", script)]


def test_the_file_follows_the_compose_schema():
    jsonschema.validate(COMPOSE, SCHEMA)


def test_every_volume_is_declared_used_and_made_by_init_first():
    declared = set(COMPOSE["volumes"])
    by_init = set(mounts(COMPOSE["services"]["init"], "volume").values())
    assert by_init == declared
    for service in RUNNING.values():
        for volume in service["volumes"]:
            if volume["type"] == "volume":
                assert volume["source"] in declared
                assert volume["volume"]["nocopy"]  # the owner init gave it stays


def test_the_image_has_a_folder_of_the_right_owner_for_each_volume_init_mounts():
    parts = re.search(r"for part in ([a-z0-9 ]+); do", DOCKERFILE)
    assert parts is not None
    folders = {f"/srv/{kind}/{part}" for kind in ("secrets", "data") for part in parts[1].split()}
    assert set(mounts(COMPOSE["services"]["init"], "volume")) <= folders
    assert "--owner wardline --group wardline" in DOCKERFILE


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_a_service_runs_without_rights_it_does_not_need(name):
    service = COMPOSE["services"][name]
    assert service["user"] == "1000:1000"
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


@pytest.mark.parametrize("name", RUNNING)
def test_a_service_that_stays_says_how_it_is(name):
    assert "healthcheck" in RUNNING[name]
    assert RUNNING[name]["depends_on"]["init"] == {"condition": "service_completed_successfully"}


def test_the_first_service_ends_and_has_no_network():
    init = COMPOSE["services"]["init"]
    assert init["restart"] == "no"
    assert init["network_mode"] == "none"


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_an_image_is_pinned_to_its_patch_release(name):
    # PostgreSQL has two numbers; the name of a build may follow.
    assert re.fullmatch(r"[a-z/-]+:v?\d+\.\d+(\.\d+)?(-[a-z]+)?", COMPOSE["services"][name]["image"])


def test_the_images_of_the_dockerfile_are_pinned_and_end_as_an_ordinary_user():
    bases = re.findall(r"^FROM (\S+)", DOCKERFILE, flags=re.M)
    assert bases
    assert all(re.fullmatch(r"python:3\.11\.\d+-slim-\w+", base) for base in bases)
    assert re.findall(r"^USER (\S+)", DOCKERFILE, flags=re.M)[-1] == "1000:1000"
    assert "--require-hashes" in DOCKERFILE


def test_our_image_carries_the_version_of_the_project():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert {service["image"] for service in OURS.values()} == {f"wardline:{version}"}


def test_every_port_is_on_the_loopback_address():
    ports = [port for service in COMPOSE["services"].values() for port in service.get("ports", [])]
    assert sorted(ports) == [f"127.0.0.1:{port}:{port}" for port in (1883, 3000, 8080, 9090)]


PROFILES = {"influx2", "influx3", "sql", "prometheus", "demo"}


def running(*profiles: str) -> set[str]:
    """The services that start with these profiles."""
    return {
        name
        for name, one in COMPOSE["services"].items()
        if set(one.get("profiles", profiles or ["-"])) & {*profiles, "-"}
    }


def test_there_are_these_profiles_and_the_one_of_the_environment_file_is_influxdb_2():
    assert {profile for service in RUNNING.values() for profile in service.get("profiles", [])} == PROFILES
    lines = [line for line in (ROOT / ".env").read_text().splitlines() if not line.startswith("#")]
    assert lines == ["COMPOSE_PROFILES=influx2"]
    core = {"init", "mosquitto", "hub", "grafana"}
    assert running("influx2") == {*core, "influxdb"}
    assert running("influx3") == {*core, "influxdb3"}
    assert running("influx2", "sql", "prometheus", "demo") == {*core, "influxdb", "postgres", "prometheus", "edge"}
    head = (ROOT / "docker-compose.yml").read_text().partition("name: wardline")[0]
    assert all(re.search(rf"\b{profile}\b", head) for profile in PROFILES)


def test_a_service_that_may_not_be_there_is_not_needed_by_one_that_always_is():
    for name, service in RUNNING.items():
        for needed, how in service["depends_on"].items():
            if set(COMPOSE["services"][needed].get("profiles", [])) - set(service.get("profiles", [])):
                assert how["required"] is False, f"{name} needs {needed}"


def test_either_influxdb_answers_to_the_same_name_at_the_same_port():
    three = COMPOSE["services"]["influxdb3"]
    assert three["networks"]["default"]["aliases"] == ["influxdb"]
    assert "--http-bind=0.0.0.0:8086" in three["command"]
    assert COMPOSE["services"]["grafana"]["environment"]["INFLUXDB_URL"] == "http://influxdb:8086"


def test_no_secret_is_written_out_anywhere():
    for name, service in COMPOSE["services"].items():
        for key, value in service.get("environment", {}).items():
            if re.search("PASSWORD|TOKEN|SECRET", key):
                assert key.endswith("_FILE"), f"{name}: {key}"
                assert value.startswith("/run/wardline/"), f"{name}: {key}"
    for path in (ROOT / "config/compose").glob("*.yaml"):
        for secret in re.findall(r"(?:password|token): *(.*)", path.read_text()):
            assert secret.startswith("file:/run/wardline/"), path.name


@pytest.mark.parametrize("name", RUNNING)
def test_a_service_reads_only_secrets_that_are_made_for_it(name):
    service = RUNNING[name]
    named = set(re.findall(r"/run/wardline/([a-z0-9-]+)", yaml.safe_dump(service)))
    for source in mounts(service, "bind").values():
        if (ROOT / source).is_file():
            named |= set(re.findall(r"/run/wardline/([a-z0-9-]+)", (ROOT / source).read_text()))
    assert named == set(SERVICES.get(name, ()))
    assert mounts(service, "volume").get("/run/wardline") == (f"{name}-secrets" if named else None)


def test_secrets_are_made_once_and_are_private(tmp_path):
    write_compose_secrets(tmp_path)
    files = {path: path.read_text() for path in tmp_path.rglob("*") if path.is_file()}
    assert all(path.stat().st_mode & 0o077 == 0 for path in files)
    assert {path.name for path in (tmp_path / "hub").iterdir()} == set(SERVICES["hub"])
    write_compose_secrets(tmp_path)
    assert {path: path.read_text() for path in tmp_path.rglob("*") if path.is_file()} == files
    assert set(read_clients(tmp_path / MASTER)) == set(CLIENTS)


def test_a_client_enrolled_later_reaches_the_broker_and_a_narrower_token_stays(tmp_path):
    write_compose_secrets(tmp_path)
    (tmp_path / "grafana" / "influxdb-token").write_text("may-only-read")
    write_broker_files(tmp_path / MASTER, [Client("gw-icu-1", "gateway")])
    write_compose_secrets(tmp_path)
    assert "gw-icu-1:" in (tmp_path / "mosquitto" / "passwd").read_text()
    assert "user gw-icu-1" in (tmp_path / "mosquitto" / "acl").read_text()
    assert (tmp_path / "grafana" / "influxdb-token").read_text() == "may-only-read"


def test_influxdb_3_is_given_the_token_that_hub_and_grafana_have(tmp_path):
    write_compose_secrets(tmp_path)
    made = json.loads((tmp_path / "influxdb3" / "influxdb3-admin").read_text())
    assert made["token"] == (tmp_path / "hub" / "influxdb-token").read_text()
    assert made["token"].startswith("apiv3_")
    assert len(made["token"]) > 30


def test_two_installations_share_no_secret(tmp_path):
    for name in ("one", "two"):
        write_compose_secrets(tmp_path / name)
    secrets = [
        {path.read_text().strip() for path in (tmp_path / name / MASTER / "secrets").iterdir()}
        for name in ("one", "two")
    ]
    assert len(secrets[0]) == len(secrets[1]) == 9
    assert not secrets[0] & secrets[1]


@pytest.mark.parametrize("name", OURS)
def test_a_command_of_our_image_exists_and_reads_files_that_are_mounted(name):
    service = OURS[name]
    binds, volumes = mounts(service, "bind"), mounts(service, "volume")
    found = commands(service)
    assert found
    for words in found:
        assert _parser(words).parse_args(words).run
        for path in (word for word in words if word.startswith("/etc/")):
            assert (ROOT / binds[path]).is_file()
    for path in re.findall(r"path: (/var/\S+)", "".join((ROOT / bind).read_text() for bind in binds.values())):
        assert str(Path(path).parent) in volumes


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_every_file_that_is_mounted_exists(name):
    for source in mounts(COMPOSE["services"][name], "bind").values():
        assert (ROOT / source).exists(), source


def settings_copy(name: str, folder: Path) -> Path:
    """The settings file of a service with its folders moved below `folder`."""
    text = (ROOT / f"config/compose/{name}.yaml").read_text()
    text = text.replace("/run/wardline/", f"{folder}/{name}/").replace("/var/lib/wardline/", f"{folder}/")
    path = folder / f"{name}.yaml"
    path.write_text(text)
    return path


def test_hub_and_edge_accept_their_settings_and_secrets(tmp_path, capsys):
    write_compose_secrets(tmp_path)
    for name in ("hub", "edge"):
        assert main([name, "check", "--config", str(settings_copy(name, tmp_path))]) == 0, capsys.readouterr().err


def test_the_hub_accepts_the_sql_section_once_it_is_taken_in(tmp_path, capsys):
    write_compose_secrets(tmp_path)
    path = settings_copy("hub", tmp_path)
    text = re.sub(r"(?m)^  # (sql:|  url:|  password:)", r"  \1", path.read_text())
    assert "\n  sql:\n    url: postgresql://wardline@postgres/wardline\n" in text
    path.write_text(text)
    assert main(["hub", "check", "--config", str(path)]) == 0, capsys.readouterr().err
    assert {"POSTGRES_USER": "wardline", "POSTGRES_DB": "wardline"}.items() <= COMPOSE["services"]["postgres"][
        "environment"
    ].items()


@pytest.mark.prometheus
def test_prometheus_reads_every_page_there_is_by_settings_that_are_good(tmp_path):
    text = (ROOT / "config/compose/prometheus.yml").read_text()
    (tmp_path / "prometheus.yml").write_text(text)
    (tmp_path / "alerts.yml").write_text((ROOT / "config/prometheus/alerts.yml").read_text())
    assert "SUCCESS" in promtool("check", "config", "prometheus.yml", folder=tmp_path)
    hub, edge = yaml.safe_load(text)["scrape_configs"]
    settings = read_settings(ROOT / "config/compose/hub.yaml", HubSettings)
    asked = {one["labels"]["part"]: one["targets"] for one in hub["static_configs"]}
    paging = settings.pagers.file is not None
    parts = {part: number for part, number in METRICS_PORTS.items() if part != "pagers" or paging}
    assert asked == {part: [f"hub:{settings.metrics.port + number}"] for part, number in parts.items()}
    metrics = load_settings(ROOT / "config/compose/edge.yaml").settings.metrics
    assert edge["static_configs"] == [{"targets": [f"edge:{metrics.port}"]}]
    assert {job["job_name"] for job in (hub, edge)} == {"wardline-hub", "wardline-edge"}  # alerts ask for them


def test_hub_edge_and_simulators_speak_of_the_same_devices():
    hub = read_settings(ROOT / "config/compose/hub.yaml", HubSettings)
    edge = load_settings(ROOT / "config/compose/edge.yaml").settings
    plan = read_plan(ROOT / "firmware_sim/plans/demo.yaml")
    [gateway] = hub.gateways
    assert gateway.id == edge.gateway == edge.broker.username
    assert [device.id for device in gateway.devices] == [device.id for device in edge.devices]
    folder = commands(OURS["edge"])[0][-1]
    assert [device.serial.path for device in edge.devices] == [f"{folder}/{item.link}" for item in plan]
    assert {client.name for client in CLIENTS} >= {hub.broker.username, hub.console.username, edge.gateway}


def test_a_name_a_container_calls_is_a_service():
    text = "".join(path.read_text() for path in (ROOT / "config/compose").glob("*.yaml"))
    hosts = set(re.findall(r"(?:host: |http://)([a-z]+)", text + yaml.safe_dump(RUNNING["grafana"]["environment"])))
    assert hosts <= set(COMPOSE["services"])


def test_what_the_provisioning_of_grafana_needs_is_in_its_environment():
    wanted = set()
    for path in (ROOT / "grafana/provisioning").rglob("*.y*ml"):
        wanted |= set(re.findall(r"\$\{?([A-Z][A-Z0-9_]+)", path.read_text()))
    service = COMPOSE["services"]["grafana"]
    given = set(service["environment"]) | set(re.findall(r"\b([A-Z_]+)=", service["entrypoint"][-1]))
    assert wanted
    assert wanted <= given


def test_the_dashboards_are_mounted_where_their_provider_looks():
    wanted = set()
    for path in (ROOT / "grafana/provisioning/dashboards").glob("*.y*ml"):
        wanted |= {provider["options"]["path"] for provider in yaml.safe_load(path.read_text())["providers"]}
    assert wanted
    assert wanted <= set(mounts(COMPOSE["services"]["grafana"], "bind"))


def test_the_image_holds_every_package_and_what_is_copied_is_not_ignored():
    copied = re.findall(r"^COPY ((?!--from)[^\n]+) \S+$", DOCKERFILE, flags=re.M)
    sources = {name for line in copied for name in line.split()}
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]["packages"]
    assert set(packages) <= sources
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for source in sources:
        assert (ROOT / source).exists(), source
        assert source in allowed
