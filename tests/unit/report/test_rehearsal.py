"""A rehearsal as text: what users see, to the letter."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from bulkconn.core.errors import ExitCode
from bulkconn.core.forecast import Forecast
from bulkconn.core.lifecycle import State
from bulkconn.core.outcome import Scope
from bulkconn.core.proof import Proof, Rehearsal, Requests, Trial
from bulkconn.core.record import ErrorGroup
from bulkconn.core.rehearsal import Level
from bulkconn.core.report import Report, Stop, ThisRun
from bulkconn.report.rehearsal import render_opening, render_rehearsal

AHEAD = Forecast(
    rate_per_s=10,
    posts=2000,
    lookups=4,
    lookups_at_most=2002,
    eta_s=202.4,
    answer_s=2.0,
    rough_requests=3410,
    rough_eta_s=464.4,
)
PROOF = Proof(rows=2000, created=2000, connections=2000, duplicates=0, lost=0, invented=0, sent_again=0)
TRIAL = Trial(
    Level.MILD,
    4711,
    None,
    {"slow": 20, "reset_after_create": 41, "revoke_token": 1},
    kills=2,
    restarts=1,
    requests=Requests(posts=2100, lookups=1310, tokens=4, throttled=12),
)
REPORT = Report(
    "r1", None, {"created": 2000}, ThisRun(created=1950, settled=50, posts=2100), 41.3, ExitCode.OK
)
AGAIN = ["bulkconn", "rehearse", "my rows.csv", "--faults", "mild", "--seed", "4711"]


def rendered(**changes: Any) -> str:
    """Give the text of a rehearsal that went well, with changes."""
    rehearsal = dataclasses.replace(Rehearsal(REPORT, TRIAL, PROOF, AHEAD), **changes)
    return render_rehearsal(rehearsal, paths=["my rows.csv"], again=AGAIN)


def test_rehearsal_that_went_well_reads_as_documented() -> None:
    """The verdict first, then what it rests on, what the worker met, and what is ahead."""
    assert rendered() == (
        "proven: each row has exactly one connection, and the ledger knows its id\n"
        "\n"
        "rehearsal: 2,000 rows in 41 s\n"
        "  created  2,000\n"
        "the emulator's books against the ledger:\n"
        "  connections                 2,000\n"
        "  duplicates                      0\n"
        "  lost                            0\n"
        "  invented                        0\n"
        "  sent again by one more run      0\n"
        "the worker was killed 2 times and started again 1 time\n"
        "requests: 3,410 (2,100 POSTs, 1,310 lookups), 1.71 a row; 12 throttled (0.4%)\n"
        "faults met: 62, of 3 kinds\n"
        "  reset_after_create 41, slow 20, revoke_token 1\n"
        "\n"
        "the real run, at 10 requests a second:\n"
        "  a calm day       2,004 requests, 3 min 22 s\n"
        "  a day like this  3,410 requests, 7 min 44 s\n"
        "  and up to 1,998 lookups more where the sandboxes are full; longer if answers take over 2.0 s\n"
        "\n"
        "replay: bulkconn rehearse 'my rows.csv' --faults mild --seed 4711\n"
        "next: bulkconn plan 'my rows.csv'"
    )


def test_rehearsal_without_faults_has_no_second_day() -> None:
    """What was calm says nothing of a bad day."""
    text = rendered(trial=dataclasses.replace(TRIAL, level=Level.NONE, faults={}, kills=0, restarts=0))
    assert "faults met: none\n" in text
    assert "a calm day  2,004 requests" in text
    assert "a day like this" not in text


def test_rehearsal_with_many_kinds_of_faults_breaks_its_lines() -> None:
    """Forty kinds do not make one line of a thousand letters."""
    faults = {f"fault_number_{number}": number for number in range(1, 41)}
    text = rendered(trial=dataclasses.replace(TRIAL, faults=faults))
    assert "faults met: 820, of 40 kinds\n" in text
    assert max(map(len, text.splitlines())) <= 100
    assert all(f"{name} {times}" in text for name, times in faults.items())


def test_rehearsal_that_broke_says_what_and_asks_for_a_report() -> None:
    """A contradiction is shown with its ids, and there is nothing to go on with."""
    proof = dataclasses.replace(
        PROOF, duplicates=1, connections=2001, examples=("id-7 (Orders) is in question",)
    )
    text = rendered(proof=proof)
    assert text.startswith("BROKEN: the promise did not hold; please report it")
    assert "  duplicates                      1\n" in text
    assert "  id-7 (Orders) is in question\n" in text
    assert "next:" not in text


def test_rehearsal_that_did_not_finish_says_why() -> None:
    """Groups of errors with their remedies, the reason of the stop, and the ledger that was kept."""
    report = dataclasses.replace(
        REPORT,
        ledger="kept/rehearsal.ledger.db",
        counts={"created": 1998, "failed": 1, "pending": 1},
        groups=(ErrorGroup(State.FAILED, "1312-400", 1, "not a valid value: port"),),
        stopped=Stop("1415-400: no such auth spec", Scope.SOURCE, "correct the rows"),
    )
    text = rendered(report=report, proof=dataclasses.replace(PROOF, created=1998, connections=1998))
    assert text.startswith("not finished: nothing is doubled or lost, but rows are without a connection\n")
    assert "1 row failed: 1312-400\n  for example: not a valid value: port\n  fix: " in text
    assert "stopped (this source only): 1415-400: no such auth spec\n  fix: correct the rows\n" in text
    assert "ledger: kept/rehearsal.ledger.db\nreplay: " in text


@pytest.mark.parametrize(
    ("emulator", "where"),
    [
        (None, "an emulator inside this process"),
        ("http://127.0.0.1:8080", "the emulator at http://127.0.0.1:8080"),
    ],
    ids=["inside", "by-url"],
)
def test_opening_says_whom_it_talks_to_and_whom_it_never_does(emulator: str | None, where: str) -> None:
    """Nobody need fear that a rehearsal reaches Adobe."""
    assert render_opening(rows=1, emulator=emulator, level=Level.STORM, seed=3) == (
        "This rehearsal never talks to Adobe: 1 row, with dummies for all secrets, go to\n"
        f"{where}. No credentials are used. Faults: storm, seed 3."
    )
