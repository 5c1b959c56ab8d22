"""SIGTERM and SIGINT: an orderly end that says so, and the same command goes on."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import pytest

from tests.acceptance.process import check_exactly_once

if TYPE_CHECKING:
    from pathlib import Path

    from tests.acceptance.process import EmulatorProcess, Workplace

_SLOW = "db-0005"
_SIGNALS = pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)], ids=["SIGTERM", "SIGINT"]
)


@_SIGNALS
def test_run_ended_by_a_signal_says_so_and_goes_on(
    number: signal.Signals, code: int, emulator: EmulatorProcess, place: Workplace
) -> None:
    """What is in flight is finished, the rest stays pending, and the same command does it."""
    place.inventory(200)
    running = place.start("run", "inventory.csv", BULKCONN_RATE="100")
    emulator.wait_for(lambda books: books["posts"] >= 40, running)
    running.interrupt(number)
    ended = running.wait()
    report = ended.report
    assert (ended.code, report["exit_code"]) == (code, code)
    assert "the same command again" in report["stopped"]["fix"]
    counts = report["counts"]
    assert counts["created"] == emulator.counts()["connection_count"]
    assert counts["in_doubt"] == 0
    assert counts["created"] + counts["pending"] == report["rows"] == 200
    again = place.run("run", "inventory.csv")
    assert again.code == 0
    assert again.report["this_run"]["skipped"] == counts["created"]
    check_exactly_once(emulator, place.export(), 200)
    assert emulator.counts()["posts"] == 200


@_SIGNALS
def test_text_of_a_run_ended_by_a_signal_says_how_to_go_on(
    number: signal.Signals, code: int, emulator: EmulatorProcess, place: Workplace
) -> None:
    """A person reads that the same command goes on."""
    place.inventory(200)
    running = place.start("run", "inventory.csv", BULKCONN_RATE="50", BULKCONN_OUTPUT="text")
    emulator.wait_for(lambda books: books["posts"] >= 10, running)
    running.interrupt(number)
    ended = running.wait()
    assert ended.code == code
    assert "the same command again: it goes on where it was" in ended.out
    assert "Traceback" not in ended.err


def test_post_that_outlives_the_drain_is_in_doubt_and_claimed_by_the_next_run(
    emulator: EmulatorProcess, place: Workplace
) -> None:
    """A POST cut at the end of the drain is counted as in doubt; the next run finds it and sends nothing."""
    place.inventory(20)
    emulator.plan_faults(by_name={_SLOW: ["slow:60"]})
    running = place.start("run", "inventory.csv", "--drain", "0.5")
    emulator.wait_for(lambda books: books["posts"] == 20, running)
    running.interrupt(signal.SIGTERM)
    ended = running.wait()
    assert (ended.code, ended.report["counts"]["in_doubt"]) == (143, 1)
    assert [row["name"] for row in place.export() if row["state"] == "in_doubt"] == [_SLOW]
    again = place.run("run", "inventory.csv")
    assert again.code == 0
    assert (again.report["this_run"]["settled"], again.report["this_run"]["posts"]) == (1, 0)
    check_exactly_once(emulator, place.export(), 20)


def test_second_signal_during_the_drain_ends_at_once_and_loses_nothing(
    emulator: EmulatorProcess, place: Workplace
) -> None:
    """Who is in a hurry sends the signal twice: the row is left in doubt, and found by the next run."""
    place.inventory(20)
    emulator.plan_faults(by_name={_SLOW: ["slow:60"]})
    running = place.start("run", "inventory.csv", "--drain", "300")
    emulator.wait_for(lambda books: books["connection_count"] == 20, running)
    running.interrupt(signal.SIGTERM)
    _wait_for_text(running.err, "run.draining")
    running.interrupt(signal.SIGTERM)
    ended = running.wait(30)
    assert (ended.code, ended.report["exit_code"]) == (143, 143)
    assert "Traceback" not in ended.err
    again = place.run("run", "inventory.csv")
    assert (again.code, again.report["this_run"]["posts"]) == (0, 0)
    check_exactly_once(emulator, place.export(), 20)


def test_signal_while_only_graces_are_waited_for_ends_at_once(
    emulator: EmulatorProcess, place: Workplace
) -> None:
    """Nothing is in flight then, so nothing is waited for, and the doubt stays counted."""
    place.inventory(20)
    emulator.plan_faults(by_name={_SLOW: ["reset_before"]})
    running = place.start("run", "inventory.csv", "--settle-grace", "600", "--drain", "300")
    emulator.wait_for(lambda books: books["connection_count"] == 19, running)
    _wait_for_text(running.err, "row.in_doubt")
    running.interrupt(signal.SIGINT)
    ended = running.wait(30)
    assert (ended.code, ended.report["counts"]["in_doubt"]) == (130, 1)
    assert ended.report["counts"]["created"] == 19
    assert place.run("run", "inventory.csv", "--settle-grace", "1").code == 0
    check_exactly_once(emulator, place.export(), 20)


def _wait_for_text(path: Path, text: str) -> None:
    until = time.monotonic() + 30
    while text not in path.read_text("utf-8"):
        assert time.monotonic() < until, f"{text} never came"
        time.sleep(0.005)
