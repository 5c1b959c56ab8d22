"""The body of `emulator`: a Flow Service on this machine, until it is told to stop."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any

import click
from pydantic import ValidationError

from bulkconn.cli.signals import listening
from bulkconn.cli.wiring import run_async
from bulkconn.core.errors import ExitCode, UsageError
from bulkconn.emulator import (
    Cloud,
    EmulatorSettings,
    FaultPlan,
    banner,
    fault_menu,
    parse_fault,
    parse_sandbox,
    serve,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bulkconn.emulator import Emulator


def emulator(params: Mapping[str, Any]) -> int:
    """Do what `bulkconn emulator` was asked for, and give the exit code."""
    if "help" in params["fault"]:
        click.echo("\n".join(fault_menu().split(", ")))
        return int(ExitCode.OK)
    settings = EmulatorSettings(
        **read_sandboxes(params["sandboxes"]),
        host=params["host"],
        port=params["port"],
        rate_limit_per_s=params["rate_limit"],
        latency_s=params["latency"],
        jitter_s=params["jitter"],
        visibility_lag_s=params["visibility_lag"],
        token_lifetime_s=params["token_lifetime"],
        seed=params["seed"],
        faults=read_faults(params["fault"]),
    )
    return run_async(lambda: _serve(settings))


def read_sandboxes(texts: Sequence[str]) -> dict[str, dict[str, Cloud]]:
    """Read sandboxes as flags give them, as a setting; none at all leaves the usual ones.

    Raises:
        UsageError: one is not of the form NAME:CLOUD, or is given twice for two clouds.
    """
    sandboxes: dict[str, Cloud] = {}
    for text in texts:
        try:
            name, cloud = parse_sandbox(text)
        except ValueError as error:
            raise UsageError(str(error), fix="write, for example, --sandbox prod:azure") from error
        if sandboxes.setdefault(name, cloud) is not cloud:
            raise UsageError(
                f"sandbox {name} is on two clouds", fix="give it once: a sandbox is on one cloud"
            )
    return {"sandboxes": sandboxes} if sandboxes else {}


def read_faults(texts: Sequence[str]) -> FaultPlan:
    """Read faults as flags give them.

    Raises:
        UsageError: one is not on the menu, or their probabilities exceed 1.
    """
    try:
        return FaultPlan(chances=tuple(parse_fault(text) for text in texts))
    except ValidationError as error:
        message = "; ".join(one["msg"].removeprefix("Value error, ") for one in error.errors())
        raise UsageError(message, fix="lower the probabilities") from error
    except ValueError as error:
        raise UsageError(str(error), fix="write, for example, --fault reset_after_create:0.05") from error


async def _serve(settings: EmulatorSettings) -> int:

    stop = asyncio.Event()

    def show(running: Emulator) -> None:
        click.echo(banner(settings, running.base_url))
        sys.stdout.flush()

    with listening() as interrupts:
        interrupts.on_first = stop.set
        try:
            await serve(settings, on_ready=show, stop=stop)
        except OSError as error:
            raise UsageError(
                f"cannot listen on {settings.host}:{settings.port}: {error.strerror or error}",
                fix="give another --port; 0 takes a free one",
            ) from error
    return int(ExitCode.OK)
