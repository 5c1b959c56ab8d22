"""The wall clock leaps an hour, during a run and between two: what is waited for is counted otherwise."""

from __future__ import annotations

import shutil
import struct
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.acceptance.process import check_accounted, check_exactly_once

if TYPE_CHECKING:
    from tests.acceptance.conftest import OpenWorkplace, StartEmulator

_ROWS = 200
_HOUR_S = 3600
_GRACE_S, _TIMEOUT_S = 6, 1
#: The POST takes effect when its client has given it up, or was killed, but within the grace.
_LATE = "slow_create:3"
_FAULTS = {"before the leap": range(20, 35), "before the kill": range(100, 115)}


class WallClock:
    """The wall clock of every process started with `env`, shifted by a library in front of the C library."""

    def __init__(self, folder: Path) -> None:
        compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
        if compiler is None or sys.platform != "linux":
            pytest.skip("shifting a process's clock takes Linux and a C compiler")
        library, self._offset = folder / "wall_clock.so", folder / "offset"
        source = Path(__file__).with_name("wall_clock.c")
        subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source], check=True)
        self._offset.write_bytes(bytes(8))
        self.env = {"LD_PRELOAD": str(library), "WALL_CLOCK_OFFSET": str(self._offset)}

    def leap(self, seconds: int) -> None:
        """Show so many seconds more than the truth from now on."""
        with self._offset.open("r+b", buffering=0) as file:
            file.write(struct.pack("=q", seconds))


@pytest.fixture
def clock(tmp_path: Path) -> WallClock:
    """Give a wall clock of the test's own."""
    return WallClock(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("leap_s", [-_HOUR_S, _HOUR_S], ids=["back", "ahead"])
def test_wall_clock_that_leaps_an_hour_changes_nothing(
    leap_s: int, clock: WallClock, start_emulator: StartEmulator, open_workplace: OpenWorkplace
) -> None:
    """An hour ahead ends no grace early, an hour back is not waited for: neither in a run nor across two."""
    emulator = start_emulator("--latency", "0.05")
    place = open_workplace(
        emulator,
        **clock.env,
        BULKCONN_RATE="60",
        BULKCONN_TIMEOUT=str(_TIMEOUT_S),
        BULKCONN_SETTLE_GRACE=str(_GRACE_S),
        BULKCONN_OUTPUT="json",
    )
    place.inventory(_ROWS)
    kinds = [_LATE, "reset_after_create", "reset_before"]
    emulator.plan_faults(
        by_name={f"db-{row:04d}": [kinds[row % 3]] for rows in _FAULTS.values() for row in rows}
    )
    running = place.start("run", "inventory.csv")
    emulator.wait_for(lambda books: books["posts"] >= 60, running)
    clock.leap(leap_s)
    emulator.wait_for(lambda books: books["posts"] >= 120, running)
    running.kill()
    check_accounted(emulator, place.export())
    clock.leap(-leap_s)
    ended = place.run("run", "inventory.csv")
    assert ended.code == 0, (ended.out, ended.err[-2000:])
    rows = place.export()
    check_exactly_once(emulator, rows, _ROWS)
    # The rows of the second run bear times two hours from those of the first: the clock did leap.
    times = [datetime.fromisoformat(row["updated_at"]) for row in rows]
    assert max(times) - min(times) > timedelta(seconds=_HOUR_S * 1.5)
    clock.leap(0)
    assert place.run("settle").code == 0
    check_exactly_once(emulator, place.export(), _ROWS)
