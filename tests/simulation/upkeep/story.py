"""One seed: a ledger with rows of every kind, one command, and processes of it until everything is done."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, Any, Final

from bulkconn.core.lifecycle import State
from bulkconn.core.names import ConnectionId, RunId
from bulkconn.core.record import AttemptEnd, DoubtSince, Intent, Move, Provenance, RowSeen, SentAs
from tests.simulation.disk import EPOCH, MemoryDisk
from tests.simulation.drawing import Drawing
from tests.simulation.loop import Stuck, VirtualLoop, virtual_time
from tests.simulation.menu import Made, Weather
from tests.simulation.party import Ending, Machine, Party, Secrets
from tests.simulation.scenario import CLIENT_ID, RUN_BOUND_S, Verdict
from tests.simulation.upkeep import judging
from tests.simulation.upkeep.service import FAULTS, UpkeepService
from tests.simulation.upkeep.worker import UpkeepProcess
from tests.simulation.yesterday import MORNINGS, morning

if TYPE_CHECKING:
    from collections.abc import Callable

    from bulkconn.core.endpoint import Endpoint
    from bulkconn.core.names import EndpointKey
    from bulkconn.core.record import Change

COMMANDS: Final = ("rollback", "rotate", "dedupe")
ROWS: Final = 12
_RUN: Final = RunId("this-morning")
_FAIR_PROCESSES: Final = 3


def simulate_upkeep(seed: int, *, trace: Callable[[str], None] | None = None) -> Verdict:
    """Play one seed to its end and judge it."""
    story = UpkeepStory(seed, trace)
    with virtual_time(story.loop):
        story.play()
    return story.verdict


class UpkeepStory:
    """Everything that one seed of upkeep decides."""

    def __init__(self, seed: int, trace: Callable[[str], None] | None) -> None:
        self.dice = dice = Random(seed)
        self.command = COMMANDS[seed % len(COMMANDS)]
        self.loop = VirtualLoop()  # type: ignore[abstract]  # it has what the engine uses of a loop
        self.trace = None if trace is None else (lambda text: trace(f"{self.loop.now_s:10.3f} {text}"))
        self.log: Any = _Log(self.trace)
        self.drawing = Drawing(dice)
        self.drawing.sandboxes = ("dev", "prod")
        self.verdict = Verdict(seed)
        before = morning(dice.randrange(MORNINGS), ROWS)
        habits = self.drawing.habits(list(before.lines))
        habits = replace(habits, rejected=frozenset(), shows_spec=True, lag_s=0.0)
        self.service = UpkeepService(self.loop, Random(dice.getrandbits(32)), habits, self.trace)
        self.disk = MemoryDisk("ledger-A", self.loop)
        self.party = Party(
            "A", self.disk, CLIENT_ID, list(before.lines), self.service, self.drawing.on_existing
        )
        before.write(self.disk)
        for made in before.connections(self.party):
            self.service.remember(made)
        self._vary_rows({line.endpoint().key for line in before.lines} - {one.key for one in before.made})
        chosen = [made.id for made in self.service.made if dice.random() < 0.15]
        self.service.begin(
            faults=tuple(one for one in FAULTS if dice.random() < 0.5), in_use=frozenset(chosen)
        )
        self.service.judge_delete = lambda made: judging.why_not_delete(self, made)
        self.service.judge_patch = lambda made: judging.why_not_change(self, made)
        self.rotated_endpoints = [self._rotated(line) for line in before.lines]
        self.at_first = judging.read_rows(self.disk)
        #: Connections that people changed since a rotation began.
        self.by_hand: set[str] = set()
        self._boots = 0

    # --- what there is ----------------------------------------------------------------------------

    def _vary_rows(self, new: set[EndpointKey]) -> None:
        """Let some rows be adopted, in doubt or held, and some names be borne twice."""
        dice, endpoints = self.dice, [line.endpoint() for line in self.party.lines]
        store = self.disk.open()
        store.begin_run(_RUN, EPOCH, {}, DoubtSince("boot-0", 0.0))
        changes: list[Change] = []
        for endpoint in endpoints:
            if endpoint.key not in new:
                changes += self._vary_finished(endpoint)
            elif dice.random() < 0.5:
                made = self._plant(endpoint, is_ours=False)
                changes.append(RowSeen(endpoint, EPOCH))
                changes.append(_move(endpoint, State.ADOPTED, made.id, Provenance.ADOPT))
            elif dice.random() < 0.5:
                sent_as = SentAs(endpoint.sandbox, endpoint.name, endpoint.connection_spec_id)
                changes.append(RowSeen(endpoint, EPOCH))
                changes.append(Intent(endpoint.key, _RUN, EPOCH, sent_as, endpoint.fingerprint))
                doubt = DoubtSince("boot-0", 500.0)
                end = AttemptEnd.IN_DOUBT
                move = Move(endpoint.key, State.IN_DOUBT, EPOCH, _RUN, attempt_end=end, doubt_since=doubt)
                changes.append(move)
                self._plant(endpoint, is_ours=True)
        if changes and store.apply([changes]) != [None]:
            raise AssertionError("the story's own ledger is wrong")

    def _vary_finished(self, endpoint: Endpoint) -> list[Change]:
        dice = self.dice
        if dice.random() < 0.3:
            # Another of its name: a stranger's, or a twin of ours that nobody has noticed.
            self._plant(endpoint, is_ours=dice.random() < 0.5)
        if dice.random() < 0.8:
            return []
        others = () if dice.random() < 0.4 else (ConnectionId(self._plant(endpoint, is_ours=True).id),)
        return [Move(endpoint.key, State.HELD, EPOCH, _RUN, other_ids=others)]

    def _plant(self, endpoint: Endpoint, *, is_ours: bool) -> Made:
        made = Made(
            f"more-{len(self.service.made):04d}",
            endpoint.sandbox,
            endpoint.name,
            endpoint.connection_spec_id,
            400.0,
            400.0,
            client=CLIENT_ID if is_ours else "human",
            sent_name=endpoint.name,
            owner=self.party if is_ours else None,
            key=endpoint.key if is_ours else None,
        )
        self.service.plant(made)
        return made

    def _rotated(self, line: Any) -> Endpoint:
        endpoint: Endpoint = replace(line, cells=(*line.cells, ("username", "rotated"))).endpoint()
        return endpoint

    # --- the plot ---------------------------------------------------------------------------------

    def play(self) -> None:
        """Let processes of the command run into trouble, then in fair weather to the end."""
        verdict, dice = self.verdict, self.dice
        try:
            is_complete = False
            for _ in range(dice.randint(1, 3)):
                self.service.weather = self.drawing.weather(self.loop.now_s)
                self.service.weather.forbidden = ()
                self.service.weather.post_chance = dice.choice((0.0, 0.1, 0.3, 0.6))
                process = self._run(self.drawing.ending(self.loop.now_s, on_file=False))
                is_complete = process.is_complete
                if is_complete or verdict.faults:
                    break
                self._meddle()
            self.service.weather = Weather()
            self.loop.freeze(max(0.0, self.service.last_due_s - self.loop.now_s) + 1.0)
            for _ in range(0 if is_complete and dice.random() < 0.5 else _FAIR_PROCESSES):
                if verdict.faults:
                    break
                is_fair_round = self.command == "rotate" and is_complete
                process = self._run(Ending(), is_fair=not is_fair_round)
                if process.is_complete:
                    if not verdict.faults and not is_fair_round:
                        verdict.faults += judging.at_the_end(self, process)
                    break
            else:
                if not is_complete:
                    verdict.faults.append("fair processes did not finish the work")
        except Stuck as error:
            verdict.faults.append(str(error))
        self.disk.close()

    def _run(self, ending: Ending, *, is_fair: bool = False) -> UpkeepProcess:
        dice, verdict = self.dice, self.verdict
        verdict.runs += 1
        self._boots += dice.random() < 0.4
        machine = Machine(
            boot=self._boots,
            booted_at_s=0.0,
            skew_s=dice.choice((0.0, 0.0, -3600.0, 1800.0)),
            latency_s=dice.choice((0.0005, 0.005, 0.2)),
            dice=Random(dice.getrandbits(32)),
            secrets=Secrets(Random(dice.getrandbits(32)), trouble=0.0),
            trace=self.trace,
        )
        if self.trace is not None:
            self.trace(f"=== process {verdict.runs}: {self.command} {ending} {self.service.weather}")
        process = UpkeepProcess(self, f"run-{verdict.runs}", ending, machine)
        self.loop.run(process.work(), until_step=ending.step, until_s=ending.at_s, bound_s=RUN_BOUND_S)
        process.end()
        verdict.crashes += process.ended_s is None
        if self.trace is not None:
            self.trace(f"=== ended {process.error or process.told if process.ended_s else 'killed'}")
        verdict.met[f"{self.command}: {'complete' if process.is_complete else 'cut off'}"] += 1
        verdict.faults += [f"run {verdict.runs}: {one}" for one in judging.after_a_process(self, process)]
        return process

    def _meddle(self) -> None:
        """Let people delete and change connections between two processes."""
        dice, service = self.dice, self.service
        self.loop.freeze(dice.random() * 60.0)
        service.catch_up()
        for made in service.made:
            if dice.random() < 0.04 and not made.is_gone:
                made.gone_s = self.loop.now_s
                self.verdict.met["connection deleted by hand"] += 1
            elif dice.random() < 0.05:
                service.user[made.id], service.version[made.id] = "human", service.version[made.id] + 1
                self.by_hand.add(made.id)
                self.verdict.met["connection changed by hand"] += 1


def _move(endpoint: Endpoint, to: State, connection_id: str, provenance: Provenance) -> Move:
    one = ConnectionId(connection_id)
    return Move(endpoint.key, to, EPOCH, _RUN, connection_id=one, provenance=provenance)


class _Log:
    """A structlog logger as the engine uses it, into a trace or nowhere."""

    def __init__(self, trace: Callable[[str], None] | None) -> None:
        self._trace = trace

    def _say(self, event: str, **facts: object) -> None:
        if self._trace is not None:
            self._trace(f"log {event} {facts}")

    debug = info = warning = error = _say
