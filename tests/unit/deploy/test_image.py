"""The Dockerfile, held to the rules that a linter of such files would hold it to."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Final

from tests.servers.private import free_port
from tests.unit.deploy.containers import ROOT

if TYPE_CHECKING:
    import pytest

_TEXT: Final = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
STEPS: Final = [
    (word, rest.strip())
    for word, _, rest in (line.partition(" ") for line in _TEXT.splitlines() if not line.startswith("#"))
    if word
]
LAST: Final = STEPS[max(number for number, (word, _) in enumerate(STEPS) if word == "FROM") :]


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
    """The lock of the image holds the extras of workers, and of inventories in object stores."""
    locked = (ROOT / "requirements" / "image.lock").read_text(encoding="utf-8")
    for package in ("procrastinate", "psycopg", "psycopg-pool", "prometheus-client", "obstore", "uvloop"):
        assert re.search(rf"^{package}==", locked, re.MULTILINE), package
