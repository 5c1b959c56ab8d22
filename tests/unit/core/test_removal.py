"""What a DELETE's answer means, and when a connection counts as gone."""

from __future__ import annotations

import pytest

from bulkconn.core.names import ConnectionId
from bulkconn.core.outcome import Outcome, OutcomeKind
from bulkconn.core.removal import Refused, Removed, read_presence, read_removal
from bulkconn.core.reply import Fault, FaultKind, Reply

ID = ConnectionId("6A5FAD56-9a5c")
GONE = {"errorMessage": "connections not found with id = [6a5fad56-9A5C]", "errorDetails": "x"}


def flow_error(code: str) -> dict[str, object]:
    """Make an error in Flow Service's own shape."""
    return {
        "type": f"https://ns.adobe.com/aep/errors/FLOW-{code}",
        "report": {"detailed-message": "why not", "request-id": "r-1"},
    }


@pytest.mark.parametrize("status", [202, 204])
def test_removal_is_told_by_both_documented_statuses(status: int) -> None:
    """Two pages of Adobe's document two statuses."""
    assert read_removal(Reply(status), ID) == Removed(was_there=True)


def test_removal_of_what_is_gone_already_is_told_by_the_documented_404() -> None:
    """Its text names the id, in whatever case."""
    assert read_removal(Reply(404, GONE), ID) == Removed(was_there=False)


NOT_GONE: dict[str, Reply] = {
    "no-body": Reply(404),
    "text": Reply(404, "Not Found"),
    "other-id": Reply(404, {"errorMessage": "connections not found with id = [b]"}),
    "no-message": Reply(404, {"message": f"not found {ID}"}),
    "message-is-no-text": Reply(404, {"errorMessage": [str(ID), "not found"]}),
    "other-words": Reply(404, {"errorMessage": f"no sandbox for {ID}"}),
    "other-status": Reply(400, GONE),
}


@pytest.mark.parametrize("reply", NOT_GONE.values(), ids=NOT_GONE.keys())
def test_other_answers_prove_nothing_to_be_gone(reply: Reply) -> None:
    """A wrong path, a sandbox or a gateway answer 404 too."""
    assert not isinstance(read_removal(reply, ID), Removed)
    assert read_presence(reply, ID) is None


def test_removal_of_what_is_in_use_is_refused_under_our_own_word() -> None:
    """1418-400: a flow uses it."""
    assert read_removal(Reply(400, flow_error("1418-400")), ID) == Refused("in_use", "why not", "r-1")


def test_removal_of_what_is_in_use_keeps_the_request_id_of_the_header() -> None:
    """Where the body names none."""
    body = {"type": "https://ns.adobe.com/aep/errors/FLOW-1418-400", "title": "used"}
    said = read_removal(Reply(400, body, request_id="h-1"), ID)
    assert said == Refused("in_use", "used", "h-1")


def test_removal_that_is_refused_otherwise_keeps_its_code() -> None:
    """1416-400: not in this state."""
    assert read_removal(Reply(400, flow_error("1416-400")), ID) == Refused("1416-400", "why not", "r-1")


UNDECIDED: dict[str, tuple[Reply | Fault, OutcomeKind]] = {
    "created?": (Reply(201, {"id": "x"}), OutcomeKind.IN_DOUBT),
    "created-without-id?": (Reply(201), OutcomeKind.IN_DOUBT),
    "ok": (Reply(200), OutcomeKind.IN_DOUBT),
    "error": (Reply(500), OutcomeKind.IN_DOUBT),
    "conflict": (Reply(409), OutcomeKind.IN_DOUBT),
    "reset": (Fault(FaultKind.MAYBE_PROCESSED, "reset"), OutcomeKind.IN_DOUBT),
    "no-connection": (Fault(FaultKind.NOT_SENT, "refused"), OutcomeKind.NOT_SENT),
    "pace": (Reply(429, {"error_code": "429050", "message": "slow"}), OutcomeKind.THROTTLED),
    "token": (Reply(401, {"error_code": "401013", "message": "no"}), OutcomeKind.TOKEN_REFUSED),
    "permission": (Reply(403, flow_error("2118-403")), OutcomeKind.NOT_POSSIBLE),
}


@pytest.mark.parametrize(("answer", "kind"), UNDECIDED.values(), ids=UNDECIDED.keys())
def test_removal_that_is_not_answered_is_what_it_would_be_for_a_post(
    answer: Reply | Fault, kind: OutcomeKind
) -> None:
    """One table says what gateways and faults mean; a 201 is no answer to a DELETE."""
    said = read_removal(answer, ID)
    assert isinstance(said, Outcome)
    assert said.kind is kind
    assert said.connection_id is None


def test_presence_is_read_from_the_list_of_one() -> None:
    """The item of this id is there; another id's says nothing, a documented 404 says gone."""
    item = {"id": str(ID), "name": "orders"}
    assert read_presence(Reply(200, {"items": [item]}), ID) is True
    assert read_presence(Reply(200, {"items": [{**item, "id": "b"}]}), ID) is None
    assert read_presence(Reply(200, {"items": []}), ID) is None
    assert read_presence(Reply(404, GONE), ID) is False
