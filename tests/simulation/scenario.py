"""One seed, one story: an inventory, a service with habits, weather, crashes, people, and the end."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Final

from bulkconn.core.plan import Reopen
from tests.simulation import invariants
from tests.simulation.disk import MemoryDisk
from tests.simulation.drawing import Drawing
from tests.simulation.file_disk import FileDisk
from tests.simulation.loop import Stuck, VirtualLoop, replaced, virtual_time
from tests.simulation.meddling import Meddling
from tests.simulation.menu import Weather
from tests.simulation.party import Ending, Machine, Party, Process, Ran, Secrets
from tests.simulation.service import Service

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bulkconn.core.report import Report
    from tests.simulation.drawing import InventoryLine

ROWS: Final = 30
#: No run may take longer, in virtual seconds.
RUN_BOUND_S: Final = 4 * 3600.0
CLIENT_ID: Final = "our-client"


@dataclass(slots=True)
class Verdict:
    """What is wrong after a seed (nothing, one hopes), and what it covered."""

    seed: int
    faults: list[str] = field(default_factory=list)
    posts: int = 0
    crashes: int = 0
    twins: int = 0
    runs: int = 0
    longest_s: float = 0.0
    #: What it cost, in seconds of a core.
    cpu_s: float = 0.0
    is_within: bool = True
    is_fleet: bool = False
    is_upkeep: bool = False
    #: What the seed met, and how often.
    met: Counter[str] = field(default_factory=Counter)


def simulate(
    seed: int, *, rows: int = ROWS, on_file: bool = False, trace: Callable[[str], None] | None = None
) -> Verdict:
    """Play one seed to its end and judge it; `on_file` over real ledger files, ten times slower."""
    story = Story(seed, rows, on_file=on_file, trace=trace)
    with virtual_time(story.loop), replaced(story.limits):
        story.play()
    return story.verdict


class Story:
    """Everything that one seed decides."""

    def __init__(self, seed: int, rows: int, *, on_file: bool, trace: Callable[[str], None] | None) -> None:
        self.dice = dice = Random(seed)
        self.loop = VirtualLoop()  # type: ignore[abstract]  # it has what the engine uses of a loop
        self.trace = None if trace is None else (lambda text: trace(f"{self.loop.now_s:10.3f} {text}"))
        self.on_file = on_file
        self.drawing = Drawing(dice)
        self.verdict = Verdict(seed, is_within=self.drawing.is_within)
        self.runs = 0
        self._boot = 0
        self._booted_at_s = 0.0
        lines = self.drawing.lines(rows)
        self.service = Service(
            self.loop, Random(dice.getrandbits(32)), self.drawing.habits(lines), self.trace
        )
        has_rival = dice.random() < 0.08
        has_marker = dice.random() < (0.5 if has_rival else 0.2)
        self.parties = [self._party("A", CLIENT_ID, lines, has_marker=has_marker)]
        if has_rival:
            # Nobody should start a second ledger for the same inventory; by our client, or by another.
            client_id = dice.choice((CLIENT_ID, "their-client"))
            self.parties.append(self._party("B", client_id, list(lines), has_marker=has_marker))
            self.note("second ledger for the same inventory")
        self.meddling = Meddling(self)
        self.limits = self.drawing.limits()

    @property
    def is_within(self) -> bool:
        """Whether the service keeps to the assumption."""
        return self.drawing.is_within

    def _party(self, name: str, client_id: str, lines: list[InventoryLine], *, has_marker: bool) -> Party:
        disk = self._disk(f"ledger-{name}")
        return Party(name, disk, client_id, lines, self.service, self.drawing.on_existing, has_marker)

    def _disk(self, ledger_id: str) -> MemoryDisk | FileDisk:
        if self.on_file:
            return FileDisk(ledger_id, self.loop, Random(self.dice.getrandbits(32)))
        return MemoryDisk(ledger_id, self.loop)

    def note(self, what: str) -> None:
        """Count what the story met."""
        self.verdict.met[what] += 1
        if self.trace is not None:
            self.trace(f"=== {what}")

    def pass_time(self, seconds: float) -> None:
        """Let time pass while nobody works."""
        self.loop.freeze(seconds)

    def reboot(self) -> None:
        """Start the machine anew, or go on with another one: seconds of the boot before mean nothing now."""
        self._boot += 1
        self._booted_at_s = self.loop.now_s - self.dice.random() * self.dice.choice(
            (100.0, 100_000.0, 100_000.0)
        )

    def wait_until_all_shows(self) -> None:
        """Let time pass until every connection that was made is listed."""
        shown_s = max((made.shown_s for made in self.service.made if not made.is_gone), default=0.0)
        self.pass_time(max(0.0, shown_s - self.loop.now_s) + 1.0)

    # --- the plot ---------------------------------------------------------------------------------

    def play(self) -> None:
        """Run faulty processes, then good ones to the end, then settle when everything shows."""
        try:
            self._play()
        except Stuck as error:
            self.verdict.faults.append(f"run {self.runs}: {error}")
        self.verdict.posts = self.service.posts
        self.verdict.runs = self.runs
        self.verdict.twins = sum(len(invariants.twins(self, party)) for party in self.parties)
        for party in self.parties:
            party.disk.close()

    def _play(self) -> None:
        dice = self.dice
        self.meddling.before_everything()
        for _ in range(dice.randint(1, 4)):
            self.service.weather = self.drawing.weather(self.loop.now_s)
            together = len(self.parties) > 1 and dice.random() < 0.6
            parties = self.parties if together else [dice.choice(self.parties)]
            command = "settle" if self.runs and dice.random() < 0.1 else "run"
            self._run(parties, command, is_fair=False)
            for party in parties:
                if not self.verdict.faults:
                    self.meddling.between(party)
        self.service.weather = Weather()
        for party in self.parties:
            if not self.verdict.faults:
                self._finish(party)
        if self.verdict.faults:
            return
        self.wait_until_all_shows()
        for party in self.parties:
            self._run([party], "settle", is_fair=True)
            self.verdict.faults += invariants.at_the_end(self, party)

    def _finish(self, party: Party) -> None:
        """Run until the inventory is done; in fair weather that takes a few runs at most."""
        for number in range(6):
            (ran,) = self._run([party], "run", is_fair=True, may_retry=number < 2)
            if self.verdict.faults:
                return
            self.pass_time(self.dice.random() * 100.0)
            report = ran.report
            if report is not None and (report.exit_code in {0, 1} or _is_all_refused(report)):
                return
        self.verdict.faults.append("six runs in fair weather did not finish the inventory")

    def _run(
        self, parties: Sequence[Party], command: str, *, is_fair: bool, may_retry: bool = True
    ) -> list[Ran]:
        """Run a process for each party, side by side, as they will."""
        if self.verdict.faults:
            return []
        endings = [
            Ending() if is_fair else self.drawing.ending(self.loop.now_s, on_file=self.on_file)
            for _ in parties
        ]
        processes = [
            self._process(party, command, ending, is_fair=is_fair, may_retry=may_retry)
            for party, ending in zip(parties, endings, strict=True)
        ]
        self.meddling.during()
        # Whoever dies takes the machine with it, and a machine is suspended as a whole.
        for process in processes:
            process.ran.was_suspended = any(ending.freeze for ending in endings)
        steps = [ending.step for ending in endings if ending.step is not None]
        times = [ending.at_s for ending in endings if ending.at_s is not None]
        self.loop.run(
            _all(processes),
            until_step=min(steps, default=None),
            until_s=min(times, default=None),
            bound_s=RUN_BOUND_S,
        )
        return [self._judge(process.end()) for process in processes]

    def _process(
        self, party: Party, command: str, ending: Ending, *, is_fair: bool, may_retry: bool
    ) -> Process:
        dice = self.dice
        self.runs += 1
        is_retry = may_retry and command == "run"
        reopen = self.drawing.reopen(party.retries.codes) if is_retry else Reopen()
        self.verdict.met["retry"] += reopen.failed
        settings = self.drawing.settings(party.client_id, reopen, has_marker=party.has_marker)
        if self.trace is not None:
            self.trace(f"=== process {self.runs} of {party.name}: {command} {ending} {settings}")
            self.trace(f"=== {self.service.weather}")
        machine = Machine(
            boot=self._boot,
            booted_at_s=self._booted_at_s,
            skew_s=dice.choice((0.0, 0.0, -3600.0, 1800.0)),
            latency_s=dice.choice((0.0005, 0.005, 0.2)),
            dice=Random(dice.getrandbits(32)),
            secrets=Secrets(Random(dice.getrandbits(32)), trouble=0.0 if is_fair else 0.05),
            trace=self.trace,
        )
        self._note_ending(ending)
        return Process(f"run-{self.runs}", party, settings, command, ending, machine)

    def _note_ending(self, ending: Ending) -> None:
        met = self.verdict.met
        met["first signal"] += ending.interrupt_s is not None
        met["second signal"] += ending.cut_s is not None
        met["suspended"] += ending.freeze is not None
        met["wall clock set"] += ending.jump is not None
        met["second process"] += ending.rival_s is not None
        if ending.disk is not None:
            met[f"disk: {ending.disk.trouble.value}"] += 1

    def _judge(self, ran: Ran) -> Ran:
        self.verdict.longest_s = max(self.verdict.longest_s, self.loop.now_s - ran.began_s)
        self.verdict.crashes += ran.ended_s is None
        if self.trace is not None:
            self.trace(f"=== ended {ran.report or ran.error or 'killed'}")
        self.verdict.faults += invariants.after_a_process(self, ran)
        return ran


async def _all(processes: Sequence[Process]) -> bool:
    """Let all of them work; a process that does not end by itself ends the machine."""
    if len(processes) == 1:
        await processes[0].work()
    else:
        await asyncio.gather(*(process.work() for process in processes))
    return True


def _is_all_refused(report: Report) -> bool:
    """Tell whether the run rightly stopped because the service refuses every row alike."""
    return report.stopped is not None and "alike" in report.stopped.reason
