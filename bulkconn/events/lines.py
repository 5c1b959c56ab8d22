"""Facts as JSON lines: what docs/events.md describes and `schema.json` holds it to.

The format has a version of its own, `v`. New kinds of event and new keys may come under the same version;
whatever else changes raises it.
"""

from __future__ import annotations

import json
from datetime import UTC
from typing import TYPE_CHECKING, Any, Final

from bulkconn.core.facts import (
    GateClosed,
    GateOpened,
    OutageBegan,
    OutageOver,
    PaceChanged,
    PlaceParked,
    RequestEnded,
    RowMoved,
    RowStaysInDoubt,
    RowTaken,
    RunBegan,
    RunEnded,
    TokenRenewed,
    Whom,
)
from bulkconn.core.lifecycle import State

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from bulkconn.core.facts import Fact
    from bulkconn.core.names import RunId

#: Version of the format.
VERSION: Final = 1
#: Diagnostics that the summary of a run repeats; an inventory may have a million.
_DIAGNOSTICS_MAX: Final = 100
_NAMES: Final = {State.ADOPTED: "adopted", State.FAILED: "failed", State.HELD: "held"}


def as_event(fact: Fact, at: datetime, run_id: RunId | None) -> dict[str, Any] | None:
    """Give the event that tells of a fact; None where no event does."""
    said = _said(fact)
    if said is None:
        return None
    name, content = said
    stamp = at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"v": VERSION, "event": name, "at": stamp, "run_id": run_id, **content}


def as_line(event: Mapping[str, Any]) -> bytes:
    r"""Write an event as one line.

    ASCII: names may hold what drives a terminal or breaks lines, and it arrives as `\u001b` and the like.
    """
    return json.dumps(event, separators=(",", ":")).encode("ascii") + b"\n"


def _said(fact: Fact) -> tuple[str, dict[str, Any]] | None:  # noqa: C901, PLR0911 - a table, read from the top
    match fact:
        case RowMoved():
            return _of_move(fact)
        case RowStaysInDoubt(row, reason):
            return "row.in_doubt", _row(row) | {"code": "not_settled", "message": reason}
        case PaceChanged(rate, ceiling, closed):
            return "pace.changed", {
                "rate_per_s": round(rate, 3),
                "ceiling_per_s": ceiling,
                "closed_for_s": round(closed, 3),
            }
        case GateClosed(reason, seconds):
            return "gate.closed", {"reason": reason, "seconds": round(seconds, 3)}
        case GateOpened(seconds):
            return "gate.opened", {"seconds": round(seconds, 3)}
        case TokenRenewed(generation):
            return "token.renewed", {"generation": generation}
        case OutageBegan():
            return "outage.began", {}
        case OutageOver(seconds):
            return "outage.over", {"seconds": round(seconds, 3)}
        case PlaceParked(sandbox, source, code, stop):
            return "place.parked", {"sandbox": sandbox, "source": source, "code": code, **stop.as_json()}
        case RunBegan(command, rows, to_send, in_doubt, ceiling):
            return "run.began", {
                "command": command,
                "rows": rows,
                "to_send": to_send,
                "in_doubt": in_doubt,
                "ceiling_per_s": ceiling,
            }
        case RunEnded(summary):
            return "run.ended", {"summary": _bounded(summary)}
        case RowTaken() | RequestEnded():
            return None


def _of_move(fact: RowMoved) -> tuple[str, dict[str, Any]] | None:
    move = fact.move
    content = _row(fact.row) | {"attempt_no": fact.attempt_no}
    match move.to:
        case State.CREATED:
            # From a doubt it came by a look, or by an answer that was found late.
            name = "settled" if fact.was is State.IN_DOUBT else "created"
        case State.ADOPTED | State.FAILED | State.HELD:
            name = _NAMES[move.to]
        case State.IN_DOUBT:
            name = "in_doubt"
        case State.PENDING if fact.was is not State.SENDING:
            name = "pending"
        case _:
            # It is on its way, or certainly was not processed and waits for its next try.
            return None
    if move.connection_id is not None:
        content["connection_id"] = move.connection_id
    if move.other_ids:
        content["other_ids"] = list(move.other_ids)
    if move.error_code is not None:
        content |= {"code": move.error_code, "message": move.error_message}
    if move.status is not None:
        content["status"] = move.status
    if move.request_id is not None:
        content["request_id"] = move.request_id
    return f"row.{name}", content


def _row(row: Whom) -> dict[str, Any]:
    return {"key": row.key, "name": row.name, "sandbox": row.sandbox, "source": row.source}


def _bounded(summary: Mapping[str, Any]) -> dict[str, Any]:
    diagnostics = summary.get("diagnostics", [])
    left_out = max(0, len(diagnostics) - _DIAGNOSTICS_MAX)
    return {
        **summary,
        "diagnostics": diagnostics[:_DIAGNOSTICS_MAX],
        **({"diagnostics_left_out": left_out} if left_out else {}),
    }
