"""What is measured runs as processes: they are started and weighed here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.request import Request, urlopen

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

ROOT: Final = Path(__file__).parents[1]
#: How bulkconn is called, in this very environment.
BULKCONN: Final = (sys.executable, "-m", "bulkconn")
#: The alternatives that are not in our own locks live in an environment of their own (`make bench` makes it).
ALTERNATIVES: Final = Path(os.environ.get("BENCH_ALTERNATIVES", ROOT / ".venv/alternatives")) / "bin/python"


@dataclass(frozen=True)
class Spent:
    """What a process took: wall clock, processor time of all its threads, and its largest memory."""

    wall_s: float
    cpu_s: float
    peak_bytes: int
    out: str


@dataclass(frozen=True)
class Server:
    """A running server of `benchmarks.server`."""

    base_url: str

    def numbers(self) -> dict[str, Any]:
        """Give what it has counted since the last reset."""
        found: dict[str, Any] = json.loads(self._ask("GET", "/numbers"))
        return found

    def reset(self) -> None:
        """Let it begin to count anew."""
        self._ask("POST", "/reset")

    def _ask(self, method: str, path: str) -> bytes:
        request = Request(self.base_url + path, method=method)  # noqa: S310 - our own server, over http
        with urlopen(request, timeout=10) as reply:  # noqa: S310 - likewise
            body: bytes = reply.read()
        return body


@contextmanager
def serving(*words: str) -> Iterator[Server]:
    """Run the server for the length of the block."""
    command = [sys.executable, "-m", "benchmarks.server", *words]
    process = subprocess.Popen(command, env=_environment(), stdout=subprocess.PIPE, text=True)  # noqa: S603 - ours
    try:
        assert process.stdout is not None
        yield Server(f"http://127.0.0.1:{int(process.stdout.readline())}")
    finally:
        process.kill()
        process.communicate()


def spend(command: Sequence[str], *, folder: Path, variables: Mapping[str, str] | None = None) -> Spent:
    """Run a command to its good end, and weigh it."""
    out = folder / ".out"
    with out.open("wb") as file, (folder / ".err").open("wb") as errors:
        began_s = time.perf_counter()
        process = subprocess.Popen(  # noqa: S603 - ours
            command, cwd=folder, env={**_environment(), **(variables or {})}, stdin=subprocess.DEVNULL,
            stdout=file, stderr=errors,
        )  # fmt: skip
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - began_s
    process.returncode = os.waitstatus_to_exitcode(status)
    text = out.read_text(encoding="utf-8", errors="replace")
    if process.returncode != 0:
        said = (folder / ".err").read_text(encoding="utf-8", errors="replace")
        raise RuntimeError(
            f"{' '.join(command)} ended with {process.returncode}: {text[-500:]} {said[-1500:]}"
        )
    return Spent(wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, text)


def forget_ledger(folder: Path) -> None:
    """Remove the ledger of the last run."""
    for path in folder.glob("*.ledger.db*"):
        path.unlink()


def settings(server: Server, *, rate: float, concurrency: int) -> dict[str, str]:
    """Give a user's environment that points to a server, with a token as long as Adobe's."""
    return {
        "BULKCONN_BASE_URL": server.base_url,
        "BULKCONN_ACCESS_TOKEN": "t" * 1200,
        "BULKCONN_CLIENT_ID": "benchmark",
        "BULKCONN_ORG_ID": "BENCH@AdobeOrg",
        "BULKCONN_RATE": str(rate),
        "BULKCONN_CONCURRENCY": str(concurrency),
        "BULKCONN_INSECURE_HTTP": "true",
        "BULKCONN_LOG_LEVEL": "warning",
        "BULKCONN_OUTPUT": "json",
    }


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BULKCONN_")}
    return {**kept, "PYTHONPATH": str(ROOT)}
