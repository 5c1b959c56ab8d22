"""Every line of the design's table of replies, for POSTs and for lookups."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulkconn.core.classify import classify_create, classify_lookup
from bulkconn.core.outcome import Outcome, OutcomeKind, Scope
from bulkconn.core.reply import BodyState, Fault, FaultKind, Reply

ID = "69f188b6-af07-4587-8061-e94d34637b41"
ETAG = '"6802064a-0000-0200-0000-6387c6b90000"'
WHY = "the page is not a complete list of connections"
ROW, SOURCE, SANDBOX, RUN = Scope.ROW, Scope.SOURCE, Scope.SANDBOX, Scope.RUN
THROTTLED, DOUBT, NOT_SENT = OutcomeKind.THROTTLED, OutcomeKind.IN_DOUBT, OutcomeKind.NOT_SENT
TOKEN, NOT_POSSIBLE, REJECTED = OutcomeKind.TOKEN_REFUSED, OutcomeKind.NOT_POSSIBLE, OutcomeKind.REJECTED


def gateway(code: object, message: str = "no") -> dict[str, object]:
    """Write an error as the gateway does."""
    return {"error_code": code, "message": message}


def flow(code: str, message: str = "no") -> dict[str, object]:
    """Write an error as Flow Service does."""
    return {
        "type": f"https://ns.adobe.com/aep/errors/FLOW-{code}",
        "title": "Bad",
        "status": int(code[-3:]),
        "report": {"detailed-message": message, "request-id": "req-1"},
    }


def older(message: str) -> dict[str, object]:
    """Write an error as older parts of Flow Service do: without a code."""
    return {"errorMessage": message, "errorDetails": message}


def means(outcome: Outcome) -> tuple[OutcomeKind, Scope, bool]:
    """Give what the table has columns for: outcome, scope, and whether the run stops."""
    return outcome.kind, outcome.scope, outcome.stops_run


# --- created ----------------------------------------------------------------------------------------

CREATED = {
    "body": Reply(201, {"id": ID, "etag": ETAG}),
    "location": Reply(201, {"etag": ETAG}, location=f"https://x/flowservice/connections/{ID}"),
    "both": Reply(201, {"id": ID, "etag": ETAG}, location=f"/connections/{ID}"),
}


@pytest.mark.parametrize("reply", CREATED.values(), ids=CREATED.keys())
def test_create_201_with_an_id_is_created(reply: Reply) -> None:
    """The id is in the body, in the Location header, or in both."""
    outcome = classify_create(replace(reply, request_id="req-1"))
    assert outcome == Outcome(
        OutcomeKind.CREATED, status=201, request_id="req-1", connection_id=outcome.connection_id, etag=ETAG
    )
    assert outcome.connection_id == ID


def test_create_201_with_a_cut_body_and_a_location_is_created() -> None:
    """A cut body hides nothing that the header says."""
    outcome = classify_create(Reply(201, None, BodyState.CUT, location=f"/connections/{ID}"))
    assert (outcome.kind, outcome.connection_id, outcome.etag) == (OutcomeKind.CREATED, ID, None)


WITHOUT_ID = {
    "empty": (Reply(201), "whole"),
    "cut": (Reply(201, None, BodyState.CUT), "cut"),
    "bad-json": (Reply(201, None, BodyState.NOT_JSON), "not_json"),
    "no-id": (Reply(201, {"etag": ETAG}), "whole"),
    "odd-id": (Reply(201, {"id": 5}), "whole"),
    "contradiction": (Reply(201, {"id": ID}, location="/connections/another"), "whole"),
}


@pytest.mark.parametrize(("reply", "state"), WITHOUT_ID.values(), ids=WITHOUT_ID.keys())
def test_create_201_without_a_readable_id_is_certainly_created(reply: Reply, state: str) -> None:
    """It exists: it is in doubt, and never sent again."""
    outcome = classify_create(replace(reply, request_id="req-1"))
    assert outcome == Outcome(
        OutcomeKind.CERTAINLY_CREATED,
        code="created_without_id",
        message=f"the service said 201 but its id could not be read (body {state})",
        status=201,
        request_id="req-1",
    )
    assert outcome.is_ambiguous


# --- faults -----------------------------------------------------------------------------------------


def test_create_fault_before_the_request_left_is_not_sent() -> None:
    """DNS, connect, TLS, connect timeout, no free socket: retry, nothing to settle."""
    fault = Fault(FaultKind.NOT_SENT, "connection refused")
    assert classify_create(fault) == Outcome(NOT_SENT, code="not_sent", message="connection refused")


def test_create_fault_after_the_request_left_is_in_doubt() -> None:
    """Reset, disconnect, timeout: settle, then perhaps send again."""
    fault = Fault(FaultKind.MAYBE_PROCESSED, "connection reset")
    assert classify_create(fault) == Outcome(DOUBT, code="no_answer", message="connection reset")


# --- the table --------------------------------------------------------------------------------------

TABLE: dict[str, tuple[int, object, tuple[OutcomeKind, Scope, bool]]] = {
    # in doubt: settle, then perhaps send again
    "408": (408, None, (DOUBT, ROW, False)),
    "408-as-catalogued": (408, flow("1006-408"), (DOUBT, ROW, False)),
    "408-with-a-known-number": (408, flow("2101-404"), (DOUBT, ROW, False)),
    "409": (409, older("conflict"), (DOUBT, ROW, False)),
    "409-with-a-known-number": (409, gateway("401013"), (DOUBT, ROW, False)),
    "500": (500, flow("1102-500"), (DOUBT, ROW, False)),
    "500-with-a-token-number": (500, flow("2001-401"), (DOUBT, ROW, False)),
    "500-with-a-permission-number": (500, flow("1426-400"), (DOUBT, ROW, False)),
    "502-of-a-proxy": (502, None, (DOUBT, ROW, False)),
    "503": (503, None, (DOUBT, ROW, False)),
    "504": (504, flow("1604-504"), (DOUBT, ROW, False)),
    "599": (599, None, (DOUBT, ROW, False)),
    # what the table does not know
    "100": (100, None, (DOUBT, ROW, False)),
    "200": (200, {"id": ID}, (DOUBT, ROW, False)),
    "202": (202, {"id": ID}, (DOUBT, ROW, False)),
    "204": (204, None, (DOUBT, ROW, False)),
    "402": (402, None, (DOUBT, ROW, False)),
    "410": (410, None, (DOUBT, ROW, False)),
    "412": (412, flow("1404-412"), (DOUBT, ROW, False)),
    "418": (418, gateway("403003"), (DOUBT, ROW, False)),
    "600": (600, None, (DOUBT, ROW, False)),
    "999": (999, None, (DOUBT, ROW, False)),
    "status-line-099": (99, None, (DOUBT, ROW, False)),
    "status-line-000": (0, None, (DOUBT, ROW, False)),
    # 429, twice
    "429-gateway": (429, gateway("429050"), (THROTTLED, RUN, False)),
    "429-gateway-number": (429, gateway(429050), (THROTTLED, RUN, False)),
    "429-gateway-with-a-token-number": (429, gateway("401013"), (THROTTLED, RUN, False)),
    "429-empty": (429, None, (DOUBT, ROW, False)),
    "429-service": (429, {"title": "RequestRateTooLarge", "status": 429}, (DOUBT, ROW, False)),
    "429-half-gateway": (429, {"error_code": "429050"}, (DOUBT, ROW, False)),
    "429-both-shapes": (429, gateway("429050") | flow("1102-429"), (DOUBT, ROW, False)),
    # the token
    "401-gateway": (401, gateway("401013"), (TOKEN, RUN, False)),
    "401-empty": (401, None, (TOKEN, RUN, False)),
    "401-2000": (401, flow("2000-401"), (TOKEN, RUN, False)),
    "401-with-a-permission-number": (401, flow("2118-403"), (TOKEN, RUN, False)),
    "400-2001": (400, flow("2001-400"), (TOKEN, RUN, False)),
    "403-2002": (403, flow("2002-401"), (TOKEN, RUN, False)),
    "400-2114": (400, flow("2114-400"), (TOKEN, RUN, False)),
    "400-2115": (400, flow("2115-400"), (TOKEN, RUN, False)),
    # permission
    "403-gateway": (403, gateway("403099"), (NOT_POSSIBLE, RUN, True)),
    "403-empty": (403, None, (NOT_POSSIBLE, RUN, True)),
    "403-names-the-sandbox": (403, older("no access to Sandbox dev"), (NOT_POSSIBLE, SANDBOX, False)),
    "403-2118": (403, flow("2118-403"), (NOT_POSSIBLE, RUN, True)),
    "403-2120": (403, flow("2120-403"), (NOT_POSSIBLE, RUN, True)),
    "403-2121-names-the-sandbox": (
        403,
        flow("2121-403", "not allowed in sandbox dev"),
        (NOT_POSSIBLE, SANDBOX, False),
    ),
    "400-1426": (400, flow("1426-400"), (NOT_POSSIBLE, RUN, True)),
    "400-1426-names-the-sandbox": (
        400,
        flow("1426-400", "no permission in this sandbox"),
        (NOT_POSSIBLE, SANDBOX, False),
    ),
    # no such sandbox
    "404-2100": (404, flow("2100-404"), (NOT_POSSIBLE, SANDBOX, False)),
    "404-2101": (404, flow("2101-404"), (NOT_POSSIBLE, SANDBOX, False)),
    # our configuration
    "404-empty": (404, None, (NOT_POSSIBLE, RUN, True)),
    "404-without-a-code": (404, older("nothing here"), (NOT_POSSIBLE, RUN, True)),
    "404-of-a-framework": (
        404,
        {"status": 404, "error": "Not Found", "path": "/connections"},
        (NOT_POSSIBLE, RUN, True),
    ),
    "404-with-an-unknown-number": (404, flow("1439-404"), (DOUBT, ROW, False)),
    "404-with-an-unknown-word": (404, {"code": "ROUTE_GONE"}, (DOUBT, ROW, False)),
    "405": (405, None, (NOT_POSSIBLE, RUN, True)),
    "407": (407, None, (NOT_POSSIBLE, RUN, True)),
    "415": (415, flow("1004-415"), (NOT_POSSIBLE, RUN, True)),
    "400-400003": (400, gateway("400003"), (NOT_POSSIBLE, RUN, True)),
    "400-2105-names-the-sandbox": (
        400,
        flow("2105-400", "x-sandbox-name is missing"),
        (NOT_POSSIBLE, RUN, True),
    ),
    "400-2110": (400, flow("2110-400"), (NOT_POSSIBLE, RUN, True)),
    "403-key-missing": (403, gateway("403000"), (NOT_POSSIBLE, RUN, True)),
    "403-key-wrong": (403, gateway("403003", "Api Key is invalid"), (NOT_POSSIBLE, RUN, True)),
    "403-token-missing": (403, gateway("403010"), (NOT_POSSIBLE, RUN, True)),
    "403-profile": (403, gateway("403025"), (NOT_POSSIBLE, RUN, True)),
    "403-region": (403, gateway(403027), (NOT_POSSIBLE, RUN, True)),
    # the source is not available
    "400-1413": (400, flow("1413-400"), (NOT_POSSIBLE, SOURCE, False)),
    "404-1413": (404, flow("1413-404"), (NOT_POSSIBLE, SOURCE, False)),
    "400-1415": (400, flow("1415-400"), (NOT_POSSIBLE, SOURCE, False)),
    "422-1415": (422, flow("1415-422"), (NOT_POSSIBLE, SOURCE, False)),
    "400-1100-not-entitled": (400, flow("1100-400", "Not entitled to it"), (NOT_POSSIBLE, SOURCE, False)),
    "400-1100-otherwise": (400, flow("1100-400", "login failed"), (REJECTED, ROW, False)),
    "400-not-entitled-of-another-number": (400, flow("1308-400", "Not entitled"), (REJECTED, ROW, False)),
    # redirects
    "300": (300, None, (DOUBT, RUN, True)),
    "302": (302, None, (DOUBT, RUN, True)),
    "307-with-a-token-number": (307, gateway("401013"), (DOUBT, RUN, True)),
    "399": (399, None, (DOUBT, RUN, True)),
    # the row itself
    "400-1304": (400, flow("1304-400"), (REJECTED, ROW, False)),
    "400-1312": (400, flow("1312-400"), (REJECTED, ROW, False)),
    "400-older": (400, {"message": "Please provide a valid spec id"}, (REJECTED, ROW, False)),
    "400-empty": (400, None, (REJECTED, ROW, False)),
    "400-with-a-sandbox-number": (400, flow("2100-404"), (REJECTED, ROW, False)),
    "400-names-a-sandbox": (400, older("the sandbox is full"), (REJECTED, ROW, False)),
    "413": (413, None, (REJECTED, ROW, False)),
    "422": (422, older("version is required for spec info"), (REJECTED, ROW, False)),
}


@pytest.mark.parametrize(("status", "body", "expected"), TABLE.values(), ids=TABLE.keys())
def test_create_reply_means_what_the_design_says(
    status: int, body: object, expected: tuple[OutcomeKind, Scope, bool]
) -> None:
    """Outcome, scope and stop are those of the reply table, line by line."""
    assert means(classify_create(Reply(status, body))) == expected


STRAIN: dict[str, tuple[int, object, float | None, float | None, bool]] = {
    "429-gateway": (429, gateway("429050"), None, 0.0, True),
    "429-gateway-retry-after": (429, gateway("429050"), 7.5, 7.5, True),
    "429-odd": (429, None, None, 0.0, True),
    "429-odd-retry-after": (429, None, 3.0, 3.0, True),
    "503": (503, None, None, None, True),
    "503-retry-after": (503, None, 9.0, 9.0, True),
    "503-retry-after-at-once": (503, None, 0.0, 0.0, True),
    "500-retry-after": (500, None, 9.0, None, True),
    "504": (504, None, None, None, True),
    "400-retry-after": (400, None, 9.0, None, False),
    "408": (408, None, 9.0, None, False),
    "302": (302, None, 9.0, None, False),
    "401": (401, None, 9.0, None, False),
}


@pytest.mark.parametrize(
    ("status", "body", "retry_after_s", "closes_gate_s", "lowers_pace"), STRAIN.values(), ids=STRAIN.keys()
)
def test_create_reply_of_a_service_under_strain_closes_the_gate_or_lowers_the_pace(
    status: int, body: object, retry_after_s: float | None, closes_gate_s: float | None, lowers_pace: bool
) -> None:
    """429 and a 503 that names a time close the gate; every 5xx lowers the pace; nothing else does."""
    outcome = classify_create(Reply(status, body, retry_after_s=retry_after_s))
    assert (outcome.closes_gate_s, outcome.lowers_pace) == (closes_gate_s, lowers_pace)


def test_create_refusal_tells_code_message_and_request_id() -> None:
    """A failed row shows why, and by which id the service knows the request."""
    outcome = classify_create(Reply(400, flow("1304-400", "server is missing"), request_id="header"))
    assert outcome == Outcome(
        REJECTED, code="1304-400", message="server is missing", status=400, request_id="req-1"
    )


def test_create_refusal_without_a_body_tells_its_status() -> None:
    """Where the body says nothing, the status is the code; the request id may come from the header."""
    outcome = classify_create(Reply(413, request_id="header"))
    assert (outcome.code, outcome.request_id) == ("http-413", "header")
    assert "413 without an explanation" in outcome.message


# --- lookups ----------------------------------------------------------------------------------------

LOOKUPS: dict[str, tuple[Reply | Fault, tuple[OutcomeKind, Scope, bool]]] = {
    "incomplete-200": (Reply(200, {"items": {}}), (NOT_SENT, ROW, False)),
    "cut-200": (Reply(200, None, BodyState.CUT), (NOT_SENT, ROW, False)),
    "fault-not-sent": (Fault(FaultKind.NOT_SENT, "refused"), (NOT_SENT, ROW, False)),
    "fault-on-its-way": (Fault(FaultKind.MAYBE_PROCESSED, "reset"), (NOT_SENT, ROW, False)),
    "500": (Reply(500), (NOT_SENT, ROW, False)),
    "503": (Reply(503, retry_after_s=4.0), (NOT_SENT, ROW, False)),
    "201": (Reply(201, {"id": ID}), (NOT_SENT, ROW, False)),
    "201-without-id": (Reply(201), (NOT_SENT, ROW, False)),
    "206": (Reply(206, {"items": []}), (NOT_SENT, ROW, False)),
    "400": (Reply(400, flow("1449-400")), (NOT_SENT, ROW, False)),
    "404-with-an-unknown-number": (Reply(404, flow("1439-404")), (NOT_SENT, ROW, False)),
    "408": (Reply(408), (NOT_SENT, ROW, False)),
    "429-gateway": (Reply(429, gateway("429050")), (THROTTLED, RUN, False)),
    "429-odd": (Reply(429), (NOT_SENT, ROW, False)),
    "401": (Reply(401), (TOKEN, RUN, False)),
    "403": (Reply(403), (NOT_POSSIBLE, RUN, True)),
    "404-sandbox": (Reply(404, flow("2100-404")), (NOT_POSSIBLE, SANDBOX, False)),
    "404": (Reply(404), (NOT_POSSIBLE, RUN, True)),
    "302": (Reply(302), (NOT_SENT, RUN, True)),
}


@pytest.mark.parametrize(("answer", "expected"), LOOKUPS.values(), ids=LOOKUPS.keys())
def test_lookup_that_is_not_complete_is_not_known_yet(
    answer: Reply | Fault, expected: tuple[OutcomeKind, Scope, bool]
) -> None:
    """A lookup changes nothing, so its trouble is asked again, or is everybody's; it is never a doubt."""
    assert means(classify_lookup(answer, WHY)) == expected


