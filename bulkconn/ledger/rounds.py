"""Work that goes over the ledger's rows in rounds: what was cut off is gone on with by a later run.

A round is named by the run that began it. Plain functions over one connection.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bulkconn.ledger.codec import decode_document, decode_time

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from bulkconn.core.names import RunId
    from bulkconn.ledger.database import Database


@dataclass(frozen=True, slots=True)
class LastRun:
    """The newest run of a command. `summary` is empty where it was cut off."""

    run_id: RunId
    began_at: datetime
    settings: Mapping[str, Any]
    summary: Mapping[str, Any]


def read_last_run(db: Database, command: str) -> LastRun | None:
    """Give the newest run of a command that names itself in its settings; None where there is none."""
    row = db.execute(
        "SELECT run_id, began_at, settings, summary FROM runs WHERE settings LIKE ? ORDER BY id DESC LIMIT 1",
        # As `encode_json` writes it: compact, and quotes inside texts are escaped.
        (f'%"command":"{command}"%',),
    ).fetchone()
    if row is None:
        return None
    run_id, began_at, settings, summary = row
    return LastRun(run_id, decode_time(began_at), decode_document(settings), decode_document(summary or ""))
