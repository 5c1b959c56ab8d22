"""One process holds a ledger: a second one is turned away, and readers are not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.acceptance.process import check_exactly_once

if TYPE_CHECKING:
    from tests.acceptance.process import EmulatorProcess, Running, Workplace


@pytest.fixture
def holder(emulator: EmulatorProcess, place: Workplace) -> Running:
    """Give a run that holds the ledger and is in the middle of its work."""
    place.inventory(120)
    running = place.start("run", "inventory.csv", BULKCONN_RATE="15")
    emulator.wait_for(lambda books: books["posts"] >= 10, running)
    return running


@pytest.mark.parametrize(
    "words", [("run", "inventory.csv"), ("settle",), ("verify",)], ids=["run", "settle", "verify"]
)
def test_second_process_on_a_held_ledger_is_turned_away(
    words: tuple[str, ...], holder: Running, emulator: EmulatorProcess, place: Workplace
) -> None:
    """It exits with 5, names the process that holds the ledger, and sends nothing: nothing is doubled."""
    second = place.run(*words, BULKCONN_OUTPUT="text")
    assert second.code == 5
    assert f"is in use by process {holder.process.pid} on " in second.err
    assert "\n  fix: " in second.err
    assert not holder.is_over
    assert holder.wait().code == 0
    check_exactly_once(emulator, place.export(), 120)
    assert emulator.counts()["posts"] == 120


def test_second_process_with_json_output_reports_the_lock(holder: Running, place: Workplace) -> None:
    """The JSON value says the same, and stdout holds nothing else."""
    second = place.run("run", "inventory.csv")
    assert (second.code, second.report["exit_code"]) == (5, 5)
    assert f"process {holder.process.pid} " in second.report["stopped"]["reason"]
    assert second.report["stopped"]["fix"]


def test_readers_of_a_held_ledger_see_it(holder: Running, place: Workplace) -> None:
    """`status`, `export` and `plan` read a ledger while a run writes it, and do not disturb it."""
    status, exported = place.run("status"), place.export()
    planned = place.run("plan", "inventory.csv", "--offline")
    assert not holder.is_over
    assert status.code == 0
    assert status.report["counts"]["created"] >= 1
    assert sum(status.report["counts"].values()) == status.report["rows"]
    assert any(row["connection_id"] for row in exported)
    assert (planned.report["rows"], planned.report["stopped"]) == (120, None)
    assert holder.wait().code == 0
