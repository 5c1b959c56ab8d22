"""The diff of `plan --live` as text, with the marks that Terraform's users know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bulkconn.core.diff import Change
from bulkconn.report.words import plural

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bulkconn.core.diff import LiveDiff

_MARKS: Final[Mapping[Change, tuple[str, str]]] = {
    Change.CREATE: ("+", "would be created"),
    Change.ADOPT: ("=", "exist, and would be adopted"),
    Change.CHANGED: ("~", "were edited since they were created: reported, not sent"),
    Change.ORPHAN: ("-", "are in the sandbox under this ledger's ids, but gone from the inventory"),
    Change.UNCHANGED: (" ", "unchanged"),
}
#: Rows of each change that are shown.
_SHOWN: Final = 20


def render_diff(diff: LiveDiff) -> str:
    """Give the counts of each change, with its first rows."""
    lines = ["inventory, ledger and sandboxes compared:"]
    for change, (mark, words) in _MARKS.items():
        count = diff.counts[change]
        if not count:
            continue
        lines.append(f"{mark} {plural(count, 'row')} {words}")
        rows = [one for one in diff.rows if one["change"] == change.value][:_SHOWN]
        for one in rows:
            known = f" ({one['connection_id']})" if one["connection_id"] else ""
            lines.append(f"    {mark} {one['name']} in {one['sandbox']}{known}")
        if rows and count > len(rows):
            lines.append(f"    ... {count - len(rows):,} more; --output json shows up to 10,000")
    if diff.unlisted:
        lines.append(f"not known, for they could not be listed: orphans in {', '.join(diff.unlisted)}")
    elif diff.is_empty:
        lines.append("nothing would change")
    return "\n".join(lines)
