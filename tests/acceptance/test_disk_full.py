"""A full disk: the run stops before it sends what it could not record, and loses nothing."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

import pytest

from tests.acceptance.process import check_accounted, check_exactly_once

if TYPE_CHECKING:
    from pathlib import Path

    from tests.acceptance.conftest import MountDisk, OpenWorkplace, StartEmulator
    from tests.acceptance.process import EmulatorProcess, Ended, Workplace

pytestmark = pytest.mark.slow

_ROWS = 300
_UNRECORDED = re.compile(r"^UNRECORDED key=(\S+) connection_id=(\S+)$", re.MULTILINE)
#: Starts the command with a limit on the size of the files that it writes.
_LIMITED = (
    "import os, resource, sys\n"
    "resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))\n"
    "os.execv(sys.executable, [sys.executable, '-m', 'bulkconn', *sys.argv[2:]])\n"
)


@pytest.fixture
def emulator(start_emulator: StartEmulator) -> EmulatorProcess:
    """Give an emulator so slow that many requests are on their way at any time."""
    return start_emulator("--latency", "0.3")


@pytest.fixture
def place(emulator: EmulatorProcess, open_workplace: OpenWorkplace) -> Workplace:
    """Give a workplace for it."""
    return open_workplace(emulator, BULKCONN_RATE="300", BULKCONN_SETTLE_GRACE="2", BULKCONN_OUTPUT="json")


def test_full_disk_stops_the_run_and_no_id_is_lost(
    emulator: EmulatorProcess, place: Workplace, mount_disk: MountDisk
) -> None:
    """Ids that could not be recorded are on stderr; with space again the same command finishes."""
    disk = mount_disk(64_000_000)
    place.inventory(_ROWS)
    ledger = disk.folder / "full.ledger.db"
    words = ("run", "inventory.csv", "--ledger", str(ledger))
    running = place.start(*words)
    emulator.wait_for(lambda books: books["posts"] >= 60, running)
    filler = disk.fill()
    ended = running.wait()
    assert "disk is full" in ended.report["stopped"]["reason"]
    _check_stop(ended, emulator, place, ledger)
    filler.unlink()
    _check_resume(emulator, place, words, ledger)


def test_disk_that_is_too_small_stops_the_run_and_no_id_is_lost(
    emulator: EmulatorProcess, place: Workplace, mount_disk: MountDisk
) -> None:
    """The ledger itself fills the disk; with a larger one the same command finishes."""
    disk = mount_disk(700_000)
    place.inventory(_ROWS)
    ledger = disk.folder / "full.ledger.db"
    words = ("run", "inventory.csv", "--ledger", str(ledger))
    ended = place.run(*words)
    _check_stop(ended, emulator, place, ledger)
    disk.remount("size=64m")
    _check_resume(emulator, place, words, ledger)


def test_disk_full_amid_doubts_refuses_every_run_until_there_is_space(
    emulator: EmulatorProcess, place: Workplace, mount_disk: MountDisk
) -> None:
    """Rows in doubt stay so, a run on the full disk sends nothing, and with space each is found or sent."""
    disk = mount_disk(64_000_000)
    place.inventory(_ROWS)
    kinds = ["reset_after_create", "reset_before", "slow_create:3"]
    emulator.plan_faults(by_name={f"db-{row:04d}": [kinds[row % 3]] for row in range(20, 50)})
    ledger = disk.folder / "full.ledger.db"
    words = ("run", "inventory.csv", "--ledger", str(ledger), "--settle-grace", "5")
    running = place.start(*words)
    emulator.wait_for(lambda books: books["posts"] >= 60, running)
    filler = disk.fill()
    assert running.wait().code == 5
    posts = emulator.counts()["posts"]
    check_accounted(emulator, place.export(ledger))
    again = place.run(*words)
    assert (again.code, emulator.counts()["posts"]) == (5, posts)
    assert "disk is full" in again.report["stopped"]["reason"]
    filler.unlink()
    _check_resume(emulator, place, words, ledger)


def test_limit_on_file_sizes_stops_the_run_and_no_id_is_lost(
    emulator: EmulatorProcess, place: Workplace
) -> None:
    """A quota needs no root: the same stop, the same end."""
    place.inventory(_ROWS)
    ledger = place.folder / "limited.ledger.db"
    words = ("run", "inventory.csv", "--ledger", str(ledger))
    ended = place.start(*words, through=(sys.executable, "-c", _LIMITED, "600000")).wait()
    _check_stop(ended, emulator, place, ledger)
    _check_resume(emulator, place, words, ledger)


def _check_stop(ended: Ended, emulator: EmulatorProcess, place: Workplace, ledger: Path) -> None:
    """Check that nothing was sent without an intent, and that each id is in the ledger or on stderr."""
    assert (ended.code, ended.report["exit_code"]) == (5, 5), ended.err[-2000:]
    assert ended.report["stopped"]["fix"]
    assert "Traceback" not in ended.err
    connections = {one["name"]: one["id"] for one in emulator.connections()}
    assert 0 < len(connections) < _ROWS
    rows = {row["name"]: row for row in place.export(ledger)}
    assert all(int(rows[name]["attempts"]) == 1 for name in connections)
    recorded = {row["connection_id"] for row in rows.values()}
    unrecorded = {found[1]: found[0] for found in _UNRECORDED.findall(ended.err)}
    assert set(connections.values()) <= recorded | set(unrecorded)
    by_id = {one: f"dev/postgres/{name}" for name, one in connections.items()}
    assert unrecorded.items() <= by_id.items()


def _check_resume(emulator: EmulatorProcess, place: Workplace, words: tuple[str, ...], ledger: Path) -> None:
    ended = place.run(*words)
    assert ended.code == 0, (ended.out, ended.err[-2000:])
    check_exactly_once(emulator, place.export(ledger), _ROWS)
    assert emulator.counts()["connection_count"] == _ROWS
