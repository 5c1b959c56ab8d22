"""The states of a row, and the one table of moves between them.

A row that was never sent is `pending`. From the moment its intent is durable it is `sending`, and
leaves that state only with knowledge: what is not known is `in_doubt`, and a row in doubt is never
sent. The drawing in ARCHITECTURE.md is checked against this table by a test.
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from bulkconn.core.errors import IllegalMove

if TYPE_CHECKING:
    from collections.abc import Mapping


class State(StrEnum):
    """Where a row stands, as the ledger keeps it."""

    #: Not sent, or certainly not processed: may be sent.
    PENDING = "pending"
    #: An intent is durable; the POST may be on its way.
    SENDING = "sending"
    #: A POST may have been processed, nobody knows: only lookups are allowed.
    IN_DOUBT = "in_doubt"
    #: The base connection exists and its id is here.
    CREATED = "created"
    #: It existed before; its id was taken over on request.
    ADOPTED = "adopted"
    #: The service refused this row; it will not be sent again unless asked.
    FAILED = "failed"
    #: A human must look: something of that name exists that is not certainly ours, or a twin showed up.
    HELD = "held"
    #: Its connection was created here and, on request, deleted again.
    DELETED = "deleted"


#: Every legal move. `failed`, `held` and `deleted` go back to `pending` only when the user asks for it, or,
#: in the same commit as a further move, when a late twin is found.
MOVES: Final[Mapping[State, frozenset[State]]] = MappingProxyType(
    {
        State.PENDING: frozenset({State.SENDING, State.ADOPTED, State.HELD, State.FAILED}),
        State.SENDING: frozenset({State.CREATED, State.IN_DOUBT, State.FAILED, State.PENDING}),
        State.IN_DOUBT: frozenset({State.CREATED, State.HELD, State.PENDING}),
        State.CREATED: frozenset({State.HELD, State.DELETED}),
        State.ADOPTED: frozenset(),
        State.FAILED: frozenset({State.PENDING}),
        State.HELD: frozenset({State.PENDING, State.CREATED, State.DELETED}),
        State.DELETED: frozenset({State.PENDING}),
    }
)

#: For each state, the states from which it may be reached.
SOURCES_OF: Final[Mapping[State, frozenset[State]]] = MappingProxyType(
    {target: frozenset(state for state, targets in MOVES.items() if target in targets) for target in State}
)


def check_move(source: State, target: State) -> None:
    """Do nothing if the move is legal.

    Raises:
        IllegalMove: the table does not have it; a defect of bulkconn.
    """
    if target not in MOVES[source]:
        raise IllegalMove(f"a row cannot go from {source} to {target}")
