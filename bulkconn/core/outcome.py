"""Station 6 of a row's road: what a reply or a fault means, as a value."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bulkconn.core.names import ConnectionId


class OutcomeKind(StrEnum):
    """What a POST came to. The first question is always: not processed, or maybe?"""

    #: 201 with an id.
    CREATED = "created"
    #: 201 whose id cannot be read: it exists, it is never sent again, settle until found.
    CERTAINLY_CREATED = "certainly_created"
    #: It may have been processed: settle, then perhaps send again.
    IN_DOUBT = "in_doubt"
    #: It never reached the service.
    NOT_SENT = "not_sent"
    #: The gateway turned it away for its pace: not processed.
    THROTTLED = "throttled"
    #: The token was not accepted: not processed.
    TOKEN_REFUSED = "token_refused"  # noqa: S105 - the name of an outcome
    #: Not processed for a reason that is not the row's: `scope` says whose.
    NOT_POSSIBLE = "not_possible"
    #: Processed and refused, because of the row itself.
    REJECTED = "rejected"


class Scope(StrEnum):
    """Whom a fault concerns."""

    #: This row alone.
    ROW = "row"
    #: Every row of this source in this sandbox.
    SOURCE = "source"
    #: Every row of this sandbox.
    SANDBOX = "sandbox"
    #: Everybody.
    RUN = "run"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one attempt came to, and what follows for others.

    `code` groups equal faults (`1304-400`, `http-502`, `not_sent`); `message` is redacted before it
    is kept. `closes_gate_s` asks everybody to wait that long (0: as long as the pace decides; None:
    not at all). `lowers_pace` tells of a service under strain. `stops_run` ends the run whatever the
    row's own fate.
    """

    kind: OutcomeKind
    scope: Scope = Scope.ROW
    code: str = ""
    message: str = ""
    status: int | None = None
    request_id: str | None = None
    connection_id: ConnectionId | None = None
    etag: str | None = None
    closes_gate_s: float | None = None
    lowers_pace: bool = False
    stops_run: bool = False

    @property
    def is_definitive(self) -> bool:
        """Whether the service answered: created, or refused with a reason."""
        return self.kind in _DEFINITIVE

    @property
    def is_ambiguous(self) -> bool:
        """Whether the POST may have been processed without our knowing an id."""
        return self.kind in {OutcomeKind.IN_DOUBT, OutcomeKind.CERTAINLY_CREATED}


_DEFINITIVE = frozenset(
    {
        OutcomeKind.CREATED,
        OutcomeKind.CERTAINLY_CREATED,
        OutcomeKind.NOT_POSSIBLE,
        OutcomeKind.REJECTED,
    }
)
