"""The commands as `--help` shows them: arguments, options and words. What they do is imported later."""

from __future__ import annotations

from typing import Final

import click

from bulkconn.cli import options
from bulkconn.cli.numbers import Number

_RUN: Final = (options.target, options.rows, options.pace, options.patience, options.policy, options.reopen)
_SECONDS: Final = Number(at_least=0, example="0.05")
_STATES: Final = ("pending", "in_doubt", "created", "adopted", "failed", "held", "deleted")


@options.command("plan", body="bulkconn.cli.foresight:plan", epilog=options.INVENTORIES)
@options.inventories
@options.group_of(
    [
        options.ledger,
        options.offline,
        options.live,
        options.detailed_exitcode,
        options.plan_out,
        options.check_specs,
        *_RUN,
        options.output,
        options.logs,
    ]
)
def plan() -> None:
    """Read and validate the inventories, compare them with the ledger, and say what a run would do.

    Given credentials it also looks whether names exist already in the sandboxes. Nothing is sent, and
    no ledger is made. `-` reads standard input.
    """


@options.command("run", body="bulkconn.cli.onboarding:run", epilog=options.INVENTORIES)
@options.inventories_or_plan
@options.group_of(
    [
        options.ledger,
        options.check_specs,
        *_RUN,
        options.max_create,
        options.plan_file,
        options.yes,
        options.outside,
        options.metrics,
        options.otel,
        options.output,
        options.logs_beside_view,
    ]
)
def run() -> None:
    """Create every base connection of the inventories; the same command again resumes.

    Nothing is sent unless all rows are valid (or --skip-invalid). A row that was created is never
    sent again; what is in doubt is looked up first. `-` reads standard input.
    """


@options.command("rehearse", body="bulkconn.cli.rehearsing:rehearse")
@options.inventories
@options.group_of(
    [
        click.option(
            "--faults",
            type=click.Choice(["none", "mild", "storm"], case_sensitive=False),
            default="mild",
            show_default=True,
            help="How badly the emulator behaves, and how often the worker is killed.",
        ),
        click.option("--seed", type=int, help="Of faults and kills. Left out: drawn, and shown."),
        click.option(
            "--emulator",
            metavar="URL",
            help="An emulator that you started; anything else is refused. Left out: one inside this process.",
        ),
        click.option(
            "--rows",
            type=Number(at_least=1, whole=True, example="5000"),
            help="Rehearse only the first so many rows. Left out: all.",
        ),
        click.option(
            "--keep",
            metavar="DIR",
            help="Leave ledger and rows (with dummies) in this new folder. Left out: nothing is left behind.",
        ),
        options.rows,
        options.pace,
        options.settle_grace,
        options.insecure_http,
        options.output,
        options.logs_of(level="warning"),
    ]
)
def rehearse() -> None:
    """Run the inventories against an emulator, with dummies for secrets, and print the proof.

    The worker is the real program: it is killed and started again, the emulator loses answers. At the
    end the emulator's books are held against the ledger. --rate, --concurrency and --settle-grace are
    those of the real run, whose time and requests are forecast. It never talks to Adobe, resolves no
    secret reference, and touches no ledger of yours. `-` reads standard input.
    """


@options.command("check", body="bulkconn.cli.probing:check")
@options.inventories
@options.group_of([options.rows, options.output, options.max_wait, options.insecure_http])
@click.option(
    "--concurrency",
    type=Number(at_least=1, at_most=1000, whole=True, example="32"),
    default=32,
    show_default=True,
    help="Databases tried at once.",
)
@click.option(
    "--per-host",
    type=Number(at_least=1, at_most=1000, whole=True, example="4"),
    default=4,
    show_default=True,
    help="Of them, at one server.",
)
@click.option(
    "--timeout",
    type=Number(above=0, example="10"),
    default=10,
    show_default=True,
    help="Seconds for one database, from the look-up of its name to the answer of its server.",
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(["csv", "jsonl", "json"], case_sensitive=False),
    help="Write every row with its result. Left out: what the name of the output file says, else csv.",
)
@click.option("-o", "out", metavar="FILE", help="Where those rows go; left out or -, with --format: stdout.")
@options.logs
def check() -> None:
    """Try to reach and log in to every database of the inventories, from this machine.

    It reads nothing and changes nothing: a login and `select 1` for PostgreSQL, Redshift, MySQL and MariaDB,
    encrypted as the row says; for the others a connection, with TLS where they begin with it. A server is
    not tried again after three like failures, nor a user after three refused logins. Experience Platform
    is not asked, and needs no credentials. Needs the extra bulkconn[check]. `-` reads standard input.
    """


