"""Every option that more than one command has, in one place: flag, variable, default and words."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from bulkconn.cli.configuration import load_dotenv, load_secret_files, read_toml
from bulkconn.cli.numbers import Number

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    _F = TypeVar("_F", bound=Callable[..., Any])
    Decorator = Callable[[_F], _F]

BASE_URL: Final = "https://platform.adobe.io/data/foundation/flowservice"
IMS_URL: Final = "https://ims-na1.adobelogin.com"

CREDENTIALS: Final = """\
Credentials are never on a command line: BULKCONN_ACCESS_TOKEN, or BULKCONN_CLIENT_SECRET with
BULKCONN_SCOPES, in the environment or in .env; or --adobe-config. Order of precedence: flag, environment,
.env, bulkconn.toml, --adobe-config.
"""
#: What ends the help of commands that read inventories.
INVENTORIES: Final = f"""\
\b
An INVENTORY is CSV, JSON, JSONL or .xlsx (book.xlsx#Sheet), also as .gz or .zst:
  a path, - for standard input, or an address:
  s3://bucket/path    gs://bucket/path    https://host/path
  abfs://container@account.dfs.core.windows.net/path
BULKCONN_INVENTORY_AUTHORIZATION is the Authorization header for https:// ones.

\b
A secret cell holds the secret, or a reference to it:
  env://NAME              file:///run/secrets/name   keyring://service/user
  vault://mount/path#field            aws-sm://name-or-arn#field
  azure-kv://vault/name               gcp-sm://project/name

{CREDENTIALS}
"""


class ConfiguredCommand(click.Command):
    """A command whose options also come from `.env` and `bulkconn.toml`; it gets them as one mapping."""

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,  # noqa: ANN401 - click's signature
    ) -> click.Context:
        """Read the files, then the command line. `--help` works even where a file is broken."""
        if not {"-h", "--help"}.intersection(args):
            load_dotenv()
            load_secret_files()
            extra.setdefault("default_map", {name: _plain(value) for name, value in read_toml().items()})
        return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's signature
        """Import the body and call it with the one mapping of all parameters."""
        if self.callback is None:
            return None
        module, _, name = self.callback().partition(":")
        body: Callable[[Mapping[str, Any]], int] = getattr(importlib.import_module(module), name)
        return body(dict(ctx.params))


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever TOML holds
    return value if isinstance(value, str | int | float | bool) else str(value)


def command(
    name: str, *, body: str, epilog: str | None = None
) -> Callable[[Callable[[], None]], click.Command]:
    """Declare a command: the decorated function is only its help text.

    Args:
        name: What the user types.
        body: `module:function`, imported when the command runs, given all parameters by name.
        epilog: What `--help` ends with.
    """

    def decorate(function: Callable[[], None]) -> click.Command:
        def where() -> str:
            return body

        where.__doc__ = function.__doc__
        # The options were attached to the function that carries the text.
        where.__click_params__ = getattr(function, "__click_params__", [])  # type: ignore[attr-defined]  # click
        made = click.command(name, cls=ConfiguredCommand, epilog=epilog)(where)
        for option in made.params:
            if isinstance(option, click.Option) and option.envvar is None:
                option.envvar = f"BULKCONN_{name}_{(option.name or '').rstrip('_')}".upper()
                option.show_envvar = True
        return made

    return decorate


def group_of(options: Sequence[Decorator[Any]]) -> Decorator[Any]:
    """Apply options so that `--help` lists them in this order."""

    def decorate(function: Any) -> Any:  # noqa: ANN401 - a function or what click makes of it
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def _option(flag: str, variable: str | None, text: str, **more: Any) -> Decorator[Any]:  # noqa: ANN401 - click's own
    if variable is not None:
        more |= {"envvar": variable, "show_envvar": True}
    more.setdefault("show_default", more.get("default") is not None)
    return click.option(flag, help=text, **more)


def _switch(flag: str, variable: str | None, text: str) -> Decorator[Any]:
    return _option(flag, variable, text, is_flag=True, default=False, show_default=False)


inventories: Final = click.argument("inventory", nargs=-1, required=True, metavar="INVENTORY...")
inventories_or_plan: Final = click.argument("inventory", nargs=-1, required=False, metavar="INVENTORY...")
ledger: Final = _option(
    "--ledger",
    "BULKCONN_LEDGER",
    "The ledger: a path, or postgresql://user@host/database?schema=name. Left out: <first inventory's "
    "stem>.ledger.db in the current directory; for a command without inventory the only *.ledger.db there.",
    metavar="PATH or URL",
)
output: Final = _option(
    "--output",
    "BULKCONN_OUTPUT",
    "json prints one JSON value on stdout and nothing else there.",
    type=click.Choice(["text", "json"], case_sensitive=False),
    default="text",
)


def logs_of(level: str | None) -> Decorator[Any]:
    """Give the two options of logs, with this default level; None: info, less beside a live view."""
    return group_of(
        [
            _option(
                "--log-format",
                "BULKCONN_LOG_FORMAT",
                "Logs go to stderr. Left out: console on a terminal, json elsewhere.",
                type=click.Choice(["console", "json"], case_sensitive=False),
            ),
            _option(
                "--log-level",
                "BULKCONN_LOG_LEVEL",
                "What is logged."
                if level
                else "What is logged. Left out: info; on a terminal not what the live view shows.",
                type=click.Choice(["debug", "info", "warning", "error"], case_sensitive=False),
                default=level,
            ),
        ]
    )


logs: Final = logs_of("info")
logs_beside_view: Final = logs_of(None)
insecure_http: Final = _switch(
    "--insecure-http", "BULKCONN_INSECURE_HTTP",
    "Send credentials unencrypted to another machine; for test set-ups.",
)  # fmt: skip
max_wait: Final = _option(
    "--max-wait", "BULKCONN_MAX_WAIT",
    "Seconds without a definitive answer before the run stops; it can be resumed.",
    type=Number(above=0, example="300"), default=300, metavar="SECONDS",
)  # fmt: skip
base_url: Final = _option("--base-url", "BULKCONN_BASE_URL", "Flow Service.", default=BASE_URL, metavar="URL")
org_id: Final = _option("--org-id", "BULKCONN_ORG_ID", "The organisation, ...@AdobeOrg.", metavar="ID")
target: Final = group_of(
    [
        base_url,
        _option(
            "--ims-url", "BULKCONN_IMS_URL", "The token is at /ims/token/v3 below it.",
            default=IMS_URL, metavar="URL",
        ),
        _option("--client-id", "BULKCONN_CLIENT_ID", "Sent as x-api-key.", metavar="ID"),
        org_id,
        _option(
            "--adobe-config", "BULKCONN_ADOBE_CONFIG",
            "aepp's configuration file: org_id, client_id, secret, scopes, sandbox-name.", metavar="FILE",
        ),
        insecure_http,
        _option(
            "--timeout", "BULKCONN_TIMEOUT", "Seconds for one request.",
            type=Number(above=0, example="60"), default=60, metavar="SECONDS",
        ),
    ]
)  # fmt: skip
row_defaults: Final = group_of(
    [
        _option("--sandbox", "BULKCONN_SANDBOX", "For rows that name none; a row's wins.", metavar="NAME"),
        _option(
            "--platform-cloud", "BULKCONN_PLATFORM_CLOUD",
            "Where Experience Platform runs, for rows that do not say; a row's own wins.",
            type=click.Choice(["azure", "aws"], case_sensitive=False),
        ),
        _option(
            "--encoding", "BULKCONN_ENCODING",
            "Of the inventories. Left out: UTF-8, or what a byte order mark says.", metavar="NAME",
        ),
        _switch(
            "--forbid-plaintext-secrets", "BULKCONN_FORBID_PLAINTEXT_SECRETS",
            "Refuse secrets in clear: a secret cell must be a reference.",
        ),
    ]
)  # fmt: skip
rows: Final = group_of(
    [row_defaults, _switch("--skip-invalid", "BULKCONN_SKIP_INVALID", "Go on without invalid rows.")]
)
pace: Final = group_of(
    [
        _option(
            "--rate", "BULKCONN_RATE", "Requests per second that are never exceeded.",
            type=Number(above=0, at_most=100_000, example="10"), default=10, metavar="NUMBER",
        ),
        _option(
            "--concurrency", "BULKCONN_CONCURRENCY", "Requests open at once.",
            type=Number(at_least=1, at_most=1000, whole=True, example="20"), default=20, metavar="NUMBER",
        ),
    ]
)  # fmt: skip
settle_grace: Final = _option(
    "--settle-grace", "BULKCONN_SETTLE_GRACE",
    "Seconds that a row in doubt must stay invisible before it may be sent again, or never.",
    type=Number(at_least=0, never=True, example="120"), default=120, metavar="SECONDS",
)  # fmt: skip
drain: Final = _option(
    "--drain", "BULKCONN_DRAIN", "Seconds for what is in flight after SIGINT or SIGTERM.",
    type=Number(at_least=0, example="20"), default=20, metavar="SECONDS",
)  # fmt: skip
patience: Final = group_of(
    [
        _option(
            "--max-attempts", "BULKCONN_MAX_ATTEMPTS",
            "Per row and run, for requests that were certainly not processed.",
            type=Number(at_least=1, whole=True, example="5"), default=5, metavar="NUMBER",
        ),
        _option(
            "--max-resends", "BULKCONN_MAX_RESENDS",
            "Per row, of a POST that may have been processed, after settling found nothing.",
            type=Number(at_least=0, whole=True, example="2"), default=2, metavar="NUMBER",
        ),
        settle_grace,
        max_wait,
        drain,
    ]
)  # fmt: skip
policy: Final = group_of(
    [
        _option(
            "--on-existing", "BULKCONN_ON_EXISTING",
            "What becomes of a row that was never sent when its name exists already.",
            type=click.Choice(["hold", "adopt", "create"], case_sensitive=False), default="hold",
        ),
        _switch("--retry-failed", "BULKCONN_RETRY_FAILED", "Send failed rows again, and nothing else."),
        _switch(
            "--marker", "BULKCONN_MARKER",
            "Append a proof of ownership to each description: [bulkconn:<ledger id>/<key hash>].",
        ),
    ]
)  # fmt: skip
outside: Final = group_of(
    [
        _option(
            "--events", "BULKCONN_EVENTS",
            "Append a JSON line for each thing that happens (docs/events.md); -: to stdout.", metavar="FILE",
        ),
        _option(
            "--notify", "BULKCONN_NOTIFY",
            "POST the summary there as JSON at the end; https, or http on this machine. It may be a secret: "
            "better set the variable.",
            metavar="URL",
        ),
    ]
)  # fmt: skip
reopen: Final = group_of(
    [
        _option(
            "--error-code", "BULKCONN_ERROR_CODE",
            "With --retry-failed: only rows with this code, as status shows it, or its number; may be "
            "repeated.", multiple=True, metavar="CODE",
        ),
        _switch(
            "--recreate", "BULKCONN_RECREATE", "Create rows again whose connection was rolled back.",
        ),
    ]
)  # fmt: skip
otel: Final = _switch(
    "--otel", "BULKCONN_OTEL",
    "Send traces and metrics to what the OTEL_* variables name (extra: otel).",
)  # fmt: skip
metrics: Final = group_of(
    [
        click.option(
            "--metrics-port", type=click.IntRange(0, 65535), metavar="PORT",
            help="Serve /metrics, /healthz and /readyz (extra: metrics); 0: a free port. Left out: none.",
        ),
        click.option(
            "--metrics-host", default="127.0.0.1", show_default=True,
            help="Interface for them; 0.0.0.0: all.",
        ),
    ]
)  # fmt: skip
plan_out: Final = click.option(
    "-o", "out", metavar="FILE", help="Keep the plan in this file, for run --plan."
)
plan_file: Final = click.option(
    "--plan", metavar="FILE",
    help="Execute this plan, made by `plan -o`, exactly; refuse if inventories or ledger moved on. Its own "
    "settings of rows count, and its inventories if none are named.",
)  # fmt: skip
max_create: Final = _option(
    "--max-create", "BULKCONN_MAX_CREATE", "Send nothing if more connections than this would be created.",
    type=Number(at_least=0, whole=True, example="100"), metavar="NUMBER",
)  # fmt: skip
live: Final = _switch(
    "--live",
    "BULKCONN_PLAN_LIVE",
    "Compare with the sandboxes too: create, adopt, changed, orphan, unchanged. Needs credentials.",
)
detailed_exitcode: Final = _switch(
    "--detailed-exitcode",
    "BULKCONN_PLAN_DETAILED_EXITCODE",
    "Exit 0 if nothing would change, 2 if something would, 1 on errors and on rows that need somebody.",
)
yes: Final = click.option(
    "-y", "--yes", is_flag=True, help="Do not ask before --on-existing create on a new ledger."
)
check_specs: Final = _switch(
    "--check-specs", "BULKCONN_CHECK_SPECS",
    "Ask the service which parameters each source takes, and hold every row to that.",
)  # fmt: skip
offline: Final = _switch(
    "--offline", "BULKCONN_OFFLINE", "Do not look at the names in the sandboxes; no credentials are needed."
)
