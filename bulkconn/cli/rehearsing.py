"""The body of `rehearse`: the user's own inventory against an emulator, with dummies for its secrets."""

from __future__ import annotations

import signal
import sys
from contextlib import AsyncExitStack
from dataclasses import dataclass
from random import SystemRandom
from typing import TYPE_CHECKING, Any, Final

import click

from bulkconn.cli.auditing import audit_ledger
from bulkconn.cli.checking import opened, take_stock
from bulkconn.cli.concluding import RealRun, Rehearsed, conclude
from bulkconn.cli.conducting import Command, Conductor
from bulkconn.cli.failure import print_json
from bulkconn.cli.given import Given
from bulkconn.cli.ledgers import LedgerView
from bulkconn.cli.logs import configure_logs
from bulkconn.cli.pipes import reader_may_leave
from bulkconn.cli.reporting import emit_run, note_warnings
from bulkconn.cli.signals import listening
from bulkconn.cli.staging import folder_of, stage
from bulkconn.cli.venue import venue_at
from bulkconn.cli.watching import watching
from bulkconn.cli.wiring import make_world, run_async
from bulkconn.core.dummies import DUMMY
from bulkconn.core.errors import UsageError
from bulkconn.core.location import parse_location
from bulkconn.core.plan import Reopen
from bulkconn.core.rehearsal import Level, worker_rate_per_s
from bulkconn.report.rehearsal import render_opening, render_rehearsal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bulkconn.cli.auditing import Audited
    from bulkconn.cli.checking import Checked
    from bulkconn.cli.conducting import Played
    from bulkconn.cli.emulator_admin import EmulatorAdmin
    from bulkconn.cli.staging import Folder, Staged
    from bulkconn.engine.context import World

#: Longer than any fault of an emulator hides what it made, and short enough to wait for.
_GRACE_S: Final = 4
#: Longer than any storm or outage of an emulator.
_MAX_WAIT_S: Final = 60
_NOTHING_LEFT: Final = "nothing is left behind, and no ledger of yours was touched: run it again"


@dataclass(frozen=True, slots=True)
class Asked:
    """What the user wants rehearsed, and how."""

    paths: Sequence[str]
    level: Level
    seed: int
    emulator: str | None
    limit: int | None
    keep: str | None
    #: Flags that say how the rows are to be read.
    reading: Sequence[str] = ()

    @classmethod
    def of(cls, params: Mapping[str, Any]) -> Asked:
        """Take click's parameters; a seed that was left out is drawn."""
        seed = params["seed"]
        return cls(
            params["inventory"],
            Level(params["faults"].lower()),
            SystemRandom().randrange(1_000_000) if seed is None else seed,
            params["emulator"],
            params["rows"],
            params["keep"],
            _reading(params),
        )

    @property
    def shown_paths(self) -> list[str]:
        """The inventories as they may be shown: a signature in a URL is masked."""
        return [parse_location(path).shown for path in self.paths]

    def as_command(self) -> list[str]:
        """Give the words that rehearse the same again."""
        words = ["bulkconn", "rehearse", *self.shown_paths]
        words += ["--faults", self.level.value, "--seed", str(self.seed)]
        words += ["--emulator", self.emulator] if self.emulator is not None else []
        words += ["--rows", str(self.limit)] if self.limit is not None else []
        return [*words, *self.reading]


def _reading(params: Mapping[str, Any]) -> list[str]:
    words: list[str] = []
    for name in ("sandbox", "platform_cloud", "encoding", "skip_invalid", "forbid_plaintext_secrets"):
        value = params[name]
        if value:
            flag = f"--{name.replace('_', '-')}"
            words += [flag] if value is True else [flag, value]
    return words


def rehearse(params: Mapping[str, Any]) -> int:
    """Do what `bulkconn rehearse` was asked for, and give the exit code."""
    # What a run asks of secret stores is of no use here: none is touched.
    given = Given.of({**params, "max_wait": _MAX_WAIT_S})
    world = make_world(configure_logs(given.text("log_format"), given.text("log_level") or "warning"))
    return run_async(lambda: _rehearse(given, Asked.of(params), world))


async def _rehearse(given: Given, asked: Asked, world: World) -> int:

    # A terminal that closes must not leave the worker and its folder behind.
    with listening(signal.SIGHUP, fix=_NOTHING_LEFT):
        return await _perform(given, asked, world)


