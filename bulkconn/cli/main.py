"""`bulkconn`: finds the command that is meant, runs it, and turns whatever happens into an exit code.

This module must stay light: `bulkconn --help` imports it, `click`, and nothing heavy.
"""

from __future__ import annotations

import importlib
import signal
import sys
from typing import TYPE_CHECKING, Any, Final

import click

from bulkconn import __version__
from bulkconn.cli.pipes import silence_stdout
from bulkconn.core.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

#: Commands by name: where each lives and what the overview says, so that `--help` imports none of them.
COMMANDS: Final = {
    "plan": ("bulkconn.cli.commands:plan", "Say what a run would do; send nothing."),
    "check": ("bulkconn.cli.commands:check", "Try to reach and log in to every database; send nothing."),
    "run": ("bulkconn.cli.commands:run", "Create every base connection of an inventory, or go on with it."),
    "rehearse": (
        "bulkconn.cli.commands:rehearse",
        "Try a run on an emulator, faults and kills included.",
    ),
    "settle": ("bulkconn.cli.commands:settle", "Look up every row in doubt; send nothing."),
    "verify": ("bulkconn.cli.upkeep_commands:verify", "Look at every connection, and let it be tested."),
    "explore": ("bulkconn.cli.upkeep_commands:explore", "Write the tables that each connection offers."),
    "rotate": ("bulkconn.cli.upkeep_commands:rotate", "Send new credentials to connections that exist."),
    "status": ("bulkconn.cli.commands:status", "Count the ledger's rows and group their errors."),
    "export": ("bulkconn.cli.commands:export", "Write the ledger as CSV, JSONL or JSON."),
    "report": ("bulkconn.cli.commands:report", "Write the ledger as one page to look at, mail and print."),
    "serve": ("bulkconn.cli.commands:serve", "Show that page live in a browser; read-only."),
    "sources": ("bulkconn.cli.commands:sources", "List what can be onboarded, and its columns."),
    "template": ("bulkconn.cli.commands:template", "Print an inventory to fill in."),
    "convert": ("bulkconn.cli.commands:convert", "Make an inventory of what another tool knows."),
    "emulator": ("bulkconn.cli.commands:emulator", "Run a local Flow Service with a menu of faults."),
    "demo": ("bulkconn.cli.commands:demo", "Onboard 60 bundled rows to an emulator; no credentials needed."),
    "submit": ("bulkconn.cli.fleet_commands:submit", "Hand an inventory to workers; send nothing yet."),
    "worker": ("bulkconn.cli.fleet_commands:worker", "Work on submitted runs, beside other workers."),
    "runs": ("bulkconn.cli.fleet_commands:runs", "List submitted runs and where they stand."),
    "pause": ("bulkconn.cli.fleet_commands:pause", "Let workers leave a submitted run alone."),
    "resume": ("bulkconn.cli.fleet_commands:resume", "Let workers go on with a run that was paused."),
    "cancel": ("bulkconn.cli.fleet_commands:cancel", "Give a submitted run up; undo nothing."),
    "dedupe": (
        "bulkconn.cli.undo_commands:dedupe",
        "Find names with several connections, delete spare ones.",
    ),
    "rollback": ("bulkconn.cli.undo_commands:rollback", "Delete the connections that a ledger created."),
    "completion": ("bulkconn.cli.completion:completion", "Print the completion script of a shell."),
}

_EPILOG: Final = """\
Start here: `bulkconn demo` needs nothing. Then `bulkconn template`, `rehearse`, `plan` and `run`.

Exit codes: 0 every row is created or adopted; 1 some are failed, held, in doubt, changed or invalid;
2 wrong usage; 3 invalid inventory, nothing was sent; 4 mend the reason, then the same command again;
5 ledger locked, damaged or unwritable; 130 or 143 interrupted, the same command goes on.
"""


class Terminated(BaseException):
    """SIGTERM came while nothing was in flight. No `except Exception` takes it, as with KeyboardInterrupt."""


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called, not when they are listed."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Give the names in the order in which they are used."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - likewise
        """Import a command; None for an unknown name."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - likewise
        """Write the overview without importing anything."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(
    cls=LazyGroup, epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]}, name="bulkconn"
)
@click.version_option(__version__, "-V", "--version", prog_name="bulkconn", message="%(prog)s %(version)s")
def bulkconn() -> None:
    """Create Adobe Experience Platform base connections in bulk: none twice, no id lost."""


def entry_point(argv: Sequence[str] | None = None) -> int:
    """Run a command line (None: the process's own) and give its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    _listen_for_sigterm()
    try:
        result: Any = bulkconn.main(arguments, prog_name="bulkconn", standalone_mode=False)
        sys.stdout.flush()
        return int(result) if isinstance(result, int) else int(ExitCode.OK)
    except BrokenPipeError:
        silence_stdout()
        return int(ExitCode.OK)
    # Whatever it is must become one line and an exit code, never a traceback that shows a payload.
    except BaseException as error:  # noqa: BLE001 - see above
        return _on_trouble(error, arguments)


def _on_trouble(error: BaseException, arguments: Sequence[str]) -> int:
    from bulkconn.cli.failure import report_failure  # noqa: PLC0415 - only when something went wrong

    try:
        match error:
            case SystemExit():
                return error.code if isinstance(error.code, int) else int(ExitCode.OK)
            case click.exceptions.Exit():
                return error.exit_code
            case _:
                return int(report_failure(error, arguments))
    except BrokenPipeError:
        silence_stdout()
        return int(ExitCode.OK)


def _listen_for_sigterm() -> None:
    def on_sigterm(_signal: int, _frame: FrameType | None) -> None:
        raise Terminated

    try:
        signal.signal(signal.SIGTERM, on_sigterm)
    except ValueError:
        # Called from another thread than the main one, which alone may do this: then the host decides.
        return