def test_lookup_odd_page_tells_why_and_is_no_strain() -> None:
    """A 200 that is no complete page says what is odd about it."""
    assert classify_lookup(Reply(200, []), WHY) == Outcome(NOT_SENT, code="odd_page", message=WHY, status=200)


@pytest.mark.parametrize(
    ("status", "body", "closes_gate_s"),
    [(429, gateway("429050"), 4.0), (429, None, 4.0), (503, None, 4.0), (500, None, None)],
    ids=["429-gateway", "429-odd", "503", "500"],
)
def test_lookup_under_strain_closes_the_same_gate(
    status: int, body: object, closes_gate_s: float | None
) -> None:
    """POSTs and lookups pass one gate, so a lookup's complaint concerns both."""
    outcome = classify_lookup(Reply(status, body, retry_after_s=4.0), WHY)
    assert (outcome.closes_gate_s, outcome.lowers_pace) == (closes_gate_s, True)


# --- total ------------------------------------------------------------------------------------------

KEYS = st.sampled_from(
    [
        *("type", "report", "error_code", "errorCode", "code", "error", "message", "title", "error-chain"),
        *("detailed-message", "errorMessage", "errorDetails", "request-id", "status", "id", "etag", "items"),
    ]
)
CODES = st.sampled_from(
    [
        *("2000", "2001", "2114", "401013", "1426", "2118", "FLOW-2118-403", "2100", "2105", "400003"),
        *("403003", "1413", "1100", "1304", "9999"),
    ]
)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | CODES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.text(), inner, max_size=5),
    max_leaves=15,
)
REPLIES = st.builds(
    Reply,
    status=st.integers(0, 999),
    body=JSON,
    body_state=st.sampled_from(BodyState),
    location=st.none() | st.text(),
    retry_after_s=st.none() | st.floats(0, 1e6),
    request_id=st.none() | st.text(),
)
#: The only statuses that may say that a POST was not processed.
CERTAIN = {201, 400, 401, 403, 404, 405, 407, 413, 415, 422, 429}


