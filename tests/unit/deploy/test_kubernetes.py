"""deploy/kubernetes: objects that fit together, with commands and settings that bulkconn takes."""

from __future__ import annotations

from typing import Any, Final

import pytest
import yaml

from tests.unit.deploy.containers import ROOT, parsed, unknown_settings

_FOLDER: Final = ROOT / "deploy" / "kubernetes"
OBJECTS: Final[list[dict[str, Any]]] = [
    one
    for path in sorted(_FOLDER.glob("*.yaml"))
    for one in yaml.safe_load_all(path.read_text(encoding="utf-8"))
]
PODS: Final = {one["metadata"]["name"]: one for one in OBJECTS if one["kind"] in {"Job", "Deployment"}}
_BESIDE: Final = ("BULKCONN_SCOPES", "BULKCONN_CLIENT_SECRET_FILE")


def kind(name: str) -> dict[str, Any]:
    """Give the one object of a kind."""
    (found,) = [one for one in OBJECTS if one["kind"] == name]
    return found


def pod(name: str) -> dict[str, Any]:
    """Give the pod that an object makes."""
    spec: dict[str, Any] = PODS[name]["spec"]["template"]["spec"]
    return spec


def container(name: str) -> dict[str, Any]:
    """Give the one container of that pod."""
    (found,) = pod(name)["containers"]
    one: dict[str, Any] = found
    return one


def test_folder_has_a_job_an_indexed_job_and_a_deployment() -> None:
    """The README of the folder lists each file, and nothing else."""
    text = (_FOLDER / "README.md").read_text(encoding="utf-8")
    assert all(f"| `{path.name}` |" in text for path in _FOLDER.glob("*.yaml"))
    modes = {name: one["spec"].get("completionMode", one["kind"]) for name, one in PODS.items()}
    assert sorted(modes.values()) == ["Deployment", "Indexed", "Job", "Job"]


@pytest.mark.parametrize("name", PODS)
def test_pod_command_is_one_that_bulkconn_takes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its words and settings parse, each setting is read, and a drain fits into the pod's grace."""
    one = container(name)
    env = {**kind("ConfigMap")["data"], **{pair["name"]: pair.get("value", "x") for pair in one["env"]}}
    given = {variable: value for variable, value in env.items() if not variable.endswith("_FILE")}
    command, context = parsed(one["args"], given, monkeypatch)
    assert unknown_settings(command, env, _BESIDE) == []
    assert pod(name)["terminationGracePeriodSeconds"] > context.params.get("drain", 0)
    mounts = [mount["mountPath"] for mount in one["volumeMounts"]]
    for word in [*one["args"], *env.values()]:
        if word.startswith("/"):
            assert any(word.startswith(f"{path}/") for path in mounts)


@pytest.mark.parametrize("name", PODS)
def test_pod_refers_to_what_exists(name: str) -> None:
    """Secrets, their keys and files, settings, claims and volumes."""
    one, secret = container(name), kind("Secret")
    keys = {pair["valueFrom"]["secretKeyRef"]["key"] for pair in one["env"] if "valueFrom" in pair} | {
        pair["value"].rpartition("/")[2] for pair in one["env"] if pair["name"].endswith("_FILE")
    }
    assert keys <= secret["stringData"].keys()
    volumes = {volume["name"]: volume for volume in pod(name)["volumes"]}
    assert {mount["name"] for mount in one["volumeMounts"]} == volumes.keys()
    assert volumes["secrets"]["secret"]["secretName"] == secret["metadata"]["name"]
    claim = kind("PersistentVolumeClaim")["metadata"]["name"]
    assert volumes["inventories"]["persistentVolumeClaim"]["claimName"] == claim
    assert one["envFrom"][0]["configMapRef"]["name"] == kind("ConfigMap")["metadata"]["name"]


@pytest.mark.parametrize("name", PODS)
def test_pod_may_change_nothing(name: str) -> None:
    """What the restricted pod security standard asks for, and a read-only root."""
    assert (pod(name)["securityContext"]["runAsNonRoot"], pod(name)["automountServiceAccountToken"]) == (
        *(True, False),
    )
    allowed = container(name)["securityContext"]
    assert (allowed["allowPrivilegeEscalation"], allowed["readOnlyRootFilesystem"]) == (False, True)
    assert allowed["capabilities"] == {"drop": ["ALL"]}


def test_secret_holds_no_secret() -> None:
    """It is a form to fill in."""
    assert set(kind("Secret")["stringData"].values()) == {"FILL_IN"}


def test_workers_are_probed_where_they_listen_and_selected_by_their_labels() -> None:
    """Probes ask the metrics port, and the disruption budget is that of the same pods."""
    one = container("bulkconn-workers")
    env = {pair["name"]: pair.get("value") for pair in one["env"]}
    (port,) = one["ports"]
    assert str(port["containerPort"]) == env["BULKCONN_WORKER_METRICS_PORT"]
    asked = {one[probe]["httpGet"]["path"] for probe in ("livenessProbe", "readinessProbe")}
    assert asked == {"/healthz", "/readyz"}
    labels = PODS["bulkconn-workers"]["spec"]["template"]["metadata"]["labels"]
    assert PODS["bulkconn-workers"]["spec"]["selector"]["matchLabels"] == labels
    assert kind("PodDisruptionBudget")["spec"]["selector"]["matchLabels"] == labels
