"""Rows, changes and a hand-moved clock from which the tests of the ledger build their cases."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from bulkconn.core.endpoint import Endpoint
from bulkconn.core.lifecycle import State
from bulkconn.core.names import ConnectionId, EndpointKey, LedgerId, RunId
from bulkconn.core.record import (
    AttemptEnd,
    DoubtSince,
    Intent,
    Move,
    Provenance,
    RowSeen,
    SentAs,
    Target,
)
from bulkconn.core.source import PlatformCloud
from bulkconn.ledger.postgres import Holder
from bulkconn.ledger.postgres_ledger import PostgresLedger
from bulkconn.ledger.postgres_url import parse_place
from bulkconn.ledger.sqlite import SqliteLedger

if TYPE_CHECKING:
    from pathlib import Path

    from bulkconn.core.protocols import Ledger

START = datetime(2026, 3, 1, 12, 0, 0, 250_001, tzinfo=UTC)
TARGET = Target("https://platform.test/data/foundation/flowservice", "TEST@AdobeOrg")
SPEC = "74a1c565-4e59-48d7-9d67-7c03b8a13137"
RUN = RunId("run-1")


@dataclass
class HandClock:
    """A clock that moves only when a test says so."""

    clock_id: str = "boot-1"
    passed_s: float = 0.0

    def now(self) -> datetime:
        """Give the start plus what has passed."""
        return START + timedelta(seconds=self.passed_s)

    def elapsed_s(self) -> float:
        """Give what has passed."""
        return self.passed_s


def at(seconds: float) -> datetime:
    """Give a time so many seconds after the start."""
    return START + timedelta(seconds=seconds)


def endpoint(name: str = "sales", **changes: Any) -> Endpoint:
    """Give an endpoint of that name, its key `prod/postgresql/<name>` unless given."""
    made = Endpoint(
        key=EndpointKey(f"prod/postgresql/{name}"),
        name=name,
        source="postgresql",
        platform_cloud=PlatformCloud.AZURE,
        sandbox="prod",
        auth="basic",
        auth_spec_name="Basic Authentication",
        connection_spec_id=SPEC,
        connection_spec_version="1.0",
        description=None,
        params=(),
        cells={"server": "db.test", "password": "env://PG_PASSWORD", "x_owner": "Zoë"},
        fingerprint="f1",
        file="inventories/eu.csv",
        row=2,
    )
    return made._replace(**changes)


def seen(row: Endpoint, seconds: float = 0) -> RowSeen:
    """Say that the inventory has the row."""
    return RowSeen(row, at(seconds))


def intent(row: Endpoint, seconds: float = 1, **changes: Any) -> Intent:
    """Say that a POST for the row is about to leave."""
    sent_as = SentAs(row.sandbox, row.name, row.connection_spec_id)
    return replace(Intent(row.key, RUN, at(seconds), sent_as, row.fingerprint), **changes)


def move(row: Endpoint, to: State, seconds: float = 2, **changes: Any) -> Move:
    """Say that the row changes state, with nothing else learnt."""
    return replace(Move(row.key, to, at(seconds), RUN), **changes)


def created(row: Endpoint, seconds: float = 2, **changes: Any) -> Move:
    """Say that a 201 with an id came back."""
    found = Move(
        key=row.key,
        to=State.CREATED,
        at=at(seconds),
        run_id=RUN,
        connection_id=ConnectionId(f"id-{row.name}"),
        etag='"e1"',
        provenance=Provenance.REPLY,
        request_id="req-1",
        status=201,
        attempt_end=AttemptEnd.CREATED,
    )
    return replace(found, **changes)


def doubted(row: Endpoint, seconds: float = 2, **changes: Any) -> Move:
    """Say that an attempt ended without an answer."""
    lost = Move(
        key=row.key,
        to=State.IN_DOUBT,
        at=at(seconds),
        run_id=RUN,
        error_code="timeout",
        error_message="no answer within 60 s",
        attempt_end=AttemptEnd.IN_DOUBT,
        doubt_since=DoubtSince("boot-1", seconds),
    )
    return replace(lost, **changes)


async def open_ledger(path: Path, clock: HandClock | None = None, *, target: Target = TARGET) -> SqliteLedger:
    """Open a ledger file, or make it for the target of these tests."""
    clock = clock or HandClock()
    return await SqliteLedger.open(path, target, now=clock.now(), new_ledger_id=LedgerId("L1"), clock=clock)


async def open_postgres_ledger(
    url: str, clock: HandClock | None = None, *, holder: Holder | None = None, target: Target = TARGET
) -> PostgresLedger:
    """Open a ledger in PostgreSQL, or make it for the target of these tests."""
    clock = clock or HandClock()
    return await PostgresLedger.open(
        parse_place(url),
        target,
        holder or Holder("the tests", request_timeout_s=60.0),
        now=clock.now(),
        new_ledger_id=LedgerId("L1"),
        clock=clock,
    )


async def fill(ledger: Ledger, *rows: Endpoint) -> None:
    """Begin the run of these tests and enter rows."""
    await ledger.begin_run(RUN, START, {})
    await ledger.commit([seen(row) for row in rows])
