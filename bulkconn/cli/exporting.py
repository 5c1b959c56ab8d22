"""The body of `export`: the ledger's rows as a file, also while a run holds the ledger."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bulkconn.cli.given import Given
from bulkconn.cli.pipes import reader_may_leave
from bulkconn.cli.wiring import ledger_place
from bulkconn.core.columns import CARRIED, twice_given
from bulkconn.core.custom import CUSTOM, cell_name, split_names
from bulkconn.core.errors import ExitCode
from bulkconn.core.lifecycle import State
from bulkconn.ledger.export import iter_export, read_columns
from bulkconn.ledger.places import open_read_only
from bulkconn.report.export import ExportFormat, format_of, replacing, write_rows
from bulkconn.sources import find_source

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bulkconn.ledger.sql_store import SqlStore


def export(params: Mapping[str, Any]) -> int:
    """Do what `bulkconn export` was asked for, and give the exit code."""
    given = Given.of(params)
    out = None if params["out"] in {None, "-"} else str(params["out"])
    format_ = ExportFormat(params["format_"]) if params["format_"] else format_of(out)
    states = [State(name) for name in params["state"]]
    if State.IN_DOUBT in states:
        # A row on its way that nobody waits for is in doubt too; `status` counts it so.
        states.append(State.SENDING)
    with closing(open_read_only(ledger_place(given))) as store, store.snapshot():
        columns, same = _merged(_columns(store, states, format_))
        rows = (row.as_mapping() for row in iter_export(store, states))
        if same:
            rows = ({same.get(name, name): cell for name, cell in row.items()} for row in rows)
        if out is None:
            sys.stdout.reconfigure(encoding="utf-8", newline="")  # type: ignore[union-attr]  # real stdout
            with reader_may_leave():
                write_rows(rows, columns, format_, sys.stdout)
            return int(ExitCode.OK)
        with replacing(Path(out)) as file:
            count = write_rows(rows, columns, format_, file)
    click.echo(f"{count:,} {'row' if count == 1 else 'rows'} written to {out}", err=True)
    return int(ExitCode.OK)


def _columns(store: SqlStore, states: list[State], format_: ExportFormat) -> tuple[str, ...]:
    """Give the header of a CSV: all columns of any row, then the secret ones that somebody must fill in."""
    if format_ is not ExportFormat.CSV:
        return ()
    secrets: dict[str, None] = {}
    kinds: set[tuple[str, ...]] = set()
    for row in iter_export(store, states):
        named = row.as_mapping()
        if named["source"] == CUSTOM:
            names = split_names(row.cells.get("secret_columns", ""))
            secrets.update(dict.fromkeys(cell_name(name) for name in names))
            continue
        own = (name for name in row.cells if not name.startswith(CARRIED))
        kind = (str(named["source"]), str(named["platform_cloud"]), str(named["auth"]), *own)
        if kind not in kinds:
            kinds.add(kind)
            secrets.update(dict.fromkeys(_secret_columns(*kind)))
    return tuple(dict.fromkeys((*read_columns(store, states), *secrets)))


def _merged(columns: tuple[str, ...]) -> tuple[tuple[str, ...], dict[str, str]]:
    """Give the columns that no reader takes for one, and for each of the others its first spelling.

    Rows of JSON have headers of their own: one may write `x_owner` and another `x_Owner`.
    """
    same = {later: earlier for earlier, later in twice_given(columns)}
    return tuple(column for column in columns if column not in same), same


def _secret_columns(source: str, cloud: str, auth: str, *own: str) -> Iterator[str]:
    """Give the secret columns of a row with these columns of its own."""
    found = find_source(source)
    for spec in found.auths if found else ():
        if (spec.platform_cloud.value, spec.auth) != (cloud, auth):
            continue
        if any(part.column in own for part in spec.string_parts):
            yield from (part.column for part in spec.string_parts if part.secret)
        else:
            yield from (parameter.name for parameter in spec.parameters if parameter.secret)
