"""What the simulated service is and holds, before anybody asks: habits, weather, all connections."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from bulkconn.core.names import loose_name
from tests.simulation.menu import Made, Weather

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from tests.simulation.loop import VirtualLoop
    from tests.simulation.menu import Habits

#: The loose form of a name; stories have few names and compare them often.
loose: Final = lru_cache(maxsize=8192)(loose_name)


class Truth:
    """What was made, by whom, when it took effect and when it shows; outlives every process."""

    def __init__(
        self, loop: VirtualLoop, dice: Random, habits: Habits, trace: Callable[[str], None] | None
    ) -> None:
        self.loop = loop
        self.dice = dice
        self.habits = habits
        self.trace = trace
        self.weather = Weather()
        self.made: list[Made] = []
        self.crimes: list[str] = []

    def plant(self, stranger: Made) -> None:
        """Let somebody else make a connection."""
        stranger.name = self.habits.names.of(stranger.name)
        self.made.append(stranger)

    def draw_latency_s(self) -> float:
        """Draw how long an answer takes: mostly about the same, now and then eight times as long."""
        base = self.habits.latency_s
        return base * (0.1 + self.dice.random()) * (8.0 if self.dice.random() < 0.03 else 1.0)
