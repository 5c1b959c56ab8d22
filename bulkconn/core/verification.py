"""Whether a connection is still what was created, and works: what the answers to two GETs say of a row."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from bulkconn.core.adoption import COMPARED
from bulkconn.core.classify import classify_create
from bulkconn.core.connection_string import build_string, named_by
from bulkconn.core.listing import OddPage, read_page
from bulkconn.core.outcome import OutcomeKind
from bulkconn.core.record import Provenance, SentAs
from bulkconn.core.reply import BodyState
from bulkconn.core.secret import parse_reference
from bulkconn.core.text import shown

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from bulkconn.core.names import ConnectionId, EndpointKey
    from bulkconn.core.record import LedgerRecord
    from bulkconn.core.reply import ListedConnection, Reply
    from bulkconn.core.source import AuthSpec

_STRING: Final = "connectionString"
#: What a connection of ours is in when nothing is wrong; the page "Flow Service errors" knows others.
_ENABLED: Final = "enabled"
#: How a secret may stand in what a database driver says. Its row's secrets are not known here.
_CREDENTIAL: Final = re.compile(
    r"(?i)\b(\w*(?:passw|pwd|secret|token|key|credential|signature)\w*)([\"']?\s*[=:]\s*)"
    r"(\"[^\"]*\"|'[^']*'|\{[^}]*\}|[^;\n]*)"
)
_IN_ADDRESS: Final = re.compile(r"(://)[^/\s]*@")
_MESSAGE_MAX: Final = 300


class Verdict(StrEnum):
    """What the service says of a row's connection, in the documented order."""

    #: It is there as it was created, and its test passed.
    OK = "ok"
    #: It is there as it was created, and its test did not pass.
    UNREACHABLE = "unreachable"
    #: The service says that there is no such connection.
    MISSING = "missing"
    #: It is there, but not as it was created.
    CHANGED = "changed"


