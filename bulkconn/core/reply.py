"""What came back from Flow Service: a reply, or the fault that stands in its place.

`flowservice` makes these values and never judges them; `classify.py` says what they mean.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from bulkconn.core.names import loose_name

if TYPE_CHECKING:
    from bulkconn.core.names import ConnectionId

#: A proof of ownership in a description: `[bulkconn:<ledger id>/<key hash>]`.
MARKER: Final = re.compile(r"\[bulkconn:[^\]\s]+\]")


class BodyState(StrEnum):
    """How much of a reply's body could be read."""

    #: All of it, and it was JSON (or rightly empty).
    WHOLE = "whole"
    #: The connection broke or stalled inside it.
    CUT = "cut"
    #: All of it, but it was not JSON.
    NOT_JSON = "not_json"


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP reply whose status line was read.

    `body` is the parsed JSON value (None when there was none or it could not be read). Its free text
    may echo the request: redact before keeping any of it. `retry_after_s` is already in seconds from
    receipt, whichever form the header had; `server_clock_s` is the server's `Date` minus our clock.
    """

    status: int
    body: object = None
    body_state: BodyState = BodyState.WHOLE
    location: str | None = None
    retry_after_s: float | None = None
    request_id: str | None = None
    server_clock_s: float | None = None


class FaultKind(StrEnum):
    """The first question after any fault: did the service get the request?"""

    #: Certainly not: DNS, connect, TLS, connect timeout, no free socket in time.
    NOT_SENT = "not_sent"
    #: Maybe: reset, disconnect or timeout after the request left, or a reply that is no HTTP.
    MAYBE_PROCESSED = "maybe_processed"


@dataclass(frozen=True, slots=True)
class Fault:
    """No status line was read. `detail` names what happened and holds nothing of the request.

    `is_lasting` tells that asking again is useless before something is mended (a certificate).
    """

    kind: FaultKind
    detail: str
    is_lasting: bool = False


@dataclass(frozen=True, slots=True)
class ListedConnection:
    """One item of `GET /connections`, cut down to what may be kept.

    None means that the service did not show the field. `visible` holds the non-secret `auth.params`
    that are compared before an adoption (`COMPARED` of `core/adoption.py`).
    """

    connection_id: ConnectionId
    name: str
    connection_spec_id: str | None
    etag: str | None = None
    state: str | None = None
    created_at_ms: int | None = None
    created_client: str | None = None
    sandbox: str | None = None
    org_id: str | None = None
    description: str | None = None
    visible: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Listing:
    """A lookup that is complete: every page was a 200 with an `items` array, and the chain ended.

    Only a `Listing` can say "not there". Anything less is a `Reply` or a `Fault`: not known yet.
    """

    items: tuple[ListedConnection, ...]
    server_clock_s: float | None = None
    _by_name: _Index = field(default_factory=dict, init=False, repr=False, compare=False)
    _by_marker: _Index = field(default_factory=dict, init=False, repr=False, compare=False)

    def near(self, loose: str, marker: str | None = None) -> tuple[ListedConnection, ...]:
        """Give what bears a name of this loose form, and what bears a marker in its description.

        The listing of a sandbox serves thousands of doubts, so it is sorted once and not read for each.
        """
        if not self._by_name:
            for item in self.items:
                self._by_name.setdefault(loose_name(item.name), []).append(item)
                for mark in MARKER.findall(item.description or ""):
                    self._by_marker.setdefault(mark, []).append(item)
        found = (*self._by_name.get(loose, ()), *self._by_marker.get(marker or "", ()))
        return tuple({item.connection_id: item for item in found}.values())


_Index = dict[str, list[ListedConnection]]
