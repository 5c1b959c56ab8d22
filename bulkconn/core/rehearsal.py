"""What a rehearsal asks of its worker: how often it is killed, when, and how fast it works."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Level(StrEnum):
    """How much goes wrong in a rehearsal."""

    #: Nothing.
    NONE = "none"
    #: Some faults of the service, two kills.
    MILD = "mild"
    #: Every fault that a run can survive, many kills.
    STORM = "storm"


_KILLS: Final = {Level.NONE: 0, Level.MILD: 2, Level.STORM: 8}
#: A kill needs some rows before and behind it to show anything.
_ROWS_PER_KILL: Final = 2

#: The share of kills that come while names are looked up or doubts are settled.
_AMID_LOOKUPS: Final = 0.25

#: A rehearsal takes about this long where the machine allows, so that kills meet a run at work.
_USUAL_S: Final = 10.0
_SLOWEST_PER_S: Final = 50.0
#: More than an emulator on the same machine takes.
_FASTEST_PER_S: Final = 1000.0


def kills_of(level: Level, rows: int) -> int:
    """Give how often the worker is to be killed over so many rows."""
    return min(_KILLS[level], rows // _ROWS_PER_KILL)


@dataclass(frozen=True, slots=True)
class KillPoint:
    """When the worker is killed next: after so many more POSTs, or so many more requests of any kind."""

    after: int
    counts_lookups: bool


def next_kill(remaining: int, kills_left: int, dice: tuple[float, float]) -> KillPoint:
    """Give when the worker is killed next.

    The kills that are left spread over the rows that remain, each somewhere around its share. Some come
    amid lookups, and all do once every row exists. The dice are in [0, 1).
    """
    share, kind = dice
    after = 1 + int(share * 2 * remaining / (kills_left + 1))
    return KillPoint(after, counts_lookups=not remaining or kind < _AMID_LOOKUPS)


def worker_rate_per_s(rows: int) -> float:
    """Give the ceiling at which a rehearsal's worker sends."""
    return min(_FASTEST_PER_S, max(_SLOWEST_PER_S, rows / _USUAL_S))
