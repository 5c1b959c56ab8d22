"""What two answers say of a connection: there as created or not, and whether it works."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from bulkconn.core.lifecycle import State
from bulkconn.core.names import ConnectionId, EndpointKey
from bulkconn.core.record import LedgerRecord, Provenance, SentAs
from bulkconn.core.reply import BodyState, Reply
from bulkconn.core.source import AuthSpec, PlatformCloud
from bulkconn.core.verification import (
    REMEDIES,
    Finding,
    Verdict,
    created_as,
    expected_params,
    join,
    read_shown,
    read_test,
    without_credentials,
)
from tests.unit.core.rows import ACME

ID = ConnectionId("c0ffee00-0000-4000-8000-000000000001")
STRING, BASIC = ACME.auths[0], ACME.auths[1]
RECORD = LedgerRecord(
    key=EndpointKey("prod/acme/n"),
    name="n",
    source="acme",
    platform_cloud=PlatformCloud.AZURE,
    sandbox="prod",
    auth="basic",
    connection_spec_id=ACME.connection_spec_id,
    fingerprint="f",
    state=State.CREATED,
    inventory_file="eu.csv",
    inventory_row=2,
    updated_at=datetime(2026, 3, 1, tzinfo=UTC),
    cells={"server": "h", "port": "7", "username": "u", "password": "env://P", "x_owner": "me"},
    connection_id=ID,
    provenance=Provenance.REPLY,
    sent_as=SentAs("prod", "n", ACME.connection_spec_id),
)
GONE = Reply(404, {"errorMessage": f"connections not found with id = [{ID}]"}, request_id="r")


def shown(**changes: Any) -> Reply:
    """Give the answer that shows the connection as it was created, but for these fields."""
    item = {
        "id": ID,
        "name": "n",
        "connectionSpec": {"id": ACME.connection_spec_id, "version": "1.0"},
        "state": "enabled",
        "auth": {"specName": "Basic", "params": {"server": "h", "port": "7", "username": "u"}},
    } | changes
    return Reply(200, {"items": [item]}, request_id="r")


def params(**values: object) -> Reply:
    """Give the answer that shows these parameters."""
    return shown(auth={"specName": "Basic", "params": values})


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(shown(), id="as created"),
        pytest.param(shown(state="ENABLED"), id="another case of the state"),
        pytest.param(shown(state=None, connectionSpec=None, auth=None), id="little shown"),
        pytest.param(shown(auth={"params": None}), id="no parameters"),
        pytest.param(shown(id=ID.upper()), id="the id in capitals"),
        pytest.param(params(server="h", port=7, sslMode="Off"), id="a port as a number, a default"),
        pytest.param(params(server="********", username="***"), id="masked"),
        pytest.param(params(server=["h"]), id="a list is not compared"),
    ],
)
def test_read_shown_of_what_was_created_is_ok(reply: Reply) -> None:
    """What is equal, or not shown, stands against nobody."""
    assert read_shown(reply, RECORD, BASIC) == Finding(Verdict.OK)


@pytest.mark.parametrize(
    ("reply", "code", "message"),
    [
        pytest.param(shown(name="N"), "changed_name", "it is called N now", id="name"),
        pytest.param(
            shown(connectionSpec={"id": "x"}),
            "changed_spec",
            "it belongs to another connection spec now",
            id="spec",
        ),
        pytest.param(shown(state="disabled"), "changed_state", "its state is disabled", id="state"),
        pytest.param(
            params(server="i", port="8"), "changed_params", "other than sent: port, server", id="two"
        ),
        pytest.param(params(username=True), "changed_params", "other than sent: username", id="a boolean"),
    ],
)
def test_read_shown_of_something_else_is_changed(reply: Reply, code: str, message: str) -> None:
    """What differs is named; values of parameters are not repeated."""
    assert read_shown(reply, RECORD, BASIC) == Finding(Verdict.CHANGED, code, message, "r")


def test_read_shown_without_the_auth_spec_compares_no_parameters() -> None:
    """A source that this program no longer knows has names and states all the same."""
    assert read_shown(params(server="i"), RECORD, None) == Finding(Verdict.OK)


def test_read_shown_of_an_adopted_row_compares_what_was_compared_then() -> None:
    """It was adopted for its server, database and username; the rest may always have differed."""
    adopted = replace(RECORD, state=State.ADOPTED, provenance=Provenance.ADOPT, sent_as=SentAs("a", "b", "c"))
    assert created_as(adopted) == SentAs("prod", "n", ACME.connection_spec_id)
    assert read_shown(params(server="h", port="8"), adopted, BASIC) == Finding(Verdict.OK)
    found = read_shown(params(server="i", port="8"), adopted, BASIC)
    assert found is not None
    assert found.message == "other than sent: server"


@pytest.mark.parametrize(
    ("string", "verdict"),
    [
        ("Server=h;Database=d;Port=7;UID=u;Password=x", Verdict.OK),
        ("Server=h;Database=e;Port=7;UID=u;Password=x", Verdict.CHANGED),
        ("********", Verdict.OK),
    ],
)
def test_read_shown_of_a_built_string_compares_what_the_string_names(string: str, verdict: Verdict) -> None:
    """Parts that were built into a string are compared with the parts of the string that is shown."""
    cells = {"server": "h", "database": "d", "port": "7", "username": "u", "password": "env://P"}
    record = replace(RECORD, auth="connection_string", cells=cells)
    assert expected_params(record, STRING) == {"server": "h", "database": "d", "username": "u"}
    found = read_shown(params(connectionString=string), record, STRING)
    assert found is not None
    assert found.verdict is verdict


def test_expected_params_are_what_a_row_certainly_sent() -> None:
    """Secrets, references, other columns and a string that was given whole are not among them."""
    assert expected_params(RECORD, BASIC) == {"server": "h", "port": "7", "username": "u"}
    by_reference = replace(RECORD, cells={"server": "vault://a/b#c"})
    assert expected_params(by_reference, BASIC) == {}
    built = {"server": "env://H", "database": "d", "username": "u", "encryption_mode": "1"}
    assert expected_params(replace(RECORD, cells=built), STRING) == {"database": "d", "username": "u"}
    assert expected_params(replace(RECORD, cells={"connectionString": "env://S"}), STRING) == {}
    bare = AuthSpec(
        "connection_string", "String", PlatformCloud.AZURE, STRING.parameters, STRING.string_parts
    )
    assert expected_params(replace(RECORD, cells=built), bare) == {}


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(Reply(404, None), id="404 without a body"),
        pytest.param(Reply(404, {"errorMessage": "sandbox not found"}), id="404 of a sandbox"),
        pytest.param(Reply(404, {"message": f"not found {ID}"}), id="404 of another shape"),
        pytest.param(Reply(404, {"errorMessage": 7}), id="404 with a number"),
        pytest.param(Reply(404, {"errorMessage": f"gone: {ID}"}), id="404 in other words"),
        pytest.param(Reply(500, GONE.body), id="500 with the words of a 404"),
        pytest.param(Reply(200, {"items": []}), id="no item"),
        pytest.param(Reply(200, {"items": [{"id": "x", "name": "n"}]}), id="another id"),
        pytest.param(Reply(200, {"items": {}}), id="odd"),
        pytest.param(Reply(200, None, BodyState.CUT), id="cut"),
    ],
)
def test_answers_that_say_nothing_are_not_known_yet(reply: Reply) -> None:
    """Only a whole answer, or a 404 in the documented shape, is believed."""
    assert read_shown(reply, RECORD, BASIC) is None
    assert read_test(reply, ID) is None


def test_a_404_in_the_documented_shape_is_missing() -> None:
    """It is the service that speaks, and of this connection."""
    missing = Finding(Verdict.MISSING, "not_found", "the service knows no such connection", "r")
    assert read_shown(GONE, RECORD, BASIC) == missing
    assert read_test(GONE, ID) == missing


def test_read_test_tells_whether_it_works() -> None:
    """True is well, false is not, and a refusal has its cause."""
    assert read_test(Reply(200, {"result": True}), ID) == Finding(Verdict.OK)
    failed = read_test(Reply(200, {"result": False}, request_id="r"), ID)
    assert failed is not None
    assert (failed.verdict, failed.code, failed.request_id) == (Verdict.UNREACHABLE, "test_failed", "r")
    body = {
        "type": "https://ns.adobe.com/aep/errors/FLOW-1308-400",
        "errorMessage": "no login; pwd = 'a b' x",
    }
    refused = read_test(Reply(400, body), ID)
    assert refused == Finding(Verdict.UNREACHABLE, "1308-400", "no login; pwd = *** x")


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, {"result": "true"}),
        Reply(200, [True]),
        Reply(200, {"result": True}, BodyState.CUT),
        Reply(503),
        Reply(401, {"error_code": "401013", "message": "no"}),
        Reply(403),
        Reply(429),
    ],
    ids=lambda reply: f"{reply.status}-{reply.body}",
)
def test_read_test_of_anything_else_is_not_known_yet(reply: Reply) -> None:
    """A service in trouble says nothing about a database."""
    assert read_test(reply, ID) is None


def test_join_tells_a_change_before_a_failed_test() -> None:
    """A change may explain the failure, so it is the verdict, and the failure is told with it."""
    ok, gone = Finding(Verdict.OK), Finding(Verdict.MISSING, "not_found")
    failed = Finding(Verdict.UNREACHABLE, "test_failed", "its test failed")
    changed = Finding(Verdict.CHANGED, "changed_state", "its state is x", "r")
    assert join(ok, ok) == ok
    assert join(ok, failed) == failed
    assert join(changed, ok) == changed
    assert join(changed, failed) == replace(changed, message="its state is x; its test failed")
    assert join(changed, gone) == gone


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Server=h;Password=a;UID=u", "Server=h;Password=***;UID=u"),
        ("Server=h;PWD=a b c;UID=u", "Server=h;PWD=***;UID=u"),
        ("Password={a;b}c;UID=u", "Password=***c;UID=u"),
        ("no route to mysql://root:a@b@h/d", "no route to mysql://***@h/d"),
        ('{"accessToken": "a b", "x": 1}', '{"accessToken": ***, "x": 1}'),
        ('clientSecret: "a b" c', "clientSecret: *** c"),
        ("password authentication failed for user u", "password authentication failed for user u"),
        ("a\x1b[0m", "a\\x1b[0m"),
        ("x" * 400, "x" * 299 + "…"),
    ],
)
def test_without_credentials_hides_what_stands_behind_such_a_word(text: str, kept: str) -> None:
    """A driver may repeat how it was called."""
    assert without_credentials(text) == kept


def test_every_verdict_that_stands_against_a_row_has_a_remedy() -> None:
    """Nobody is told of trouble without what to do."""
    assert all(REMEDIES[verdict] for verdict in Verdict if verdict is not Verdict.OK)
