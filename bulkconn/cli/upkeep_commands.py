"""The commands for connections that exist, as `--help` shows them. What they do is imported later."""

from __future__ import annotations

from typing import Final

import click

from bulkconn.cli import options

_RESTART: Final = click.option(
    "--restart", is_flag=True, help="Begin anew, rather than go on with one that was cut off."
)


@options.command("verify", body="bulkconn.cli.verifying:verify", epilog=options.CREDENTIALS)
@options.ledger
@click.option(
    "--only",
    type=click.Choice(["failing"], case_sensitive=False),
    help="Only the rows that were not ok when they were verified last.",
)
@_RESTART
@options.group_of(
    [options.target, options.pace, options.max_wait, options.drain, options.output, options.logs]
)
def verify() -> None:
    """Look at every connection that is created or adopted, and let the service test it.

    Each is ok, unreachable (its test failed), missing, or changed (name, connection spec, state or a
    parameter that is no secret is another than was sent). The ledger keeps the newest word; nothing is
    changed in Experience Platform. One that was cut off in the last 24 hours is gone on with.
    """


@options.command("rotate", body="bulkconn.cli.rotating:rotate", epilog=options.INVENTORIES)
@options.inventories
@click.option("--verify", is_flag=True, help="Then look at every rotated connection, and let it be tested.")
@click.option(
    "--adopted",
    is_flag=True,
    help="Also connections that were adopted: others may rest on their credentials.",
)
@_RESTART
@options.group_of(
    [
        options.ledger,
        options.check_specs,
        options.target,
        options.rows,
        options.pace,
        options.max_wait,
        options.drain,
        options.output,
        options.logs,
    ]
)
def rotate() -> None:
    """Send the credentials of the inventories to the connections that their rows created.

    Each connection's parameters are replaced as a whole, secret and not, guarded by its etag. Rows that are
    not created are named and left; rows that name another sandbox, name, source or auth than was created
    are refused. A rotation that was cut off in the last 24 hours is gone on with: what is done in it is
    not sent again, so give --restart if the secrets changed once more.
    """


@options.command("explore", body="bulkconn.cli.exploring:explore", epilog=options.CREDENTIALS)
@options.ledger
@click.option(
    "--format",
    "format_",
    type=click.Choice(["csv", "jsonl", "json"], case_sensitive=False),
    help="Left out: what the name of the output file says, else csv.",
)
@click.option("-o", "out", metavar="FILE", help="Where the tables go; left out or -: stdout.")
@options.group_of([options.target, options.pace, options.max_wait, options.drain, options.logs])
def explore() -> None:
    """Write the tables that every created or adopted connection offers, a row each.

    One request a connection. One that does not tell its tables has a row with its error, and the exit code
    is 1. Nothing is changed, in Experience Platform or the ledger.
    """
