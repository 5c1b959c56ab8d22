"""Rows a second of a whole durable run, from the first import to the last fsync, beside other means."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Final

from benchmarks.figures import Figure, Goal, by_turns, compare
from benchmarks.processes import ALTERNATIVES, BULKCONN, ROOT, forget_ledger, serving, settings, spend
from benchmarks.rows import write_inventory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from benchmarks.processes import Server

_UNLIMITED_PER_S: Final = 100_000
_LOOP: Final = "bare aiohttp loop"


def throughput(folder: Path, *, rounds: int, rows: int) -> Iterator[Figure]:
    """Measure against the loop at 64 at once, and against the scripts at 20."""
    with serving() as server:
        run = _runner(folder, server, rows, concurrency=64)
        loop = _other(folder, server, "aiohttp_loop", rows, concurrency=64)
        yield compare(
            "throughput, 64 at once", _LOOP, "rows/s", _two(by_turns(rounds, run, loop)), Goal(least=0.70)
        )
        yield from _slow_disk(folder, server, rounds=rounds, rows=rows)
        yield from _scripts(folder, server, rounds=rounds, rows=rows)
    yield from thrift(folder, rounds=rounds, rows=rows)


def thrift(folder: Path, *, rounds: int, rows: int) -> Iterator[Figure]:
    """Measure rows by processor time, which busy neighbours disturb least."""
    with serving() as server:
        run = _runner(folder, server, rows, concurrency=64, weighs_cpu=True)
        loop = _other(folder, server, "aiohttp_loop", rows, concurrency=64, weighs_cpu=True)
        yield compare(
            f"rows per CPU second, of {rows:,} rows", _LOOP, "rows/s", _two(by_turns(rounds, run, loop))
        )


def _scripts(folder: Path, server: Server, *, rounds: int, rows: int) -> Iterator[Figure]:
    if not ALTERNATIVES.exists():
        sys.stderr.write(f"skipped: requests and aepp are not installed ({ALTERNATIVES})\n")
        return
    some = max(500, rows // 5)
    for name, module, concurrency, goal in (
        ("ThreadPoolExecutor + requests, 20 threads", "requests_script", 20, Goal(least=5)),
        ("aepp 0.6.0, 20 threads", "aepp_script", 20, Goal(least=8)),
        ("aepp 0.6.0, one after another", "aepp_script", 1, Goal(least=8)),
    ):
        run = _runner(folder, server, rows, concurrency=20)
        other = _other(folder, server, module, some, concurrency=concurrency, python=str(ALTERNATIVES))
        yield compare("throughput, 20 at once", name, "rows/s", _two(by_turns(rounds, run, other)), goal)


def _slow_disk(folder: Path, server: Server, *, rounds: int, rows: int) -> Iterator[Figure]:
    compiler = shutil.which("cc")
    if compiler is None:
        sys.stderr.write("skipped: no C compiler, so fsync cannot be made slower\n")
        return
    library = folder / "slow_fsync.so"
    source = str(ROOT / "benchmarks/slow_fsync.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", str(library), source], check=True)  # noqa: S603 - ours
    run = _runner(folder, server, rows, concurrency=64, variables={"LD_PRELOAD": str(library)})
    loop = _other(folder, server, "aiohttp_loop", rows, concurrency=64)
    pair = _two(by_turns(rounds, run, loop))
    yield compare("throughput, each fsync 5 ms longer", _LOOP, "rows/s", pair)


def _runner(
    folder: Path,
    server: Server,
    rows: int,
    *,
    concurrency: int,
    variables: Mapping[str, str] | None = None,
    weighs_cpu: bool = False,
) -> Callable[[], float]:
    inventory = write_inventory(folder / "inventory.csv", rows)
    user = {**settings(server, rate=_UNLIMITED_PER_S, concurrency=concurrency), **(variables or {})}

    def run() -> float:
        forget_ledger(folder)
        server.reset()
        spent = spend((*BULKCONN, "run", str(inventory)), folder=folder, variables=user)
        assert server.numbers()["created"] == rows
        return rows / (spent.cpu_s if weighs_cpu else spent.wall_s)

    return run


def _other(  # noqa: PLR0913 - likewise
    folder: Path,
    server: Server,
    module: str,
    rows: int,
    *,
    concurrency: int,
    python: str = sys.executable,
    weighs_cpu: bool = False,
) -> Callable[[], float]:
    command = (
        python,
        "-m",
        f"benchmarks.alternatives.{module}",
        server.base_url,
        str(rows),
        str(concurrency),
    )

    def run() -> float:
        spent = spend(command, folder=folder)
        return rows / (spent.cpu_s if weighs_cpu else spent.wall_s)

    return run


def _two(values: list[list[float]]) -> tuple[list[float], list[float]]:
    ours, theirs = values
    return ours, theirs
