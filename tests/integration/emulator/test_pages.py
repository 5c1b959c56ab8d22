"""GET /connections and /connections/{id}: filters, order, pages, visibility, secrets."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from bulkconn.emulator import PlantedConnection
from tests.integration.emulator.client import (
    CLIENT_ID,
    MARIADB,
    MYSQL,
    ORG,
    POSTGRESQL,
    REDSHIFT,
    SECRET,
    Client,
    code_of,
    login_params,
)

if TYPE_CHECKING:
    from tests.integration.emulator.conftest import Start


def plant(
    client: Client, name: str, *, spec_id: str = POSTGRESQL, sandbox: str = "dev", **more: object
) -> str:
    """Make a connection exist, and give its id."""
    values = {
        "sandbox": sandbox,
        "name": name,
        "connection_spec_id": spec_id,
        "params": login_params(),
    } | more
    return client.emulator.plant(PlantedConnection.model_validate(values)).id


async def all_names(client: Client, *params: tuple[str, str]) -> list[str]:
    """Follow the tokens to the end."""
    names: list[str] = []
    token: str | None = None
    while True:
        query = params if token is None else (("continuationToken", token),)
        answer = await client.listing(*query)
        names += answer.names
        token = answer.token
        if token is None:
            return names


async def test_listing_item_has_the_documented_fields(client: Client) -> None:
    """An item says who made it, where, when and of what; its version is its etag."""
    created = await client.create("shop", description="first")
    answer = await client.listing()
    [item] = answer.json["items"]
    assert answer.json["_links"] == {}
    assert item["id"] == created.json["id"]
    assert item["etag"] == item["version"] == created.json["etag"]
    assert item["name"] == "shop"
    assert item["description"] == "first"
    assert item["connectionSpec"] == {"id": POSTGRESQL, "version": "1.0"}
    assert item["state"] == "enabled"
    assert item["createdClient"] == item["createdBy"] == CLIENT_ID
    assert item["sandboxName"] == "dev"
    assert item["imsOrgId"] == ORG
    assert item["createdAt"] > 1_600_000_000_000
    assert item["sandboxId"]


@pytest.mark.parametrize(
    ("mode", "password"),
    [
        pytest.param("drop", None, id="drop"),
        pytest.param("mask", "********", id="mask"),
        pytest.param("clear", SECRET, id="clear"),
    ],
)
async def test_listing_shows_secrets_as_the_settings_say(
    start: Start, mode: str, password: str | None
) -> None:
    """Adobe does not say whether secrets come back, so the emulator can do it either way."""
    client = await start(secrets_in_replies=mode)
    created = await client.create("shop")
    for answer in (await client.listing(), await client.send("GET", f"/connections/{created.json['id']}")):
        params = answer.json["items"][0]["auth"]["params"]
        assert params.get("password") == password
        assert params["server"] == "db.example.com"


FILTERS = [
    pytest.param(["name==alpha"], ["alpha"], id="name"),
    pytest.param(["name==alpha,beta"], ["alpha", "beta"], id="any-of-several-names"),
    pytest.param(["name==ALPHA"], [], id="name-is-case-sensitive"),
    pytest.param(["name==with blank"], ["with blank"], id="name-with-blank"),
    pytest.param([f"connectionSpec.id=={MYSQL}"], ["beta"], id="spec"),
    pytest.param(["name==alpha", f"connectionSpec.id=={MYSQL}"], [], id="all-must-hold"),
    pytest.param(["name==beta", f"connectionSpec.id=={MYSQL}"], ["beta"], id="name-and-spec"),
    pytest.param(["description==hello"], ["beta"], id="description"),
    pytest.param(["state==enabled"], ["alpha", "beta", "with blank"], id="state"),
    pytest.param(["state==disabled"], [], id="other-state"),
    pytest.param(["auth.params.server==other"], ["with blank"], id="parameter"),
    pytest.param(["auth.params.usePrivateLink==true"], ["with blank"], id="boolean-parameter"),
    pytest.param(["createdAt>=0"], ["alpha", "beta", "with blank"], id="at-or-after"),
    pytest.param(["createdAt>99999999999999"], [], id="after"),
    pytest.param(["createdAt<99999999999999"], ["alpha", "beta", "with blank"], id="before"),
]


@pytest.mark.parametrize(("filters", "expected"), FILTERS)
async def test_listing_filters_find_what_matches(
    client: Client, filters: list[str], expected: list[str]
) -> None:
    """Filters are joined by and, commas by or; names are compared to the letter."""
    plant(client, "alpha")
    plant(client, "beta", spec_id=MYSQL, description="hello")
    plant(client, "with blank", params={"server": "other", "usePrivateLink": True})
    plant(client, "alpha", sandbox="prod")
    query = [("property", text) for text in filters]
    assert (await client.listing(*query, ("orderby", "createdAt"))).names == expected
    assert (await client.listing(*query, ("count", "true"))).json == {"count": len(expected)}


async def test_listing_by_id_finds_any_of_several(client: Client) -> None:
    """`id==a,b` finds both."""
    ids = [plant(client, name) for name in ("a", "b", "c")]
    answer = await client.listing(("property", f"id=={ids[0]},{ids[2]}"), ("orderby", "name"))
    assert answer.names == ["a", "c"]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        pytest.param([("count", "true"), ("limit", "5")], "1401-400", id="count-with-limit"),
        pytest.param([("count", "maybe")], "1453-400", id="count"),
        pytest.param([("limit", "0")], "1453-400", id="limit-zero"),
        pytest.param([("limit", "ten")], "1453-400", id="limit-words"),
        pytest.param([("orderby", "colour")], "1432-400", id="orderby"),
        pytest.param([("property", "name!=a")], "1440-400", id="operator"),
        pytest.param([("property", "name")], "1440-400", id="no-operator"),
        pytest.param([("property", "name>a")], "1450-400", id="comparison-of-text"),
        pytest.param([("property", "colour==red")], "1449-400", id="unknown-property"),
        pytest.param([("property", "auth.params.password==x")], "1449-400", id="secret-property"),
        pytest.param([("property", "state==asleep")], "1456-400", id="state"),
        pytest.param([("property", "createdAt>yesterday")], "1453-400", id="time"),
        pytest.param([("continuationToken", "!")], "1453-400", id="token"),
        pytest.param([("continuationToken", "e30")], "1453-400", id="token-of-nothing"),
    ],
)
async def test_listing_bad_query_gives_its_code(
    client: Client, query: list[tuple[str, str]], code: str
) -> None:
    """Every mistake in a query has a code from Adobe's catalogue."""
    answer = await client.listing(*query)
    assert (answer.status, code_of(answer)) == (400, code)


