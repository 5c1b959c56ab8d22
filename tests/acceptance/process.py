"""The command and the emulator as processes: started, killed, read over their pipes, files and HTTP.

Nothing of bulkconn is imported here, but for the emulator's own process: these tests know what a user knows.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import multiprocessing
import os
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import signal
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from multiprocessing.connection import Connection
    from multiprocessing.context import ForkServerProcess

ROOT = Path(__file__).parents[2]
COMMAND = (sys.executable, "-m", "bulkconn")
_BASE_PATH = "/data/foundation/flowservice"
#: Emulators are forked from a process that has imported one: hundreds start, and importing takes longest.
_NURSERY = multiprocessing.get_context("forkserver")
_NURSERY.set_forkserver_preload(["bulkconn.cli.main", "bulkconn.cli.emulating", "bulkconn.cli.commands"])
#: Longer than any single command of these tests takes, on a slow machine too.
PATIENCE_S = 150.0


@dataclass(frozen=True)
class Ended:
    """A command that ended: its exit code (negative: the signal that killed it) and what it said."""

    code: int
    out: str
    err: str

    @property
    def report(self) -> dict[str, Any]:
        """The one JSON value on stdout."""
        value: dict[str, Any] = json.loads(self.out)
        return value


@dataclass
class Running:
    """A command that was started; its output goes to files, so that no full pipe can stop it."""

    process: subprocess.Popen[bytes]
    out: Path
    err: Path

    def kill(self) -> None:
        """Send SIGKILL and wait for the end."""
        self.process.kill()
        self.process.wait(PATIENCE_S)

    def interrupt(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self.process.poll() is not None

    def wait_for_log(self, event: str) -> None:
        """Wait until this event is in its log, or it has ended."""
        until = time.monotonic() + PATIENCE_S
        while f'"{event}"' not in _text(self.err) and not self.is_over:
            assert time.monotonic() < until, f"{event} never came"
            time.sleep(0.005)

    def wait(self, timeout_s: float = PATIENCE_S) -> Ended:
        """Wait for the end and give it."""
        code = self.process.wait(timeout_s)
        return Ended(code, _text(self.out), _text(self.err))


@dataclass
class Workplace:
    """A folder to work in, and the environment of a user whose target is set."""

    folder: Path
    env: dict[str, str]
    flags: tuple[str, ...] = ()
    _started: list[Running] = field(default_factory=list)

    def start(self, *words: str, through: Sequence[str] = COMMAND, **variables: str) -> Running:
        """Start a command here."""
        number = len(self._started)
        out, err = self.folder / f".out-{number}", self.folder / f".err-{number}"
        with out.open("wb") as out_file, err.open("wb") as err_file:
            process = subprocess.Popen(
                [*through, *words],
                cwd=self.folder,
                env={**self.env, **variables},
                stdin=subprocess.DEVNULL,
                stdout=out_file,
                stderr=err_file,
            )
        running = Running(process, out, err)
        self._started.append(running)
        return running

    def run(self, *words: str, **variables: str) -> Ended:
        """Run a command here to its end."""
        return self.start(*words, **variables).wait()

    def run_once_free(self, *words: str, **variables: str) -> Ended:
        """Run a command as soon as the lease of a process that was killed has run out."""
        until = time.monotonic() + PATIENCE_S
        while (ended := self.run(*words, **variables)).code == 5:
            assert "is held by" in ended.report["stopped"]["reason"]
            assert time.monotonic() < until
            time.sleep(1.0)
        return ended

    def export(self, ledger: str | Path | None = None) -> list[dict[str, str]]:
        """Give the ledger's rows, as a user exports them."""
        where = () if ledger is None else ("--ledger", str(ledger))
        ended = self.run("export", *where)
        assert ended.code == 0, ended.err
        return list(csv.DictReader(io.StringIO(ended.out)))

    def write(self, name: str, content: str | bytes) -> Path:
        """Write a file here."""
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def inventory(self, count: int, name: str = "inventory.csv", *, prefix: str = "db") -> Path:
        """Write an inventory of so many PostgreSQL databases in the sandbox `dev`."""
        return self.write(name, as_csv(postgres_rows(count, prefix=prefix)))

    def close(self) -> None:
        """Kill what still runs."""
        for one in self._started:
            if not one.is_over:
                one.kill()


def postgres_rows(count: int, *, prefix: str = "db") -> list[dict[str, str]]:
    """Give the cells of so many databases."""
    return [
        {
            "name": f"{prefix}-{number:04d}",
            "source": "postgres",
            "platform_cloud": "azure",
            "auth": "basic",
            "sandbox": "dev",
            "server": f"{prefix}-{number:04d}.example.com",
            "port": "5432",
            "database": "sales",
            "username": "reader",
            "password": "pa55-in-tests",
            "sslMode": "Require",
        }
        for number in range(1, count + 1)
    ]


