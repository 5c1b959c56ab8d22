"""One seed, one story: an inventory, a service with habits, weather, crashes, strangers, and the end."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import lru_cache
from random import Random
from typing import TYPE_CHECKING, Any, Final

from bulkconn.core.errors import BulkconnError
from bulkconn.core.names import RunId
from bulkconn.core.plan import OnExisting
from bulkconn.core.settings import PaceSettings, PatienceSettings, RunSettings
from bulkconn.engine import feed, settling, twins
from bulkconn.engine import rows as row_queue
from bulkconn.engine.context import World
from bulkconn.engine.run import Engine
from bulkconn.engine.run import Service as EngineService
from bulkconn.engine.survey import Survey, survey_batch
from bulkconn.ledger.sqlite import SqliteLedger
from tests.fakes.bench import NoSecrets, endpoint
from tests.simulation import invariants
from tests.simulation.service import (
    CLIENT_ID,
    LOOKUP_FAULTS,
    POST_FAULTS,
    Door,
    Habits,
    Made,
    Service,
    Weather,
)
from tests.simulation.world import (
    Disk,
    Stuck,
    VirtualClock,
    VirtualLoop,
    VirtualWriter,
    replaced,
    virtual_time,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from bulkconn.core.endpoint import Endpoint
    from bulkconn.core.report import Report

ROWS: Final = 30
#: No run may take longer, in virtual seconds.
RUN_BOUND_S: Final = 4 * 3600.0
_SANDBOXES: Final = ("dev", "prod")
_OTHER_SPEC: Final = "3000eb99-cd47-43f3-827c-43caf170f015"


@dataclass(frozen=True, slots=True)
class InventoryLine:
    """A row of the simulated inventory."""

    name: str
    sandbox: str
    row: int
    cells: tuple[tuple[str, str], ...] = ()

    def endpoint(self) -> Endpoint:
        """Give it validated."""
        return _endpoint(self)


@lru_cache(maxsize=4096)
def _endpoint(line: InventoryLine) -> Endpoint:
    return endpoint(line.name, sandbox=line.sandbox, row=line.row, **dict(line.cells))


@dataclass(slots=True)
class Ending:
    """How one process is to end, if not by itself."""

    step: int | None = None
    at_s: float | None = None
    interrupt_s: float | None = None
    commit: int | None = None
    is_commit_done: bool = False
    freeze: tuple[float, float] | None = None


@dataclass(slots=True)
class Ran:
    """What one process came to: a report, an error, or nothing (it was killed)."""

    door: Door
    settings: RunSettings
    endpoints: list[Endpoint]
    command: str
    report: Report | None = None
    error: BulkconnError | None = None
    was_frozen: bool = False
    seconds: float = 0.0


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
    is_within: bool = True


class _Log:
    """A structlog logger as the engine uses it, into a trace or nowhere."""

    def __init__(self, trace: Callable[[str], None] | None) -> None:
        self._trace = trace

    def _say(self, event: str, **facts: object) -> None:
        if self._trace is not None:
            self._trace(f"log {event} {facts}")

    debug = info = warning = error = _say


def simulate(seed: int, *, rows: int = ROWS, trace: Callable[[str], None] | None = None) -> Verdict:
    """Play one seed to its end and judge it."""
    story = Story(seed, rows, trace)
    with virtual_time(story.loop), replaced(story.limits):
        story.play()
    return story.verdict


class Story:
    """Everything that one seed decides."""

    def __init__(self, seed: int, rows: int, trace: Callable[[str], None] | None) -> None:
        self.dice = Random(seed)
        self.loop = VirtualLoop()  # type: ignore[abstract]  # it has what the engine uses of a loop
        self.trace = None if trace is None else (lambda text: trace(f"{self.loop.now_s:10.3f} {text}"))
        self.disk = Disk()
        dice = self.dice
        self.is_within = dice.random() < 0.6
        self.verdict = Verdict(seed, is_within=self.is_within)
        self.grace_s: float | None = dice.choice(
            (2.0, 5.0, 20.0, 60.0, 120.0, None if dice.random() < 0.3 else 9.0)
        )
        self.rate = dice.choice((2.0, 5.0, 10.0, 20.0, 21.0, 25.0, 29.0))
        self.marker = dice.random() < 0.2
        self.lines = self._draw_lines(rows)
        self.next_row = rows
        self.service = Service(
            self.loop, Random(dice.getrandbits(32)), self.disk, self._draw_habits(), self.trace
        )
        self.boot = 0
        self.booted_at_s = 0.0
        self.runs = 0
        self.on_existing = dice.choice(
            (OnExisting.HOLD, OnExisting.HOLD, OnExisting.CREATE, OnExisting.ADOPT)
        )
        self.has_strangers = dice.random() < 0.5
        self.unrecorded: list[tuple[str, str]] = []
        self.snapshots: list[bytes] = []
        self.was_restored = False
        self.was_meddled_with = False
        self.limits = self._draw_limits()

    # --- what the seed decides --------------------------------------------------------------------

    def _draw_limits(self) -> list[tuple[ModuleType, str, int]]:
        """Let thirty rows meet what is made for thousands: listings for many doubts, batches, full heaps."""
        dice = self.dice
        waiting = dice.choice((2, 5_000, 5_000))
        return [
            (settling, "LISTING_FROM", dice.choice((0, 3, 200))),
            (feed, "BATCH_ROWS", dice.choice((1, 7, 200))),
            (feed, "WAITING_MAX", waiting),
            (row_queue, "WAITING_MAX", waiting),
            (twins, "LISTING_FROM", dice.choice((0, 3, 200))),
            (twins, "_BATCH", dice.choice((1, 3, 100))),
        ]

    def _draw_lines(self, rows: int) -> list[InventoryLine]:
        dice = self.dice
        sandboxes = _SANDBOXES if dice.random() < 0.7 else _SANDBOXES[:1]
        return [self._draw_line(number, sandboxes) for number in range(rows)]

    def _draw_line(self, number: int, sandboxes: tuple[str, ...] = _SANDBOXES) -> InventoryLine:
        dice = self.dice
        cells: tuple[tuple[str, str], ...] = ()
        if number % 3 == 0:
            cells = (("key", f"k-{number}"),)
        if number % 4 == 1:
            cells = (*cells, ("server", "shared.example.com"))
        name = f"Db é,{number:02d}" if number % 11 == 5 else f"Db-{number:02d}"
        if number % 7 == 2:
            # The same name under another connection spec is another connection.
            name = f"Db-{number - 1:02d}"
            cells = (*cells, ("source", "mysql"), ("sslMode", "DISABLED"))
        return InventoryLine(name, dice.choice(sandboxes), number + 1, cells)

    def _draw_habits(self) -> Habits:
        dice = self.dice
        grace_s = self.grace_s or 20.0
        return Habits(
            grace_s=self.grace_s,
            is_within=self.is_within,
            timeout_s=dice.choice((1.5, 5.0, 15.0)),
            latency_s=dice.choice((0.02, 0.02, 0.3, 1.0)),
            lag_s=dice.choice((0.0, 0.5, 3.0, grace_s, grace_s * (1 if self.is_within else 3))),
            late_s=grace_s * (1.0 if self.is_within else dice.choice((1.5, 4.0))),
            page_items=dice.choice((3, 10, 100)),
            newest_first=dice.random() < 0.3,
            shows_client=dice.random() < 0.8,
            shows_params=dice.random() < 0.7,
            shows_sandbox=dice.random() < 0.7,
            shows_spec=dice.random() < 0.9,
            recases=self.is_within and dice.random() < 0.05,
            rejected=frozenset(line.name for line in self.lines if dice.random() < 0.03)
            if dice.random() < 0.8
            else frozenset(line.name for line in self.lines),
        )

    def _draw_weather(self) -> Weather:
        dice = self.dice
        weather = Weather()
        now_s = self.loop.now_s
        if dice.random() < 0.85:
            weather.post_faults = tuple(one for one in POST_FAULTS if dice.random() < 0.4) or POST_FAULTS
            if dice.random() < (0.3 if self.is_within else 0.7):
                weather.post_faults += ("late",) * 5
            weather.post_chance = dice.choice((0.05, 0.2, 0.5, 0.9))
        if dice.random() < 0.6:
            weather.lookup_faults = (
                tuple(one for one in LOOKUP_FAULTS if dice.random() < 0.4) or LOOKUP_FAULTS
            )
            weather.lookup_chance = dice.choice((0.05, 0.2, 0.5))
        if dice.random() < 0.2:
            weather.outages = tuple(self._span(now_s, 60.0, 90.0) for _ in range(dice.randint(1, 2)))
        if dice.random() < 0.2:
            weather.storms = tuple(self._span(now_s, 30.0, 20.0) for _ in range(dice.randint(1, 3)))
            weather.storm_wait_s = dice.choice((1.0, 10.0, 200.0))
        if dice.random() < 0.3:
            weather.revocations = tuple(now_s + dice.random() * 20.0 for _ in range(dice.randint(1, 4)))
        if dice.random() < 0.2:
            weather.token_life_s = dice.choice((5.0, 30.0))
            weather.token_chance = dice.choice((0.0, 0.3))
        self._draw_rarer_weather(weather, now_s)
        return weather

    def _draw_rarer_weather(self, weather: Weather, now_s: float) -> None:
        dice = self.dice
        if dice.random() < 0.15:
            begin_s, end_s = self._span(now_s, 10.0, 30.0)
            weather.forbidden = ((dice.choice(_SANDBOXES), begin_s, end_s),)
            weather.forbidden_by = dice.choice((403, 404))
        if dice.random() < 0.2:
            weather.capacity_per_s = dice.choice((1.0, 3.0, 8.0))
        if not self.is_within and dice.random() < 0.2:
            weather.hides = (self._span(now_s, 30.0, 200.0),)

    def _span(self, now_s: float, within_s: float, length_s: float) -> tuple[float, float]:
        begin_s = now_s + self.dice.random() * within_s
        return begin_s, begin_s + self.dice.random() * length_s

    def _draw_ending(self) -> Ending:
        dice = self.dice
        ending = Ending()
        kind = dice.random()
        if kind < 0.25:
            ending.step = int(dice.choice((60, 400, 1500, 4000)) * dice.random()) + 1
        elif kind < 0.45:
            ending.at_s = self.loop.now_s + dice.random() * dice.choice((1.0, 10.0, 60.0))
        elif kind < 0.6:
            ending.interrupt_s = self.loop.now_s + dice.random() * dice.choice((2.0, 20.0, 100.0))
        elif kind < 0.7:
            ending.commit = int(dice.random() * dice.choice((5, 40)))
            ending.is_commit_done = dice.random() < 0.5
        if dice.random() < 0.1:
            ending.freeze = (self.loop.now_s + dice.random() * 20.0, dice.choice((5.0, 60.0, 400.0)))
        return ending

    def _draw_settings(self) -> RunSettings:
        dice = self.dice
        return RunSettings(
            pace=PaceSettings(self.rate, dice.choice((1, 4, 20))),
            patience=PatienceSettings(
                max_attempts=dice.choice((1, 3, 5)),
                max_resends=dice.choice((0, 1, 2, 5)),
                settle_grace_s=self.grace_s,
                max_wait_s=dice.choice((30.0, 100.0, 300.0)),
                drain_s=dice.choice((0.5, 5.0, 20.0)),
            ),
            on_existing=self.on_existing,
            retry_failed=dice.random() < 0.3,
            has_marker=self.marker,
            client_id=CLIENT_ID,
        )

    # --- the plot ---------------------------------------------------------------------------------

    def play(self) -> None:
        """Run faulty processes, then good ones to the end, then settle when everything shows."""
        try:
            self._play()
        except Stuck as error:
            self.verdict.faults.append(f"run {self.runs}: {error}")
        self.verdict.posts = self.service.posts
        self.verdict.runs = self.runs
        self.verdict.twins = len(invariants.twins(self.service.made))
        self.disk.connection.close()

    def _play(self) -> None:
        dice = self.dice
        if self.has_strangers:
            self._plant_strangers(early=True)
        for _ in range(dice.randint(1, 4)):
            self.service.weather = self._draw_weather()
            command = "settle" if self.runs and dice.random() < 0.1 else "run"
            self._process(self._draw_settings(), self._draw_ending(), command)
            if self.verdict.faults:
                return
            self._between()
        self.service.weather = Weather()
        for _ in range(4):
            ran = self._process(self._draw_settings(), Ending(), "run")
            if self.verdict.faults:
                return
            self.loop.freeze(dice.random() * 100.0)
            if ran.report is not None and (
                ran.report.exit_code in {0, 1} or self._is_all_refused(ran.report)
            ):
                break
        else:
            self.verdict.faults.append("four runs in fair weather did not finish the inventory")
            return
        shown_s = max((made.visible_s for made in self.service.made), default=0.0)
        self.loop.freeze(max(0.0, shown_s - self.loop.now_s) + 1.0)
        self._process(self._draw_settings(), Ending(), "settle")
        self.verdict.faults += invariants.at_the_end(self)

    def _is_all_refused(self, report: Report) -> bool:
        """Tell whether the run rightly stopped because the service refuses every row alike."""
        return report.stopped is not None and "alike" in report.stopped.reason

    def _process(self, settings: RunSettings, ending: Ending, command: str) -> Ran:
        self.runs += 1
        if self.trace is not None:
            self.trace(f"=== process {self.runs}: {command} {ending} {settings} {self.service.weather}")
        clock = VirtualClock(self.loop, boot=self.boot, booted_at_s=self.booted_at_s)
        clock.skew_s = self.dice.choice((0.0, 0.0, -3600.0, 1800.0))
        store = self.disk.open()
        dice = Random(self.dice.getrandbits(32))
        latency_s = self.dice.choice((0.0005, 0.005, 0.2))
        writer = VirtualWriter(store, self.loop, dice, latency_s=latency_s, trace=self.trace)
        door = Door(self.service)
        log: Any = _Log(self.trace)
        engine = Engine(
            RunId(f"run-{self.runs}"),
            settings,
            ledger=SqliteLedger(store.info, writer, clock),
            service=EngineService(door, door),
            secrets=NoSecrets(),
            world=World(clock, dice, log, lambda key, made_id: self.unrecorded.append((key, made_id))),
        )
        ran = Ran(door, settings, [line.endpoint() for line in self.lines], command)
        if ending.commit is not None:
            self.disk.fail_commit(ending.commit, is_done_all_the_same=ending.is_commit_done)
        if ending.interrupt_s is not None:
            self.loop.call_at(ending.interrupt_s, engine.interrupt)
        if ending.freeze is not None:
            ran.was_frozen = True
            self.loop.call_at(ending.freeze[0], self.loop.freeze, ending.freeze[1])
            self.loop.call_at(ending.freeze[0] + 3.0, lambda: setattr(clock, "skew_s", clock.skew_s - 500.0))
        if self.has_strangers:
            self._plant_strangers(early=False)
        began_s = self.loop.now_s
        try:
            ran.report = self.loop.run(
                _main(engine, ran), until_step=ending.step, until_s=ending.at_s, bound_s=RUN_BOUND_S
            )
        except BulkconnError as error:
            ran.error = error
        writer.is_dead = True
        ran.seconds = self.loop.now_s - began_s
        self.verdict.longest_s = max(self.verdict.longest_s, ran.seconds)
        self.verdict.crashes += ran.report is None and ran.error is None
        if self.trace is not None:
            self.trace(f"=== ended {ran.report or ran.error or 'killed'}")
        self.verdict.faults += invariants.after_a_process(self, ran)
        return ran

    # --- what happens between runs ------------------------------------------------------------------

    def _between(self) -> None:
        dice = self.dice
        self.loop.freeze(dice.random() * dice.choice((0.0, 5.0, 300.0)))
        if dice.random() < 0.2:
            self.boot += 1
            self.booted_at_s = self.loop.now_s - dice.random() * 100.0
        if dice.random() < 0.3 and not self.was_restored:
            self._edit_inventory()
        if dice.random() < 0.2:
            self._rename_by_hand()
        if self.has_strangers and dice.random() < 0.4:
            self._plant_between()
        if dice.random() < 0.05 and self.snapshots and self.is_within:
            self._restore_ledger()
        self.snapshots.append(self.disk.connection.serialize())

    def _restore_ledger(self) -> None:
        """Put an older ledger back, once everything shows that the newer one knew of."""
        if self.on_existing is OnExisting.CREATE or self.grace_s is None or self.was_meddled_with:
            return
        shown_s = max((made.visible_s for made in self.service.made), default=0.0)
        self.loop.freeze(max(0.0, shown_s - self.loop.now_s) + 1.0)
        self.disk.connection.deserialize(self.dice.choice(self.snapshots))
        self.was_restored = True
        if self.trace is not None:
            self.trace("=== an older ledger is restored")

    def _edit_inventory(self) -> None:
        dice = self.dice
        self.was_meddled_with = True
        for _ in range(dice.randint(1, 5)):
            index = dice.randrange(len(self.lines))
            line = self.lines[index]
            match dice.randrange(5):
                case 0 if len(self.lines) > 3:
                    del self.lines[index]
                case 1:
                    cells = {**dict(line.cells), "database": f"moved{dice.randrange(3)}"}
                    self.lines[index] = replace(line, cells=tuple(cells.items()))
                case 2:
                    self.lines.append(self._draw_line(self.next_row))
                    self.next_row += 1
                case 3 if dict(line.cells).get("key"):
                    self.lines[index] = replace(line, name=f"{line.name}-x{self.runs}")
                case 4 if dict(line.cells).get("key"):
                    self.lines[index] = replace(line, sandbox=dice.choice(_SANDBOXES))
                case _:
                    pass

    def _rename_by_hand(self) -> None:
        """Let somebody give one of our finished connections the name of a row that was never sent."""
        created = self.disk.rows("SELECT key, connection_id, sandbox FROM rows WHERE state = 'created'")
        known = {key for (key,) in self.disk.rows("SELECT key FROM rows WHERE attempts > 0")}
        free = [line for line in self.lines if line.endpoint().key not in known]
        if not created or not free or self.was_restored:
            return
        self.was_meddled_with = True
        _, made_id, sandbox = self.dice.choice(created)
        line = self.dice.choice(free)
        for made in self.service.made:
            if made.id == made_id and sandbox == line.sandbox:
                made.name = line.name

    def _stranger(
        self, line: InventoryLine, client: str | None, at_s: float, *, spec: str | None = None
    ) -> Made:
        one = line.endpoint()
        twists = (str, str, str.upper, lambda name: f" {name}", lambda name: name.replace("é", "e\u0301"))
        name = self.dice.choice(twists)(line.name)
        return Made(
            f"other-{len(self.service.made):04d}",
            line.sandbox,
            name,
            spec or one.connection_spec_id,
            None,
            at_s,
            at_s,
            client=client,
            params={
                "server": dict(line.cells).get("server", f"{line.name}.example.com"),
                "database": "sales",
            },
        )

    def _plant_strangers(self, *, early: bool) -> None:
        """Plant some before the first run (any client), or in the midst of a run (told by their client)."""
        dice, service = self.dice, self.service
        for line in self.lines:
            if dice.random() > 0.06:
                continue
            if dice.random() < 0.4:
                at_s = 0.0 if early else self.loop.now_s + dice.random() * 30.0
                service.plant(
                    self._stranger(line, dice.choice((None, CLIENT_ID, "human")), at_s, spec=_OTHER_SPEC)
                )
            elif early:
                client = dice.choice((None, CLIENT_ID, "human")) if self.is_within else "human"
                service.plant(self._stranger(line, client, 0.0))
            elif service.habits.shows_client:
                service.plant(self._stranger(line, "human", self.loop.now_s + dice.random() * 30.0))

    def _plant_between(self) -> None:
        """Plant one that shows before the next intent of a row that has no ambiguous attempt."""
        if not self.is_within:
            return
        doubted = {
            key
            for (key,) in self.disk.rows(
                "SELECT key FROM rows WHERE ambiguous > 0 OR state IN ('sending', 'in_doubt')"
            )
        }
        free = [line for line in self.lines if line.endpoint().key not in doubted]
        if free:
            client = self.dice.choice((None, CLIENT_ID, "human"))
            self.service.plant(self._stranger(self.dice.choice(free), client, self.loop.now_s))


async def _main(engine: Engine, ran: Ran) -> Report:
    """Do what `bulkconn run` or `bulkconn settle` does."""
    if ran.command == "settle":
        return await engine.settle()
    survey = Survey()
    conflicts = await survey_batch(
        survey, engine.run.ledger, ran.endpoints, retry_failed=engine.run.settings.retry_failed
    )
    invalid = {one.key for one, _ in conflicts}
    ran.endpoints = [one for one in ran.endpoints if one.key not in invalid]
    return await engine.onboard(lambda: ran.endpoints, survey)