@options.command("settle", body="bulkconn.cli.settling:settle", epilog=options.CREDENTIALS)
@options.group_of(
    [
        options.ledger,
        options.target,
        options.pace,
        options.patience,
        options.outside,
        options.metrics,
        options.otel,
        options.output,
        options.logs_beside_view,
    ]
)
def settle() -> None:
    """Look up every row in doubt, and every name that may still get a late twin. Nothing is sent."""


@options.command("status", body="bulkconn.cli.standing:status")
@options.ledger
@click.option("--run", metavar="ID", help="Only the rows of this run, which was submitted to workers.")
@click.option("--watch", is_flag=True, help="With --run: show it again and again until it is finished.")
@options.group_of([options.output, options.logs])
def status() -> None:
    """Count the ledger's rows per state, group their errors, and tell since when the oldest is in doubt."""


@options.command("export", body="bulkconn.cli.exporting:export")
@options.ledger
@click.option(
    "--state", multiple=True, type=click.Choice(_STATES), help="Only rows in this state; may be repeated."
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(["csv", "jsonl", "json"], case_sensitive=False),
    help="Left out: what the name of the output file says, else csv.",
)
@click.option("-o", "out", metavar="FILE", help="Where to write; left out or -: stdout.")
@options.logs
def export() -> None:
    """Write the ledger's rows: ids, etags, states, errors, and the inventory's own columns.

    Failed rows as CSV are an inventory again: fill in the secret columns and run it with --retry-failed.
    """


@options.command("report", body="bulkconn.cli.depicting:report")
@options.ledger
@click.option(
    "--run",
    metavar="ID",
    help="Whose time, latency and settings are shown; of a submitted run only its rows. Left out: the last "
    "run that sent anything.",
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(["html", "json", "csv", "md"], case_sensitive=False),
    help="Left out: what the name of the output file says, else html.",
)
@click.option("-o", "out", metavar="FILE", help="Where to write; left out or -: stdout.")
@options.logs
def report() -> None:
    """Write the ledger as one page that needs nothing else: outcome, time, errors, and every row.

    It can be mailed, printed and kept; it loads nothing and holds no secret. Up to 100,000 rows can be
    searched and sorted in it. A run may go on meanwhile.
    """


@options.command("serve", body="bulkconn.cli.serving:serve")
@options.ledger
@click.option("--run", metavar="ID", help="Like that of `report`. Left out: the last run that sent anything.")
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Interface to listen on. On any other than loopback a token is needed.",
)
@click.option("--port", type=click.IntRange(0, 65535), default=8321, show_default=True, help="0: a free one.")
@click.option(
    "--allow-host",
    multiple=True,
    metavar="NAME",
    help="A name under which browsers reach it, behind a proxy say; may be repeated. Known already: "
    "addresses, localhost, --host and this machine's name.",
)
@options.logs
def serve() -> None:
    """Show the page of `report` live in a browser: for one ledger or a fleet, until Ctrl-C.

    It reads and never writes. Where others can reach it a token is drawn and printed once as a link, or
    BULKCONN_SERVE_TOKEN is it. /report.html is the whole report, /figures.json its figures.
    """


@options.command("sources", body="bulkconn.cli.listing:sources")
@click.argument("name", required=False)
@options.output
def sources() -> None:
    """List every source; with NAME (a slug or alias) its auth specs, columns and an example."""


@options.command("template", body="bulkconn.cli.listing:template")
@click.argument("source", nargs=-1, required=True)
@click.option(
    "--platform-cloud",
    envvar="BULKCONN_PLATFORM_CLOUD",
    show_envvar=True,
    type=click.Choice(["azure", "aws"], case_sensitive=False),
    help="Where Experience Platform runs. Left out: both.",
)
@click.option("--auth", metavar="AUTH", help="One auth of `bulkconn sources NAME`. Left out: all of them.")
@click.option(
    "--format",
    "format_",
    type=click.Choice(["csv", "json", "jsonl"], case_sensitive=False),
    default="csv",
    show_default=True,
    help="How it is written.",
)
def template() -> None:
    """Print an inventory with one example row for each auth spec of the SOURCEs.

    It is valid as it stands, once the environment variables are set that it names for passwords.
    """


