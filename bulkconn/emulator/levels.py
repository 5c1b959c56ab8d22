"""How bad a day can be, in three words: plans of faults for a rehearsal.

What every level leaves out: faults that refuse a row for good (`status_400`, `status_413`, `status_422`,
`echo`), since no run could finish it; and `get_hide`, because a listing that hides what exists for longer
than the grace is beyond what bulkconn promises to survive without a twin.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from bulkconn.emulator.faults import FaultPlan, FaultStep, parse_fault
from bulkconn.emulator.menu import Fault, Place

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["FaultLevel", "plan_level"]


class FaultLevel(StrEnum):
    """How often and how badly the service misbehaves."""

    #: Never.
    NONE = "none"
    #: Some answers are lost or late, a token is revoked.
    MILD = "mild"
    #: The whole menu: also storms of 429, outages, and refusals that stop a run.
    STORM = "storm"


@dataclass(frozen=True, slots=True)
class _Level:
    """What strikes by chance, as `name:probability[:seconds]`, and what surely once, as `name[:seconds]`."""

    chances: tuple[str, ...] = ()
    once: tuple[str, ...] = ()


#: Chances are small where a fault costs everybody a second or more.
_LEVELS: Final = {
    FaultLevel.NONE: _Level(),
    FaultLevel.MILD: _Level(
        chances=(
            *("reset_after_create:0.02", "cut_body:0.01", "no_id:0.01", "status_500_after:0.005"),
            *("slow:0.01:0.5", "get_reset:0.02", "get_status_500:0.02", "token_status_500:0.1"),
        ),
        once=(
            *("reset_after_create", "cut_body", "status_503:1", "status_429:1", "revoke_token"),
            *("get_reset", "get_cut_body"),
        ),
    ),
    FaultLevel.STORM: _Level(
        chances=(
            *("refuse:0.05", "reset_before:0.01", "reset_after_create:0.03", "cut_body:0.02"),
            *("bad_json:0.01", "no_id:0.01", "garbage:0.01", "location_only:0.01", "body_only:0.01"),
            *("status_500_before:0.005", "status_500_after:0.005", "status_504_after:0.005"),
            *("status_408:0.005", "status_409:0.005", "status_503:0.003", "slow:0.01:0.5"),
            *("slow_create:0.005:1", "status_429:0.002:1", "status_429_odd:0.002"),
            *("status_429_odd_after:0.002", "revoke_token:0.002"),
            *("storm_429:0.0005:2", "outage:0.0005:2", "down:0.0005:2"),
            *("get_status_500:0.02", "get_status_429:0.005:1", "get_reset:0.02", "get_slow:0.02:0.5"),
            *("get_cut_body:0.02", "get_bad_json:0.02", "get_odd_shape:0.02", "get_foreign_next:0.02"),
            *("token_status_500:0.1", "token_status_429:0.05:1"),
        ),
        once=(
            *("reset_before", "reset_after_create", "cut_body", "bad_json", "no_id", "garbage"),
            *("location_only", "body_only", "status_500_before", "status_500_after", "status_504_after"),
            *("status_408", "status_409", "status_503:1", "slow:0.5", "slow_create:1", "status_429:1"),
            *("status_429_odd", "status_429_odd_after", "revoke_token", "storm_429:2", "outage:2", "down:2"),
            # These stop a run, or park a source or sandbox: the same command again goes on.
            *("redirect_302", "status_403", "status_404_plain", "not_entitled"),
            *("get_status_500", "get_status_429:1", "get_reset", "get_slow:0.5", "get_cut_body"),
            *("get_bad_json", "get_odd_shape", "get_foreign_next", "get_repeat_token"),
            *("get_status_403", "get_status_404_plain", "token_status_500", "token_status_429:1"),
        ),
    ),
}


def plan_level(level: FaultLevel, *, rows: int, seed: int) -> FaultPlan:
    """Give the plan of a level for so many rows.

    Each fault of the level strikes once among the first requests, in an order that the seed decides; then
    chance goes on. With fewer than two rows a fault, as many faults as half the rows strike for certain:
    a handful of rows that met all of them would spend minutes waiting for graces.
    """
    chosen = _LEVELS[level]
    # Faults need repeatable dice, not safe ones.
    dice = random.Random(f"{seed}/level")  # noqa: S311 - see above
    steps = [FaultStep.model_validate(text) for text in chosen.once]
    queue: list[FaultStep] = []
    for place, calm in ((Place.POST, Fault.OK), (Place.LOOKUP, Fault.GET_OK), (Place.TOKEN, Fault.TOKEN_OK)):
        here = [step for step in steps if step.fault.place is place]
        dice.shuffle(here)
        queue += _spread(here[: max(1, rows // 2)], FaultStep(fault=calm), dice)
    return FaultPlan(chances=tuple(parse_fault(text) for text in chosen.chances), queue=tuple(queue))


def _spread(steps: Sequence[FaultStep], calm: FaultStep, dice: random.Random) -> list[FaultStep]:
    """Give the steps in order, each after none to three requests at which nothing goes wrong."""
    spread: list[FaultStep] = []
    for step in steps:
        spread += [calm] * dice.randint(0, 3)
        spread.append(step)
    return spread
