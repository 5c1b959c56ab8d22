"""`python -m benchmarks`: measure, print a table, write JSON. `make bench` and `make bench-short` call it."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from click import echo

from benchmarks.figures import Figure, line
from benchmarks.limits import behind_latency, under_a_limit
from benchmarks.recorded import losses
from benchmarks.scale import scale
from benchmarks.stages import stages
from benchmarks.startup import startup
from benchmarks.throughput import thrift, throughput

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

PARTS = ("throughput", "limits", "latency", "scale", "start", "stages")


def main() -> int:
    """Measure what was asked for; with `--check` say whether a ratio fell grossly, three times in a row."""
    given = _parse()
    with tempfile.TemporaryDirectory(prefix="bulkconn-benchmark-", dir=given.folder) as name:
        folder = Path(name)
        if given.check:
            return _check(folder)
        load = os.getloadavg()[0]
        figures = list(_shown(_measure(folder, given)))
        table = stages(folder, rows=4_000 if given.short else 20_000) if "stages" in given.only else {}
    for thread, found in table.items():
        echo(f"CPU us a row, {thread} thread: " + ", ".join(f"{one} {us:.1f}" for one, us in found.items()))
    result = {
        "machine": _machine(),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "is_short": given.short,
        "load": {"before": load, "after": os.getloadavg()[0]},
        "figures": [one.as_json() for one in figures],
        "cpu_us_per_row": table,
    }
    if given.json:
        Path(given.json).write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    echo(
        f"load of the machine {load:.1f} before, {os.getloadavg()[0]:.1f} after, "
        f"on {os.cpu_count()} processors"
    )
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--short", action="store_true", help="three rounds and fewer rows: minutes")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="some parts of it")
    parser.add_argument(
        "--million", action="store_true", help="scale: really send 1,000,000 rows, not 200,000"
    )
    parser.add_argument("--rounds", type=int, help="5; 3 with --short")
    parser.add_argument("--folder", help="where files and ledgers are put: a local disk with 3 GB")
    parser.add_argument("--json", help="write the figures here")
    parser.add_argument("--check", action="store_true", help="compare a few ratios with the recorded ones")
    return parser.parse_args()


def _measure(folder: Path, given: argparse.Namespace) -> Iterator[Figure]:
    short = given.short
    rounds = given.rounds or (3 if short else 5)
    parts: dict[str, Callable[[], Iterable[Figure]]] = {
        "throughput": lambda: throughput(folder, rounds=rounds, rows=5_000 if short else 20_000),
        "limits": lambda: under_a_limit(folder, rounds=1 if short else rounds, seconds=10 if short else 25),
        "latency": lambda: behind_latency(folder, rounds=rounds, rows=2_000 if short else 5_000),
        "scale": lambda: scale(
            folder,
            rounds=1 if short else rounds,
            rows=100_000 if short else 1_000_000,
            run_rows=20_000 if short else 1_000_000 if given.million else 200_000,
        ),
        "start": lambda: startup(folder, rounds=max(5, rounds)),
    }
    for name, part in parts.items():
        if name in given.only:
            yield from part()


def _shown(figures: Iterable[Figure]) -> Iterator[Figure]:
    echo(f"{'figure':<44} {'ratio':>8}  {'goal':<17} {'ours':>12} : {'theirs':>12} {'unit':<8} against")
    for figure in figures:
        echo(line(figure))
        yield figure


def _check(folder: Path) -> int:
    """Measure the short figures until none has lost grossly, at most three times."""
    for attempt in (1, 2, 3):
        figures = [*startup(folder, rounds=3, weighs_cpu=True), *thrift(folder, rounds=2, rows=2_000)]
        lost = losses(figures)
        for figure in figures:
            echo(line(figure))
        if not lost:
            return 0
        echo(f"attempt {attempt}: " + "; ".join(lost))
    echo(
        "error: bulkconn became at least twice as slow, three times in a row\n"
        "  fix: ask `make bench` for the reason; if it is meant, mend benchmarks/recorded.json",
        err=True,
    )
    return 1


def _machine() -> dict[str, str | int | None]:
    return {
        "system": platform.platform(),
        "processors": os.cpu_count(),
        "python": platform.python_version(),
        "aiohttp": version("aiohttp"),
        "uvloop": version("uvloop"),
    }


if __name__ == "__main__":
    sys.exit(main())