@pytest.mark.parametrize(
    ("orderby", "expected"),
    [
        pytest.param(None, ["b", "c", "a", "b"], id="newest-first"),
        pytest.param("createdAt", ["b", "a", "c", "b"], id="oldest-first"),
        pytest.param("-createdAt", ["b", "c", "a", "b"], id="newest-first-by-name"),
        pytest.param("name", ["a", "b", "b", "c"], id="name"),
        pytest.param("+name", ["a", "b", "b", "c"], id="plus"),
        pytest.param("-name", ["c", "b", "b", "a"], id="name-down"),
        pytest.param("name,-createdAt", ["a", "b", "b", "c"], id="two-fields"),
    ],
)
@pytest.mark.parametrize("limit", [1, 2, 3, 20])
async def test_listing_pages_in_any_order_show_each_connection_once(
    client: Client, orderby: str | None, expected: list[str], limit: int
) -> None:
    """Whatever order and page size, the pages put together are the whole listing."""
    for name in ("b", "a", "c", "b"):
        plant(client, name)
    query = [("limit", str(limit))] + ([("orderby", orderby)] if orderby else [])
    assert await all_names(client, *query) == expected


@pytest.mark.parametrize("orderby", ["createdAt", "-createdAt", "name", "-name", "name,createdAt"])
async def test_listing_pages_survive_changes_meanwhile(client: Client, orderby: str) -> None:
    """A creation or a deletion between two pages neither repeats nor hides another connection."""
    ids = {name: plant(client, name) for name in ("d", "b", "f", "h", "j")}
    first = await client.listing(("limit", "2"), ("orderby", orderby))
    client.books.delete(ids[first.names[-1]])
    for name in ("a", "e", "z"):
        plant(client, name)
    assert first.token is not None
    names = [*first.names]
    token: str | None = first.token
    while token is not None:
        answer = await client.listing(("continuationToken", token))
        names += answer.names
        token = answer.token
    old = [name for name in names if name in ids]
    assert sorted(old) == sorted(ids)
    assert len(set(names)) == len(names)


async def test_listing_token_carries_filter_and_limit(client: Client) -> None:
    """The next link holds the token alone, which knows the filters; its limit can be overridden."""
    for number in range(6):
        plant(client, f"n{number}", spec_id=MYSQL if number % 2 else POSTGRESQL)
    first = await client.listing(
        ("property", f"connectionSpec.id=={MYSQL}"), ("limit", "1"), ("orderby", "name")
    )
    assert first.json["_links"]["next"]["href"] == f"/connections?continuationToken={first.token}"
    second = await client.listing(("continuationToken", first.token or ""))
    assert second.names == ["n3"]
    rest = await client.listing(("continuationToken", first.token or ""), ("limit", "50"))
    assert rest.names == ["n3", "n5"]
    assert rest.token is None


