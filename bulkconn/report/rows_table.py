"""The rows of a report: a table to read, and the same rows as data for the script that searches and sorts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from bulkconn.report.markup import Markup, as_data, isolated, tag, together
from bulkconn.report.pieces import state_word
from bulkconn.report.sections import STATES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

#: Rows that a page holds; more would take minutes to open.
MOST_ROWS: Final = 100_000
#: Rows that are a table even where no script runs.
READ_ROWS: Final = 100

#: (place in a row of data, heading, a shorter one) of the columns that are seen at once.
_SHOWN: Final = (
    (0, "Name", "Name"),
    (1, "State", "State"),
    (2, "Source", "Source"),
    (4, "Sandbox", "Sandbox"),
    (6, "Connection, or what stands against it", "Outcome"),
    (15, "Changed (UTC)", "Changed"),
)


def rows_note(total: int, shown: int, ledger_words: str, *, is_live: bool) -> Markup:
    """Say which rows these are, and where all of them are to be had.

    Args:
        total: Rows of the ledger, or of the run that is shown.
        shown: Rows that follow.
        ledger_words: How `bulkconn export` is told which ledger.
        is_live: Whether these are the rows that changed last.
    """
    export = tag("code", f"bulkconn export {ledger_words}")
    if not total:
        return together()
    if not shown:
        return together(f"{total:,} rows are too many for a page. All of them, with every column: ", export)
    which = f"The {shown:,} that changed last, of {total:,}. " if is_live and shown < total else ""
    return together(which, "Every column of every row: ", export)


def rows_tools() -> Markup:
    """Give search, choice of states and order; the script shows them, since it makes them work."""
    states = [tag("option", "every state", value="")]
    states += [tag("option", state.value.replace("_", " "), value=state.value) for state in STATES]
    orders = [tag("option", "as listed", value="")]
    orders += [tag("option", heading, value=place) for place, heading, _ in _SHOWN]
    search = tag(
        "input",
        type="search",
        id="search",
        autocomplete="off",
        spellcheck="false",
        placeholder="name, id, error, file …",
    )
    tools = (
        tag("label", tag("span", "Search"), search),
        tag("label", tag("span", "State"), tag("select", *states, id="only")),
        tag("label", tag("span", "Sort by"), tag("select", *orders, id="order"), class_="order"),
    )
    return together(
        tag("div", *tools, class_="tools", role="search", aria_label="Rows", hidden=True, id="tools"),
        tag("p", id="found", role="status", class_="quiet"),
    )


def rows_table(rows: Iterable[Sequence[Any]]) -> Markup:
    """Give the table of the first rows; the script puts others in their place."""
    # Roles are said in so many words: the style makes rows blocks on narrow screens.
    head = [
        tag("th", heading, scope="col", role="columnheader", data_place=place, data_short=short)
        for place, heading, short in _SHOWN
    ]
    body = [_row(row) for row in rows]
    return together(
        tag(
            "table",
            tag("thead", tag("tr", *head, role="row"), role="rowgroup"),
            tag("tbody", *body, role="rowgroup", id="rows-body"),
            id="rows-table", class_="rows", role="table", aria_label="Rows",
        ),
        tag("nav", id="pages", aria_label="Pages of rows", hidden=True),
    )  # fmt: skip


def rows_data(row: Sequence[Any]) -> Markup:
    """Give one row as the script takes it."""
    return as_data(list(row))


def _row(row: Sequence[Any]) -> Markup:
    what = isolated(row[6]) if row[6] else isolated(" ".join(str(part) for part in (row[9], row[10]) if part))
    cells = (
        tag("span", isolated(row[0]), class_="clamp"),
        state_word(row[1]),
        isolated(row[2]),
        isolated(row[4]),
        tag("span", what, class_="clamp id" if row[6] else "clamp"),
        _when(row[15]),
    )
    shown = zip(_SHOWN, cells, strict=True)
    return tag(
        "tr", *(tag("td", cell, role="cell", data_short=short) for (_, _, short), cell in shown), role="row"
    )


def _when(at_ms: int) -> Markup:
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    return tag("time", f"{at:%Y-%m-%d %H:%M:%S}", datetime=at.isoformat())
