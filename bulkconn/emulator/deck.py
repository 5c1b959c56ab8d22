"""The dice: draws the next fault from a plan, the same way for the same seed."""

from __future__ import annotations

import random
from collections import deque
from typing import TYPE_CHECKING

from bulkconn.emulator.faults import FaultPlan, FaultStep
from bulkconn.emulator.menu import Fault, Place

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["FaultDeck"]

_NOTHING: Mapping[Place, FaultStep] = {
    Place.POST: FaultStep(fault=Fault.OK),
    Place.LOOKUP: FaultStep(fault=Fault.GET_OK),
    Place.DELETE: FaultStep(fault=Fault.DELETE_OK),
    Place.PATCH: FaultStep(fault=Fault.PATCH_OK),
    Place.ACCEPT: FaultStep(fault=Fault.OK),
    Place.TOKEN: FaultStep(fault=Fault.TOKEN_OK),
}


class FaultDeck:
    """The faults still to come.

    Every place has dice of its own, so that a client which looks up more often still meets the same
    faults on its POSTs.
    """

    def __init__(self, plan: FaultPlan, seed: int) -> None:
        """Lay out `plan`; `seed` decides what chance does."""
        self.replace(plan, seed)

    def replace(self, plan: FaultPlan, seed: int | None = None) -> None:
        """Forget the old plan, scripts included, and follow `plan`.

        Without a seed the dice go on where they were.
        """
        if seed is not None:
            self._dice = {
                # Faults need repeatable dice, not safe ones.
                place: random.Random(f"{seed}/{place}")  # noqa: S311 - see above
                for place in Place
            }
        self._chances = {
            place: tuple(
                (chance.probability, chance) for chance in plan.chances if chance.fault.place is place
            )
            for place in Place
        }
        self._queues = {
            place: deque(step for step in plan.queue if step.fault.place is place) for place in Place
        }
        self._by_name = {name: deque(steps) for name, steps in plan.by_name.items()}

    def draw(self, place: Place, name: str | None = None) -> FaultStep:
        """Take the fault for the next request at `place`.

        Args:
            place: What draws.
            name: For a POST, the name of the connection, which may have a script of its own.
        """
        script = self._by_name.get(name) if name is not None and self._by_name else None
        if script:
            return script.popleft()
        queue = self._queues[place]
        if queue:
            return queue.popleft()
        chances = self._chances[place]
        if not chances:
            return _NOTHING[place]
        mark = self._dice[place].random()
        for probability, step in chances:
            mark -= probability
            if mark < 0:
                return step
        return _NOTHING[place]
