"""The installed command as a process, and an emulator as another one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).resolve().parents[3]
HEADER = "name,source,platform_cloud,server,port,database,username,password,sslMode,x_team"
PASSWORD = "pw-Zq7rather-unlikely"
COUNTS = ("created", "adopted", "failed", "held", "in_doubt", "pending", "changed", "invalid")
THIS_RUN = ("created", "adopted", "settled", "skipped", "posts", "lookups", "throttled")
KEYS = (
    *("run_id", "ledger", "rows", "counts", "this_run", "diagnostics", "stopped", "duration_s"),
    "exit_code",
)


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Give an environment in which nothing of bulkconn is set but what is given."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("BULKCONN_") and "proxy" not in name.lower()
    }
    return {**kept, "PYTHONPATH": str(ROOT), **(extra or {})}


def postgres_rows(count: int, *, start: int = 0, password: str = PASSWORD) -> str:
    """Give a CSV inventory of so many valid rows."""
    rows = [
        f"db {index:03},postgres,azure,h{index}.example.com,5432,d,u,{password},Require,team-{index % 3}"
        for index in range(start, start + count)
    ]
    return "\n".join([HEADER, *rows, ""])


@dataclass
class Console:
    """A folder in which commands are typed, with their environment."""

    folder: Path
    env: dict[str, str] = field(default_factory=dict)

    def start(self, *words: str, **env: str) -> subprocess.Popen[str]:
        """Start a command."""
        return subprocess.Popen(
            [sys.executable, "-m", "bulkconn", *words],
            cwd=self.folder,
            env=clean_environment({**self.env, **env}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: str, stdin: str | None = None, **env: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            [sys.executable, "-m", "bulkconn", *words],
            cwd=self.folder,
            env=clean_environment({**self.env, **env}),
            input=stdin or "",
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def json(self, *words: str, **env: str) -> tuple[int, Any]:
        """Run a command with `--output json`; stdout must be one JSON value, whatever happened."""
        done = self.run(*words, "--output", "json", **env)
        return done.returncode, json.loads(done.stdout)

    def write(self, name: str, text: str) -> str:
        """Write a file into the folder and give its name."""
        (self.folder / name).write_text(text, encoding="utf-8")
        return name


def check_report(report: Any, exit_code: int) -> None:
    """Hold a report to the documented keys, in their order, and to its own sums."""
    assert tuple(report) == KEYS
    assert tuple(report["counts"]) == COUNTS
    assert tuple(report["this_run"]) == THIS_RUN
    assert report["rows"] == sum(report["counts"].values())
    assert report["exit_code"] == exit_code
    if report["stopped"] is not None:
        assert tuple(report["stopped"]) == ("reason", "scope", "fix")
        assert report["stopped"]["scope"] in {"row", "source", "sandbox", "run"}
    for diagnostic in report["diagnostics"]:
        assert tuple(diagnostic) == (
            *("severity", "file", "row", "column", "message", "found", "allowed", "fix"),
        )


@contextmanager
def running_emulator(*flags: str) -> Iterator[dict[str, str]]:
    """Run an emulator as a process and give the environment that its banner asks for."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bulkconn", "emulator", "--port", "0", *flags],
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    env = {}
    for line in process.stdout:
        if line.startswith("export "):
            name, _, value = line.removeprefix("export ").strip().partition("=")
            env[name] = value
            if name == "BULKCONN_SANDBOX":
                break
    try:
        yield env
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()
