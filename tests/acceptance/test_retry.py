"""`run --retry-failed` as a process: killed in the middle, beside rows that were never sent."""

from __future__ import annotations

import csv
import io
import json
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import pytest

from tests.acceptance.process import as_csv, check_exactly_once, postgres_rows
from tests.fakes.postgres import fresh_schema

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.acceptance.process import EmulatorProcess, Workplace

_ROWS = 90
#: Of the first half of the inventory every row but these was refused.
_FINE = ("db-0001", "db-0002")


@pytest.fixture(params=["sqlite", "postgres"])
def ledger(request: pytest.FixtureRequest, place: Workplace) -> Iterator[str]:
    """Give the ledger that the commands of the workplace use: a file, or a schema of a database."""
    with fresh_schema() if request.param == "postgres" else nullcontext("all.ledger.db") as where:
        place.env |= {"BULKCONN_LEDGER": where, "BULKCONN_TIMEOUT": "2", "BULKCONN_SETTLE_GRACE": "1"}
        yield where


def states(place: Workplace, ledger: str) -> dict[str, set[str]]:
    """Give the names of the ledger's rows by state."""
    found: dict[str, set[str]] = {}
    for row in place.export(ledger):
        found.setdefault(row["state"], set()).add(row["name"])
    return found


def fail_half(emulator: EmulatorProcess, place: Workplace) -> set[str]:
    """Run the inventory so that most of its first half is refused, and stop before the rest is sent."""
    place.inventory(_ROWS)
    names = [row["name"] for row in postgres_rows(_ROWS)]
    half = names[: _ROWS // 2]
    refused = {name: ["status_400"] for name in half if name not in _FINE}
    # The row after them is not permitted: what follows was never sent.
    emulator.plan_faults(by_name={**refused, names[_ROWS // 2]: ["status_403"]})
    ended = place.run("run", "inventory.csv", "--concurrency", "1")
    assert (ended.code, ended.report["counts"]["pending"]) == (4, _ROWS // 2), ended.err
    assert ended.report["counts"]["failed"] == len(refused)
    return set(refused)


def left_behind(report: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Give severity, message and remedy of what a report says of rows that a retry passes over."""
    found = [one for one in report["diagnostics"] if "--retry-failed" in one["message"]]
    return [(one["severity"], one["message"], one["fix"]) for one in found]


def test_retry_killed_in_the_middle_is_finished_by_the_same_command_and_sends_nothing_else(
    emulator: EmulatorProcess, place: Workplace, ledger: str
) -> None:
    """Its own rows are created, each once; those that were never sent wait for a run without the flag."""
    refused = fail_half(emulator, place)
    never_sent = states(place, ledger)["pending"]
    fine = {one["name"] for one in emulator.connections()}
    assert fine == set(_FINE)
    retry = ("run", "inventory.csv", "--retry-failed")
    killed = place.start(*retry, BULKCONN_RATE="40")
    emulator.wait_for(lambda books: books["connection_count"] >= 12, killed)
    killed.kill()
    between = states(place, ledger)
    assert refused & between["pending"], between
    assert never_sent <= between["pending"]
    ended = place.run_once_free(*retry)
    assert (ended.code, ended.report["stopped"]) == (4, None), ended.err
    assert left_behind(ended.report) == [
        (
            "warning",
            f"{len(never_sent)} rows left pending: --retry-failed sends failed rows only",
            "run the same command without --retry-failed (and --error-code): it sends them too",
        )
    ]
    assert {one["name"] for one in emulator.connections()} == fine | refused
    assert states(place, ledger) == {"created": fine | refused, "pending": never_sent}
    again = place.run(*retry)
    assert (again.code, again.report["this_run"]["posts"]) == (4, 0)
    plain = place.run("run", "inventory.csv")
    assert (plain.code, plain.report["this_run"]["posts"]) == (0, len(never_sent))
    assert left_behind(plain.report) == []
    check_exactly_once(emulator, place.export(ledger), _ROWS)


def test_retry_that_is_terminated_says_so_and_goes_on(
    emulator: EmulatorProcess, place: Workplace, ledger: str
) -> None:
    """SIGTERM is no end of a retry: exit 143, and the same command finishes its rows."""
    refused = fail_half(emulator, place)
    retry = ("run", "inventory.csv", "--retry-failed", "--error-code", "1312-400")
    running = place.start(*retry, BULKCONN_RATE="40")
    emulator.wait_for(lambda books: books["connection_count"] >= 8, running)
    running.process.terminate()
    ended = running.wait()
    assert ended.code == 143
    assert left_behind(ended.report)[0][1].startswith(f"{_ROWS // 2} rows left pending")
    other = place.run("run", "inventory.csv", "--retry-failed", "--error-code", "1304")
    assert (other.code, other.report["this_run"]["posts"]) == (4, 0)
    finished = place.run(*retry)
    assert (finished.code, finished.report["counts"]["created"]) == (4, len(refused) + len(_FINE))
    assert finished.report["counts"]["pending"] == _ROWS // 2


def test_plan_of_a_retry_says_what_it_would_send_and_is_executed_so(
    emulator: EmulatorProcess, place: Workplace, ledger: str
) -> None:
    """`plan`, `plan --live`, `--detailed-exitcode`, `--max-create` and `run --plan` mean the same rows."""
    refused = fail_half(emulator, place)
    planned = place.run("plan", "inventory.csv", "--retry-failed", "-o", "plan.json")
    assert (planned.code, len(left_behind(planned.report))) == (0, 1)
    assert planned.report["counts"]["pending"] == len(refused) + _ROWS // 2
    text = place.run("plan", "inventory.csv", "--retry-failed", BULKCONN_OUTPUT="text")
    assert f"{len(refused)} rows of postgres in sandbox dev: would be created" in text.out
    assert f"{_ROWS // 2} rows of postgres in sandbox dev: pending, left alone: " in text.out
    live = place.run("plan", "inventory.csv", "--retry-failed", "--live", "--detailed-exitcode")
    assert (live.code, live.report["diff"]["create"]) == (2, len(refused))
    most = place.run("run", "inventory.csv", "--retry-failed", "--max-create", str(len(refused) - 1))
    assert (most.code, emulator.counts()["connection_count"]) == (2, len(_FINE))
    ended = place.run("run", "--plan", "plan.json", "--max-create", str(len(refused)))
    assert (ended.code, ended.report["this_run"]["posts"]) == (4, len(refused)), ended.err
    nothing = ("plan", "inventory.csv", "--retry-failed", "--detailed-exitcode")
    assert [place.run(*nothing).code, place.run(*nothing, "--live").code] == [0, 0]
    assert states(place, ledger)["created"] == refused | set(_FINE)


def test_text_of_a_retry_says_how_the_rest_is_sent(emulator: EmulatorProcess, place: Workplace) -> None:
    """A warning before the work, and the next step after it."""
    fail_half(emulator, place)
    ended = place.run("run", "inventory.csv", "--retry-failed", BULKCONN_OUTPUT="text")
    assert ended.code == 4
    assert f"warning: {_ROWS // 2} rows left pending: --retry-failed sends failed rows only" in ended.err
    assert "next: the same command without --retry-failed (and --error-code): it sends" in ended.out


def test_recreated_rows_are_sent_beside_all_that_is_pending(
    emulator: EmulatorProcess, place: Workplace
) -> None:
    """`--recreate` takes rows up and narrows nothing; with a retry it adds to it."""
    place.inventory(4)
    assert place.run("run", "inventory.csv").code == 0
    assert place.run("rollback", "--yes").code == 0
    place.inventory(6)
    both = place.run("run", "inventory.csv", "--recreate", "--retry-failed")
    assert (both.code, both.report["counts"]["created"], both.report["counts"]["pending"]) == (4, 4, 2)
    alone = place.run("run", "inventory.csv", "--recreate")
    assert (alone.code, alone.report["counts"]["created"]) == (0, 6)
    check_exactly_once(emulator, place.export(), 6)


def test_submitted_retry_is_done_by_workers_and_leaves_the_rest(
    emulator: EmulatorProcess, place: Workplace
) -> None:
    """Shards of a retry are done once their failed rows were tried; a run without the flag sends the rest."""
    with fresh_schema() as url:
        place.env |= {"BULKCONN_LEDGER": url, "BULKCONN_TIMEOUT": "2"}
        refused = fail_half(emulator, place)
        submitted = place.run("submit", "inventory.csv", "--retry-failed", "--shard-rows", "20")
        assert (submitted.code, len(left_behind(submitted.report))) == (0, 1), submitted.err
        assert place.run("worker", "--exit-when-idle").code == 0
        (view,) = json.loads(place.run("runs").out)
        assert (view["shards"], view["is_finished"]) == ({"done": 5}, True)
        assert states(place, url)["created"] == refused | set(_FINE)
        assert place.run("submit", "inventory.csv").code == 0
        assert place.run("worker", "--exit-when-idle").code == 0
        check_exactly_once(emulator, place.export(url), _ROWS)


def test_failed_rows_exported_are_an_inventory_for_a_retry(
    emulator: EmulatorProcess, place: Workplace
) -> None:
    """What the documentation shows: nothing of it stays behind."""
    refused = fail_half(emulator, place)
    exported = place.run("export", "--ledger", "inventory.ledger.db", "--state", "failed")
    rows = list(csv.DictReader(io.StringIO(exported.out)))
    assert {row["name"] for row in rows} == refused
    place.write("failed.csv", as_csv([{**row, "password": "pa55-in-tests"} for row in rows]))
    ended = place.run("run", "failed.csv", "--ledger", "inventory.ledger.db", "--retry-failed")
    assert (ended.code, ended.report["counts"]["created"]) == (0, len(refused)), ended.err
