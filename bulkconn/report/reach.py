"""The end of `check` as text: counts, what stands in the way with one remedy each, and what it proves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bulkconn.core.reach import Result
from bulkconn.core.reach_report import ALLOW_LIST, NOTICE
from bulkconn.core.text import shown
from bulkconn.report.summary import render_stop
from bulkconn.report.words import columns, duration, plural

if TYPE_CHECKING:
    from bulkconn.core.reach_report import ReachGroup, ReachReport

#: Groups that are written out; the rest is counted.
SHOWN_GROUPS: Final = 30


def render_reach(report: ReachReport) -> str:
    """Give the text that ends `check`."""
    tally, counts = report.tally, report.counts
    rows = plural(sum(counts.values()), "row")
    lines = [f"check: {rows} in {duration(report.duration_s)}; nothing was sent to Experience Platform"]
    lines += columns((name.replace("_", " "), f"{counts[name]:,}") for name in counts if counts[name])
    if tally.encrypted or tally.plain:
        plain = f", {tally.plain:,} without encryption" if tally.plain else ""
        lines.append(f"logins: {tally.encrypted:,} with TLS{plain}")
    groups = tally.groups
    for group in groups[:SHOWN_GROUPS]:
        lines += ["", *_group(group)]
    more = sum(group.rows for group in groups[SHOWN_GROUPS:]) + tally.ungrouped
    if more:
        lines += ["", f"... and {plural(more, 'row')} more that are not ok; -o FILE writes every row"]
    if report.stopped is not None:
        lines += render_stop(report.stopped)
    return "\n".join([*lines, "", NOTICE, ALLOW_LIST])


def _group(group: ReachGroup) -> list[str]:
    row = group.first
    what = "failed" if row["result"] == Result.FAILED.value else "not checked"
    where = f" at {shown(str(row['host']))}:{row['port']}" if row["host"] is not None else ""
    not_tried = ""
    if group.not_tried and group.rows > 1:
        not_tried = f" ({group.not_tried:,} of them not tried: rows like them had failed)"
    cause = str(row["cause"]).replace("_", " ")
    return [
        f"{plural(group.rows, 'row')} {what}: {cause}{where}{not_tried}",
        f"  {row['message']} [{row['code']}]",
        f"  for example: {shown(str(row['name']))} ({row['inventory_file']}:{row['inventory_row']})",
        f"  fix: {row['fix']}",
    ]