async def test_listing_limit_beyond_100_gives_100_and_default_gives_20(client: Client) -> None:
    """A page never holds more than 100 items, and 20 if the query does not say."""
    for number in range(130):
        plant(client, f"n{number}")
    assert len((await client.listing(("limit", "1000"))).names) == 100
    assert len((await client.listing()).names) == 20
    assert len(await all_names(client)) == 130


async def test_listing_visibility_lag_hides_a_connection_for_a_while(start: Start) -> None:
    """A created connection is nowhere to be seen until the lag is over, and then everywhere."""
    client = await start(visibility_lag_s=0.5)
    created = await client.create("shop")
    path = f"/connections/{created.json['id']}"
    assert (await client.listing()).names == []
    assert (await client.listing(("count", "true"))).json == {"count": 0}
    assert (await client.send("GET", path)).status == 404
    assert client.books.connection_count == 1
    await asyncio.sleep(0.55)
    assert (await client.listing(("property", "name==shop"))).names == ["shop"]
    assert (await client.send("GET", path)).status == 200


async def test_lookup_by_id_gives_the_wrapper_or_404_in_the_older_shape(client: Client) -> None:
    """A lookup by id gives a list of one; an unknown id, or one of another sandbox, is a 404."""
    here, there = plant(client, "here"), plant(client, "there", sandbox="prod")
    assert (await client.send("GET", f"/connections/{here}")).names == ["here"]
    for connection_id in (there, "made-up"):
        answer = await client.send("GET", f"/connections/{connection_id}")
        assert answer.status == 404
        text = f"connections not found with id = [{connection_id}]"
        assert answer.json == {"errorMessage": text, "errorDetails": text}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param([f"id=={MYSQL},{REDSHIFT}"], [MYSQL, REDSHIFT], id="ids"),
        pytest.param(["name==mysql"], [MYSQL], id="name"),
        pytest.param(['name=="mysql"'], [MYSQL], id="quoted-name"),
        pytest.param(["providerId==x"], [], id="provider"),
    ],
)
async def test_specs_filters_find_what_matches(client: Client, query: list[str], expected: list[str]) -> None:
    """Connection specs can be found by id, name and provider."""
    answer = await client.send("GET", "/connectionSpecs", params=[("property", text) for text in query])
    assert [item["id"] for item in answer.json["items"]] == expected


async def test_specs_of_each_cloud_are_those_with_an_auth_spec_there(client: Client) -> None:
    """A source that is documented on one cloud alone is not shown on the other."""
    shown = {}
    for sandbox in ("dev", "dev-aws"):
        answer = await client.send("GET", "/connectionSpecs", headers={"x-sandbox-name": sandbox})
        shown[sandbox] = {item["id"] for item in answer.json["items"] if item["authSpec"]}
        assert len(shown[sandbox]) == len(answer.json["items"])
    assert {POSTGRESQL, MYSQL, REDSHIFT} < shown["dev-aws"] < shown["dev"]
    assert MARIADB in shown["dev"] - shown["dev-aws"]


async def test_specs_unknown_filter_or_id_is_refused(client: Client) -> None:
    """Another filter is 1423-400, an unknown id is a 404."""
    answer = await client.send("GET", "/connectionSpecs", params=[("property", "colour==red")])
    assert code_of(answer) == "1423-400"
    assert (await client.send("GET", "/connectionSpecs/made-up")).status == 404


async def test_spec_of_each_cloud_shows_its_own_auth_specs(client: Client) -> None:
    """The same id shows other auth specs on AWS, and marks secrets with the format `password`."""
    shown = {}
    for sandbox in ("dev", "dev-aws"):
        headers = {"x-sandbox-name": sandbox}
        answer = await client.send("GET", f"/connectionSpecs/{POSTGRESQL}", headers=headers)
        [item] = answer.json["items"]
        assert {"id", "name", "providerId", "version", "authSpec", "attributes"} == set(item)
        shown[sandbox] = {auth["name"]: auth["spec"] for auth in item["authSpec"]}
    assert set(shown["dev"]) == {"Basic Authentication", "Connection String Based Authentication"}
    assert set(shown["dev-aws"]) == {"Basic Authentication"}
    spec = shown["dev"]["Basic Authentication"]
    assert spec["properties"]["password"]["format"] == "password"
    assert "sslMode" in spec["required"]
