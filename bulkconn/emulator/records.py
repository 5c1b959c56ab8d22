"""What the books hold: a connection, the draft it was made from, and a request that was seen."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Connection", "Draft", "RequestRecord"]


@dataclass(frozen=True, slots=True)
class Draft:
    """What makes a connection, before it has an id."""

    sandbox: str
    name: str
    spec_id: str
    spec_version: str
    auth_spec_name: str
    #: May hold secrets.
    params: Mapping[str, Any] = field(repr=False)
    description: str | None = None
    client: str = ""
    org_id: str = ""


@dataclass(slots=True)
class Connection:
    """A connection that exists."""

    id: str
    #: Counts from 1 over all sandboxes, in the order of creation.
    seq: int
    sandbox: str
    name: str
    description: str | None
    spec_id: str
    spec_version: str
    auth_spec_name: str
    #: May hold secrets.
    params: Mapping[str, Any] = field(repr=False)
    #: `x-api-key` of its creator.
    created_client: str
    updated_client: str
    org_id: str
    #: Epoch milliseconds; never smaller than that of an earlier connection.
    created_at_ms: int
    updated_at_ms: int
    #: With its own double quotes, as the API gives it.
    etag: str
    #: Monotonic seconds from which listings show it.
    visible_at: float
    #: Put there by a test, not by a POST.
    is_planted: bool = False
    state: str = "enabled"
    #: What its test says.
    works: bool = True
    #: What its test is refused with, in a driver's words; None: it says `works`.
    test_error: str | None = None
    #: Tables at its root; None: the same few for every connection.
    tables: tuple[str, ...] | None = None


@dataclass(slots=True)
class RequestRecord:
    """One request as it came in; bodies, headers and tokens are not kept."""

    #: Epoch seconds of its arrival.
    at: float
    method: str
    #: Path below the service's base path (API), or the whole path (token endpoint).
    path: str
    query: str
    #: None = the request named none.
    sandbox: str | None
    #: Counts from 1; the books give it.
    seq: int = 0
    #: Name of the connection that a POST asked for.
    name: str | None = None
    #: Status sent; None = not answered (yet), or no HTTP was sent.
    status: int | None = None
    #: The fault it met.
    fault: str | None = None
    #: What it created, whether or not the client was told.
    connection_id: str | None = None
