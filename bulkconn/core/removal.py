"""What the answer to a DELETE means, and whether a GET says that a connection is gone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from bulkconn.core.classify import classify_create
from bulkconn.core.error_body import read_error
from bulkconn.core.listing import OddPage, read_page
from bulkconn.core.outcome import Outcome, OutcomeKind
from bulkconn.core.reply import Fault, Reply
from bulkconn.core.verification import is_not_found

if TYPE_CHECKING:
    from bulkconn.core.names import ConnectionId

#: 204 says the OpenAPI file of Flow Service, 202 ("No Content") that of destinations.
_DONE: Final = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.ACCEPTED})
#: "Flow Service errors": a connection that a flow uses cannot be deleted.
_IN_USE: Final = "1418"
#: The code of a connection that is in use, in our own words.
IN_USE: Final = "in_use"


@dataclass(frozen=True, slots=True)
class Removed:
    """The connection is gone; `was_there` False: it was so before."""

    was_there: bool


@dataclass(frozen=True, slots=True)
class Refused:
    """The service will not delete this connection. `message` may echo the request: redact it."""

    code: str
    message: str
    request_id: str | None


def read_removal(answer: Reply | Fault, connection_id: ConnectionId) -> Removed | Refused | Outcome:
    """Say what the answer to a DELETE means. Total: whatever comes in, something comes out.

    An `Outcome` says that it is not decided: not processed, or perhaps. Then a GET by id tells more, and
    the DELETE may be repeated without harm: an id is never given to another connection, so a second one
    finds the same connection or none.
    """
    if isinstance(answer, Reply):
        if answer.status in _DONE:
            return Removed(was_there=True)
        if is_not_found(answer, connection_id):
            return Removed(was_there=False)
        error = read_error(answer.status, answer.body)
        if answer.status == HTTPStatus.BAD_REQUEST and error.number == _IN_USE:
            return Refused(IN_USE, error.message, error.request_id or answer.request_id)
    outcome = classify_create(answer)
    if outcome.kind is OutcomeKind.REJECTED:
        return Refused(outcome.code, outcome.message, outcome.request_id)
    if outcome.kind in {OutcomeKind.CREATED, OutcomeKind.CERTAINLY_CREATED}:
        # A 201 is no answer to a DELETE: whatever wrote it, it did not tell what became of the connection.
        return Outcome(OutcomeKind.IN_DOUBT, code="http-201", message="HTTP 201 to a DELETE", status=201)
    return replace(outcome, connection_id=None)


def read_presence(reply: Reply, connection_id: ConnectionId) -> bool | None:
    """Read `GET /connections/{id}`: True it is there, False it is gone, None the answer does not say."""
    if is_not_found(reply, connection_id):
        return False
    page = read_page(reply)
    if isinstance(page, OddPage):
        return None
    shown = [one for one in page.items if one.connection_id.lower() == connection_id.lower()]
    return True if shown else None
