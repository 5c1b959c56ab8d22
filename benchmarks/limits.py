"""How close a run comes to the limit that it has: the service's pace, or its latency."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from benchmarks.figures import Figure, Goal, compare, stated
from benchmarks.processes import BULKCONN, forget_ledger, serving, settings, spend
from benchmarks.rows import write_inventory

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from benchmarks.processes import Server

_LATENCY_S: Final = 0.2
_PLACES: Final = 100


def under_a_limit(folder: Path, *, rounds: int, seconds: int) -> Iterator[Figure]:
    """Send at the very rate that the server allows: how much longer than ideal, and how many 429."""
    for rate in (20, 100):
        rows = rate * seconds
        inventory = write_inventory(folder / "inventory.csv", rows)
        with serving("--limit", str(rate)) as server:
            user = settings(server, rate=rate, concurrency=20)
            runs = [_numbers_of(folder, server, inventory, user) for _ in range(rounds)]
        took_s = [float(one["last_s"] - one["first_s"]) for one in runs]
        refused = [one["refused"] for one in runs]
        ideal = [(rows - 1) / rate] * len(took_s)
        yield compare(f"time of {rows} rows at {rate}/s", "ideal", "s", (took_s, ideal), Goal(most=1.05))
        pair = (float(sum(refused)), float(rows * len(took_s)))
        yield stated(f"429 at {rate}/s", "all requests", "requests", pair, Goal(most=0.02))


def _numbers_of(folder: Path, server: Server, inventory: Path, user: Mapping[str, str]) -> dict[str, Any]:
    forget_ledger(folder)
    server.reset()
    spend((*BULKCONN, "run", str(inventory)), folder=folder, variables=user)
    return server.numbers()


def behind_latency(folder: Path, *, rounds: int, rows: int) -> Iterator[Figure]:
    """Wait 200 ms for each answer, a hundred at once: 500 rows/s are to be had."""
    inventory = write_inventory(folder / "inventory.csv", rows)
    with serving("--latency", str(_LATENCY_S)) as server:
        user = settings(server, rate=100_000, concurrency=_PLACES)

        runs = [_numbers_of(folder, server, inventory, user) for _ in range(rounds)]
    # Requests arrive in waves: the first does not wait for one before it.
    ours = [float((rows - _PLACES) / (one["last_s"] - one["first_s"])) for one in runs]
    ideal = [_PLACES / _LATENCY_S] * len(ours)
    yield compare("rows/s at 200 ms, 100 at once", "ideal", "rows/s", (ours, ideal), Goal(least=0.95))
