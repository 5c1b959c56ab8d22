"""Whatever bytes answer on a real socket: nothing raises, the unknown is a doubt, and it can be kept."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from bulkconn.core.classify import classify_create, classify_lookup
from bulkconn.core.endpoint import ConnectionRequest
from bulkconn.core.lifecycle import State
from bulkconn.core.listing import OddPage, read_page
from bulkconn.core.names import LedgerId
from bulkconn.core.outcome import Outcome, OutcomeKind
from bulkconn.core.protocols import PageQuery, Token
from bulkconn.core.record import DoubtSince
from bulkconn.core.reply import Fault, Reply
from bulkconn.flowservice import ClientSettings, FlowService
from bulkconn.ledger.store import SqliteStore
from tests.fakes.scripted_server import ScriptedServer, Step
from tests.integration.flowservice.values import TurnedClock
from tests.integration.ledger.building import RUN, START, TARGET, endpoint, intent, move, seen

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_SETTINGS = ClientSettings(client_id="client-1", org_id="ORG@AdobeOrg", timeout_s=10.0)
_TOKEN = Token(SecretStr("token"), generation=1)
_REQUEST = ConnectionRequest(
    name="sales",
    description=None,
    auth_spec_name="Basic Authentication",
    auth_params={"server": "db1", "password": SecretStr("pa55-in-tests")},
    connection_spec_id="74a1c565-4e59-48d7-9d67-7c03b8a13137",
    connection_spec_version="1.0",
    sandbox="prod",
)
#: The only statuses of which the table may say that a POST was not processed.
_REFUSALS = {400, 401, 403, 404, 405, 407, 413, 415, 422, 429}

_CODES = st.sampled_from(
    ["2001", "401013", "2118", "FLOW-2100-404", "1413", "1100", "400003", "429050", 1312]
)
_KEYS = st.sampled_from(
    [
        *("type", "report", "error_code", "errorCode", "error", "message", "title", "detailed-message"),
        *("id", "etag", "items", "_links", "next", "href", "error-chain", "request-id"),
    ]
)
_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | _CODES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=4),
    max_leaves=10,
)
_BODIES = st.one_of(
    st.binary(max_size=60),
    _JSON.map(lambda value: json.dumps(value).encode()),
    st.sampled_from(
        [
            b"[" * 100_000,
            b"9" * 5000,
            b'{"id": "\\ud800"}',
            b'\xef\xbb\xbf{"id": "c1"}',
            b'{"message": "\\u0000"}',
        ]
    ),
)
_HEADERS = st.lists(
    st.tuples(
        st.sampled_from(
            ["Location", "Retry-After", "Date", "x-request-id", "Content-Encoding", "Set-Cookie"]
        ),
        st.sampled_from(
            [b"gzip", b"-1", b"1e400", b"Sun, 99 Foo 0000 25:61:61 GMT", b"/connections/c1", b"//["]
        )
        | st.binary(max_size=12).map(lambda raw: raw.translate(None, b"\r\n")),
    ),
    max_size=3,
)


def _http(status: int, headers: list[tuple[str, bytes]], body: bytes) -> bytes:
    lines = b"".join(name.encode() + b": " + value + b"\r\n" for name, value in headers)
    return b"HTTP/1.1 %03d X\r\n%sContent-Length: %d\r\n\r\n" % (status, lines, len(body)) + body


_REPLIES = st.binary(max_size=80) | st.builds(
    _http, st.integers(200, 599) | st.sampled_from(sorted(_REFUSALS | {201, 500, 999})), _HEADERS, _BODIES
)


def _ask(raw: bytes, ask: Callable[[FlowService], Awaitable[Reply | Fault]]) -> Reply | Fault:
    """Get these bytes as the answer to a request."""

    async def exchange() -> Reply | Fault:
        async with (
            ScriptedServer(Step(raw)) as server,
            FlowService(server.url, _SETTINGS, TurnedClock()) as api,
        ):
            return await ask(api)

    return asyncio.run(exchange())


@given(_REPLIES)
@example(b"")
@example(_http(201, [("Location", b"//[")], b'{"id": "\\ud800"}'))
@settings(deadline=None, max_examples=150, phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink))
def test_create_answered_by_any_bytes_is_understood_or_in_doubt(raw: bytes) -> None:
    """Only a refusal that the table knows says "not processed"; every outcome can be written down."""
    answer = _ask(raw, lambda api: api.create(_REQUEST, _TOKEN))
    outcome = classify_create(answer)
    if isinstance(answer, Fault) or answer.status not in _REFUSALS | {201}:
        assert outcome.kind is OutcomeKind.IN_DOUBT
    elif answer.status == 201:
        assert outcome.kind in {OutcomeKind.CREATED, OutcomeKind.CERTAINLY_CREATED}
    _keep(outcome)


@given(_REPLIES)
@settings(deadline=None, max_examples=100, phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink))
def test_lookup_answered_by_any_bytes_is_a_page_or_not_known_yet(raw: bytes) -> None:
    """A complete page is a 200 with an array of items; all else decides nothing about a row."""
    answer = _ask(raw, lambda api: api.list_page(PageQuery("prod"), _TOKEN))
    page = read_page(answer) if isinstance(answer, Reply) and answer.status == 200 else None
    if page is None or isinstance(page, OddPage):
        reason = "" if page is None else page.reason
        assert classify_lookup(answer, reason).kind not in {OutcomeKind.IN_DOUBT, OutcomeKind.REJECTED}
    else:
        assert isinstance(answer, Reply)
        assert isinstance(answer.body, dict)
        assert isinstance(answer.body["items"], list)


def _keep(outcome: Outcome) -> None:
    """Write what an outcome says into a ledger."""
    row, store = endpoint(), SqliteStore(sqlite3.connect(":memory:", isolation_level=None))
    store.prepare(TARGET, new_ledger_id=LedgerId("L1"), now=START)
    store.begin_run(RUN, START, {}, DoubtSince("boot-1", 0.0))
    moved = replace(
        move(row, State.CREATED if outcome.connection_id else State.IN_DOUBT),
        connection_id=outcome.connection_id,
        etag=outcome.etag,
        error_code=outcome.code or None,
        error_message=outcome.message or None,
        request_id=outcome.request_id,
    )
    assert store.apply([[seen(row), intent(row), moved]]) == [None]
    store.close()
