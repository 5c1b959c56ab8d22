"""The commands of the fleet as `--help` shows them; what they do is imported later."""

from __future__ import annotations

import click

from bulkconn.cli import options
from bulkconn.cli.numbers import Number

_LEDGER = "A ledger in PostgreSQL is needed: --ledger postgresql://user@host/database."


@options.command("submit", body="bulkconn.cli.submitting:submit", epilog=_LEDGER)
@options.inventories
@options.group_of(
    [
        options.ledger,
        options.base_url,
        options.org_id,
        options.insecure_http,
        options.row_defaults,
        options.policy,
    ]
)
@click.option(
    "--shard-rows",
    type=Number(at_least=1, whole=True, example="500"),
    default=500,
    show_default=True,
    help="Rows of one job.",
)
@click.option(
    "--priority",
    type=click.IntRange(-1000, 1000),
    default=0,
    show_default=True,
    help="Jobs of a higher one come first; runs of one priority are taken in turn.",
)
@click.option("--queue", default="default", show_default=True, metavar="NAME", help="Which workers take it.")
@click.option(
    "--join",
    is_flag=True,
    help="Where a run with rows of these inventories is not finished yet, name it and submit nothing.",
)
@click.option(
    "--stage-to",
    metavar="FOLDER",
    help="Where a copy goes of an inventory that workers cannot read in parts. Left out: beside it.",
)
@options.group_of([options.output, options.logs])
def submit() -> None:
    """Hand inventories to workers: check everything, record rows and run, queue a job a shard.

    Nothing is sent to Flow Service. The files must lie where every worker finds them: under the same path,
    in an object store, or at an https:// address. What cannot be read in parts (JSON, .xlsx, packed files,
    standard input, signed addresses) is copied to JSONL first, if its secrets are references.
    """


@options.command("worker", body="bulkconn.cli.working:worker", epilog=options.CREDENTIALS)
@options.group_of([options.ledger, options.target, options.pace, options.patience])
@click.option(
    "--shards",
    type=Number(at_least=1, whole=True, example="2"),
    default=1,
    show_default=True,
    help="Shards worked on at a time.",
)
@click.option(
    "--queues", default="", metavar="NAME,...", help="Only jobs of these queues. Left out: of all of them."
)
@click.option(
    "--max-tries",
    type=Number(at_least=1, whole=True, example="5"),
    default=5,
    show_default=True,
    help="Tries of a shard before it is set aside.",
)
@options.group_of([options.metrics, options.otel, options.outside])
@click.option("--exit-when-idle", is_flag=True, help="End when no job is queued, running or stalled.")
@options.group_of([options.logs])
def worker() -> None:
    """Take shards of submitted runs from the queue and create their base connections.

    Any number of workers may run. One that is killed is replaced by the others within 30 s; SIGTERM lets
    what is in flight finish and gives the rest back.
    """


@options.command("runs", body="bulkconn.cli.runs:runs", epilog=_LEDGER)
@options.group_of([options.ledger, options.output, options.logs])
def runs() -> None:
    """List the runs that were submitted to workers, the newest first."""


@options.command("pause", body="bulkconn.cli.runs:pause", epilog=_LEDGER)
@click.argument("run")
@options.group_of([options.ledger, options.logs])
def pause() -> None:
    """Let workers finish what is in flight of a run, and take no more of it until it is resumed."""


@options.command("resume", body="bulkconn.cli.runs:resume", epilog=_LEDGER)
@click.argument("run")
@options.group_of([options.ledger, options.logs])
def resume() -> None:
    """Let workers go on with a run that was paused, also with shards that were set aside."""


@options.command("cancel", body="bulkconn.cli.runs:cancel", epilog=_LEDGER)
@click.argument("run")
@options.group_of([options.ledger, options.logs])
def cancel() -> None:
    """Give a run up: workers finish what is in flight and take no more. Nothing created is undone."""
