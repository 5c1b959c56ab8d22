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
