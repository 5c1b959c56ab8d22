"""The commands that delete connections, as `--help` shows them; what they do is imported later."""

from __future__ import annotations

import click

from bulkconn.cli import options


@options.command("rollback", body="bulkconn.cli.rolling_back:rollback", epilog=options.CREDENTIALS)
@options.ledger
@click.option("--run", metavar="ID", help="Only rows whose connection this run sent. Left out: all.")
@click.option(
    "--state",
    multiple=True,
    type=click.Choice(["created", "held"], case_sensitive=False),
    help="Only rows in this state; may be repeated. Left out: both.",
)
@click.option("--dry-run", is_flag=True, help="Show what would be deleted; needs no credentials.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask before connections are deleted.")
@options.group_of(
    [options.target, options.pace, options.max_wait, options.drain, options.output, options.logs]
)
def rollback() -> None:
    """Delete the connections that this ledger created, never one that it adopted.

    It shows the list and asks first. A connection that a flow uses is kept and reported; so is a held row
    unless all its connections were certainly created here. The rows become `deleted`, and a later run
    creates them again only with --recreate. The same command goes on where it was.
    """


@options.command("dedupe", body="bulkconn.cli.deduping:dedupe", epilog=options.INVENTORIES)
@options.inventories
@options.ledger
@click.option("--dry-run", is_flag=True, help="Say what there is; ask and delete nothing.")
@click.option("-y", "--yes", is_flag=True, help="Delete every spare connection without asking.")
@options.group_of(
    [
        options.rows,
        options.target,
        options.pace,
        options.max_wait,
        options.drain,
        options.output,
        options.logs,
    ]
)
def dedupe() -> None:
    """Find names of the inventories that several connections bear, and delete what is spare.

    It lists the sandboxes, says which connection is this ledger's and what is built on the others, and asks
    for each of them. Never deleted: what the ledger owns, what a source connection or a flow is built on,
    and anything of a name of which the ledger owns none. A held row that is alone afterwards is created.
    """
