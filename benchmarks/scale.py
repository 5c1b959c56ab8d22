"""What a million rows cost: validation, memory, resume, status, export, bytes on disk."""

from __future__ import annotations

import sys
from itertools import islice
from typing import TYPE_CHECKING, Final

from benchmarks.figures import Figure, Goal, compare, stated
from benchmarks.processes import BULKCONN, forget_ledger, serving, settings, spend
from benchmarks.rows import write_inventory

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchmarks.processes import Server, Spent

_FEW: Final = 10_000
_MIB: Final = 1024 * 1024


def scale(folder: Path, *, rounds: int, rows: int, run_rows: int) -> Iterator[Figure]:
    """Measure with so many rows beside 10,000; `run_rows` are really sent, finished ledgers prepared."""
    with serving() as server:
        yield from _planned(folder, server, rounds=rounds, rows=rows)
        yield from _sent(folder, server, rows=run_rows)
        yield from _finished(folder, server, rounds=rounds, rows=rows)


def _planned(folder: Path, server: Server, *, rounds: int, rows: int) -> Iterator[Figure]:
    few = _plans(folder, server, _FEW, 1)[0]
    many = _plans(folder, server, rows, rounds)
    start_s = _plans(folder, server, 10, 1)[0].wall_s
    per_s = [rows / (one.wall_s - start_s) for one in many]
    yield compare(
        f"plan of {rows:,} rows", "40,000 rows/s", "rows/s", (per_s, [40_000.0] * rounds), Goal(least=1)
    )
    yield from _memory(f"memory of a plan of {rows:,} rows", many[-1], few)


def _plans(folder: Path, server: Server, rows: int, rounds: int) -> list[Spent]:
    inventory = write_inventory(folder / f"{rows}.csv", rows)
    user = settings(server, rate=100_000, concurrency=20)
    forget_ledger(folder)
    command = (*BULKCONN, "plan", "--offline", str(inventory))
    return [spend(command, folder=folder, variables=user) for _ in range(rounds)]


def _sent(folder: Path, server: Server, *, rows: int) -> Iterator[Figure]:
    few, many = (_run(folder, server, count) for count in (_FEW, rows))
    yield from _memory(f"memory of a run of {rows:,} rows", many, few)
    size = sum(path.stat().st_size for path in folder.glob(f"{rows}.ledger.db"))
    yield stated(
        "ledger bytes a row", "row of the inventory", "bytes", (size / rows, _bytes_of(folder, rows))
    )


def _run(folder: Path, server: Server, rows: int) -> Spent:
    inventory = write_inventory(folder / f"{rows}.csv", rows)
    forget_ledger(folder)
    user = settings(server, rate=100_000, concurrency=64)
    return spend((*BULKCONN, "run", str(inventory)), folder=folder, variables=user)


def _finished(folder: Path, server: Server, *, rounds: int, rows: int) -> Iterator[Figure]:
    """Go on with a run that has nothing left to do, and read its ledger."""
    inventory = write_inventory(folder / f"{rows}.csv", rows)
    user = settings(server, rate=100_000, concurrency=64)
    forget_ledger(folder)
    command = (sys.executable, "-m", "benchmarks.finished_ledger", str(inventory), server.base_url)
    spend(command, folder=folder)
    again = (*BULKCONN, "run", str(inventory))
    start_s = _plans_start(folder, server)
    took = [spend(again, folder=folder, variables=user) for _ in range(rounds)]
    per_s = [rows / (one.wall_s - start_s) for one in took]
    pairs = (per_s, [50_000.0] * rounds)
    yield compare(f"resume of {rows:,} finished rows", "50,000 rows/s", "rows/s", pairs, Goal(least=1))
    ledger = str(next(folder.glob(f"{rows}.ledger.db")))
    for words, target in ((("status",), 5.0), (("export", "--format", "csv", "-o", "exported.csv"), 30.0)):
        (folder / "exported.csv").unlink(missing_ok=True)
        spent = spend((*BULKCONN, *words, "--ledger", ledger), folder=folder)
        name = f"{words[0]} of {rows:,} rows"
        yield stated(name, f"{target:g} s", "s", (spent.wall_s, target), Goal(most=1))


def _plans_start(folder: Path, server: Server) -> float:
    inventory = write_inventory(folder / "ten.csv", 10)
    user = settings(server, rate=100_000, concurrency=20)
    return spend((*BULKCONN, "plan", "--offline", str(inventory)), folder=folder, variables=user).wall_s


def _memory(name: str, many: Spent, few: Spent) -> Iterator[Figure]:
    pair = (many.peak_bytes / _MIB, few.peak_bytes / _MIB)
    yield stated(name, f"that of {_FEW:,} rows", "MiB", pair, Goal(most=1.5))
    yield stated(name, "300 MiB", "MiB", (pair[0], 300.0), Goal(most=1))


def _bytes_of(folder: Path, rows: int) -> float:
    with (folder / f"{rows}.csv").open("rb") as file:
        lines = list(islice(file, 1, 1001))
    return sum(map(len, lines)) / len(lines)
