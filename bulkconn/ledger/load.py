"""How much the workers of a ledger have before them, cheap enough to be asked every few seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bulkconn.ledger.leases import LEASE_S

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bulkconn.ledger.database import Database


@dataclass(frozen=True, slots=True)
class Load:
    """Shards by state, rows in doubt, and since when one holder's oldest lease was not renewed (0: none)."""

    shards: Mapping[str, int]
    in_doubt: int
    lease_age_s: float


def read_load(db: Database, holder: str) -> Load:
    """Give the load of the whole ledger, and the age of this holder's leases."""
    shards = db.execute("SELECT state, count(*) FROM shards GROUP BY state").fetchall()
    (in_doubt,) = db.execute("SELECT count(*) FROM rows WHERE state = 'in_doubt'").fetchone()
    (age_s,) = db.execute(
        "SELECT coalesce(max(? - extract(epoch FROM until - clock_timestamp())), 0) FROM leases "
        "WHERE holder = ? AND until > clock_timestamp()",
        (LEASE_S, holder),
    ).fetchone()
    counts = dict.fromkeys(("queued", "working", "done", "set_aside", "changed", "cancelled"), 0)
    return Load({**counts, **dict(shards)}, int(in_doubt), max(0.0, float(age_s)))
