"""What the ledger keeps of a row, and the changes that may be written to it.

A `LedgerRecord` is read; `RowSeen`, `Intent`, `Move` and `Note` are written. Nothing here is ever a
secret or a whole payload.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from bulkconn.core.endpoint import Endpoint
    from bulkconn.core.lifecycle import State
    from bulkconn.core.names import ConnectionId, EndpointKey, LedgerId, RunId
    from bulkconn.core.source import PlatformCloud


class Provenance(StrEnum):
    """How a row came by its connection id."""

    #: The 201 of our own POST said it.
    REPLY = "reply"
    #: A lookup after a doubtful attempt found it.
    LOOKUP = "lookup"
    #: It existed before and was adopted.
    ADOPT = "adopt"


@dataclass(frozen=True, slots=True)
class Target:
    """What a ledger belongs to: one organisation behind one base URL. Another target is refused."""

    base_url: str
    org_id: str


@dataclass(frozen=True, slots=True)
class LedgerInfo:
    """The identity of an open ledger."""

    ledger_id: LedgerId
    target: Target
    format_version: int


@dataclass(frozen=True, slots=True)
class DoubtSince:
    """When a doubt began (the *end* of the attempt), on a clock that counts suspension.

    `clock_id` names one boot of one machine; under another id `at_s` means nothing, and the grace
    counts from now.
    """

    clock_id: str
    at_s: float


@dataclass(frozen=True, slots=True)
class SentAs:
    """The identity under which a POST left, whatever the inventory says by now."""

    sandbox: str
    name: str
    connection_spec_id: str


@dataclass(frozen=True, slots=True)
class LedgerRecord:
    """One row as the ledger knows it.

    `attempts` counts intents; `ambiguous` those that may have been processed without our learning of
    it; `resends` the POSTs that followed such a one and count against `--max-resends`. `sent_as` is
    the last intent's identity. `seen_ids` are the connections of a like name from before the first
    intent; `other_ids` the ids that are in question besides `connection_id` (twins, blockers).
    """

    key: EndpointKey
    name: str
    source: str
    platform_cloud: PlatformCloud
    sandbox: str
    auth: str
    connection_spec_id: str
    fingerprint: str
    state: State
    inventory_file: str
    inventory_row: int
    updated_at: datetime
    cells: Mapping[str, str] = field(default_factory=dict)
    connection_id: ConnectionId | None = None
    etag: str | None = None
    provenance: Provenance | None = None
    attempts: int = 0
    ambiguous: int = 0
    resends: int = 0
    certainly_created: bool = False
    error_code: str | None = None
    error_message: str | None = None
    request_id: str | None = None
    sent_as: SentAs | None = None
    doubt_since: DoubtSince | None = None
    seen_ids: tuple[ConnectionId, ...] = ()
    other_ids: tuple[ConnectionId, ...] = ()


class TakenUp(NamedTuple):
    """As what a row was finished when a run took it up once more: `failed` with its code, or `deleted`.

    The ledger keeps it until the row is created, adopted or held: a retry that was interrupted is gone on
    with, and touches nothing else.
    """

    state: State
    error_code: str | None = None


class RowStanding(NamedTuple):
    """The little of a record that tells a finished row from one with work left; cheap to read in bulk."""

    state: State
    fingerprint: str
    ambiguous: int
    connection_id: ConnectionId | None = None
    error_code: str | None = None


@dataclass(frozen=True, slots=True)
class RowSeen:
    """A row of the inventory enters the ledger as `pending`, or its content is brought up to date.

    The content of a row that was ever sent and is not back to `pending` is left as it was sent.
    """

    endpoint: Endpoint
    at: datetime


@dataclass(frozen=True, slots=True)
class Intent:
    """A POST is about to leave. Must be durable before its first byte does.

    Moves the row from `pending` to `sending`, counts the attempt and keeps what is sent, and `seen_ids`:
    all that bore the name before any attempt that may have been processed.
    """

    key: EndpointKey
    run_id: RunId
    at: datetime
    sent_as: SentAs
    fingerprint: str
    seen_ids: tuple[ConnectionId, ...] = ()
    is_resend: bool = False
    server_clock_s: float | None = None


class AttemptEnd(StrEnum):
    """How an attempt ended, as the append-only table of attempts keeps it."""

    #: 201 with an id.
    CREATED = "created"
    #: It may have been processed.
    IN_DOUBT = "in_doubt"
    #: Certainly not processed; may be sent again.
    NOT_PROCESSED = "not_processed"
    #: Processed and refused.
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Move:
    """A row changes state, with everything that is learnt with it.

    None leaves a column as it is, except the three `error_*`/`request_id` columns, which are always
    written: they tell the newest news. `attempt_end` also appends to the table of attempts (there must
    have been an intent); with IN_DOUBT it counts as ambiguous and `doubt_since` is required. An id that
    `connection_id` replaces is kept among the row's `other_ids`: the ledger never forgets one.
    `takes_up` says that the user asked for this finished row once more: `resends` begin anew, and it bears as
    what it was finished (`TakenUp`). `deleted_ids` are connections of the row that are gone now: each is
    appended to the table of attempts as deleted in this run, and can never be taken for one to come.
    A row that leaves `deleted` forgets the connection that it had.
    """

    key: EndpointKey
    to: State
    at: datetime
    run_id: RunId
    connection_id: ConnectionId | None = None
    etag: str | None = None
    provenance: Provenance | None = None
    error_code: str | None = None
    error_message: str | None = None
    request_id: str | None = None
    status: int | None = None
    attempt_end: AttemptEnd | None = None
    certainly_created: bool = False
    doubt_since: DoubtSince | None = None
    other_ids: tuple[ConnectionId, ...] | None = None
    takes_up: bool = False
    deleted_ids: tuple[ConnectionId, ...] = ()


@dataclass(frozen=True, slots=True)
class Note:
    """Something is learnt of a row whose state stays as it is; None leaves a column as it is.

    Written after a lookup that settled nothing, and where the grace of a doubt counts anew because its
    clock is gone.
    """

    key: EndpointKey
    at: datetime
    error_code: str | None = None
    error_message: str | None = None
    doubt_since: DoubtSince | None = None
    other_ids: tuple[ConnectionId, ...] | None = None


Change = RowSeen | Intent | Move | Note


@dataclass(frozen=True, slots=True)
class Watch:
    """A name that may still get a late twin: a row had an ambiguous attempt under it."""

    key: EndpointKey
    sent_as: SentAs
    last_ambiguous_at: datetime


@dataclass(frozen=True, slots=True)
class NameConflict:
    """Another key of the ledger already stands for this sandbox, connection spec and (loose) name."""

    key: EndpointKey
    inventory_file: str
    inventory_row: int
    state: State


@dataclass(frozen=True, slots=True)
class PaceNote:
    """From `at` on a run sent at most `rate_per_s` requests a second; its gate was closed for so long (s)."""

    at: datetime
    rate_per_s: float
    ceiling_per_s: float
    closed_for_s: float = 0.0


@dataclass(frozen=True, slots=True)
class ErrorGroup:
    """Rows that share a state and an error code; `example` is one of their messages, redacted."""

    state: State
    code: str
    rows: int
    example: str


@dataclass(frozen=True, slots=True)
class LedgerSummary:
    """Counts per state, error groups (largest first), and since when the oldest doubt lasts."""

    counts: Mapping[State, int]
    groups: tuple[ErrorGroup, ...]
    oldest_doubt_at: datetime | None
    last_run_id: RunId | None