@options.command("convert", body="bulkconn.cli.converting:convert_file")
@click.argument("file", metavar="FILE")
@click.option(
    "--from",
    "from_",
    required=True,
    type=click.Choice(["airflow", "rds", "pgpass", "dbeaver", "terraform"], case_sensitive=False),
    help="What the file is of.",
)
@click.option(
    "--secrets",
    type=click.Choice(["references", "empty", "plaintext"], case_sensitive=False),
    default="references",
    show_default=True,
    help="What secret cells get; plaintext copies what the file has.",
)
@click.option(
    "--platform-cloud",
    envvar="BULKCONN_PLATFORM_CLOUD",
    show_envvar=True,
    type=click.Choice(["azure", "aws"], case_sensitive=False),
    help="Where Experience Platform runs. Left out: the column stays empty.",
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(["csv", "jsonl", "json"], case_sensitive=False),
    help="Left out: what the name of the output file says, else csv.",
)
@click.option("-o", "out", metavar="FILE", help="Where to write; left out or -: stdout.")
@options.insecure_http
def convert() -> None:
    r"""Make an inventory of what another tool knows: the databases of FILE, which may be - or a URL.

    \b
    airflow    airflow connections export (json, yaml, env)
    rds        aws rds describe-db-instances or describe-db-clusters,
               aws redshift describe-clusters
    pgpass     .pgpass
    dbeaver    .dbeaver/data-sources.json
    terraform  terraform.tfstate, or terraform show -json

    No secret is copied unless --secrets plaintext asks for it. What is skipped, and what is to be filled
    in, is told on stderr.
    """


@options.command("emulator", body="bulkconn.cli.emulating:emulator")
@click.option("--host", default="127.0.0.1", show_default=True, help="Interface to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="0: a free one.")
@click.option(
    "--sandbox",
    "sandboxes",
    multiple=True,
    metavar="NAME:CLOUD",
    help="A sandbox and where it runs, e.g. prod:azure; may be repeated. Left out: dev, prod (azure), "
    "dev-aws, prod-aws (aws).",
)
@click.option("--rate-limit", type=Number(at_least=1, whole=True, example="20"), help="Requests per second.")
@click.option("--latency", type=_SECONDS, default=0, show_default=True, help="Seconds of every request.")
@click.option("--jitter", type=_SECONDS, default=0, show_default=True, help="Up to as many seconds more.")
@click.option(
    "--visibility-lag", type=_SECONDS, default=0, show_default=True, help="Seconds before a listing shows it."
)
@click.option(
    "--token-lifetime", type=Number(above=0, example="600"), default=86399, show_default=True, help="Seconds."
)
@click.option(
    "--fault",
    multiple=True,
    metavar="NAME:PROBABILITY[:SECONDS]",
    help="A fault of the menu, e.g. reset_after_create:0.05; may be repeated. `--fault help` lists them.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the dice for faults and jitter.")
def emulator() -> None:
    """Run a local Flow Service for rehearsal and tests, until Ctrl-C.

    It is not Adobe's service; nothing leaves this machine, and it forgets all when it stops.
    """


@options.command("demo", body="bulkconn.cli.demonstrating:demo")
@click.option(
    "--faults", is_flag=True, help="Let the emulator reset connections, and lose and spoil answers."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the faults.")
@click.option("--rate", type=Number(above=0, example="50"), default=50, show_default=True, help="Per second.")
@click.option(
    "--concurrency",
    type=Number(at_least=1, at_most=1000, whole=True, example="20"),
    default=20,
    show_default=True,
    help="Requests open at once.",
)
@click.option("--ledger", metavar="PATH", help="Left out: in a new temporary folder, which is kept.")
@options.logs_of(level="warning")
def demo() -> None:
    """Create 60 base connections on an emulator, show the ledger, and run again: nothing is sent.

    Nothing leaves this machine, and no credentials are needed.
    """
