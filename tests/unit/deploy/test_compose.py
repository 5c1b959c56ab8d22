"""docker-compose.yml: a compose file by its specification, with commands and settings that bulkconn takes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

import jsonschema
import pytest
import yaml

from bulkconn.emulator import EmulatorSettings
from tests.unit.deploy.containers import ROOT, parsed, unknown_settings

COMPOSE: Final[dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: Final[dict[str, dict[str, Any]]] = COMPOSE["services"]
OURS: Final = sorted(name for name, one in SERVICES.items() if one.get("image") == "bulkconn")
SCHEMA: Final = json.loads((Path(__file__).parent / "compose-spec.json").read_text(encoding="utf-8"))
#: What is read beside the options: credentials, and secrets in files.
_BESIDE: Final = ("BULKCONN_SCOPES", "BULKCONN_CLIENT_SECRET_FILE")


def test_compose_file_keeps_its_specification() -> None:
    """Every key and value is one that the specification's schema allows."""
    validator = jsonschema.Draft7Validator(SCHEMA)
    assert [f"{list(one.absolute_path)}: {one.message}" for one in validator.iter_errors(COMPOSE)] == []
    spoilt: dict[str, Any] = {"services": {"worker": {"comand": []}}}
    assert not validator.is_valid(spoilt)


@pytest.mark.parametrize("service", OURS)
def test_compose_commands_are_ones_that_bulkconn_takes(service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a container is told to do parses, in its environment, and each of its settings is read."""
    command, env = SERVICES[service]["command"], SERVICES[service].get("environment", {})
    assert isinstance(command, list), "exec form: no shell between a signal and bulkconn"
    given = {name: value for name, value in env.items() if not name.endswith("_FILE")}
    found, _ = parsed(command, given, monkeypatch)
    assert unknown_settings(found, env, _BESIDE) == []


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_compose_files_secrets_and_networks_are_there(service: str) -> None:
    """What a service mounts, reads or waits for exists."""
    one = SERVICES[service]
    for volume in one.get("volumes", []):
        source = volume.split(":")[0]
        assert source in COMPOSE["volumes"] or (ROOT / source).is_dir(), volume
    for word in one.get("command", []):
        if word.startswith("/inventories/"):
            assert (ROOT / word.removeprefix("/")).is_file()
    wanted = re.findall(r"/run/secrets/([\w-]+)", json.dumps(one.get("environment", {})))
    assert sorted(wanted) == sorted(one.get("secrets", []))
    assert set(one.get("depends_on", {})) <= SERVICES.keys()
    assert set(one["networks"]) <= COMPOSE["networks"].keys()


def test_compose_waits_for_what_is_healthy_or_done() -> None:
    """Nothing is started on the hope that something else is ready by then."""
    for one in SERVICES.values():
        for name, how in one.get("depends_on", {}).items():
            is_healthy = how["condition"] == "service_healthy" and "healthcheck" in SERVICES[name]
            assert is_healthy or how["condition"] == "service_completed_successfully"


def test_compose_services_that_stay_have_health_checks() -> None:
    """Whoever looks sees which one is ill; a command that ends by itself says so by its exit code."""
    staying = {name for name, one in SERVICES.items() if "profiles" not in one and name != "submit"}
    assert {name for name, one in SERVICES.items() if "healthcheck" in one} == staying
    port = SERVICES["worker"]["environment"]["BULKCONN_WORKER_METRICS_PORT"]
    assert f":{port}/readyz" in SERVICES["worker"]["healthcheck"]["test"][-1]


def test_compose_worker_can_be_scaled() -> None:
    """No name, port or network of its own stands against a second one."""
    assert not {"container_name", "ports", "network_mode"} & SERVICES["worker"].keys()


@pytest.mark.parametrize("service", OURS)
def test_compose_containers_may_change_nothing(service: str) -> None:
    """A read-only root, no capabilities, no way to more."""
    one = SERVICES[service]
    assert (one["read_only"], one["cap_drop"]) == (True, ["ALL"])
    assert one["security_opt"] == ["no-new-privileges:true"]


def test_compose_network_is_closed() -> None:
    """Credentials travel unencrypted between these services, so nobody else may listen, or be reached."""
    assert COMPOSE["networks"] == {"fleet": {"internal": True}}
    assert not [name for name, one in SERVICES.items() if "ports" in one]


def test_compose_credentials_are_the_emulators_own() -> None:
    """The secrets of the demo open nothing but the emulator and the database beside it."""
    emulator = EmulatorSettings()
    for service in ("run", "worker"):
        given = SERVICES[service]["environment"]
        assert given["BULKCONN_CLIENT_ID"] == emulator.client_id
        assert given["BULKCONN_ORG_ID"] == emulator.org_id
    assert SERVICES["submit"]["environment"]["BULKCONN_SANDBOX"] in emulator.sandboxes
    values = {name: _demo_secret(name) for name in COMPOSE["secrets"]}
    assert values["client-secret"] == emulator.client_secret.get_secret_value()
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    assert not [value for value in values.values() if value in text]


def _demo_secret(name: str) -> str:
    (path,) = re.findall(r":-(.+)\}$", str(COMPOSE["secrets"][name]["file"]))
    return Path(ROOT, path).read_text(encoding="utf-8").strip()
