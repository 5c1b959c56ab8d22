"""What the user sees when a command ends by an exception: one line what, one line what to do."""

from __future__ import annotations

import os
import sys
import traceback
from typing import TYPE_CHECKING, Any, Final

import click

from bulkconn.core.errors import BulkconnError, ExitCode, InventoryInvalid
from bulkconn.core.outcome import Scope
from bulkconn.core.report import Report, Stop, ThisRun

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bulkconn.core.diagnostics import Diagnostic

#: Commands that have `--output`.
_WITH_OUTPUT: Final = frozenset(
    {
        *("plan", "run", "check", "rehearse", "settle", "verify", "status", "sources", "submit", "runs"),
        *("rollback", "rotate", "dedupe"),
    }
)
_AGAIN: Final = "the ledger is whole: the same command goes on where it was"


def report_failure(error: BaseException, arguments: Sequence[str]) -> ExitCode:
    """Tell the user, on stderr or as the one JSON value on stdout, and give the exit code."""
    code, message, fix = _read(error)
    if code is ExitCode.USAGE and _is_detailed(arguments):
        # There 2 says that something would change, as it does for Terraform's users.
        code = ExitCode.ROWS_UNFINISHED
    diagnostics = error.diagnostics if isinstance(error, InventoryInvalid) else ()
    if os.environ.get("BULKCONN_DEBUG") == "1" and not isinstance(
        error, BulkconnError | click.ClickException
    ):
        _print_frames(error)
    if wants_json(arguments):
        ledger = error.ledger if isinstance(error, BulkconnError) else None
        report = failed_report(message, fix, code, diagnostics=diagnostics, ledger=ledger)
        as_json = _SHAPES.get(_command(arguments), Report.as_json)
        print_json(as_json(report))
        return code
    if diagnostics:
        from bulkconn.report.diagnostics import render_diagnostics  # noqa: PLC0415 - rarely needed

        click.echo(render_diagnostics(diagnostics) + "\n", err=True)
    click.echo(f"error: {message}\n  fix: {fix}", err=True)
    return code


def failed_report(
    message: str,
    fix: str,
    code: ExitCode,
    *,
    diagnostics: Sequence[Diagnostic] = (),
    ledger: str | None = None,
) -> Report:
    """Give the report of a command that came to nothing."""
    return Report(
        run_id=None,
        ledger=ledger,
        counts={},
        this_run=ThisRun(),
        duration_s=0.0,
        exit_code=code,
        diagnostics=diagnostics,
        stopped=Stop(message, Scope.RUN, fix),
    )


def print_json(value: object) -> None:
    """Write one JSON value to stdout."""
    import json  # noqa: PLC0415 - text output never needs it

    # ASCII: no terminal's or pipe's encoding can spoil it.
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def wants_json(arguments: Sequence[str]) -> bool:
    """Tell whether a command line asks for JSON, even one that click could not parse to its end."""
    if _command(arguments) not in _WITH_OUTPUT:
        return False
    said = None
    for index, word in enumerate(arguments):
        if word == "--output" and index + 1 < len(arguments):
            said = arguments[index + 1]
        elif word.startswith("--output="):
            said = word.partition("=")[2]
    if said is None:
        said = os.environ.get("BULKCONN_OUTPUT") or _said_by_file()
    return said.strip().lower() == "json"


def _is_detailed(arguments: Sequence[str]) -> bool:
    if _command(arguments) != "plan":
        return False
    said = os.environ.get("BULKCONN_PLAN_DETAILED_EXITCODE", "").strip().lower()
    return "--detailed-exitcode" in arguments or said in {"1", "true", "yes", "on", "t", "y"}


def _command(arguments: Sequence[str]) -> str:
    return next((word for word in arguments if not word.startswith("-")), "")


def _as_check(report: Report) -> dict[str, Any]:
    """Give what a command came to in the shape of `check`'s own report."""
    from bulkconn.core.reach_report import ReachReport, ReachTally  # noqa: PLC0415 - only in JSON

    return ReachReport(
        ReachTally(), 0.0, report.exit_code, diagnostics=report.diagnostics, stopped=report.stopped
    ).as_json()


def _as_verify(report: Report) -> dict[str, Any]:
    """Give what a command came to in the shape of `verify`'s own report."""
    from bulkconn.core.verify_report import VerifyReport  # noqa: PLC0415 - only in JSON

    return VerifyReport(
        None, report.ledger, {}, 0, (), 0, 0.0, report.exit_code, stopped=report.stopped
    ).as_json()


def _as_rotate(report: Report) -> dict[str, Any]:
    """Give what a command came to in the shape of `rotate`'s own report."""
    from bulkconn.core.rotate_report import RotateReport  # noqa: PLC0415 - only in JSON

    return RotateReport(
        None,
        report.ledger,
        {},
        0.0,
        report.exit_code,
        diagnostics=report.diagnostics,
        stopped=report.stopped,
    ).as_json()


#: Commands whose JSON has a shape of its own.
_SHAPES: Final = {"check": _as_check, "verify": _as_verify, "rotate": _as_rotate}


def _said_by_file() -> str:
    from bulkconn.cli.configuration import read_toml  # noqa: PLC0415 - only on failures

    try:
        return str(read_toml().get("output", ""))
    except BulkconnError:
        return ""


def _read(error: BaseException) -> tuple[ExitCode, str, str]:
    from bulkconn.cli.main import Terminated  # noqa: PLC0415 - `main` imports this module when it fails

    match error:
        case BulkconnError():
            return error.exit_code, str(error), error.fix
        case click.exceptions.Abort() | KeyboardInterrupt():
            return ExitCode.INTERRUPTED, "interrupted", _AGAIN
        case Terminated():
            return ExitCode.TERMINATED, "terminated", _AGAIN
        case click.UsageError():
            path = error.ctx.command_path if error.ctx is not None else "bulkconn"
            return ExitCode.USAGE, _one_line(error.format_message()), f"`{path} --help` shows what there is"
        case click.ClickException():
            return ExitCode.USAGE, _one_line(error.format_message()), "correct the command line"
        case _:
            # The message may hold a payload, so only its kind is told.
            return (
                ExitCode.ROWS_UNFINISHED,
                f"internal error ({type(error).__name__}); this is a defect of bulkconn",
                f"please report it, with what BULKCONN_DEBUG=1 prints; {_AGAIN}",
            )


def _one_line(text: str) -> str:
    return " ".join(text.split()).rstrip(".")


def _print_frames(error: BaseException) -> None:
    """Write where an error came from: files, lines and kinds, never messages or values."""
    kinds: list[BaseException] = [error]
    if isinstance(error, BaseExceptionGroup):
        kinds.extend(error.exceptions)
    for one in kinds:
        frames = traceback.extract_tb(one.__traceback__)
        lines = [f"  {frame.filename}:{frame.lineno} in {frame.name}" for frame in frames]
        click.echo("\n".join([f"traceback of {type(one).__name__}:", *lines]), err=True)
