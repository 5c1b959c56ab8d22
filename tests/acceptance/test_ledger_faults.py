"""Ledgers that are damaged, newer, somebody else's or not to be written: nothing is sent, and why is told."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from random import Random
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.acceptance.conftest import MountDisk
    from tests.acceptance.process import EmulatorProcess, Workplace

_LEDGER = "inventory.ledger.db"
_COMMANDS = pytest.mark.parametrize(
    "words",
    [("run", "inventory.csv"), ("settle",), ("verify",), ("status",), ("export",)],
    ids=lambda words: words[0],
)


@pytest.fixture
def ledger(place: Workplace) -> Path:
    """Give the ledger of a finished run of 30 rows."""
    place.inventory(30)
    assert place.run("run", "inventory.csv").code == 0
    return place.folder / _LEDGER


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _spoil(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[5000:-2000] = Random(5).randbytes(len(content[5000:-2000]))
    path.write_bytes(content)


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _replace(path: Path) -> None:
    path.write_text("name,source\nthis is,no ledger\n" * 100)


@pytest.mark.parametrize("harm", [_truncate, _spoil, _empty, _replace], ids=lambda harm: harm.__name__[1:])
@_COMMANDS
def test_damaged_ledger_is_refused_with_a_remedy(
    words: tuple[str, ...],
    harm: Callable[[Path], None],
    ledger: Path,
    place: Workplace,
    emulator: EmulatorProcess,
) -> None:
    """Exit code 5, a line what and a line what to do; nothing is sent and the file is left as it is."""
    harm(ledger)
    content, posts = ledger.read_bytes(), emulator.counts()["posts"]
    ended = place.run(*words, BULKCONN_OUTPUT="text")
    assert ended.code == 5, (ended.out, ended.err)
    assert "error: " in ended.err
    assert _LEDGER in ended.err
    assert "\n  fix: " in ended.err
    assert "Traceback" not in ended.err
    assert emulator.counts()["posts"] == posts
    assert ledger.read_bytes() == content


@_COMMANDS
def test_newer_ledger_is_refused_with_a_remedy(
    words: tuple[str, ...], ledger: Path, place: Workplace, emulator: EmulatorProcess
) -> None:
    """Only a newer bulkconn knows what a newer format means."""
    with closing(sqlite3.connect(ledger)) as database:
        database.execute("PRAGMA user_version = 99")
    ended = place.run(*words, BULKCONN_OUTPUT="text")
    assert ended.code == 5
    assert "newer" in ended.err
    assert "\n  fix: " in ended.err
    assert emulator.counts()["posts"] == 30


@pytest.mark.parametrize(
    "words", [("run", "inventory.csv"), ("plan", "inventory.csv", "--offline"), ("settle",)]
)
def test_ledger_of_another_target_is_refused(
    words: tuple[str, ...], ledger: Path, place: Workplace, emulator: EmulatorProcess
) -> None:
    """Exit code 2, and both organisations are named: what this ledger knows says nothing there."""
    ended = place.run(*words, BULKCONN_OUTPUT="text", BULKCONN_ORG_ID="OTHER@AdobeOrg")
    assert ended.code == 2, ended.out
    assert "EMULATOR@AdobeOrg" in ended.err
    assert "OTHER@AdobeOrg" in ended.err
    assert "\n  fix: " in ended.err
    assert emulator.counts()["posts"] == 30


def test_run_in_a_read_only_folder_sends_nothing(
    place: Workplace, emulator: EmulatorProcess, mount_disk: MountDisk
) -> None:
    """A ledger that cannot be made stops the run before the first request."""
    place.inventory(5)
    folder = _read_only(place, mount_disk)
    ended = place.run("run", "inventory.csv", "--ledger", f"{folder}/a.ledger.db", BULKCONN_OUTPUT="text")
    assert ended.code == 5, ended.out
    assert "\n  fix: " in ended.err
    assert emulator.counts()["posts"] == 0


def test_ledger_in_a_read_only_folder_can_be_read_but_not_run(
    ledger: Path, place: Workplace, emulator: EmulatorProcess, mount_disk: MountDisk
) -> None:
    """`status` and `export` need no write access; `run` says that it does."""
    folder = _read_only(place, mount_disk, ledger)
    path = f"{folder}/{_LEDGER}"
    assert len(place.export(path)) == 30
    assert place.run("status", "--ledger", path).report["counts"]["created"] == 30
    ended = place.run("run", "inventory.csv", "--ledger", path, BULKCONN_OUTPUT="text")
    assert ended.code == 5
    assert "\n  fix: " in ended.err
    assert emulator.counts()["posts"] == 30


def _read_only(place: Workplace, mount_disk: MountDisk, *content: Path) -> Path:
    """Give a folder where nobody may write; root may anywhere, unless the disk itself is read-only."""
    if os.geteuid() == 0:
        disk = mount_disk(8_000_000)
        for path in content:
            (disk.folder / path.name).write_bytes(path.read_bytes())
        disk.remount("ro")
        return disk.folder
    folder = place.folder / "locked"
    folder.mkdir()
    for path in content:
        (folder / path.name).write_bytes(path.read_bytes())
    folder.chmod(0o555)
    return folder
