"""Names that several connections bear, as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bulkconn.core.dedupe import Fate
from bulkconn.report.summary import render_stop
from bulkconn.report.words import duration, plural

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bulkconn.core.dedupe import Bearer, DedupeReport, Double

_WORDS: Final[Mapping[Fate, str]] = {
    Fate.OWNED: "this ledger's: kept",
    Fate.NO_OWNER: "kept: no connection of this name is this ledger's",
    Fate.FOREIGN: "kept: it bears another ledger's marker",
    Fate.IN_USE: "kept: in use",
    Fate.UNKNOWN: "kept: not known",
    Fate.SPARE: "may be deleted",
    Fate.REFUSED: "kept: the service refused",
    Fate.DELETED: "deleted",
}
#: Names that are told one by one.
_SHOWN: Final = 100


def render_bearer(bearer: Bearer) -> str:
    """Give one line for a connection."""
    uses = ""
    if bearer.sources is not None:
        uses = f", {plural(bearer.sources, 'source connection')}"
        uses += "" if bearer.flows is None else f", {plural(bearer.flows, 'flow')}"
    words = _WORDS[bearer.fate]
    return f"{bearer.item.connection_id}  {words}{uses}{': ' + bearer.message if bearer.message else ''}"


def render_double(double: Double) -> str:
    """Give a name with its connections."""
    lines = [f"{double.name} in {double.sandbox}"]
    return "\n".join([*lines, *(f"  {render_bearer(one)}" for one in double.bearers)])


def render_dedupe(report: DedupeReport) -> str:
    """Give the text that ends a dedupe."""
    names = plural(len(report.doubles), "name")
    lines = [f"dedupe: {names} with several connections, in {duration(report.duration_s)}"]
    lines += [render_double(one) for one in report.doubles[:_SHOWN]]
    if len(report.doubles) > _SHOWN:
        lines.append(f"... {len(report.doubles):,} altogether; --output json shows all")
    deleted = report.fates.get(Fate.DELETED, 0)
    if deleted:
        lines.append(f"deleted: {plural(deleted, 'connection')}")
    if report.settled_rows:
        lines.append(f"{plural(report.settled_rows, 'row')} that had been held: created now")
    if report.fates.get(Fate.NO_OWNER, 0):
        lines.append("fix: decide by hand which to keep where none is this ledger's")
    if report.fates.get(Fate.SPARE, 0) and report.is_dry_run:
        lines.append("next: the same command without --dry-run asks for each of them")
    if report.stopped is not None:
        lines += render_stop(report.stopped)
    if report.ledger is not None:
        lines.append(f"ledger: {report.ledger}")
    return "\n".join(lines)
