"""Sending new credentials for connections that exist: which rows may, and what the answers mean."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from bulkconn.core.classify import classify_create
from bulkconn.core.lifecycle import State
from bulkconn.core.listing import OddPage, read_created, read_page
from bulkconn.core.outcome import OutcomeKind
from bulkconn.core.reply import Reply
from bulkconn.core.verification import created_as, is_not_found

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from bulkconn.core.endpoint import Endpoint
    from bulkconn.core.names import EndpointKey
    from bulkconn.core.outcome import Outcome
    from bulkconn.core.record import LedgerRecord
    from bulkconn.core.reply import Fault

_DESCRIPTION: Final = "description"
#: Where a custom row names its auth spec.
_AUTH_SPEC: Final = "auth_spec_name"


class Judgement(StrEnum):
    """What is to be done about a row of the inventory."""

    ROTATE = "rotate"
    #: It has no connection whose credentials could be replaced.
    LEFT = "left"
    #: It has one, but says that it is another than the one that was created.
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Judged:
    """A judgement; of a row that is not rotated also why, and what to do."""

    judgement: Judgement
    reason: str = ""
    fix: str = ""


class RotationEnd(StrEnum):
    """How it ended for a row."""

    ROTATED = "rotated"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Rotated:
    """What became of a row, as the ledger keeps it.

    `fingerprint` and `cells` are the row's new content, None where the old one stands. `etag` is that of
    the connection now; None: it is asked for when it is needed.
    """

    key: EndpointKey
    at: datetime
    end: RotationEnd
    code: str | None = None
    message: str | None = None
    request_id: str | None = None
    etag: str | None = None
    fingerprint: str | None = None
    cells: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Changed:
    """The parameters were replaced; `etag` None: the answer does not say which version that is."""

    etag: str | None


class Refusal(Enum):
    """Why a change was certainly not made, other than by what `Outcome` says."""

    #: 412: the connection has another version than the etag names.
    STALE = "stale"
    #: 404 in the documented shape.
    GONE = "gone"


def judge_rotation(endpoint: Endpoint, record: LedgerRecord | None, *, with_adopted: bool) -> Judged:
    """Decide whether a row's credentials are sent.

    What makes a connection another one (sandbox, name, connection spec, auth spec) cannot be changed by new
    parameters: such a row is refused, and its connection stays as it is.
    """
    if record is None:
        return Judged(Judgement.LEFT, "the ledger does not know this row", "create it with `bulkconn run`")
    if record.state is State.ADOPTED and not with_adopted:
        fix = "add --adopted if its connection is yours to change"
        return Judged(Judgement.LEFT, "this row was adopted: somebody else created its connection", fix)
    if record.state not in {State.CREATED, State.ADOPTED}:
        word = record.state.value.replace("_", " ")
        return Judged(Judgement.LEFT, f"this row is {word}, not created", "finish it with `bulkconn run`")
    sent = created_as(record)
    pairs = (
        ("sandbox", sent.sandbox, endpoint.sandbox),
        ("name", sent.name, endpoint.name),
        ("connection spec", sent.connection_spec_id, endpoint.connection_spec_id),
        ("platform_cloud", record.platform_cloud, endpoint.platform_cloud),
        ("auth", record.auth, endpoint.auth),
        ("auth spec", record.cells.get(_AUTH_SPEC), endpoint.cells.get(_AUTH_SPEC)),
    )
    others = [what for what, was, now in pairs if was != now]
    if not others:
        return Judged(Judgement.ROTATE)
    fix = "put back what was created, or make it a row of its own with another key"
    return Judged(Judgement.REFUSED, f"this row was created with another {' and '.join(others)}", fix)


def new_content(endpoint: Endpoint, record: LedgerRecord) -> tuple[str | None, dict[str, str]]:
    """Give fingerprint and cells of a row whose parameters were replaced by those of its endpoint.

    The description is not sent. Where it was edited, it stays what it was, and so does the fingerprint:
    the row goes on to count as changed.
    """
    cells = dict(endpoint.cells)
    was = record.cells.get(_DESCRIPTION)
    if was == cells.get(_DESCRIPTION):
        return endpoint.fingerprint, cells
    cells.pop(_DESCRIPTION, None)
    return None, cells if was is None else {_DESCRIPTION: was, **cells}


def classify_change(answer: Reply | Fault, connection_id: str) -> Changed | Refusal | Outcome:
    """Say what the answer to a PATCH of the parameters means.

    An `Outcome` that is in doubt or not sent may be followed by the same PATCH: `/auth/params` is replaced
    whole, so twice is as good as once. But the etag must be fresh, for the first may have changed it.
    """
    if isinstance(answer, Reply):
        if answer.status == HTTPStatus.OK:
            found, etag = read_created(answer)
            return Changed(etag if found is not None and found.lower() == connection_id.lower() else None)
        if answer.status == HTTPStatus.PRECONDITION_FAILED:
            return Refusal.STALE
        if is_not_found(answer, connection_id):
            return Refusal.GONE
    outcome = classify_create(answer)
    if outcome.kind in {OutcomeKind.CREATED, OutcomeKind.CERTAINLY_CREATED}:
        # A 201 to a PATCH is in no document: what it did is anybody's guess.
        return classify_create(Reply(202, request_id=outcome.request_id))
    return outcome


def read_etag(reply: Reply, connection_id: str) -> str | Refusal | None:
    """Read the present etag from the answer to `GET /connections/{id}`; None: it does not say."""
    if is_not_found(reply, connection_id):
        return Refusal.GONE
    page = read_page(reply)
    if isinstance(page, OddPage) or len(page.items) != 1:
        return None
    item = page.items[0]
    return item.etag if item.connection_id.lower() == connection_id.lower() else None
