"""The plan as text: what a run would do with each group of rows, and how long that takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bulkconn.report.summary import render_counts
from bulkconn.report.words import duration, plural

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bulkconn.core.report import Report

#: What becomes of a group, by the action or by the state as which its rows are skipped.
_FATES: Final[Mapping[str, str]] = {
    "create": "would be created",
    "leave": "pending, left alone: a run without --retry-failed sends them",
    "settle": "in doubt: would be looked up, and sent again only if certainly absent",
    "created": "created already: skipped",
    "adopted": "adopted already: skipped",
    "changed": "created already, but the row was edited since: reported, not sent",
    "failed": "failed before: skipped (--retry-failed sends them again)",
    "deleted": "rolled back: skipped (--recreate creates them again)",
    "held": "held: skipped until somebody has looked",
}


def render_plan(
    report: Report, groups: Mapping[tuple[str, str, str], int], *, rate_per_s: float, names_note: str
) -> str:
    """Give the text of a plan.

    Args:
        report: Counts and ledger.
        groups: Rows by (action or state, sandbox, source), as the survey counted them.
        rate_per_s: The ceiling at which a run would send.
        names_note: Whether and how the names in the sandboxes were looked at.
    """
    lines = [f"plan: {plural(sum(report.counts.values()), 'row')}; nothing was sent"]
    order = {fate: place for place, fate in enumerate(_FATES)}
    ranked = sorted(groups.items(), key=lambda item: (order.get(item[0][0], len(order)), item[0]))
    for (fate, sandbox, source), rows in ranked:
        lines.append(f"  {plural(rows, 'row')} of {source} in sandbox {sandbox}: {_FATES.get(fate, fate)}")
    which = "pending rows that are not left alone" if report.left_behind else "pending rows"
    lines += [f"counts ({which} would be created):", *render_counts(report.counts)] if report.counts else []
    to_create = sum(rows for (fate, _, _), rows in groups.items() if fate == "create")
    if to_create:
        least_s = duration(to_create / rate_per_s)
        lines.append(
            f"time: at least {least_s} for {plural(to_create, 'POST')} at {rate_per_s:g} requests a second"
        )
    lines.append(names_note)
    if report.ledger is not None:
        lines.append(f"ledger: {report.ledger}")
    return "\n".join(lines)
