"""What the live view keeps of a run."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from bulkconn.cli.following import Follower
from bulkconn.core.facts import (
    GateClosed,
    GateOpened,
    OutageBegan,
    PlaceParked,
    RowMoved,
    RowStaysInDoubt,
    Whom,
)
from bulkconn.core.lifecycle import State
from bulkconn.core.names import EndpointKey, RunId
from bulkconn.core.outcome import Scope
from bulkconn.core.record import Move
from bulkconn.core.report import Stop
from bulkconn.engine.survey import Survey

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
RUN = RunId("r")


class HandClock:
    """A clock that is set by hand."""

    clock_id = "hand"

    def __init__(self) -> None:
        self.at_s = 100.0

    def now(self) -> datetime:
        """Give a wall clock that nobody asks."""
        return AT

    def elapsed_s(self) -> float:
        """Give what was set."""
        return self.at_s


def moved(to: State, was: State, source: str = "postgres", **more: Any) -> RowMoved:
    """Give the fact of a move."""
    key = EndpointKey("dev/postgres/a")
    return RowMoved(Whom(key, "a", "dev", source), Move(key, to, AT, RUN, **more), was, 1)


def test_sources_begin_where_the_ledger_stands_and_follow_the_rows() -> None:
    """Rows that were finished before count as done; one that fails and is put back counts no more."""
    survey = Survey()
    survey.groups["create", "dev", "postgres"] = 5
    survey.groups["created", "dev", "postgres"] = 3
    survey.groups["settle", "prod", "mysql"] = 1
    follower = Follower(HandClock(), survey)
    for fact in (
        moved(State.CREATED, State.SENDING),
        moved(State.FAILED, State.SENDING),
        moved(State.FAILED, State.SENDING),
        moved(State.PENDING, State.FAILED),
        moved(State.CREATED, State.IN_DOUBT, "mysql"),
    ):
        follower.hear(fact, AT, RUN)
    standings = {one.source: (one.rows, one.done, one.failed) for one in follower.sources}
    assert standings == {"postgres": (8, 5, 1), "mysql": (1, 1, 0)}


def test_last_errors_are_kept_in_the_words_of_the_ledger() -> None:
    """Three of them, the newest last, each with row and reason."""
    follower = Follower(HandClock())
    whom = Whom(EndpointKey("k"), None, "dev", "postgres")
    for fact in (
        moved(State.FAILED, State.SENDING, error_code="1304-400", error_message="old"),
        moved(State.FAILED, State.SENDING, error_code="1304-400", error_message="no such\nserver"),
        moved(State.HELD, State.IN_DOUBT, error_code="twin"),
        RowStaysInDoubt(whom, "not visible"),
    ):
        follower.hear(fact, AT, RUN)
    said = [error.partition(" ")[2] for error in follower.errors]
    assert said == ["a failed: no such\\nserver", "a held: twin", "k stays in doubt: not visible"]
    follower.hear(OutageBegan(), AT, RUN)
    follower.hear(PlaceParked("dev", "mysql", "1413", Stop("x", Scope.SOURCE, "y")), AT, RUN)
    assert [error.partition(" ")[2] for error in follower.errors[1:]] == [
        "the service answers nobody: probing until it does",
        "mysql in dev is set aside: 1413",
    ]


def test_closed_gate_is_measured_while_it_is_closed_and_after() -> None:
    """So that it does not count against the speed."""
    clock = HandClock()
    follower = Follower(clock)
    follower.hear(GateClosed("throttled", 5.0), AT, RUN)
    clock.at_s += 2
    during = follower.closed_s
    follower.hear(GateClosed("throttled", 9.0), AT, RUN)
    clock.at_s += 3
    follower.hear(GateOpened(5.0), AT, RUN)
    clock.at_s += 10
    assert (during, follower.closed_s) == (2.0, 5.0)


def test_pace_is_kept_once_a_second() -> None:
    """However often the view is drawn."""
    clock = HandClock()
    follower = Follower(clock)
    for number in range(9):
        follower.on_pace(float(number))
        clock.at_s += 0.5
    assert follower.paces == [0.0, 2.0, 4.0, 6.0, 8.0]
