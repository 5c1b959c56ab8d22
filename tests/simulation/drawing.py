"""What a seed decides before anything happens: the inventory, the service, the weather, and how runs end."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from bulkconn.core import trouble
from bulkconn.core.plan import OnExisting, Reopen
from bulkconn.core.settings import PaceSettings, PatienceSettings, RunSettings
from bulkconn.engine import feed, settling, twins
from bulkconn.engine import rows as row_queue
from tests.fakes.bench import endpoint
from tests.simulation.disk import DiskFault, Trouble
from tests.simulation.menu import LOOKUP_FAULTS, POST_FAULTS, Habits, NameHabit, Weather
from tests.simulation.party import Ending

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random
    from types import ModuleType

    from bulkconn.core.endpoint import Endpoint

SANDBOXES: Final = ("dev", "prod")
#: What a disk may do to any process; a torn write is for machines that die, and needs a file.
_TROUBLES: Final = tuple(one for one in Trouble if one is not Trouble.TORN)


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


class Drawing:
    """Draws from one seed's dice. `is_within` says whether the service keeps to the assumption."""

    def __init__(self, dice: Random) -> None:
        self._dice = dice
        self.is_within = dice.random() < 0.6
        self.grace_s: float | None = dice.choice(
            (2.0, 5.0, 20.0, 60.0, 120.0, None if dice.random() < 0.3 else 9.0)
        )
        self.rate = dice.choice((2.0, 5.0, 10.0, 20.0, 21.0, 25.0, 29.0))
        self.on_existing = dice.choice(
            (OnExisting.HOLD, OnExisting.HOLD, OnExisting.CREATE, OnExisting.ADOPT)
        )
        self.sandboxes = SANDBOXES if dice.random() < 0.7 else SANDBOXES[:1]
        self.refers_to_secrets = dice.random() < 0.1

    def limits(self) -> list[tuple[ModuleType, str, int]]:
        """Let thirty rows meet what is made for thousands: batches, full heaps, an outage's long streak."""
        dice = self._dice
        waiting = dice.choice((2, 5_000, 5_000))
        return [
            (settling, "LISTING_FROM", dice.choice((0, 3, 200))),
            (feed, "BATCH_ROWS", dice.choice((1, 7, 200))),
            (feed, "WAITING_MAX", waiting),
            (row_queue, "WAITING_MAX", waiting),
            (twins, "LISTING_FROM", dice.choice((0, 3, 200))),
            (twins, "_BATCH", dice.choice((1, 3, 100))),
            (trouble, "OUTAGE_STREAK", dice.choice((2, 5, 20))),
        ]

    # --- the inventory ----------------------------------------------------------------------------

    def lines(self, rows: int) -> list[InventoryLine]:
        """Draw a whole inventory."""
        return [self.line(number) for number in range(rows)]

    def line(self, number: int) -> InventoryLine:
        """Draw one row; some share a server, a name under another spec, or have a key of their own."""
        dice = self._dice
        cells: tuple[tuple[str, str], ...] = ()
        if number % 3 == 0:
            cells = (("key", f"k-{number}"),)
        if number % 4 == 1:
            cells = (*cells, ("server", "shared.example.com"))
        if number % 5 == 2 and self.refers_to_secrets:
            cells = (*cells, ("password", f"env://SECRET_{number}"))
        name = f"Db é,{number:02d}" if number % 11 == 5 else f"Db-{number:02d}"
        if number % 7 == 2:
            # The same name under another connection spec is another connection.
            name = f"Db-{number - 1:02d}"
            cells = (*cells, ("source", "mysql"), ("sslMode", "DISABLED"))
        return InventoryLine(name, dice.choice(self.sandboxes), number + 1, cells)

    # --- the service ------------------------------------------------------------------------------

    def habits(self, lines: list[InventoryLine]) -> Habits:
        """Draw what the service is like."""
        dice, is_within = self._dice, self.is_within
        grace_s = self.grace_s or 20.0
        refused = dice.choice((0.03, 0.03, 0.03, 0.3))
        names = dice.choice(tuple(NameHabit)) if dice.random() < 0.08 else NameHabit.AS_SENT
        return Habits(
            grace_s=self.grace_s,
            is_within=is_within,
            timeout_s=dice.choice((1.5, 5.0, 15.0)),
            latency_s=dice.choice((0.02, 0.02, 0.3, 1.0)),
            lag_s=dice.choice((0.0, 0.5, 3.0, grace_s, grace_s * (1 if is_within else 3))),
            late_s=grace_s * (1.0 if is_within else dice.choice((1.5, 4.0))),
            page_items=dice.choice((3, 10, 100)),
            newest_first=dice.random() < 0.3,
            shifts_pages=dice.random() < 0.5,
            shows_client=dice.random() < 0.8,
            shows_params=dice.random() < 0.7,
            shows_sandbox=dice.random() < 0.7,
            shows_spec=dice.random() < 0.9,
            shows_created=dice.random() < 0.8,
            names=names,
            finds_alike=is_within or names is NameHabit.AS_SENT or dice.random() < 0.7,
            rejected=frozenset(line.name for line in lines if dice.random() < refused)
            if dice.random() < 0.8
            else frozenset(line.name for line in lines),
        )

    def weather(self, now_s: float) -> Weather:
        """Draw what goes wrong in one run."""
        dice, is_within = self._dice, self.is_within
        weather = Weather()
        if dice.random() < 0.85:
            weather.post_faults = tuple(one for one in POST_FAULTS if dice.random() < 0.4) or POST_FAULTS
            if dice.random() < (0.4 if is_within else 0.7):
                weather.post_faults += ("late",) * 5
            weather.post_chance = dice.choice((0.05, 0.2, 0.5, 0.9))
        if dice.random() < 0.6:
            weather.lookup_faults = (
                tuple(one for one in LOOKUP_FAULTS if dice.random() < 0.4) or LOOKUP_FAULTS
            )
            weather.lookup_chance = dice.choice((0.05, 0.2, 0.5))
        if dice.random() < 0.2:
            weather.outages = tuple(self.span(now_s, 60.0, 90.0) for _ in range(dice.randint(1, 2)))
        if dice.random() < 0.2:
            weather.storms = tuple(self.span(now_s, 30.0, 20.0) for _ in range(dice.randint(1, 3)))
            weather.storm_wait_s = dice.choice((1.0, 10.0, 200.0))
        if dice.random() < 0.3:
            weather.revocations = tuple(now_s + dice.random() * 20.0 for _ in range(dice.randint(1, 4)))
        if dice.random() < 0.2:
            weather.token_life_s = dice.choice((5.0, 30.0))
            weather.token_chance = dice.choice((0.0, 0.3))
        self._rarer(weather, now_s)
        return weather

    def _rarer(self, weather: Weather, now_s: float) -> None:
        dice = self._dice
        if dice.random() < 0.15:
            begin_s, end_s = self.span(now_s, 10.0, 30.0)
            weather.forbidden = ((dice.choice(SANDBOXES), begin_s, end_s),)
            weather.forbidden_by = dice.choice((403, 404))
        if dice.random() < 0.2:
            weather.capacity_per_s = dice.choice((1.0, 3.0, 8.0))
        if not self.is_within and dice.random() < 0.2:
            weather.blind = (self.span(now_s, 30.0, 200.0),)
        if not self.is_within and dice.random() < 0.2:
            weather.hides_chance = dice.choice((0.1, 0.5))

    def span(self, now_s: float, within_s: float, length_s: float) -> tuple[float, float]:
        """Draw when something begins and ends."""
        begin_s = now_s + self._dice.random() * within_s
        return begin_s, begin_s + self._dice.random() * length_s

    # --- the processes ----------------------------------------------------------------------------

    def ending(self, now_s: float, *, on_file: bool) -> Ending:
        """Draw how a process ends, if not by itself."""
        dice = self._dice
        ending = Ending()
        kind = dice.random()
        if kind < 0.25:
            ending.step = int(dice.choice((60, 400, 1500, 4000)) * dice.random()) + 1
        elif kind < 0.45:
            ending.at_s = now_s + dice.random() * dice.choice((1.0, 10.0, 60.0))
        elif kind < 0.6:
            ending.interrupt_s = now_s + dice.random() * dice.choice((2.0, 20.0, 100.0))
            if dice.random() < 0.5:
                ending.cut_s = ending.interrupt_s + dice.random() * dice.choice((0.1, 3.0))
        elif kind < 0.72:
            what = Trouble.TORN if on_file and dice.random() < 0.7 else dice.choice(_TROUBLES)
            ending.disk = DiskFault(int(dice.random() * dice.choice((5, 40))), what)
        if dice.random() < 0.1:
            ending.freeze = (now_s + dice.random() * 20.0, dice.choice((5.0, 60.0, 400.0)))
        if dice.random() < 0.1:
            ending.jump = (now_s + dice.random() * 20.0, dice.choice((-20_000.0, -500.0, 500.0, 20_000.0)))
        if on_file and dice.random() < 0.3:
            ending.rival_s = now_s + dice.random() * dice.choice((1.0, 20.0))
        return ending

    def reopen(self, codes: Sequence[str]) -> Reopen:
        """Draw whether a run is a retry, of rows with one of these codes or of all that failed."""
        dice = self._dice
        if dice.random() >= (0.35 if codes else 0.05):
            return Reopen()
        is_narrow = bool(codes) and dice.random() < 0.3
        return Reopen(failed=True, codes=frozenset({dice.choice(codes)} if is_narrow else ()))

    def settings(self, client_id: str, reopen: Reopen, *, has_marker: bool) -> RunSettings:
        """Draw what the user asks of one run."""
        dice = self._dice
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
            reopen=reopen,
            has_marker=has_marker,
            client_id=client_id,
        )
