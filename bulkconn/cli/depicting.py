"""The body of `report`: the ledger as one page, or its figures for other places, also while a run is on."""

from __future__ import annotations

import shlex
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from bulkconn.cli.given import Given
from bulkconn.cli.pipes import reader_may_leave
from bulkconn.cli.wiring import about_ledger, ledger_place, shown_place
from bulkconn.core.errors import ExitCode, UsageError
from bulkconn.ledger.figures import Asked, iter_rows, own_rows, read_figures
from bulkconn.ledger.places import open_read_only
from bulkconn.report.brief import write_csv, write_json, write_markdown
from bulkconn.report.export import replacing
from bulkconn.report.page import Page, write_page

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TextIO

    from bulkconn.core.figures import Figures
    from bulkconn.ledger.locate import Place
    from bulkconn.ledger.sql_store import SqlStore

_BRIEF: Final[Mapping[str, Callable[[Figures, TextIO], None]]] = {
    "json": write_json,
    "csv": write_csv,
    "md": write_markdown,
}
_BY_SUFFIX: Final = {".html": "html", ".htm": "html", ".json": "json", ".csv": "csv", ".md": "md"}


def report(params: Mapping[str, Any]) -> int:
    """Do what `bulkconn report` was asked for, and give the exit code."""
    given = Given.of(params)
    out = None if params["out"] in {None, "-"} else Path(str(params["out"]))
    format_ = params["format_"] or (_BY_SUFFIX.get(out.suffix.lower(), "html") if out else "html")
    place = ledger_place(given)
    with about_ledger(place), closing(open_read_only(place)) as store:
        if out is None:
            sys.stdout.reconfigure(encoding="utf-8", newline="")  # type: ignore[union-attr]  # real stdout
            with reader_may_leave():
                write_report(store, asked(place, given.text("run")), format_, sys.stdout)
            return int(ExitCode.OK)
        with replacing(out) as file:
            rows = write_report(store, asked(place, given.text("run")), format_, file)
    click.echo(f"a report of {rows:,} {'row' if rows == 1 else 'rows'} written to {out}", err=True)
    return int(ExitCode.OK)


def asked(place: Place, run_id: str | None) -> Asked:
    """Say what is to be shown of a ledger, as of now."""
    return Asked(shown_place(place), datetime.now(UTC), run_id)


def write_report(store: SqlStore, wanted: Asked, format_: str, out: TextIO) -> int:
    """Write a report of one moment of the ledger, and give how many rows it is of.

    Raises:
        UsageError: the ledger has no such run.
    """
    with store.snapshot():
        figures = found(read_figures(store, wanted), wanted)
        if format_ in _BRIEF:
            _BRIEF[format_](figures, out)
        else:
            write_page(page_of(store, figures), out)
    return figures.rows


def page_of(store: SqlStore, figures: Figures, *, is_live: bool = False) -> Page:
    """Give the page of these figures, its rows from the same ledger."""
    own = own_rows(store, figures.run, is_narrowed=figures.is_narrowed)
    return Page(
        figures,
        lambda limit: iter_rows(store, own, limit=limit, newest=is_live),
        f"--ledger {shlex.quote(figures.ledger)}",
        is_live,
    )


def found(figures: Figures | None, wanted: Asked) -> Figures:
    """Give the figures.

    Raises:
        UsageError: there are none, because the ledger has no such run.
    """
    if figures is None:
        raise UsageError(
            f"this ledger has no run {wanted.run_id}",
            fix="leave --run out for the last one; the report lists the others at its end",
        )
    return figures