#: What to do about each; the last three stand against a verification.
REMEDIES: Final[Mapping[Verdict, str]] = {
    Verdict.OK: "",
    Verdict.UNREACHABLE: "mend the database, the way to it or its credentials (`bulkconn rotate` sends new "
    "ones), then run `bulkconn verify --only failing`",
    Verdict.MISSING: "somebody deleted it: decide whether the row is to be created again",
    Verdict.CHANGED: "somebody changed it: compare it with its row, and put one of them right",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of one connection. `code` groups equal causes; `message` holds no secret."""

    verdict: Verdict
    code: str | None = None
    message: str | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Verification:
    """The newest word of the service on a row's connection, as the ledger keeps it."""

    key: EndpointKey
    connection_id: ConnectionId
    at: datetime
    finding: Finding


def created_as(record: LedgerRecord) -> SentAs:
    """Give sandbox, name and spec of a row's connection: as sent, or as the row is where it was adopted."""
    if record.sent_as is None or record.provenance is Provenance.ADOPT:
        return SentAs(record.sandbox, record.name, record.connection_spec_id)
    return record.sent_as


def is_not_found(reply: Reply, connection_id: str) -> bool:
    """Tell whether a reply says, in the documented shape, that there is no such connection.

    Destinations API, `GET /connections/{id}`: 404 with "connections not found with id = [...]". Any other
    404 may as well mean a wrong path, a sandbox, or a gateway that stumbles.
    """
    if reply.status != HTTPStatus.NOT_FOUND or not isinstance(reply.body, dict):
        return False
    text = reply.body.get("errorMessage")
    return isinstance(text, str) and "not found" in text.lower() and connection_id.lower() in text.lower()


def read_shown(reply: Reply, record: LedgerRecord, auth: AuthSpec | None) -> Finding | None:
    """Read the answer to `GET /connections/{id}`: there as created (`OK`), changed or missing.

    `auth` is the auth spec under which the row was created, None where it is not known any more: then
    parameters are not compared. None: the answer does not say.
    """
    connection_id = record.connection_id or ""
    if is_not_found(reply, connection_id):
        return _missing(reply)
    page = read_page(reply)
    if isinstance(page, OddPage) or len(page.items) != 1:
        return None
    item = page.items[0]
    if item.connection_id.lower() != connection_id.lower():
        return None
    params = _params_of(reply)
    code, message = _difference(record, item, params, auth)
    if code is None:
        return Finding(Verdict.OK)
    return Finding(Verdict.CHANGED, code, message, reply.request_id)


def read_test(reply: Reply, connection_id: str) -> Finding | None:
    """Read the answer to `GET /connections/{id}/test`: it works, it does not, or it is gone.

    A refusal with the database's own words (400, 422) says that it does not. None: the answer does not say.
    """
    if is_not_found(reply, connection_id):
        return _missing(reply)
    if reply.status == HTTPStatus.OK:
        result = reply.body.get("result") if isinstance(reply.body, dict) else None
        if reply.body_state is not BodyState.WHOLE or not isinstance(result, bool):
            return None
        if result:
            return Finding(Verdict.OK)
        message = "its test failed; the service does not say why"
        return Finding(Verdict.UNREACHABLE, "test_failed", message, reply.request_id)
    outcome = classify_create(reply)
    if outcome.kind is not OutcomeKind.REJECTED:
        return None
    return Finding(
        Verdict.UNREACHABLE, outcome.code, without_credentials(outcome.message), outcome.request_id
    )


def join(there: Finding, test: Finding) -> Finding:
    """Give the one word for both answers; a change is told before a failed test, for it may explain it."""
    if there.verdict is Verdict.CHANGED and test.verdict is Verdict.UNREACHABLE:
        message = f"{there.message}; {test.message}"
        return Finding(Verdict.CHANGED, there.code, message, there.request_id)
    return there if test.verdict is Verdict.OK else test


def without_credentials(text: str) -> str:
    """Give a driver's words without what stands behind a word like `password=`, cut to a length."""
    return shown(_IN_ADDRESS.sub(r"\1***@", _CREDENTIAL.sub(r"\1\2***", text)), _MESSAGE_MAX)


def expected_params(record: LedgerRecord, auth: AuthSpec) -> dict[str, str]:
    """Give the parameters that a row certainly sent and that are no secret.

    Those of a string that was built from parts are given as the string names them: server, database and
    username. What a row gave by reference, or left to a default, is not among them.
    """
    cells = {name: text for name, text in record.cells.items() if parse_reference(text) is None}
    parts = [part for part in auth.string_parts if part.column in record.cells]
    if parts and auth.pattern:
        named = [
            (part, cells.get(part.column, "")) for part in auth.string_parts if part.always or part in parts
        ]
        return {name: text for name, text in named_by(build_string(auth.pattern, named)).items() if text}
    return {one.name: cells[one.name] for one in auth.parameters if not one.secret and one.name in cells}


def _missing(reply: Reply) -> Finding:
    return Finding(Verdict.MISSING, "not_found", "the service knows no such connection", reply.request_id)


def _difference(
    record: LedgerRecord, item: ListedConnection, params: Mapping[str, str], auth: AuthSpec | None
) -> tuple[str | None, str | None]:
    sent = created_as(record)
    if item.name != sent.name:
        return "changed_name", f"it is called {shown(item.name)} now"
    if item.connection_spec_id is not None and item.connection_spec_id != sent.connection_spec_id:
        return "changed_spec", "it belongs to another connection spec now"
    if item.state is not None and item.state.lower() != _ENABLED:
        return "changed_state", f"its state is {shown(item.state)}"
    wanted = {} if auth is None else expected_params(record, auth)
    if record.provenance is Provenance.ADOPT:
        # More was not compared when it was adopted, so more may have differed from the beginning.
        wanted = {one: text for one, text in wanted.items() if one in COMPARED}
    visible = {one: text for one, text in item.visible if not _is_masked(text)}
    theirs = visible if _STRING in params else {**visible, **params}
    # Values are not repeated: somebody may have put a password where a name belongs.
    others = sorted(one for one, text in wanted.items() if one in theirs and theirs[one] != text)
    if others:
        return "changed_params", f"other than sent: {', '.join(others)}"
    return None, None


def _params_of(reply: Reply) -> dict[str, str]:
    """Give the parameters that an item shows, as text; only to compare, none of them is kept."""
    body = reply.body if isinstance(reply.body, dict) else {}
    auth = body["items"][0].get("auth")
    params = auth.get("params") if isinstance(auth, dict) else None
    if not isinstance(params, dict):
        return {}
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in params.items()
        if isinstance(value, str | int | bool) and not _is_masked(value)
    }


def _is_masked(value: object) -> bool:
    return isinstance(value, str) and not value.strip("*")
