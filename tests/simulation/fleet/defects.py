"""Deliberate defects of what workers share; the simulation of a fleet must catch every one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bulkconn.core.errors import LeaseLost
from bulkconn.core.record import DoubtSince
from bulkconn.fleet import pace_sql, shared_pace
from bulkconn.fleet.one_renewal import OneRenewal
from bulkconn.ledger import leases, postgres
from bulkconn.ledger.postgres import PostgresStore
from bulkconn.ledger.postgres_ledger import PostgresLedger

if TYPE_CHECKING:
    from bulkconn.core.protocols import Token, TokenFailure
    from bulkconn.ledger.database import Database
    from bulkconn.ledger.leases import Lease

_RENEW = (
    "UPDATE leases SET commit_no = ?, until = clock_timestamp() + make_interval(secs => ?) WHERE scope = ?"
)


def fence_not_checked() -> list[tuple[Any, str, Any]]:
    """Whoever comes writes."""

    def fence(db: Database, lease: Lease, commit_no: int, lease_s: float) -> bool:
        db.execute(_RENEW, (commit_no, lease_s, lease.scope))
        return True

    return [(postgres, "fence", fence)]


def send_before_ignored() -> list[tuple[Any, str, Any]]:
    """A worker that slept through the end of its lease sends all the same."""
    return [(PostgresLedger, "send_before_s", property(lambda _self: float("inf")))]


def send_before_from_the_answer() -> list[tuple[Any, str, Any]]:
    """The lease counted from when the database's answer came, not from before it was asked."""
    original = PostgresStore._write

    def write(self: PostgresStore, work: Any) -> Any:
        result = original(self, work)
        self._send_before_s += 10.0
        return result

    return [(PostgresStore, "_write", write)]


def late_answer_ignored() -> list[tuple[Any, str, Any]]:
    """A resend does not ask for answers that came late."""
    return [(postgres, "read_late_answers", lambda _db, _keys: {})]


def late_answer_thrown_away() -> list[tuple[Any, str, Any]]:
    """A worker that lost its lease keeps nothing of what it was answered."""
    return [(PostgresStore, "_keep_late", lambda _self, _groups: None)]


def grace_from_the_beginning_of_the_lease() -> list[tuple[Any, str, Any]]:
    """Requests of the last holder are thought to have ended when its lease began."""

    def since(self: PostgresLedger) -> DoubtSince:
        return DoubtSince(self._clock.clock_id, self._clock.elapsed_s() - leases.LEASE_S)

    return [(PostgresLedger, "_cut_off_since", since)]


def doubt_begun_too_early() -> list[tuple[Any, str, Any]]:
    """What another holder sent is thought to be on its way no more, once its rows are taken in."""
    return [(PostgresLedger, "quiet_at_s", property(lambda _self: float("-inf")))]


def closing_told_once() -> list[tuple[Any, str, Any]]:
    """A Retry-After that could not be told once is told nobody, not even this worker's other shards."""

    def close_for(self: shared_pace.SharedPacer, seconds: float) -> None:
        self.spawn(self._tell(pace_sql.CLOSE, seconds=seconds))

    return [(shared_pace.SharedPacer, "close_for", close_for)]


def lost_commit_answer_repeated() -> list[tuple[Any, str, Any]]:
    """A transaction whose COMMIT lost its answer is done anew: its intent stands twice."""

    def fence(db: Database, lease: Lease, commit_no: int, lease_s: float) -> bool:
        renewed = db.execute(f"{_RENEW} AND token = ?", (commit_no, lease_s, lease.scope, lease.token))
        if not renewed.rowcount:
            raise LeaseLost("taken over", fix="none")
        return True

    return [(postgres, "fence", fence)]


def overlapping_slots() -> list[tuple[Any, str, Any]]:
    """Each worker counts its slots from now, whatever was given to others."""
    take = pace_sql.TAKE.replace("greatest(next_at, at) AS starts_at", "at AS starts_at")
    return [(pace_sql, "TAKE", take)]


def each_engine_renews() -> list[tuple[Any, str, Any]]:
    """Two shards of one worker ask for a token each."""

    async def renew(self: OneRenewal) -> Token | TokenFailure:
        return await self._tokens.renew()

    return [(OneRenewal, "renew", renew)]
