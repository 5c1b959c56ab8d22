"""Processor time of one row by stage, from the sampler: where the next person should look."""

from __future__ import annotations

import json
import sys
from collections import Counter
from typing import TYPE_CHECKING, Final

from benchmarks.processes import forget_ledger, serving, settings, spend
from benchmarks.rows import write_inventory

if TYPE_CHECKING:
    from pathlib import Path

_US: Final = 1_000_000


def stages(folder: Path, *, rows: int) -> dict[str, dict[str, float]]:
    """Give microseconds a row by thread and stage, of a run at 64 at once."""
    inventory = write_inventory(folder / "inventory.csv", rows)
    forget_ledger(folder)
    found = folder / "stages.json"
    with serving() as server:
        user = settings(server, rate=100_000, concurrency=64)
        command = (sys.executable, "-m", "benchmarks.sampler", str(found), "run", str(inventory))
        spend(command, folder=folder, variables=user)
    spent = json.loads(found.read_text(encoding="utf-8"))
    return {
        thread: {
            stage: seconds / rows * _US
            for stage, seconds in Counter(spent[thread]).most_common()
            if seconds / rows * _US >= 0.05
        }
        for thread in ("main", "ledger")
    }
