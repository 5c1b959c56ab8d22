"""Diagnostics as text: what happened, where, what was seen and allowed, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bulkconn.core.diagnostics import Diagnostic

#: A screenful is read, a hundred screens are not: beyond this the text only says how many there are.
SHOWN_MAX: Final = 100


def render_diagnostics(diagnostics: Sequence[Diagnostic], *, shown_max: int = SHOWN_MAX) -> str:
    """Give the text of diagnostics in their order, a blank line between two; empty where there is none."""
    blocks = [render_diagnostic(one) for one in diagnostics[:shown_max]]
    more = len(diagnostics) - shown_max
    if more > 0:
        blocks.append(f"... and {more} more; the same command with --output json gives all of them")
    return "\n\n".join(blocks)


def render_diagnostic(diagnostic: Diagnostic) -> str:
    """Give the text of one diagnostic, without a line break at its end."""
    lines = [f"{diagnostic.severity.value}: {diagnostic.message}", f"  at {_place(diagnostic)}"]
    seen = []
    if diagnostic.found is not None:
        seen.append(f'found "{diagnostic.found}"')
    if diagnostic.allowed is not None:
        seen.append(f"expected {diagnostic.allowed}")
    if seen:
        lines.append(f"  {'; '.join(seen)}")
    lines.append(f"  fix: {diagnostic.fix}")
    return "\n".join(lines)


def _place(diagnostic: Diagnostic) -> str:
    parts = (diagnostic.file, diagnostic.row, diagnostic.column)
    return ":".join(str(part) for part in parts if part is not None)
