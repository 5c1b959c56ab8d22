"""The body of `convert`: an inventory out of what another tool knows, and a list of what is left to do."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from bulkconn.cli.checking import network_of
from bulkconn.cli.destination import Destination
from bulkconn.cli.given import Given
from bulkconn.cli.pipes import reader_may_leave
from bulkconn.cli.signals import interruptible
from bulkconn.converters.convert import Kind, convert
from bulkconn.converters.database import Malformed
from bulkconn.converters.rows import Secrets
from bulkconn.core.diagnostics import Diagnostic, Severity
from bulkconn.core.errors import ExitCode, InventoryInvalid
from bulkconn.core.source import PlatformCloud
from bulkconn.core.text import shown
from bulkconn.inventory.whole import read_whole
from bulkconn.report.export import ExportFormat, format_of
from bulkconn.report.words import plural

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bulkconn.converters.rows import Conversion

#: Lines of each list that are shown; the rest is counted.
_SHOWN: Final = 50


def convert_file(params: Mapping[str, Any]) -> int:
    """Do what `bulkconn convert` was asked for, and give the exit code."""
    given = Given.of(params)
    with interruptible():
        name, text = read_whole(params["file"], stdin=sys.stdin.buffer, network=network_of(given))
    cloud = given.text("platform_cloud")
    try:
        made = convert(
            Kind(params["from_"]),
            text,
            cloud=PlatformCloud(cloud) if cloud else None,
            secrets=Secrets(params["secrets"]),
        )
    except Malformed as error:
        diagnostic = Diagnostic(Severity.ERROR, name, str(error), error.fix, row=error.line)
        raise InventoryInvalid(
            f"{name} cannot be converted", fix=error.fix, diagnostics=[diagnostic]
        ) from None
    out = None if params["out"] in {None, "-"} else Path(params["out"])
    if not made.rows:
        click.echo("\n".join(_skipped(made)), err=True)
        raise InventoryInvalid(
            f"nothing in {name} can be onboarded", fix="`bulkconn sources` lists what can be", diagnostics=[]
        )
    format_ = ExportFormat(params["format_"]) if params["format_"] else format_of(params["out"])
    # Whoever reads stdout may leave; what is to be done is told all the same.
    with reader_may_leave(), Destination(format_, out).opened(made.columns) as writer:
        assert writer is not None  # noqa: S101 - there is a format, so rows go somewhere
        for row in made.rows:
            writer.write(row)
    click.echo("\n".join(_told(made, out)), err=True)
    return int(ExitCode.OK)


def _told(made: Conversion, out: Path | None) -> Iterator[str]:
    """Say what was made, what was not, and what its reader has to fill in."""
    where = f" written to {out}" if out else ""
    skipped = f", {len(made.skipped):,} skipped" if made.skipped else ""
    yield f"{plural(len(made.rows), 'database')}{where}{skipped}"
    yield from _skipped(made)
    yield from _listed("look at", [f"{shown(name)}: {remark}" for name, remark in made.remarks])
    yield from _listed("fill in", [f"{shown(gap.name)}: {gap.column}" for gap in made.gaps])
    if not made.rows[0]["platform_cloud"]:
        yield "  platform_cloud is empty, and parameters are as on Azure: give --platform-cloud aws if not"
    yield "  sandbox is empty: fill it in, or give plan and run --sandbox"
    yield from _secrets(made)
    yield f"next: bulkconn plan {out or 'INVENTORY'} --offline --sandbox NAME"


def _secrets(made: Conversion) -> Iterator[str]:
    if made.plaintext:
        yield f"  {plural(made.plaintext, 'password')} in clear: let nobody else read the inventory"
    if made.kept_by_tool:
        yield f"  {plural(made.kept_by_tool, 'password')} by reference to where the tool keeps it"
    variables = [f"{variable}    {shown(name)}" for variable, name in made.variables.items()]
    yield from _listed("set in the environment or in .env", variables)
    if not (made.plaintext or made.kept_by_tool or made.variables):
        yield "  every secret is empty: fill in a reference or the secret itself"


def _skipped(made: Conversion) -> Iterator[str]:
    return _listed("skipped", [f"{shown(one.name)}: {shown(one.reason)}" for one in made.skipped])


def _listed(title: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield f"  {title}:"
        yield from (f"    {line}" for line in lines[:_SHOWN])
    if len(lines) > _SHOWN:
        yield f"    ... and {len(lines) - _SHOWN:,} more"
