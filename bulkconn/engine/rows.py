"""Rows at work, and the queue from which the next piece of work is taken."""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from dataclasses import dataclass, field
from enum import Enum
from itertools import count
from typing import TYPE_CHECKING, Final

from bulkconn.core.facts import Whom

if TYPE_CHECKING:
    from bulkconn.core.endpoint import Endpoint
    from bulkconn.core.lifecycle import State
    from bulkconn.core.names import ConnectionId, EndpointKey
    from bulkconn.core.outcome import Outcome
    from bulkconn.core.record import SentAs
    from bulkconn.core.settle import Looks

#: Rows that may wait for a time of their own before first sends pause, so that memory stays flat.
WAITING_MAX: Final = 5_000
#: Seconds for which "it is not there" holds.
_CLEARED_FOR_S: Final = 30.0
#: Retries yield to first sends beyond this share of all requests (and beyond this many).
_RETRY_SHARE: Final = 0.1
_RETRIES_FREE: Final = 10


@dataclass(slots=True, eq=False)
class Row:
    """One row while this process works on it.

    `endpoint` is None for a row in doubt that no inventory holds any more: it is looked up, never
    sent. `tries` counts requests that were certainly not processed, in this run; `definitive_at` is
    what the service had answered by the last of them, so that an outage uses up nothing. `doubt_streak`
    is the streak of bad answers that the last doubt belongs to, None where another process had it;
    `is_excused` tells that it came by a crash, an interrupt or a 429, which use up nothing either.
    `cleared_at_s` is when the row was found absent and cleared to be sent again.
    `source` is what is set aside if the service does not offer it: of custom sources with the spec's id.
    `rejection` is the refusal that awaits a last look before the row may be called failed. `counted`
    tells whether the row is part of the tally.
    """

    key: EndpointKey
    state: State
    sandbox: str
    source: str
    endpoint: Endpoint | None = None
    sent_as: SentAs | None = None
    seen_ids: tuple[ConnectionId, ...] = ()
    connection_id: ConnectionId | None = None
    attempts: int = 0
    ambiguous: int = 0
    resends: int = 0
    certainly_created: bool = False
    tries: int = 0
    definitive_at: int = -1
    doubt_streak: int | None = None
    is_excused: bool = False
    cleared_at_s: float | None = None
    looks: Looks | None = None
    failed_looks: int = 0
    glance_only: bool = False
    rejection: Outcome | None = None
    counted: bool = True

    def is_stale(self, now_s: float) -> bool:
        """Tell whether a row that may exist was found absent too long ago: it is looked up anew."""
        return self.ambiguous > 0 and now_s - (self.cleared_at_s or 0.0) > _CLEARED_FOR_S

    @property
    def whom(self) -> Whom:
        """Say which row this is, to those who listen."""
        named = self.endpoint or self.sent_as
        return Whom(self.key, None if named is None else named.name, self.sandbox, self.source)

    @property
    def label(self) -> tuple[str, str]:
        """Where it goes: sandbox and source."""
        return (self.sandbox, self.source)


class Work(Enum):
    """What is to be done with a row next."""

    #: POST it for the first time in this run.
    SEND = "send"
    #: POST it again.
    RETRY = "retry"
    #: Look its doubt up.
    LOOK = "look"


@dataclass(order=True, slots=True)
class _Due:
    at_s: float
    order: int
    work: Work = field(compare=False)
    row: Row = field(compare=False)


class WorkQueue:
    """First sends in their order, and a heap of rows "not before t"; a waiting row holds no slot."""

    def __init__(self) -> None:
        self._first: deque[Row] = deque()
        self._due: list[_Due] = []
        self._order = count()
        self._requests = 0
        self._retries = 0
        #: Set whenever something changed that a waiting taker should see.
        self.changed = asyncio.Event()

    @property
    def waiting(self) -> int:
        """Rows that wait for a time of their own."""
        return len(self._due)

    @property
    def ready(self) -> int:
        """Rows that wait to be sent first."""
        return len(self._first)

    @property
    def next_due_s(self) -> float | None:
        """When the next waiting row may go on."""
        return self._due[0].at_s if self._due else None

    def send(self, row: Row) -> None:
        """Queue a first send."""
        self._first.append(row)
        self.changed.set()

    def later(self, work: Work, row: Row, at_s: float) -> None:
        """Queue work for not before `at_s` (on the clock of `Clock.elapsed_s`)."""
        heapq.heappush(self._due, _Due(at_s, next(self._order), work, row))
        self.changed.set()

    def take(self, now_s: float) -> tuple[Work, Row] | None:
        """Take what is to be done now; None when nothing is due yet.

        Retries come first until they exceed a tenth of the requests (at least ten); then they yield to
        first sends: delayed, never dropped. First sends pause while too many rows wait.
        """
        may_send = bool(self._first) and len(self._due) < WAITING_MAX
        if self._due and self._due[0].at_s <= now_s:
            is_retry = self._due[0].work is Work.RETRY
            if not (is_retry and may_send and self._is_over_budget()):
                due = heapq.heappop(self._due)
                self._retries += is_retry
                self._requests += due.work is not Work.LOOK
                return due.work, due.row
        if may_send:
            self._requests += 1
            return Work.SEND, self._first.popleft()
        return None

    def drop_all(self) -> None:
        """Forget what waits: the run stops, and the ledger knows every row of it."""
        self._first.clear()
        self._due.clear()
        self.changed.set()

    def _is_over_budget(self) -> bool:
        return self._retries >= max(_RETRIES_FREE, _RETRY_SHARE * self._requests)
