"""What the parts of a run share: one ledger, one gate, one clock, one tally."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from bulkconn.core.facts import RowMoved, RowTaken
from bulkconn.core.lifecycle import State
from bulkconn.core.report import Tally, ThisRun
from bulkconn.engine.telling import tell_nobody

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random

    from structlog.typing import FilteringBoundLogger

    from bulkconn.core.names import EndpointKey, RunId
    from bulkconn.core.protocols import Clock, ConnectionApi, Ledger, Listener, SecretResolver
    from bulkconn.core.record import Change, Move
    from bulkconn.core.settings import RunSettings
    from bulkconn.core.trouble import OutageWatch, Patience, SameFaultWatch
    from bulkconn.engine.gate import Gate
    from bulkconn.engine.rows import Row, WorkQueue
    from bulkconn.engine.stops import Stops
    from bulkconn.engine.telling import Tell

#: As what a row in a state counts.
_COUNT_NAMES: Final = {state: state.value for state in State} | {State.SENDING: State.IN_DOUBT.value}


@dataclass(frozen=True, slots=True)
class World:
    """What is chance or time, and where facts are told: given from outside, so that a run can be replayed.

    `last_resort(key, connection_id)` is called with an id that the ledger did not take, so that it
    reaches the user some other way. `listener` is told what happens.
    """

    clock: Clock
    dice: Random
    log: FilteringBoundLogger
    last_resort: Callable[[EndpointKey, str], None]
    listener: Listener | None = None


@dataclass(slots=True)
class RunContext:
    """The shared things of one run."""

    run_id: RunId
    settings: RunSettings
    ledger: Ledger
    api: ConnectionApi
    secrets: SecretResolver
    world: World
    gate: Gate
    stops: Stops
    patience: Patience
    outage: OutageWatch
    same_fault: SameFaultWatch
    queue: WorkQueue
    tell: Tell = tell_nobody
    tally: Tally = field(default_factory=Tally)
    this_run: ThisRun = field(default_factory=ThisRun)
    #: Keys of the inventory that were ever in doubt: few, needed to keep the tally right.
    doubtful: set[EndpointKey] = field(default_factory=set)
    #: Those of them whose content was edited since it was sent: once found they count as changed.
    edited: set[EndpointKey] = field(default_factory=set)
    #: What the service was seen to show as `createdClient` of connections that are certainly ours.
    own_clients: set[str] = field(default_factory=set)
    #: Keys that this run has looked up in vain and leaves in doubt.
    left_in_doubt: set[EndpointKey] = field(default_factory=set)
    #: Rows whose intent is durable and whose answer is not: the tally counts them as in doubt.
    sending: int = 0
    #: When the youngest doubt of this run arose; None: none did.
    doubt_at_s: float | None = None
    #: The world's, which every row asks for a dozen times.
    clock: Clock = field(init=False)
    dice: Random = field(init=False)
    log: FilteringBoundLogger = field(init=False)

    def __post_init__(self) -> None:
        """Take from the world what is asked for all the time."""
        self.clock, self.dice, self.log = self.world.clock, self.world.dice, self.world.log

    @property
    def tells_rows(self) -> bool:
        """Whether anybody wants to hear of single rows."""
        listener = self.world.listener
        return listener is not None and listener.hears_rows

    async def move(self, row: Row, move: Move, *, before: Sequence[Change] = ()) -> None:
        """Make a row's move durable, then let the row and the tally follow.

        `before` are changes that belong to the same transaction.
        """
        await self.ledger.commit([*before, move])
        was = row.state
        self.follow(row, move.to)
        self.tell_moved(row, move, was)

    def tell_moved(self, row: Row, move: Move, was: State) -> None:
        """Tell of a move that is durable."""
        if self.tells_rows:
            self.tell(RowMoved(row.whom, move, was, row.attempts, is_counted=row.counted))

    def tell_taken(self, row: Row) -> None:
        """Tell that work on a row begins."""
        if self.tells_rows:
            self.tell(RowTaken(row.whom))

    def follow(self, row: Row, state: State) -> None:
        """Let row and tally follow a move that is durable."""
        was, key = row.state, row.key
        if state is State.PENDING or state is State.SENDING:
            self.edited.discard(key)
        elif state is State.IN_DOUBT:
            self.doubt_at_s = self.clock.elapsed_s()
        if row.counted:
            self.tally.move(self.count_name(key, was), self.count_name(key, state))
        self.sending += (state is State.SENDING) - (was is State.SENDING)
        row.state = state

    def count_name(self, key: EndpointKey, state: State) -> str:
        """Say as what a row of the inventory counts in a state."""
        if key in self.edited and state in {State.CREATED, State.ADOPTED}:
            return "changed"
        return _COUNT_NAMES[state]
