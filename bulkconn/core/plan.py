"""Station 4: what is to be done about a row, from what the ledger and the sandbox say of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple, assert_never

from bulkconn.core.lifecycle import State
from bulkconn.core.names import loose_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from bulkconn.core.endpoint import Endpoint
    from bulkconn.core.names import ConnectionId, EndpointKey
    from bulkconn.core.record import LedgerRecord, RowStanding, TakenUp
    from bulkconn.core.reply import ListedConnection


class OnExisting(StrEnum):
    """What becomes of a row that was never sent when its name exists already."""

    #: Send nothing; show the id; a human decides.
    HOLD = "hold"
    #: Take the id over if it is certainly the same database, else hold.
    ADOPT = "adopt"
    #: Create another connection of that name.
    CREATE = "create"


class Action(StrEnum):
    """What a row needs."""

    #: A POST, after a look at the names that exist already.
    CREATE = "create"
    #: Nothing: it is finished, or waits for the user.
    SKIP = "skip"
    #: A lookup: its last attempt is in doubt.
    SETTLE = "settle"
    #: Nothing in this run: it is pending, and only failed rows are asked for.
    LEAVE = "leave"


@dataclass(frozen=True, slots=True)
class Reopen:
    """Which finished rows a run takes up once more, because the user asked for it; by default none.

    `failed` makes a run a retry: failed rows are sent again, and no others. `codes` narrows it to rows with
    one of these error codes, in full (`1304-400`) or by their number (`1304`); empty: all failed rows.
    `deleted` takes up rows whose connection was rolled back.
    """

    failed: bool = False
    codes: frozenset[str] = frozenset()
    deleted: bool = False

    def takes_up(self, record: LedgerRecord | RowStanding) -> bool:
        """Tell whether a failed or deleted row leaves its state; no other finished row ever does."""
        return self._asks_for(record.state, record.error_code)

    def may_send(self, taken_up: TakenUp | None) -> bool:
        """Tell whether an unfinished row may be sent; by a retry only what was taken up for its like."""
        if not self.failed:
            return True
        return taken_up is not None and self._asks_for(taken_up.state, taken_up.error_code)

    def _asks_for(self, state: State, error_code: str | None) -> bool:
        if state is State.DELETED:
            return self.deleted
        if state is not State.FAILED or not self.failed:
            return False
        code = error_code or ""
        return not self.codes or not self.codes.isdisjoint({code, code.partition("-")[0]})


class PlannedAction(NamedTuple):
    """What a row needs, and how it counts until that is done.

    `counts_as` is a state's name, or `changed`: created or adopted, but edited since.
    """

    action: Action
    counts_as: str


#: What most rows need: finished as the inventory has them, or new to the ledger.
_FINISHED: Final = {state: PlannedAction(Action.SKIP, state) for state in (State.CREATED, State.ADOPTED)}
_NEW: Final = PlannedAction(Action.CREATE, State.PENDING)


def plan_action(
    endpoint: Endpoint,
    record: LedgerRecord | RowStanding | None,
    *,
    reopen: Reopen,
    taken_up: TakenUp | None = None,
) -> PlannedAction:
    """Decide from the ledger alone what a row needs.

    A held row that can have made no connection (nothing of it was ever in doubt, and it holds no id) is
    looked at anew, unless only failed ones are asked for: the user may have removed what stood in its way.
    """
    if record is None or record.state is State.PENDING:
        return _NEW if reopen.may_send(taken_up) else PlannedAction(Action.LEAVE, State.PENDING)
    state = record.state
    match state:
        case State.CREATED | State.ADOPTED:
            is_changed = record.fingerprint != endpoint.fingerprint
            return PlannedAction(Action.SKIP, "changed") if is_changed else _FINISHED[state]
        case State.SENDING | State.IN_DOUBT:
            return PlannedAction(Action.SETTLE, State.IN_DOUBT)
        case State.FAILED | State.DELETED:
            if reopen.takes_up(record):
                return PlannedAction(Action.CREATE, State.PENDING)
            return PlannedAction(Action.SKIP, state)
        case State.HELD:
            is_free = record.ambiguous == 0 and record.connection_id is None
            action = Action.CREATE if is_free and not reopen.failed else Action.SKIP
            return PlannedAction(action, State.HELD)
        case _:
            assert_never(state)


@dataclass(frozen=True, slots=True)
class Send:
    """Nothing stands against sending. `seen_ids` bore a like name before."""

    seen_ids: tuple[ConnectionId, ...] = ()


@dataclass(frozen=True, slots=True)
class Adopt:
    """Take over the id of the one connection that is certainly the same."""

    item: ListedConnection


@dataclass(frozen=True, slots=True)
class HoldExisting:
    """The name exists already and may not be used."""

    items: tuple[ListedConnection, ...]
    reason: str


def like_named(endpoint: Endpoint, items: Iterable[ListedConnection]) -> tuple[ListedConnection, ...]:
    """Give the listed connections that could be taken for this endpoint's: like name, same spec."""
    loose = endpoint.loose_name
    return tuple(
        item
        for item in items
        if loose_name(item.name) == loose and item.connection_spec_id in {None, endpoint.connection_spec_id}
    )


def decide_existing(
    endpoint: Endpoint,
    existing: Sequence[ListedConnection],
    *,
    policy: OnExisting,
    holders: Mapping[ConnectionId, EndpointKey],
    is_same_database: Callable[[Endpoint, ListedConnection], bool],
) -> Send | Adopt | HoldExisting:
    """Decide about a row that was never sent, given the connections of a like name (`like_named`)."""
    if not existing:
        return Send()
    ids = tuple(item.connection_id for item in existing)
    if policy is OnExisting.CREATE:
        return Send(ids)
    if policy is OnExisting.HOLD:
        return HoldExisting(tuple(existing), "the name exists already in this sandbox")
    if len(existing) > 1:
        return HoldExisting(tuple(existing), f"{len(existing)} connections bear this name; none is certain")
    item = existing[0]
    if item.name != endpoint.name or item.connection_spec_id != endpoint.connection_spec_id:
        return HoldExisting((item,), "the name that exists is like this one, but not equal to the letter")
    if holders.get(item.connection_id, endpoint.key) != endpoint.key:
        return HoldExisting((item,), f"another row holds this id: {holders[item.connection_id]}")
    if item.sandbox not in {None, endpoint.sandbox}:
        return HoldExisting((item,), f"the service shows it in another sandbox: {item.sandbox}")
    if not is_same_database(endpoint, item):
        return HoldExisting((item,), "server, database or username of the existing connection differ")
    return Adopt(item)
