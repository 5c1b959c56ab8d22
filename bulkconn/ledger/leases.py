"""Who holds a ledger in PostgreSQL, or a shard of it: leases that run out, and tokens that fence.

A lease belongs to a scope: the whole ledger (the empty one) or one shard. Whoever takes it raises the token,
also that of every scope which overlaps, so that a holder who slept through the end of its lease is refused
at its next write. All times are the database's own; a holder only counts how long ago it asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NewType

from bulkconn.core.errors import LeaseLost, LedgerLocked

if TYPE_CHECKING:
    from bulkconn.ledger.database import Database

Scope = NewType("Scope", str)

#: The whole ledger: `bulkconn run`, `settle` and everything else that is not a shard's work.
WHOLE: Final = Scope("")
#: Seconds for which a lease lasts without a sign of life.
LEASE_S: Final = 15.0
#: Two who would take a lease at once wait for each other at this advisory lock.
_ADVISORY: Final = 0x62756C6B

_OVERLAPS: Final = "(scope = '' OR scope = ? OR ? = '')"


@dataclass(frozen=True, slots=True)
class Lease:
    """What a holder was given.

    `in_flight_s`: for so long from now requests of earlier holders may still be on their way.
    """

    scope: Scope
    token: int
    in_flight_s: float


def take_lease(db: Database, scope: Scope, holder: str, request_timeout_s: float, lease_s: float) -> Lease:
    """Take a scope that nobody holds; the caller's transaction is open.

    `request_timeout_s` is how long a request of this holder may be on its way once its first byte left.

    Raises:
        LedgerLocked: somebody holds it, or a part of it.
    """
    db.execute("SELECT pg_advisory_xact_lock(?, hashtext(current_schema()))", (_ADVISORY,))
    held = db.execute(
        f"SELECT scope, holder, extract(epoch FROM until - clock_timestamp()) FROM leases "  # noqa: S608 - our own names
        f"WHERE until > clock_timestamp() AND {_OVERLAPS} ORDER BY until DESC LIMIT 1",
        (scope, scope),
    ).fetchone()
    if held is not None:
        raise LedgerLocked(
            f"{_words(held[0])} is held by {held[1]}",
            fix=f"wait for it to end; if it died, its hold ends by itself in {float(held[2]):.0f} s",
        )
    (found_s,) = db.execute(
        f"SELECT coalesce(max(extract(epoch FROM until - clock_timestamp()) + request_timeout_s), 0) "  # noqa: S608 - our own names
        f"FROM leases WHERE until > '-infinity' AND {_OVERLAPS}",
        (scope, scope),
    ).fetchone()
    in_flight_s = max(0.0, float(found_s))
    # Their ends stay: whoever takes another part of the same scope must know what may be on its way there.
    db.execute(
        f"UPDATE leases SET token = token + 1 WHERE {_OVERLAPS}",  # noqa: S608 - our own names
        (scope, scope),
    )
    (token,) = db.execute(
        """
        INSERT INTO leases (scope, token, holder, until, request_timeout_s, commit_no)
        VALUES (?, 1, ?, clock_timestamp() + make_interval(secs => ?), ?, 0)
        ON CONFLICT (scope) DO UPDATE SET
            token = leases.token + 1, holder = excluded.holder, until = excluded.until,
            request_timeout_s = excluded.request_timeout_s, commit_no = 0
        RETURNING token
        """,
        # This holder may die soon: then what is on its way of earlier ones counts for the next.
        (scope, holder, lease_s, max(request_timeout_s, in_flight_s)),
    ).fetchone()
    return Lease(scope, int(token), in_flight_s)


def fence(db: Database, lease: Lease, commit_no: int, lease_s: float) -> bool:
    """Let only the holder write, renew its lease, and number the transaction; False if it was done before.

    A transaction whose COMMIT was cut off is asked for again under the same number: it is either done
    or it never will be, because the statement below waits for one that is still under way.

    Raises:
        LeaseLost: another holder took over.
    """
    renewed = db.execute(
        "UPDATE leases SET commit_no = ?, until = clock_timestamp() + make_interval(secs => ?) "
        "WHERE scope = ? AND token = ? AND commit_no = ?",
        (commit_no, lease_s, lease.scope, lease.token, commit_no - 1),
    ).rowcount
    if renewed:
        return True
    row = db.execute("SELECT token, commit_no, holder FROM leases WHERE scope = ?", (lease.scope,)).fetchone()
    if row is not None and row[0] == lease.token and row[1] == commit_no:
        return False
    raise LeaseLost(
        f"{_words(lease.scope)} was taken over{f' by {row[2]}' if row else ''}: "
        "this process gave no sign of life for too long",
        fix="run the same command again; rows that were on their way are settled first",
    )


def give_back(db: Database, lease: Lease, in_flight_s: float) -> None:
    """End a lease: nothing of its holder's is on its way. Does nothing for one that was lost.

    `in_flight_s`: for so long from now requests of earlier holders may still be; the next one must know.
    """
    if in_flight_s > 0.0:
        db.execute(
            "UPDATE leases SET until = least(until, clock_timestamp()), request_timeout_s = ? "
            "WHERE scope = ? AND token = ?",
            (in_flight_s, lease.scope, lease.token),
        )
        return
    db.execute(
        "UPDATE leases SET until = '-infinity' WHERE scope = ? AND token = ?", (lease.scope, lease.token)
    )


def _words(scope: str) -> str:
    return f"{scope} of the ledger" if scope else "the ledger"
