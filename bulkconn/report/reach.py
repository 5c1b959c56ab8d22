"""The end of `check` as text: counts, what stands in the way with one remedy each, and what it proves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bulkconn.core.reach import Result
from bulkconn.core.reach_report import ALLOW_LIST, NOTICE
from bulkconn.core.text import shown
from bulkconn.report.summary import render_stop
from bulkconn.report.words import columns, duration, plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bulkconn.core.reach_report import ReachGroup, ReachReport

#: Servers that are written out for each cause; the rest is counted.
SHOWN_SERVERS: Final = 10


def render_reach(report: ReachReport) -> str:
    """Give the text that ends `check`."""
    tally, counts = report.tally, report.counts
    rows = plural(sum(counts.values()), "row")
    lines = [f"check: {rows} in {duration(report.duration_s)}; nothing was sent to Experience Platform"]
    lines += columns((name.replace("_", " "), f"{counts[name]:,}") for name in counts if counts[name])
    if tally.encrypted or tally.plain:
        plain = f", {tally.plain:,} without encryption" if tally.plain else ""
        lines.append(f"logins: {tally.encrypted:,} with TLS{plain}")
    by_cause: dict[tuple[object, object], list[ReachGroup]] = {}
    for group in tally.groups:
        by_cause.setdefault((group.first["result"], group.first["cause"]), []).append(group)
    for groups in by_cause.values():
        lines += ["", *_cause(groups)]
    if report.stopped is not None:
        lines += render_stop(report.stopped)
    return "\n".join([*lines, "", NOTICE, ALLOW_LIST])


def _cause(groups: Sequence[ReachGroup]) -> list[str]:
    """Give all that stands in the way for one cause: what, where, and the one remedy."""
    first = groups[0].first
    what = "failed" if first["result"] == Result.FAILED.value else "not checked"
    total = plural(sum(group.rows for group in groups), "row")
    lines = [f"{total} {what}: {str(first['cause']).replace('_', ' ')}"]
    by_message: dict[tuple[object, object], list[ReachGroup]] = {}
    for group in groups:
        by_message.setdefault((group.first["message"], group.first["code"]), []).append(group)
    for (message, code), alike in by_message.items():
        lines.append(f"  {message} [{code}]")
        lines += [f"    {_server(group)}" for group in alike[:SHOWN_SERVERS]]
        more = alike[SHOWN_SERVERS:]
        if more:
            rows = plural(sum(group.rows for group in more), "row")
            lines.append(
                f"    ... and {plural(len(more), 'server')} more with {rows}; -o FILE writes every row"
            )
    return [*lines, f"  fix: {first['fix']}"]


def _server(group: ReachGroup) -> str:
    row = group.first
    where = f" at {shown(str(row['host']))}:{row['port']}" if row["host"] is not None else ""
    spared = f", {group.not_tried:,} of them not tried" if group.not_tried and group.rows > 1 else ""
    example = f"{shown(str(row['name']))} ({row['inventory_file']}:{row['inventory_row']})"
    return f"{plural(group.rows, 'row')}{where}{spared}, such as {example}"
