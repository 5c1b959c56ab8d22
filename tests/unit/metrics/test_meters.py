"""Numbers follow the facts; what nobody told of is nought."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from bulkconn.core.facts import GateClosed, PaceChanged, RequestEnded, RequestKind, RowMoved, RunBegan, Whom
from bulkconn.core.lifecycle import State
from bulkconn.core.names import EndpointKey, RunId
from bulkconn.core.record import Move
from bulkconn.engine.throttle import OwnPacer
from bulkconn.metrics.meters import Meters

if TYPE_CHECKING:
    from bulkconn.core.facts import Fact

AT = datetime(2026, 1, 1, tzinfo=UTC)
KEY = EndpointKey("dev/postgres/s3cret-name")


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


def values(meters: Meters) -> dict[str, float]:
    """Read the text that Prometheus gets."""
    lines = [line for line in meters.as_text().decode().splitlines() if not line.startswith("#")]
    return {name: float(number) for name, _, number in (line.rpartition(" ") for line in lines)}


def tell(meters: Meters, *facts: Fact) -> None:
    """Tell facts."""
    for fact in facts:
        meters.hear(fact, AT, RunId("r"))


def moved(to: State, was: State, **more: Any) -> RowMoved:
    """Give the fact of a move."""
    return RowMoved(Whom(KEY, "n", "dev", "postgres"), Move(KEY, to, AT, RunId("r")), was, 1, **more)


def test_run_counts_rows_requests_and_doubts() -> None:
    """A doubt that is settled is one less; no number bears a name of the inventory."""
    meters = Meters(HandClock())
    tell(
        meters,
        RunBegan("run", 5, 4, 1, 10.0),
        moved(State.IN_DOUBT, State.SENDING),
        moved(State.IN_DOUBT, State.SENDING),
        moved(State.CREATED, State.IN_DOUBT),
        moved(State.CREATED, State.IN_DOUBT, is_counted=False),
        moved(State.PENDING, State.SENDING),
        RequestEnded(RequestKind.POST, KEY, "maybe_processed", 0.2),
        RequestEnded(RequestKind.LOOKUP, None, "200", 0.02),
    )
    found = values(meters)
    assert found["bulkconn_rows_in_doubt"] == 2
    assert found['bulkconn_rows_total{outcome="created"}'] == 2
    assert found['bulkconn_rows_total{outcome="failed"}'] == 0
    assert found['bulkconn_requests_total{kind="post",result="maybe_processed"}'] == 1
    assert found['bulkconn_request_seconds_bucket{kind="lookup",le="0.05"}'] == 1
    assert "s3cret-name" not in meters.as_text().decode()


def test_settle_counts_every_doubt_of_the_ledger() -> None:
    """It has no inventory."""
    meters = Meters(HandClock())
    tell(meters, RunBegan("settle", None, None, 3, 10.0), moved(State.HELD, State.IN_DOUBT, is_counted=False))
    assert values(meters)["bulkconn_rows_in_doubt"] == 2


def test_pace_and_closed_gate_are_those_that_were_told() -> None:
    """A closed gate is counted while it is closed, not when it is announced."""
    clock = HandClock()
    meters = Meters(clock)
    tell(meters, PaceChanged(7.5, 10.0, 2.0), GateClosed("throttled", 2.0))
    for _ in range(4):
        clock.at_s += 0.75
        meters.on_time(0.75)
    found = values(meters)
    assert (found["bulkconn_pace_per_second"], found["bulkconn_pace_ceiling_per_second"]) == (7.5, 10.0)
    assert found["bulkconn_gate_closed_seconds_total"] == 1.5


def test_run_is_ready_once_it_has_begun_and_a_worker_once_its_database_answered() -> None:
    """A worker is not ready any more when the database has been silent for twenty seconds."""
    clock = HandClock()
    run, worker = Meters(clock), Meters(clock, OwnPacer(10))
    before = (run.is_ready, worker.is_ready)
    assert "not begun" in run.trouble
    assert "database" in worker.trouble
    tell(run, RunBegan("run", 0, 0, 0, 10.0))
    worker.on_load({"queued": 3}, 1, 2.0)
    now = (run.is_ready, worker.is_ready)
    assert values(worker)['bulkconn_queue_shards{state="queued"}'] == 3
    assert values(worker)["bulkconn_lease_age_seconds"] == 2
    clock.at_s += 21
    assert (before, now) == ((False, False), (True, True))
    assert (run.is_ready, worker.is_ready) == (True, False)


def test_worker_has_pace_and_doubts_from_those_who_know_them() -> None:
    """Other workers change both."""
    pacer = OwnPacer(10)
    worker = Meters(HandClock(), pacer)
    worker.on_load({}, 4, 0.0)
    tell(
        worker,
        PaceChanged(3.0, 10.0, 0.0),
        RunBegan("run", 2, 2, 0, 10.0),
        moved(State.IN_DOUBT, State.SENDING),
    )
    pacer.restart_low(0.0)
    found = values(worker)
    assert found["bulkconn_pace_per_second"] == pacer.rate_per_s == 1.0
    assert found["bulkconn_rows_in_doubt"] == 4
