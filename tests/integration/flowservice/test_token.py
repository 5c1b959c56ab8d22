"""Tokens are fetched in the documented form, kept for as long as they serve, and failures told apart."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest
from pydantic import SecretStr

from bulkconn.core.errors import UsageError
from bulkconn.core.protocols import Token, TokenFailure
from bulkconn.flowservice import ClientSettings, Door, ServerToServerToken, StaticToken
from tests.fakes import scripted_server as scripted
from tests.fakes.scripted_server import ScriptedServer, Step, answer
from tests.integration.flowservice.values import CLIENT_SECRET, TOKEN, TurnedClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bulkconn.core.protocols import TokenSource


@pytest.fixture
async def door(settings: ClientSettings, clock: TurnedClock) -> AsyncIterator[Door]:
    """Give an open session."""
    async with Door(settings, clock) as door:
        yield door


def source(server: ScriptedServer, door: Door, clock: TurnedClock) -> ServerToServerToken:
    """Make a source of tokens of a scripted endpoint."""
    return ServerToServerToken(
        ims_url=f"{server.url}/",
        client_id="client-1",
        client_secret=SecretStr(CLIENT_SECRET),
        scopes=" openid, AdobeID ,,session",
        door=door,
        clock=clock,
    )


def grant(**fields: Any) -> Step:
    """Make the endpoint grant a token."""
    body = {"access_token": TOKEN, "token_type": "bearer", "expires_in": 86399} | fields
    return answer(200, json.dumps(body).encode())


def refuse(status: int, body: object, headers: str = "") -> Step:
    """Make the endpoint refuse."""
    return answer(status, json.dumps(body).encode(), headers=headers)


async def test_server_to_server_renew_sends_the_documented_form(door: Door, clock: TurnedClock) -> None:
    """Everything is in the body, nothing in the URL, where it would be logged."""
    async with ScriptedServer(grant()) as server:
        assert await source(server, door, clock).renew() == Token(SecretStr(TOKEN), 1)
    [request] = server.requests
    assert (request.method, request.target) == ("POST", "/ims/token/v3")
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert parse_qs(request.body.decode()) == {
        "grant_type": ["client_credentials"],
        "client_id": ["client-1"],
        "client_secret": [CLIENT_SECRET],
        "scope": ["openid,AdobeID,session"],
    }


@pytest.mark.parametrize(
    ("expires_in", "serves_s"),
    [
        (86399, 86399 - 300),
        ("3600", 3600 - 300),
        (100, 90),
        (0.5, 0.45),
        (86399992, 86400 - 300),
        (None, 3600 - 300),
    ],
    ids=["a-day", "text", "short", "very-short", "milliseconds-of-old", "not-stated"],
)
async def test_server_to_server_token_is_current_until_shortly_before_its_end(
    expires_in: object, serves_s: float, door: Door, clock: TurnedClock
) -> None:
    """A token is stale five minutes before its end, or a tenth of its life."""
    async with ScriptedServer(grant(expires_in=expires_in)) as server:
        tokens = source(server, door, clock)
        assert tokens.current() is None
        token = await tokens.renew()
    clock.elapsed = serves_s - 0.001
    assert tokens.current() == token
    clock.elapsed = serves_s
    assert tokens.current() is None


async def test_server_to_server_renewals_are_counted(door: Door, clock: TurnedClock) -> None:
    """Each new token is a generation of its own; a failure in between is none and leaves the old one."""
    async with ScriptedServer(grant(), refuse(500, {}), grant(access_token="second")) as server:
        tokens = source(server, door, clock)
        first = await tokens.renew()
        assert isinstance(await tokens.renew(), TokenFailure)
        assert tokens.current() == first
        assert await tokens.renew() == Token(SecretStr("second"), 2)


REFUSED: dict[str, tuple[Step, TokenFailure]] = {
    "wrong-secret": (
        refuse(400, {"error": "invalid_client", "error_description": "invalid client_secret parameter"}),
        TokenFailure(is_refused=True, code="invalid_client", message="invalid client_secret parameter"),
    ),
    "401": (
        refuse(401, {"error": "invalid_client"}),
        TokenFailure(is_refused=True, code="invalid_client", message="invalid_client"),
    ),
    "403-of-the-gateway": (
        refuse(403, {"error_code": "403003", "message": "Api Key is invalid"}),
        TokenFailure(is_refused=True, code="403003", message="Api Key is invalid"),
    ),
    "echoed-secret": (
        refuse(400, {"error": "invalid_client", "error_description": f"not {CLIENT_SECRET}!"}),
        TokenFailure(is_refused=True, code="invalid_client", message="not ***!"),
    ),
    "400-for-a-while": (
        refuse(400, {"error": "temporarily_unavailable"}, "Retry-After: 3\r\n"),
        TokenFailure(
            is_refused=False,
            code="temporarily_unavailable",
            message="temporarily_unavailable",
            retry_after_s=3.0,
        ),
    ),
    "403-html": (
        answer(403, b"<html>"),
        TokenFailure(is_refused=False, code="http-403", message="HTTP status 403 without an explanation"),
    ),
    "401-without-a-code": (
        refuse(401, {"message": "no"}),
        TokenFailure(is_refused=False, code="http-401", message="no"),
    ),
    "throttled": (
        refuse(429, {"error": "throttled"}, "Retry-After: 7\r\n"),
        TokenFailure(is_refused=False, code="throttled", message="throttled", retry_after_s=7.0),
    ),
    "unwell": (
        refuse(503, {"error": "x"}),
        TokenFailure(is_refused=False, code="x", message="x"),
    ),
    "redirect": (
        answer(302, b"", headers="Location: /x\r\n"),
        TokenFailure(is_refused=False, code="http-302", message="HTTP status 302 without an explanation"),
    ),
    "no-answer": (
        scripted.CLOSE_WITHOUT_REPLY,
        TokenFailure(
            is_refused=False,
            code="maybe_processed",
            message="the server closed the connection without an answer",
        ),
    ),
}


@pytest.mark.parametrize(("step", "failure"), REFUSED.values(), ids=REFUSED.keys())
async def test_server_to_server_failure_says_whether_asking_again_helps(
    step: Step, failure: TokenFailure, door: Door, clock: TurnedClock
) -> None:
    """Only the endpoint's own words in JSON are a refusal; all else may pass."""
    async with ScriptedServer(step) as server:
        tokens = source(server, door, clock)
        assert await tokens.renew() == failure
    assert tokens.current() is None


