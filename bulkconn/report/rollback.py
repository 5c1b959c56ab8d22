"""A rollback as text: the list before it, and what became of it."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Final

from bulkconn.core.rollback import Spared
from bulkconn.report.summary import render_counts, render_stop
from bulkconn.report.words import columns, duration, plural, table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from bulkconn.core.rollback_report import RollbackReport

#: What to do about rows that were kept, by reason.
_FIXES: Final[Mapping[Spared, str]] = {
    Spared.IN_USE: "delete the flows that use it (or let it be), then run the same command again",
    Spared.REFUSED: "see the message; then run the same command again",
    Spared.NOT_CERTAINLY_OURS: "look at the ids with `bulkconn dedupe` and decide",
    Spared.NOT_ANSWERED: "run the same command again: a DELETE may be repeated",
}
#: Kept rows that are told one by one.
_SHOWN: Final = 20


def render_listed(rows: Sequence[Mapping[str, Any]], total: int) -> str:
    """Give the table of what would be deleted, and how many rows it does not show."""
    headers = ("name", "source", "sandbox", "state", "connection_id")
    lines = [
        (one["name"], one["source"], one["sandbox"], one["state"], ", ".join(one["connection_ids"]))
        for one in rows
    ]
    more = f"\n... and {plural(total - len(rows), 'row')} more" if total > len(rows) else ""
    return f"{table(headers, lines)}{more}"


def render_rollback(report: RollbackReport) -> str:
    """Give the text that ends a rollback."""
    name = f"rollback {report.run_id}" if report.run_id else "rollback"
    title = f"{name}: {plural(report.chosen, 'row')} in {duration(report.duration_s)}"
    facts = [("deleted", report.deleted), ("of them gone before", report.already_gone)]
    facts += [(f"kept: {why.value.replace('_', ' ')}", report.kept.get(why, 0)) for why in Spared]
    facts.append(("not come to", report.left))
    lines = [title, *columns((fact, f"{rows:,}") for fact, rows in facts if rows)]
    lines += ["the ledger now:", *render_counts(report.counts)]
    for why in Spared:
        rows = [one for one in report.kept_rows if one.why is why]
        if rows:
            lines += ["", f"kept: {why.value.replace('_', ' ')}"]
            lines += [
                f"  {one.name} in {one.sandbox} ({', '.join(one.ids)}): {one.message}"
                for one in rows[:_SHOWN]
            ]
            if report.kept.get(why, 0) > _SHOWN:
                lines.append(f"  ... {report.kept[why]:,} altogether; --output json shows more")
            lines.append(f"  fix: {_FIXES[why]}")
    if report.in_doubt:
        ledger = shlex.quote(report.ledger or "")
        lines += [
            "",
            f"{plural(report.in_doubt, 'row')} in doubt: a connection may exist that nobody knows yet",
            f"  fix: bulkconn settle --ledger {ledger}, then run the same command again",
        ]
    if report.stopped is not None:
        lines += render_stop(report.stopped)
    if report.ledger is not None:
        lines += ["", f"ledger: {report.ledger}"]
    if report.deleted:
        lines.append("next: `bulkconn run INVENTORY --recreate` would create the deleted rows again")
    return "\n".join(lines)
