"""What a report shows of a ledger, as plain values: counted by the ledger, drawn by the report.

Durations are seconds, times aware UTC. Nothing here is ever a secret.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from bulkconn.core.lifecycle import State
    from bulkconn.core.record import AttemptEnd, ErrorGroup, Target
    from bulkconn.core.verification import Verdict
    from bulkconn.core.verify_report import CauseGroup

#: A timeline has at most so many bars: a bar must stay wider than a hair on a telephone.
MOST_BARS: Final = 90
#: Below this span (seconds) a bar may be a part of a second: beyond it such bars only show how answers bunch.
_SHORT_S: Final = 5.0
_SHORTEST_BAR_S: Final = 0.25
#: Seconds that a bar may stand for; people read these off an axis without reckoning.
_WIDTHS_S: Final = (
    *(1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0),
    *(7200.0, 14400.0, 21600.0, 43200.0, 86400.0),
)


def bar_width_s(span_s: float) -> float:
    """Give the seconds of one bar so that a span has at most `MOST_BARS` of them; days are added up."""
    if span_s <= _SHORT_S:
        return _SHORTEST_BAR_S
    for width_s in _WIDTHS_S:
        if span_s / width_s <= MOST_BARS:
            return width_s
    days = int(span_s / _WIDTHS_S[-1] / MOST_BARS) + 1
    return days * _WIDTHS_S[-1]


@dataclass(frozen=True, slots=True)
class RunFacts:
    """One run of a ledger. `number` is the ledger's own; `ended_at` None: it goes on, or was cut off."""

    number: int
    run_id: str
    began_at: datetime
    ended_at: datetime | None
    settings: Mapping[str, Any]
    summary: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Bar:
    """The answers of one stretch of a run, `from_s` seconds after it began, by how the attempt ended."""

    from_s: float
    answers: Mapping[AttemptEnd, int]

    @property
    def total(self) -> int:
        """How many answers came."""
        return sum(self.answers.values())


@dataclass(frozen=True, slots=True)
class PacePoint:
    """The pace from `from_s` on, its ceiling, and for how many seconds the gate was closed from then on."""

    from_s: float
    rate_per_s: float
    ceiling_per_s: float
    closed_for_s: float


@dataclass(frozen=True, slots=True)
class Timeline:
    """A run from its first intent on, `span_s` long, in bars of `width_s` seconds; none is empty."""

    began_at: datetime
    width_s: float
    span_s: float
    bars: tuple[Bar, ...]
    paces: tuple[PacePoint, ...] = ()

    @property
    def most_per_s(self) -> float:
        """Give the highest bar, in answers per second; 0 without one."""
        return max((bar.total for bar in self.bars), default=0) / self.width_s


@dataclass(frozen=True, slots=True)
class Latencies:
    """Seconds from intent to outcome, as (seconds, how many) in rising order; `longest_s` is exact."""

    counted: tuple[tuple[float, int], ...]
    longest_s: float

    @property
    def total(self) -> int:
        """How many were measured."""
        return sum(count for _, count in self.counted)

    def quantile(self, share: float) -> float:
        """Give the seconds within which this share of answers came; 0 where there was none."""
        wanted, seen = share * self.total, 0
        for seconds, count in self.counted:
            seen += count
            if seen >= wanted:
                return seconds
        return 0.0


@dataclass(frozen=True, slots=True)
class Share:
    """How the rows of one source, cloud or sandbox stand."""

    name: str
    counts: Mapping[State, int]

    @property
    def rows(self) -> int:
        """How many there are."""
        return sum(self.counts.values())


def shares_of(counted: Iterable[tuple[str, State, int]], *, most: int) -> tuple[Share, ...]:
    """Give the shares of (name, state, rows), the largest first; what exceeds `most` is added up last.

    The last one then has an empty name.
    """
    found: dict[str, dict[State, int]] = {}
    for name, state, rows in counted:
        counts = found.setdefault(name, {})
        counts[state] = counts.get(state, 0) + rows
    ordered = sorted(
        (Share(name, counts) for name, counts in found.items()), key=lambda one: (-one.rows, one.name)
    )
    if len(ordered) <= most:
        return tuple(ordered)
    rest: dict[State, int] = {}
    for share in ordered[most:]:
        for state, rows in share.counts.items():
            rest[state] = rest.get(state, 0) + rows
    return (*ordered[:most], Share("", rest))


@dataclass(frozen=True, slots=True)
class PaceNow:
    """The pace that all workers share at this moment, and for how many seconds more their gate is closed."""

    rate_per_s: float
    closed_for_s: float


@dataclass(frozen=True, slots=True)
class FleetFacts:
    """A run that was submitted to workers: where its shards stand and who works on them now."""

    run_id: str
    state: str
    queue: str
    inventories: tuple[str, ...]
    shards: Mapping[str, int]
    workers: tuple[str, ...]
    errors: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class Verified:
    """The newest word of the service on each connection that rows have now, of whichever verification.

    `unknown` are rows with a connection of which there is none; the others were looked at from `first_at` on
    until `last_at`. `groups` are the causes of what is not well, the largest first.
    """

    counts: Mapping[Verdict, int]
    unknown: int
    first_at: datetime
    last_at: datetime
    groups: tuple[CauseGroup, ...] = ()

    @property
    def rows(self) -> int:
        """How many rows have a connection."""
        return sum(self.counts.values()) + self.unknown


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything that a report shows besides the rows themselves.

    `counts` are of all rows that are shown: the ledger's, or those of `fleet` where one run was asked for.
    `verified` None: no connection of these rows was ever verified.
    """

    ledger: str
    target: Target
    made_at: datetime
    counts: Mapping[State, int]
    groups: tuple[ErrorGroup, ...]
    oldest_doubt_at: datetime | None
    sources: tuple[Share, ...]
    clouds: tuple[Share, ...]
    sandboxes: tuple[Share, ...]
    runs: tuple[RunFacts, ...] = ()
    run: RunFacts | None = None
    timeline: Timeline | None = None
    latencies: Latencies | None = None
    fleet: tuple[FleetFacts, ...] = field(default=())
    pace_now: PaceNow | None = None
    verified: Verified | None = None
    is_narrowed: bool = False

    @property
    def rows(self) -> int:
        """How many rows are shown."""
        return sum(self.counts.values())