ODD: dict[str, Step] = {
    "not-json": answer(200, TOKEN.encode()),
    "list": refuse(200, [TOKEN]),
    "no-token": grant(access_token=None),
    "token-with-line": grant(access_token=f"{TOKEN}\nx"),
    "no-time-left": grant(expires_in=0),
    "bool": grant(expires_in=True),
    "life-in-words": grant(expires_in="a day"),
    "cut": Step(b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"access_token": "' + TOKEN.encode()),
}


@pytest.mark.parametrize("step", ODD.values(), ids=ODD.keys())
async def test_server_to_server_odd_reply_is_no_refusal_and_shows_nothing(
    step: Step, door: Door, clock: TurnedClock
) -> None:
    """An answer that makes no sense may make sense later; what stands in it is not shown."""
    async with ScriptedServer(step) as server:
        assert await source(server, door, clock).renew() == TokenFailure(
            is_refused=False,
            code="odd_token_reply",
            message="the token endpoint answered without a token that can be used",
        )


async def test_server_to_server_busy_pool_leaves_a_place_for_the_token(
    door: Door, settings: ClientSettings, clock: TurnedClock
) -> None:
    """While all places of Flow Service are taken, a token can still be fetched."""
    connector = door._session.connector if door._session else None
    assert connector is not None
    assert (connector.limit, connector.limit_per_host) == (settings.concurrency + 1, settings.concurrency)


@pytest.mark.parametrize(
    "text", [TOKEN, f" {TOKEN}\n", f"Bearer {TOKEN}"], ids=["bare", "blanks", "prefixed"]
)
async def test_static_token_is_always_current_and_never_renewed(text: str) -> None:
    """A token given by hand is taken as it is, and when it is refused nobody can help."""
    tokens: TokenSource = StaticToken(SecretStr(text))
    assert tokens.current() == Token(SecretStr(TOKEN), 1)
    assert await tokens.renew() == TokenFailure(
        is_refused=True, code="token_given_by_hand", message="a token given by hand cannot be renewed"
    )


@pytest.mark.parametrize("text", ["", "  ", "two words", "line\nbreak", "“quoted”", "Bearer "])
def test_static_token_that_is_none_is_refused_with_a_remedy(text: str) -> None:
    """What cannot be sent in a header is an error of usage, and is not repeated in it."""
    with pytest.raises(UsageError) as caught:
        StaticToken(SecretStr(text))
    assert str(caught.value) == "the access token is empty or holds characters that no token has"
    assert caught.value.fix.startswith("set BULKCONN_ACCESS_TOKEN")


def test_server_to_server_url_is_checked(settings: ClientSettings, clock: TurnedClock) -> None:
    """The client secret is not sent unencrypted."""
    with pytest.raises(UsageError, match="--ims-url is not encrypted"):
        ServerToServerToken(
            ims_url="http://ims.example",
            client_id="c",
            client_secret=SecretStr(CLIENT_SECRET),
            scopes="s",
            door=Door(settings, clock),
            clock=clock,
        )
