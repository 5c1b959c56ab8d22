"""The routes below /emulator/, for tests and demos in another process."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import aiohttp
import pytest

from bulkconn.emulator import FaultPlan, PlantedConnection
from tests.integration.emulator.client import POSTGRESQL, SECRET, Client, code_of, login_params

if TYPE_CHECKING:
    from tests.integration.emulator.conftest import Start


async def test_books_over_http_tell_all_but_secrets(client: Client) -> None:
    """The books list connections, twins and counts, and no secret."""
    first, second = await client.create("shop"), await client.create("shop")
    await client.create("bad", connectionSpec={"id": "x", "version": "1.0"})
    answer = await client.admin("GET", "/books")
    assert answer.status == 200
    assert SECRET.encode() not in answer.body
    books = answer.json
    ids = [first.json["id"], second.json["id"]]
    assert [one["id"] for one in books["connections"]] == ids
    assert books["connections"][0]["planted"] is False
    assert books["duplicates"] == [
        {"sandbox": "dev", "connection_spec_id": POSTGRESQL, "name": "shop", "ids": ids}
    ]
    assert books["connection_count"] == 2
    assert books["posts"] == 3
    assert books["answers"] == {"201": 2, "400": 1}
    assert books["max_per_second"] == 3
    assert books["unanswered"] == books["token_requests"] == 0


async def test_books_over_http_count_connections_that_were_refused(start: Start) -> None:
    """A fault that struck no request is in the books under its name, like the others."""
    client = await start(faults={"chances": {"refuse": 0.5}})
    refused = 0
    for _ in range(20):
        try:
            await client.listing()
        except aiohttp.ClientError:
            refused += 1
    client.emulator.plan_faults(FaultPlan())
    assert refused
    assert (await client.admin("GET", "/books")).json["faults"]["refuse"] >= refused


async def test_books_without_connections_are_counts_only(client: Client) -> None:
    """A large run can ask for the counts alone."""
    await client.create("shop")
    books = (await client.raw("GET", f"{client.emulator.ims_url}/emulator/books?connections=false")).json
    assert "connections" not in books
    assert books["connection_count"] == 1


async def test_requests_over_http_are_the_log_without_bodies(start: Start) -> None:
    """The log names method, path, sandbox, status and fault of each request, oldest first."""
    client = await start(faults={"queue": ["status_500_after"]})
    await client.create("shop")
    await client.listing(("property", "name==shop"))
    answer = await client.admin("GET", "/requests")
    assert SECRET.encode() not in answer.body
    post, look = answer.json["requests"]
    assert (post["seq"], post["method"], post["path"], post["sandbox"]) == (1, "POST", "/connections", "dev")
    assert (post["name"], post["status"], post["fault"]) == ("shop", 500, "status_500_after")
    assert post["connection_id"] == client.books.all_connections()[0].id
    assert (look["seq"], look["query"], look["status"]) == (2, "property=name%3D%3Dshop", 200)


async def test_requests_beyond_the_log_limit_are_counted_but_forgotten(start: Start) -> None:
    """The log is bounded, the counts are not."""
    client = await start(log_limit=2)
    for name in ("a", "b", "c"):
        await client.create(name)
    assert [record.name for record in client.books.requests()] == ["b", "c"]
    assert client.books.posts == 3


async def test_introduction_says_what_it_is_and_counts(start: Start) -> None:
    """Who asks learns that this is no service of Adobe's, its sandboxes, and how much was asked of it."""
    client = await start(sandboxes={"eu": "azure", "us": "aws"})
    await client.listing()
    answer = await client.admin("GET", "")
    assert answer.json == {
        "emulator": "bulkconn",
        "sandboxes": {"eu": "azure", "us": "aws"},
        "connection_count": 0,
        "posts": 0,
        "api_requests": 1,
    }


async def test_connections_over_http_are_a_line_each_without_secrets(client: Client) -> None:
    """However many there are, they can be read one by one; parameters are not among them."""
    ids = [(await client.create(name)).json["id"] for name in ("a", "b")]
    client.emulator.plant(PlantedConnection(sandbox="prod", name="old", connection_spec_id="x"))
    answer = await client.admin("GET", "/connections")
    lines = [json.loads(line) for line in answer.body.splitlines()]
    assert [one["id"] for one in lines[:2]] == ids
    assert lines[0] == {
        "id": ids[0],
        "sandbox": "dev",
        "name": "a",
        "connection_spec_id": POSTGRESQL,
        "planted": False,
    }
    assert lines[2]["planted"] is True
    assert SECRET.encode() not in answer.body


async def test_connections_over_http_are_all_there_beyond_one_chunk(client: Client) -> None:
    """No connection is lost between two chunks of the listing."""
    for number in range(1201):
        client.emulator.plant(PlantedConnection(sandbox="dev", name=f"{number}", connection_spec_id="x"))
    answer = await client.admin("GET", "/connections")
    assert [json.loads(line)["name"] for line in answer.body.splitlines()] == [f"{n}" for n in range(1201)]


