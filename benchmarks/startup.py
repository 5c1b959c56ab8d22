"""How long a person waits for nothing: `--help`, `status`, and a `plan` of ten rows."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from benchmarks.figures import Figure, by_turns, compare
from benchmarks.processes import BULKCONN, serving, settings, spend
from benchmarks.rows import write_inventory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


def startup(folder: Path, *, rounds: int, weighs_cpu: bool = False) -> Iterator[Figure]:
    """Measure beside an interpreter that does nothing: the time, or the processor time alone."""
    with serving() as server:
        user = settings(server, rate=100_000, concurrency=20)
        inventory = str(write_inventory(folder / "ten.csv", 10))
        spend((*BULKCONN, "run", inventory), folder=folder, variables=user)

        def timing(*command: str) -> Callable[[], float]:
            def once() -> float:
                spent = spend(command, folder=folder, variables=user)
                return (spent.cpu_s if weighs_cpu else spent.wall_s) * 1000

            return once

        for name, words in (
            ("bulkconn --help", ("--help",)),
            ("bulkconn status", ("status", "--ledger", "ten.ledger.db")),
            ("bulkconn plan of ten rows", ("plan", "--offline", inventory)),
        ):
            ours, empty = by_turns(rounds, timing(*BULKCONN, *words), timing(sys.executable, "-c", "pass"))
            yield compare(name, "empty interpreter", "ms", (ours, empty))
