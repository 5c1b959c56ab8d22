"""What can be told of a run while it goes on: facts, as values, for whoever listens.

One way for all who listen: events, metrics, traces, the view on a terminal. When it was and in which run a
`Listener` is told beside the fact. A fact about a row is told after its move is durable. Nothing here is ever
a secret: messages are redacted before they become facts.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bulkconn.core.lifecycle import State
    from bulkconn.core.names import EndpointKey
    from bulkconn.core.record import Move
    from bulkconn.core.report import Stop


@dataclass(frozen=True, slots=True)
class RunBegan:
    """The ledger knows of the run; nothing was sent yet.

    `rows` are those of the inventories, `to_send` those of them that wait to be sent; None for a settle.
    `in_doubt` are those of the inventories too, of the whole ledger for a settle.
    """

    command: str
    rows: int | None
    to_send: int | None
    in_doubt: int
    ceiling_per_s: float


@dataclass(frozen=True, slots=True)
class RunEnded:
    """The command is over; `summary` is what `--output json` prints."""

    summary: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Whom:
    """Which row a fact is about. `name` is as the inventory has it, else as it was sent; None: not known."""

    key: EndpointKey
    name: str | None
    sandbox: str
    source: str


@dataclass(frozen=True, slots=True)
class RowTaken:
    """Work on a row begins, or goes on after a pause."""

    row: Whom


@dataclass(frozen=True, slots=True)
class RowMoved:
    """A row's new state is durable. `was` is the state before; `attempt_no` counts POSTs from 1, 0: none."""

    row: Whom
    move: Move
    was: State
    attempt_no: int
    #: Whether the row is one of the inventory's; a doubt that no inventory holds any more is not.
    is_counted: bool = True


@dataclass(frozen=True, slots=True)
class RowStaysInDoubt:
    """Lookups did not tell what became of a row; this run looks no more."""

    row: Whom
    reason: str


class RequestKind(StrEnum):
    """What was asked of Flow Service."""

    #: A POST that creates.
    POST = "post"
    #: A GET, of any kind.
    LOOKUP = "lookup"


@dataclass(frozen=True, slots=True)
class RequestEnded:
    """A request was answered, or will not be.

    `result` is a status as text, `not_sent`, `maybe_processed` or `cut_off`. `key` is the row for whose sake
    it left; None where it was nobody's in particular (a probe of an outage, a look for late twins).
    """

    kind: RequestKind
    key: EndpointKey | None
    result: str
    seconds: float


@dataclass(frozen=True, slots=True)
class GateClosed:
    """No request leaves for so many seconds; told again where that becomes longer. `reason` is a word."""

    reason: str
    seconds: float


@dataclass(frozen=True, slots=True)
class GateOpened:
    """Requests leave again; the gate was closed for so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class PaceChanged:
    """The pace, its ceiling (requests per second), and for how many seconds the gate is closed.

    Told at the beginning, where the gate closes or opens, at each fall of the pace, and once a second while
    it climbs.
    """

    rate_per_s: float
    ceiling_per_s: float
    closed_for_s: float


@dataclass(frozen=True, slots=True)
class TokenRenewed:
    """A new access token came. `generation` counts those of this process from 1."""

    generation: int


@dataclass(frozen=True, slots=True)
class OutageBegan:
    """The service answers nobody: only a probe leaves from now on."""


@dataclass(frozen=True, slots=True)
class OutageOver:
    """The service answers again, after so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class PlaceParked:
    """Rows of a sandbox (`source` None), or of a source in it, are set aside for this run."""

    sandbox: str
    source: str | None
    code: str
    stop: Stop


Fact = (
    RunBegan
    | RunEnded
    | RowTaken
    | RowMoved
    | RowStaysInDoubt
    | RequestEnded
    | GateClosed
    | GateOpened
    | PaceChanged
    | TokenRenewed
    | OutageBegan
    | OutageOver
    | PlaceParked
)