async def test_faults_over_http_with_a_seed_draw_new_dice(client: Client) -> None:
    """The same plan with the same seed strikes the same requests again."""
    plan = {"chances": {"status_409": 0.5}}
    rounds = []
    for _ in range(2):
        assert (await client.admin("POST", "/faults?seed=7", plan)).status == 200
        rounds.append([(await client.create("shop")).status for _ in range(12)])
    assert rounds[0] == rounds[1]
    assert set(rounds[0]) == {201, 409}
    answer = await client.admin("POST", "/faults?seed=seven", plan)
    assert (answer.status, answer.json["error"]) == (400, "seed: a whole number is wanted")


async def test_spec_without_a_schema_is_taken_where_any_is(start: Start) -> None:
    """`any_spec` takes what the emulator does not know, and checks what it knows as before."""
    client = await start(any_spec=True)
    unknown = {"id": "11111111-2222-4333-8444-555555555555", "version": "1.0"}
    auth = {"specName": "Anything", "params": {"a": "b"}}
    assert (await client.create("odd", connectionSpec=unknown, auth=auth)).status == 201
    assert code_of(await client.create("shop", auth=auth)) == "1415-400"


async def test_faults_over_http_replace_the_plan_and_end_a_storm(start: Start) -> None:
    """A new plan forgets the old one, and fair weather returns at once."""
    client = await start(faults={"queue": ["storm_429:60", "echo"]})
    assert (await client.create("shop")).status == 429
    answer = await client.admin("POST", "/faults", {"queue": ["status_409"]})
    assert answer.status == 200
    assert answer.json["queue"] == [{"fault": "status_409", "seconds": None}]
    assert [(await client.create("shop")).status for _ in range(2)] == [409, 201]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param({"queue": ["outrage"]}, "no fault named 'outrage'", id="unknown-fault"),
        pytest.param({"chances": {"echo": 2}}, "less than or equal to 1", id="probability"),
        pytest.param([], "body: ", id="no-object"),
    ],
)
async def test_faults_over_http_that_make_no_sense_are_refused_in_words(
    client: Client, body: object, words: str
) -> None:
    """A plan that cannot be read is a 400 that says what is wrong."""
    answer = await client.admin("POST", "/faults", body)
    assert answer.status == 400
    assert words in answer.json["error"]


async def test_revoke_over_http_refuses_every_token(client: Client) -> None:
    """Revoking over HTTP does what revoking in the process does."""
    assert (await client.admin("POST", "/revoke")).json == {"revoked": 1}
    assert (await client.listing()).status == 401


async def test_planted_connection_belongs_to_somebody_else(client: Client) -> None:
    """A planted connection is in listings, with its own creator, without a POST."""
    planted = {
        "sandbox": "dev",
        "name": "old",
        "connection_spec_id": POSTGRESQL,
        "created_client": "exc_app",
        "params": login_params(),
        "description": "made by hand",
    }
    answer = await client.admin("POST", "/connections", planted)
    assert answer.status == 201
    [item] = (await client.listing()).json["items"]
    assert item["id"] == answer.json["id"]
    assert item["createdClient"] == "exc_app"
    assert item["description"] == "made by hand"
    assert "password" not in item["auth"]["params"]
    assert client.books.posts == 0
    assert (await client.admin("GET", "/books")).json["connections"][0]["planted"] is True


async def test_planted_connection_of_an_unknown_spec_hides_usual_secrets(client: Client) -> None:
    """A source that the emulator does not know still shows no password."""
    client.emulator.plant(
        PlantedConnection(
            sandbox="dev", name="old", connection_spec_id="unknown", params={"password": SECRET, "host": "h"}
        )
    )
    [item] = (await client.listing()).json["items"]
    assert item["auth"]["params"] == {"host": "h"}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param(
            {"sandbox": "nowhere", "name": "a", "connection_spec_id": "b"},
            "there is no sandbox 'nowhere'; the emulator has dev, dev-aws, prod, prod-aws",
            id="unknown-sandbox",
        ),
        pytest.param({"sandbox": "dev", "name": "a"}, "connection_spec_id: Field required", id="no-spec"),
    ],
)
async def test_planting_nonsense_is_refused_in_words(client: Client, body: object, words: str) -> None:
    """What cannot be planted is a 400 that says why."""
    answer = await client.admin("POST", "/connections", body)
    assert (answer.status, answer.json["error"]) == (400, words)


async def test_removing_over_http_is_as_if_deleted_in_the_ui(client: Client) -> None:
    """A connection can vanish behind the client's back; one that is not there is a 404."""
    created = (await client.create("shop")).json
    assert (await client.admin("DELETE", f"/connections/{created['id']}")).status == 204
    assert (await client.admin("DELETE", f"/connections/{created['id']}")).status == 404
    assert (await client.listing()).names == []
