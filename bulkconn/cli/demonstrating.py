"""The body of `demo`: a whole onboarding on this machine, against an emulator, without credentials."""

from __future__ import annotations

import dataclasses
import tempfile
from importlib.resources import as_file, files
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from bulkconn.cli.emulating import read_faults
from bulkconn.cli.given import Credentials, Given
from bulkconn.cli.logs import configure_logs
from bulkconn.cli.onboarding import onboard
from bulkconn.cli.signals import listening
from bulkconn.cli.wiring import make_world, run_async
from bulkconn.core.errors import ExitCode, UsageError
from bulkconn.emulator import Emulator, EmulatorSettings
from bulkconn.engine.audience import Audience
from bulkconn.ledger.export import iter_export
from bulkconn.report.summary import render_summary
from bulkconn.report.words import table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bulkconn.cli.signals import Interrupts
    from bulkconn.core.report import Report
    from bulkconn.emulator import FaultPlan
    from bulkconn.engine.context import World

#: Enough to see something of everything that a service can do wrong, little enough to end soon.
_FAULTS: Final = (
    *("reset_after_create:0.08", "cut_body:0.05", "no_id:0.05", "bad_json:0.04"),
    *("slow:0.05:1", "get_reset:0.05"),
)
_SHOWN: Final = 8
#: Under faults a row in doubt may be sent again after this; the emulator shows at once what it made.
_GRACE_S: Final = 3
_COLUMNS: Final = ("name", "source", "platform_cloud", "sandbox", "state", "connection_id")


def demo(params: Mapping[str, Any]) -> int:
    """Do what `bulkconn demo` was asked for, and give the exit code."""
    world = make_world(configure_logs(params["log_format"], params["log_level"]))
    world = dataclasses.replace(world, listener=Audience(world.log))
    ledger = Path(params["ledger"] or Path(tempfile.mkdtemp(prefix="bulkconn-demo-")) / "demo.ledger.db")
    if ledger.exists():
        raise UsageError(
            f"{ledger} exists already, and an emulator remembers nothing of an earlier demo",
            fix="give --ledger another path, or leave it out",
        )
    return run_async(lambda: _demo(params, ledger, world))


async def _demo(params: Mapping[str, Any], ledger: Path, world: World) -> int:
    faults = read_faults(_FAULTS if params["faults"] else ())
    with listening() as interrupts, as_file(files("bulkconn.cli") / "demo.csv") as inventory:
        return await _show(params, (inventory, ledger), faults, world, interrupts)


async def _show(
    params: Mapping[str, Any],
    paths: tuple[Path, Path],
    faults: FaultPlan,
    world: World,
    interrupts: Interrupts,
) -> int:
    inventory, ledger = paths
    async with Emulator(EmulatorSettings(faults=faults, seed=params["seed"])) as emulator:
        click.echo(
            "This demo talks to the bulkconn emulator on this machine, not to Adobe:\n"
            "nothing leaves the machine, no credentials are used.\n\n"
            f"$ bulkconn run {inventory.name} --ledger {ledger}"
        )
        given = _as_given(params, emulator, ledger)
        first = await _run(given, inventory, world, interrupts)
        click.echo(f"{render_summary(first, command='run')}\n")
        if first.exit_code in {ExitCode.INTERRUPTED, ExitCode.TERMINATED}:
            return int(first.exit_code)
        click.echo(f"$ bulkconn export --ledger {ledger}    (the first {_SHOWN} rows)\n{_table(ledger)}\n")
        click.echo("$ the same command again")
        second = await _run(given, inventory, world, interrupts)
        click.echo(_verdict(second, existing=emulator.books.connection_count))
    return int(second.exit_code)


def _as_given(params: Mapping[str, Any], emulator: Emulator, ledger: Path) -> Given:
    """Give what a user would say to run against this emulator, whatever the environment holds."""
    settings = emulator.settings
    said = {
        "base_url": emulator.base_url,
        "ims_url": emulator.ims_url,
        "ledger": str(ledger.absolute()),
        "timeout": 10,
        "rate": params["rate"],
        "concurrency": params["concurrency"],
        "max_attempts": 5,
        "max_resends": 2,
        "settle_grace": _GRACE_S,
        "max_wait": 60,
        "drain": 5,
    }
    credentials = Credentials(
        client_id=settings.client_id,
        org_id=settings.org_id,
        access_token=None,
        client_secret=settings.client_secret,
        scopes="openid,AdobeID",
    )
    return Given(said, own_credentials=credentials)


async def _run(given: Given, inventory: Path, world: World, interrupts: Interrupts) -> Report:
    return await onboard(given, [str(inventory)], world, interrupts)


def _table(ledger: Path) -> str:
    """Give the first rows of the ledger as a table."""
    rows = [row.as_mapping() for row in islice(iter_export(ledger), _SHOWN)]
    return table(_COLUMNS, [[str(row[name] or "") for name in _COLUMNS] for row in rows])


def _verdict(report: Report, *, existing: int) -> str:
    posts, skipped = report.this_run.posts, report.this_run.skipped
    nothing = "it sent nothing (0 POSTs)" if not posts else f"it sent {posts} POSTs"
    rows = sum(report.counts.values())
    return (
        f"{nothing}: {skipped} rows were finished. The emulator holds "
        f"{existing} connections for {rows} rows.\n"
        "\nnext: bulkconn template postgres > my.csv, then bulkconn plan my.csv"
    )