def as_csv(rows: Sequence[Mapping[str, str]]) -> str:
    """Write rows as CSV; the columns are those of all rows."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


@dataclass
class EmulatorProcess:
    """`bulkconn emulator` as a process on a free port."""

    process: ForkServerProcess
    env: dict[str, str]
    _http: HTTPConnection
    #: Held open: what else it says must find somebody.
    _said: Connection

    @classmethod
    def start(cls, *flags: str) -> Self:
        """Start it and wait until it listens."""
        said, says = _NURSERY.Pipe(duplex=False)
        process = _NURSERY.Process(target=_emulate, args=(flags, bare_environment(), says), daemon=True)
        process.start()
        says.close()
        env: dict[str, str] = {}
        with open(said.fileno(), encoding="utf-8", closefd=False) as lines:
            for line in lines:
                if line.startswith("export "):
                    name, _, value = line.removeprefix("export ").strip().partition("=")
                    env[name] = value
                if "BULKCONN_SANDBOX" in env:
                    break
        assert env, "the emulator ended before it listened"
        address = urlsplit(env["BULKCONN_BASE_URL"])
        return cls(process, env, HTTPConnection(address.hostname or "", address.port, timeout=10), said)

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return self.env["BULKCONN_BASE_URL"].removesuffix(_BASE_PATH)

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """Use a route below /emulator/."""
        content = None if body is None else json.dumps(body)
        self._http.request(method, f"/emulator/{path}", body=content)
        reply = self._http.getresponse()
        text = reply.read()
        assert reply.status < 300, text
        return json.loads(text) if text else None

    def counts(self) -> dict[str, Any]:
        """Give the books without the connections."""
        books: dict[str, Any] = self.ask("GET", "books?connections=false")
        return books

    def connections(self) -> list[dict[str, Any]]:
        """Give every connection that exists."""
        listed: list[dict[str, Any]] = self.ask("GET", "books")["connections"]
        return listed

    def requests(self, method: str | None = None) -> list[dict[str, Any]]:
        """Give the log of requests."""
        listed: list[dict[str, Any]] = self.ask("GET", "requests")["requests"]
        return [one for one in listed if method in {None, one["method"]}]

    def plan_faults(self, **plan: object) -> None:
        """Let it commit these faults from now on."""
        self.ask("POST", "faults", plan)

    def wait_for(self, is_so: Callable[[dict[str, Any]], bool], running: Running) -> None:
        """Wait until the counts are so, or the command has ended."""
        until = time.monotonic() + PATIENCE_S
        while not is_so(self.counts()) and not running.is_over:
            assert time.monotonic() < until, f"waited in vain; {self.counts()}"
            time.sleep(0.002)

    def stop(self) -> None:
        """End it."""
        self._http.close()
        self.process.terminate()
        self.process.join(10)
        if self.process.is_alive():
            self.process.kill()
            self.process.join(10)
        self.process.close()
        self._said.close()


def _emulate(flags: Sequence[str], env: Mapping[str, str], says: Connection) -> None:
    """Be `bulkconn emulator`: what it prints goes into the pipe."""
    from bulkconn.cli.main import entry_point  # noqa: PLC0415 - in the emulator's process alone

    os.environ.clear()
    os.environ.update(env)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number, to in ((0, nowhere), (1, says.fileno()), (2, nowhere)):
        os.dup2(to, number)
    sys.exit(entry_point(["emulator", "--port", "0", *flags]))


def bare_environment() -> dict[str, str]:
    """Give an environment in which nothing of the user's settings is left."""
    kept = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "SYSTEMROOT")
    env = {name: os.environ[name] for name in kept if name in os.environ}
    # Where the package is not installed it is found beside the tests.
    return env | {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUTF8": "1"}


def check_exactly_once(emulator: EmulatorProcess, exported: Iterable[Mapping[str, str]], rows: int) -> None:
    """Check that every row has its connection, each key one, and that ledger and service agree on the ids."""
    books, ledger = emulator.ask("GET", "books"), list(exported)
    assert books["duplicates"] == []
    assert Counter(one["state"] for one in ledger) == {"created": rows}
    assert {one["name"]: one["connection_id"] for one in ledger} == {
        one["name"]: one["id"] for one in books["connections"]
    }
    assert len({one["key"] for one in ledger}) == len(ledger) == books["connection_count"] == rows


def check_accounted(emulator: EmulatorProcess, exported: Iterable[Mapping[str, str]]) -> None:
    """Check what must hold at any moment, between two runs too, while nothing is sent.

    Each connection of ours is in the ledger with its right id, or its row is in doubt or held and says so;
    no name has two connections unless its row is held and names them all; no id is invented or had twice.
    """
    rows, connections = {row["name"]: row for row in exported}, emulator.connections()
    ours: dict[str, set[str]] = {}
    for one in connections:
        if not one["planted"]:
            ours.setdefault(one["name"], set()).add(one["id"])
    for name, ids in ours.items():
        row = rows[name]
        named = ids & {row["connection_id"], *row["error_message"].replace(",", " ").split()}
        if row["state"] == "held":
            assert named == ids, f"{row} does not name all of {ids}"
        else:
            assert len(ids) == 1, f"{row} has twins: {ids}"
            is_in_doubt = row["state"] in {"in_doubt", "sending"}
            assert named == ids or is_in_doubt, f"{row} does not account for {ids}"
    existing = {one["id"]: one["name"] for one in connections}
    held = {row["name"]: row["connection_id"] for row in rows.values() if row["connection_id"]}
    # An id that is invented, or that two rows have, is missing from one side.
    assert held == {existing.get(one): one for one in held.values()}


def _text(path: Path) -> str:
    with contextlib.suppress(FileNotFoundError):
        return path.read_text("utf-8")
    return ""