@given(REPLIES)
def test_create_any_reply_has_a_meaning_and_the_unknown_is_in_doubt(reply: Reply) -> None:
    """No status, body or code raises, and what the table has no line for may have been processed."""
    outcome = classify_create(reply)
    assert outcome.status == reply.status
    assert (outcome.connection_id is not None) == (outcome.kind is OutcomeKind.CREATED)
    if reply.status not in CERTAIN:
        assert outcome.kind is DOUBT
        assert outcome.code
        assert outcome.message
    if outcome.stops_run:
        assert outcome.scope is RUN


@given(REPLIES.map(lambda reply: replace(reply, status=429)))
def test_create_429_is_unprocessed_only_in_the_gateways_own_shape(reply: Reply) -> None:
    """Whatever else a 429 says, it may come from behind the gateway, after the work was done."""
    outcome = classify_create(reply)
    assert outcome.kind in {THROTTLED, DOUBT}
    assert outcome.closes_gate_s == (reply.retry_after_s or 0.0)


@given(REPLIES | st.builds(Fault, kind=st.sampled_from(FaultKind), detail=st.text()))
def test_lookup_any_answer_is_never_a_doubt_nor_a_creation(answer: Reply | Fault) -> None:
    """A GET makes nothing and leaves nothing in doubt."""
    outcome = classify_lookup(answer, WHY)
    assert outcome.kind in {NOT_SENT, THROTTLED, TOKEN, NOT_POSSIBLE}
    assert outcome.connection_id is None
