"""The token endpoint, and what a token is worth afterwards."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.integration.emulator.client import TOKEN, Client, code_of

if TYPE_CHECKING:
    from tests.integration.emulator.client import Answer
    from tests.integration.emulator.conftest import Start

FORM = {
    "grant_type": "client_credentials",
    "client_id": "client-of-the-tests",
    "client_secret": "right",
    "scope": "openid,AdobeID",
}


async def ask(client: Client, **options: object) -> Answer:
    """Ask for a token."""
    return await client.raw("POST", f"{client.emulator.ims_url}/ims/token/v3", **options)


async def probe(client: Client, token: str) -> Answer:
    """Use a token."""
    return await client.send("GET", "/connections", headers={"Authorization": f"Bearer {token}"})


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"data": FORM}, id="in-the-body"),
        pytest.param({"params": FORM}, id="in-the-query"),
        pytest.param(
            {
                "params": {"client_id": FORM["client_id"]},
                "data": {name: value for name, value in FORM.items() if name != "client_id"},
            },
            id="in-both",
        ),
    ],
)
async def test_token_fields_anywhere_give_a_token_that_works(
    start: Start, options: dict[str, object]
) -> None:
    """The fields may be in the form or in the query, and the token opens the API."""
    client = await start(any_org=False, client_secret="right")
    answer = await ask(client, **options)
    assert answer.status == 200
    assert answer.json["token_type"] == "bearer"
    assert answer.json["expires_in"] == 86399
    assert (await probe(client, answer.json["access_token"])).status == 200


@pytest.mark.parametrize(
    ("change", "error"),
    [
        pytest.param({"client_secret": "wrong"}, "invalid_client", id="wrong-secret"),
        pytest.param({"client_secret": ""}, "invalid_client", id="no-secret"),
        pytest.param({"client_id": "stranger"}, "invalid_client", id="wrong-client"),
        pytest.param({"grant_type": "password"}, "unsupported_grant_type", id="wrong-grant"),
        pytest.param({"scope": ""}, "invalid_scope", id="no-scope"),
    ],
)
async def test_token_wrong_field_gives_400_with_error(
    start: Start, change: dict[str, str], error: str
) -> None:
    """A request for a token that cannot be granted is a 400 that names the error."""
    client = await start(any_org=False, client_secret="right")
    answer = await ask(client, data=FORM | change)
    assert answer.status == 400
    assert answer.json["error"] == error
    assert answer.json["error_description"]


async def test_token_any_org_takes_any_client_but_no_empty_one(client: Client) -> None:
    """With `any_org` every client is taken, as long as it has a name and a secret."""
    assert (await ask(client, data=FORM | {"client_id": "x", "client_secret": "y"})).status == 200
    assert (await ask(client, data=FORM | {"client_secret": ""})).status == 400


async def test_token_after_its_life_is_refused_with_401013(start: Start) -> None:
    """A token ends when its lifetime is over, and a new one works."""
    client = await start(token_lifetime_s=0.4)
    answer = await ask(client, data=FORM)
    token = answer.json["access_token"]
    assert answer.json["expires_in"] == 0
    assert (await probe(client, token)).status == 200
    await asyncio.sleep(0.45)
    late = await probe(client, token)
    assert late.status == 401
    assert late.json == {"error_code": "401013", "message": "Oauth token is not valid"}
    renewed = (await ask(client, data=FORM)).json["access_token"]
    assert (await probe(client, renewed)).status == 200


async def test_token_revoked_is_refused_and_a_new_one_works(client: Client) -> None:
    """Revoking makes every token worthless, the static one too, but not those issued later."""
    token = (await ask(client, data=FORM)).json["access_token"]
    assert client.emulator.revoke_tokens() == 2
    for revoked in (token, TOKEN):
        assert code_of(await probe(client, revoked)) == "401013"
    renewed = (await ask(client, data=FORM)).json["access_token"]
    assert (await probe(client, renewed)).status == 200


async def test_token_faults_scripted_strike_in_order(start: Start) -> None:
    """The token endpoint has faults of its own, taken by the next requests for a token."""
    client = await start(faults={"queue": ["token_status_500", "token_status_429:3", "token_ok"]})
    answers = [await ask(client, data=FORM) for _ in range(3)]
    assert [answer.status for answer in answers] == [500, 429, 200]
    assert answers[1].headers["Retry-After"] == "3"
    assert client.books.faults() == {"token_status_500": 1, "token_status_429": 1}


async def test_token_request_in_the_log_shows_no_field(client: Client) -> None:
    """The log of requests for tokens keeps neither form nor query: the secret may be in both."""
    await ask(client, params=FORM)
    [record] = client.books.requests(path="/ims/token/v3")
    assert record.query == ""
    assert record.status == 200
    assert client.books.token_requests == 1
    assert client.books.api_requests == 0