async def _perform(given: Given, asked: Asked, world: World) -> int:
    """Check the inventory, rehearse it, and print what came of it.

    Raises:
        BulkconnError: there can be no rehearsal.
    """
    began_s = world.clock.elapsed_s()
    async with AsyncExitStack() as stack:
        venue = await stack.enter_async_context(venue_at(asked.emulator))
        with opened(given, asked.paths, sys.stdin.buffer, looks_for_secrets=False) as checked:
            await take_stock(checked, LedgerView().as_ledger(), reopen=Reopen())
            is_skipping = given.is_on("skip_invalid")
            if not checked.may_go_on(skip_invalid=is_skipping):
                duration_s = world.clock.elapsed_s() - began_s
                refusal = checked.refusal(ledger=None, skip_invalid=is_skipping, duration_s=duration_s)
                emit_run(refusal, given, command="rehearse")
                return int(refusal.exit_code)
            folder = stack.enter_context(folder_of(asked.keep))
            staged = await stage(checked, folder.inventory, limit=asked.limit)
        what = _describe(given, asked, checked, staged, folder)
        played, audited = await _play(given, what, folder, await venue.prepare(staged, asked.seed), world)
    rehearsal = conclude(what, played, audited, duration_s=world.clock.elapsed_s() - began_s)
    with reader_may_leave():
        if given.wants_json:
            print_json(rehearsal.as_json())
        else:
            click.echo(render_rehearsal(rehearsal, paths=asked.shown_paths, again=asked.as_command()))
    return int(rehearsal.report.exit_code)


def _describe(given: Given, asked: Asked, checked: Checked, staged: Staged, folder: Folder) -> Rehearsed:
    if not staged.rows:
        raise UsageError(
            "no valid row is left to rehearse", fix="correct the rows, or name another inventory"
        )
    return Rehearsed(
        level=asked.level,
        seed=asked.seed,
        emulator=asked.emulator,
        rows=staged.rows,
        invalid=checked.survey.tally.counts["invalid"],
        to_send=checked.survey.to_send,
        real=RealRun.of(given),
        diagnostics=[*checked.diagnostics, *staged.warnings],
        kept=folder if folder.is_kept else None,
    )


async def _play(
    given: Given, what: Rehearsed, folder: Folder, admin: EmulatorAdmin, world: World
) -> tuple[Played, Audited]:
    note_warnings(what.diagnostics, given)
    opening = render_opening(rows=what.rows, emulator=what.emulator, level=what.level, seed=what.seed)
    # With JSON stdout is for the one value alone.
    click.echo(f"{opening}\n", err=given.wants_json)
    settings = _worker_settings(admin, folder, rows=what.rows, concurrency=what.real.pace.concurrency)
    command = Command(folder.path, folder.inventory, settings, what.rows)
    conductor = Conductor(command, admin, what.level, what.seed)
    async with watching(conductor, admin, rows=what.rows, log=world.log, is_live=not given.wants_json):
        played = await conductor.play(world.log)
    return played, await audit_ledger(folder.ledger, admin)


def _worker_settings(admin: EmulatorAdmin, folder: Folder, *, rows: int, concurrency: int) -> dict[str, str]:
    """Give the worker's environment: a hurried run that gives no row up, against this emulator alone."""
    settings = {
        "BASE_URL": admin.base_url,
        "IMS_URL": admin.origin,
        # The credentials of nobody. An emulator may be on another machine: they are worth no encryption.
        "CLIENT_ID": "rehearsal",
        "CLIENT_SECRET": DUMMY,
        "SCOPES": "openid",
        "ORG_ID": "REHEARSAL@AdobeOrg",
        "INSECURE_HTTP": "1",
        "LEDGER": folder.ledger.name,
        "RATE": f"{worker_rate_per_s(rows):g}",
        "CONCURRENCY": str(concurrency),
        "SETTLE_GRACE": str(_GRACE_S),
        "TIMEOUT": "10",
        "MAX_WAIT": str(_MAX_WAIT_S),
        "MAX_ATTEMPTS": "50",
        "MAX_RESENDS": "50",
        "OUTPUT": "json",
        "LOG_LEVEL": "error",
        "LOG_FORMAT": "json",
    }
    return {f"BULKCONN_{name}": value for name, value in settings.items()}
