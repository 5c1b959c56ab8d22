"""One ledger and whoever works with it: the processes that are started over it, one after another."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bulkconn.core.endpoint import SecretStoreDown, SecretUnavailable
from bulkconn.core.errors import BulkconnError
from bulkconn.core.names import RunId
from bulkconn.core.secret import SecretStr
from bulkconn.engine.context import World
from bulkconn.engine.run import Engine
from bulkconn.engine.service import Service as EngineService
from bulkconn.engine.survey import Survey, survey_batch
from bulkconn.ledger.stored import StoredLedger
from tests.simulation.door import Door
from tests.simulation.loop import VirtualClock
from tests.simulation.retries import Retries
from tests.simulation.writer import VirtualWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from random import Random

    from bulkconn.core.endpoint import Endpoint
    from bulkconn.core.plan import OnExisting
    from bulkconn.core.report import Report
    from bulkconn.core.secret import SecretRef
    from bulkconn.core.settings import RunSettings
    from tests.simulation.disk import Disk, DiskFault
    from tests.simulation.drawing import InventoryLine
    from tests.simulation.service import Service

#: Every connection of ours that a sandbox shows for certain: finished by a reply, under the name as sent.
_KNOWN = (
    "SELECT key, connection_id FROM rows WHERE state = 'created' AND provenance = 'reply' AND sandbox = ?"
)


@dataclass(slots=True)
class Ending:
    """How one process is to end, if not by itself, and what happens to it on the way.

    `step` and `at_s` kill it; `interrupt_s` is a first signal, `cut_s` a second one. `freeze` is
    (when, for how long), `jump` sets the wall clock: (when, by how much). `rival_s` is when a second process
    tries to open the same ledger.
    """

    step: int | None = None
    at_s: float | None = None
    interrupt_s: float | None = None
    cut_s: float | None = None
    disk: DiskFault | None = None
    freeze: tuple[float, float] | None = None
    jump: tuple[float, float] | None = None
    rival_s: float | None = None


@dataclass(slots=True)
class Ran:
    """What one process came to: a report, an error, or nothing (it was killed)."""

    party: Party
    door: Door
    settings: RunSettings
    endpoints: list[Endpoint]
    run_id: str
    command: str
    ending: Ending
    began_s: float
    was_suspended: bool = False
    report: Report | None = None
    error: BulkconnError | None = None
    ended_s: float | None = None


@dataclass(slots=True, eq=False)
class Party:
    """A ledger, its inventory, and what the story must remember of them."""

    name: str
    disk: Disk
    client_id: str
    lines: list[InventoryLine]
    service: Service
    on_existing: OnExisting
    has_marker: bool = False
    unrecorded: list[tuple[str, str]] = field(default_factory=list)
    snapshots: list[bytes] = field(default_factory=list)
    was_restored: bool = False
    was_meddled_with: bool = False
    retries: Retries = field(init=False)

    def __post_init__(self) -> None:
        """Begin an account of retries."""
        self.retries = Retries(self.disk)

    def knows_connection(self, sandbox: str, *, before_s: float) -> bool:
        """Tell whether a connection stands there that a lookup must show if it shows anything."""
        known = {made_id for _, made_id in self.disk.rows(_KNOWN, sandbox)}
        return any(
            made.id in known
            and made.name == made.sent_name
            and not (made.is_gone or made.hidden)
            and made.visible_s < before_s
            and self.service.ended_s(self, made.key or "") + 1.0 < before_s
            for made in self.service.made
        )


@dataclass(frozen=True, slots=True)
class Machine:
    """What a process runs on: since when, with which clocks, and how fast its disk and its secrets are."""

    boot: int
    booted_at_s: float
    skew_s: float
    latency_s: float
    dice: Random
    secrets: Secrets
    trace: Callable[[str], None] | None


class Secrets:
    """A secret store: slow at times, and at times without an answer."""

    def __init__(self, dice: Random, *, trouble: float) -> None:
        self._dice = dice
        self._trouble = trouble

    async def resolve(self, refs: Sequence[SecretRef]) -> Mapping[SecretRef, SecretStr]:
        """Give every secret, late; or say that one is not there, or that the store is down."""
        await asyncio.sleep(self._dice.random() * 2.0)
        fate = self._dice.random()
        if fate < self._trouble / 10:
            raise SecretStoreDown("the secret store does not answer", fix="start it")
        if fate < self._trouble:
            raise SecretUnavailable("no such secret")
        return {ref: SecretStr("pa55-in-store") for ref in refs}


class Process:
    """One process over a party's ledger, from its opening to its end."""

    def __init__(
        self, run_id: str, party: Party, settings: RunSettings, command: str, ending: Ending, machine: Machine
    ) -> None:
        service, loop = party.service, party.service.loop
        self._loop = loop
        self._clock = VirtualClock(loop, boot=machine.boot, booted_at_s=machine.booted_at_s)
        self._clock.skew_s = machine.skew_s
        store = party.disk.open()
        self._writer = VirtualWriter(
            store, loop, machine.dice, latency_s=machine.latency_s, trace=machine.trace
        )
        door = Door(service, party, may_post=command == "run")
        log: Any = _Log(machine.trace)
        self.engine = Engine(
            RunId(run_id),
            settings,
            ledger=StoredLedger(store.info, self._writer, self._clock),
            service=EngineService(door, door),
            secrets=machine.secrets,
            world=World(
                self._clock, machine.dice, log, lambda key, made_id: party.unrecorded.append((key, made_id))
            ),
        )
        endpoints = [line.endpoint() for line in party.lines]
        self.ran = Ran(party, door, settings, endpoints, run_id, command, ending, loop.now_s)
        party.retries.on_begin(settings.reopen)
        self._schedule(ending)

    async def work(self) -> None:
        """Do what the command does, to its end or to an error that a user would see."""
        ran = self.ran
        try:
            ran.report = await self._command()
        except BulkconnError as error:
            ran.error = error
        ran.ended_s = self._loop.now_s

    def end(self) -> Ran:
        """Take note that the process is gone, by itself or not."""
        self._writer.is_dead = True
        ran = self.ran
        ran.party.disk.end(is_killed=ran.ended_s is None)
        return ran

    async def _command(self) -> Report:
        engine, ran = self.engine, self.ran
        if ran.command == "settle":
            return await engine.settle()
        survey = Survey()
        conflicts = await survey_batch(survey, engine.run.ledger, ran.endpoints, reopen=ran.settings.reopen)
        invalid = {one.key for one, _ in conflicts}
        ran.endpoints = [one for one in ran.endpoints if one.key not in invalid]
        return await engine.onboard(lambda: ran.endpoints, survey)

    def _schedule(self, ending: Ending) -> None:
        loop, disk = self._loop, self.ran.party.disk
        if ending.disk is not None:
            disk.arm(ending.disk)
        if ending.interrupt_s is not None:
            loop.call_at(ending.interrupt_s, self.engine.interrupt)
        if ending.cut_s is not None:
            loop.call_at(ending.cut_s, self.engine.cut)
        if ending.freeze is not None:
            loop.call_at(ending.freeze[0], loop.freeze, ending.freeze[1])
        if ending.jump is not None:
            loop.call_at(ending.jump[0], self._clock.jump, ending.jump[1])
        if ending.rival_s is not None:
            loop.call_at(ending.rival_s, disk.intrude)


class _Log:
    """A structlog logger as the engine uses it, into a trace or nowhere."""

    def __init__(self, trace: Callable[[str], None] | None) -> None:
        self._trace = trace

    def _say(self, event: str, **facts: object) -> None:
        if self._trace is not None:
            self._trace(f"log {event} {facts}")

    debug = info = warning = error = _say
