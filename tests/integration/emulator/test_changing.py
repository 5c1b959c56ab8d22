"""PATCH, DELETE and the test of a connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from tests.integration.emulator.client import SECRET, Client, code_of, login_params

if TYPE_CHECKING:
    from tests.integration.emulator.client import Answer
    from tests.integration.emulator.conftest import Start

RENAME = [{"op": "replace", "path": "/name", "value": "renamed"}]


async def patch(
    client: Client, connection_id: str, body: object, etag: str | None, *, slash: str = ""
) -> Answer:
    """Send a PATCH; an etag of None leaves the guard out."""
    path = f"/connections/{connection_id}{slash}"
    return await client.send("PATCH", path, body=body, headers={"If-Match": etag})


@pytest.mark.parametrize("slash", [pytest.param("", id="tutorial"), pytest.param("/", id="openapi")])
@pytest.mark.parametrize("quotes", [pytest.param(True, id="quoted"), pytest.param(False, id="unquoted")])
@pytest.mark.parametrize("verb", ["replace", "REPLACE"])
async def test_patch_with_etag_changes_name_and_etag(
    client: Client, slash: str, *, quotes: bool, verb: str
) -> None:
    """A PATCH works with both paths, both spellings of the etag and of the operation."""
    created = (await client.create("shop")).json
    etag = created["etag"] if quotes else created["etag"].strip('"')
    body = [{"op": verb, "path": "/name", "value": "renamed"}]
    answer = await patch(client, created["id"], body, etag, slash=slash)
    assert answer.status == 200
    assert answer.json["id"] == created["id"]
    assert answer.json["etag"] != created["etag"]
    assert (await client.listing(("property", "name==shop"))).names == []
    assert (await client.listing(("property", "name==renamed"))).json["items"][0]["etag"] == answer.json[
        "etag"
    ]


async def test_patch_with_an_old_etag_gives_412_in_the_older_shape(client: Client) -> None:
    """The second of two changes with the same etag is refused."""
    created = (await client.create("shop")).json
    assert (await patch(client, created["id"], RENAME, created["etag"])).status == 200
    answer = await patch(client, created["id"], RENAME, created["etag"])
    assert answer.status == 412
    assert "does not match the current version" in answer.json["errorMessage"]
    assert answer.json["errorDetails"] == answer.json["errorMessage"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        pytest.param([], "1405-400", id="empty-list"),
        pytest.param({}, "1405-400", id="no-list"),
        pytest.param(["x"], "1405-400", id="no-object"),
        pytest.param(
            [{"op": "replace", "path": "/connectionSpec/id", "value": "x"}], "1414-400", id="connection-spec"
        ),
        pytest.param([{"op": "replace", "path": "/colour", "value": "x"}], "1455-400", id="path"),
        pytest.param([{"op": "move", "path": "/name", "value": "x"}], "1455-400", id="operation"),
        pytest.param([{"op": "remove", "path": "/name"}], "1304-400", id="name-removed"),
        pytest.param([{"op": "replace", "path": "/name", "value": 5}], "1312-400", id="name-is-a-number"),
        pytest.param(
            [{"op": "replace", "path": "/auth/params", "value": {"server": "x"}}], "1304-400", id="no-merge"
        ),
        pytest.param(
            [{"op": "replace", "path": "/auth/params", "value": login_params(port=1)}], "1312-400", id="port"
        ),
    ],
)
async def test_patch_that_cannot_be_applied_gives_its_code(client: Client, body: Any, code: str) -> None:
    """What cannot be changed is refused with its code, and nothing changes."""
    created = (await client.create("shop")).json
    answer = await patch(client, created["id"], body, created["etag"])
    assert (answer.status, code_of(answer)) == (400, code)
    connection = client.books.connection(created["id"])
    assert connection is not None
    assert connection.etag == created["etag"]


async def test_patch_without_if_match_or_body_gives_1403_and_1405(client: Client) -> None:
    """Missing guard and missing body have codes of their own."""
    created = (await client.create("shop")).json
    assert code_of(await patch(client, created["id"], RENAME, None)) == "1403-400"
    path = f"/connections/{created['id']}"
    answer = await client.send("PATCH", path, data=b"", headers={"If-Match": created["etag"]})
    assert code_of(answer) == "1405-400"
    answer = await client.send("PATCH", path, data=b"[", headers={"If-Match": created["etag"]})
    assert code_of(answer) == "1405-400"


async def test_patch_params_replaces_all_and_keeps_the_secret_hidden(client: Client) -> None:
    """New parameters take the place of the old ones; listings hide the new secret too."""
    created = (await client.create("shop")).json
    params = login_params(server="new.example.com", password="another secret")
    body = [
        {"op": "add", "path": "/auth/params", "value": params},
        {"op": "remove", "path": "/description"},
    ]
    assert (await patch(client, created["id"], body, created["etag"])).status == 200
    answer = await client.listing()
    assert answer.json["items"][0]["auth"]["params"]["server"] == "new.example.com"
    assert b"another secret" not in answer.body
    assert client.books.all_connections()[0].params == params


@pytest.mark.parametrize("slash", [pytest.param("", id="tutorial"), pytest.param("/", id="openapi")])
async def test_delete_gives_204_and_then_404(client: Client, slash: str) -> None:
    """A deleted connection is gone from lookups and listings; deleting it again is a 404."""
    created = (await client.create("shop")).json
    path = f"/connections/{created['id']}"
    answer = await client.send("DELETE", path + slash)
    assert (answer.status, answer.body) == (204, b"")
    assert (await client.send("GET", path)).status == 404
    assert (await client.send("DELETE", path + slash)).status == 404
    assert (await client.listing()).names == []
    assert client.books.named("dev", "shop") == []


async def test_connection_that_somebody_altered_shows_it(client: Client) -> None:
    """Tests say what they were told to, and name, state and parameters are what somebody made of them."""
    created = (await client.create("shop")).json
    path = f"/connections/{created['id']}"
    altered = {"works": False, "state": "disabled", "name": "other", "params": {"database": "d2"}}
    assert (await client.admin("POST", path, altered)).status == 204
    assert (await client.send("GET", f"{path}/test")).json == {"result": False}
    (item,) = (await client.send("GET", path)).json["items"]
    assert (item["name"], item["state"], item["auth"]["params"]["database"]) == ("other", "disabled", "d2")
    assert item["auth"]["params"]["server"] == login_params()["server"]
    assert item["etag"] != created["etag"]
    assert (await client.listing(("property", "state==disabled"))).names == ["other"]
    await client.admin("POST", path, {"test_error": "no route to the host"})
    answer = await client.send("GET", f"{path}/test")
    assert (answer.status, code_of(answer)) == (400, "1308-400")
    assert b"no route to the host" in answer.body
    await client.admin("POST", path, {"test_error": "", "works": True, "connection_spec_id": "x"})
    assert (await client.send("GET", f"{path}/test")).json == {"result": True}
    assert (await client.send("GET", path)).json["items"][0]["connectionSpec"]["id"] == "x"
    assert (await client.admin("POST", "/connections/made-up", altered)).status == 404
    refused = await client.admin("POST", path, {"colour": "red"})
    assert (refused.status, "colour" in refused.json["error"]) == (400, True)


async def test_test_of_a_connection_meets_the_faults_of_lookups(start: Start) -> None:
    """A test is a lookup to the menu of faults."""
    client = await start(faults={"queue": ["get_status_500"]})
    created = (await client.create("shop")).json
    assert (await client.send("GET", f"/connections/{created['id']}/test")).status == 500
    assert (await client.send("GET", f"/connections/{created['id']}/test")).status == 200


async def test_test_of_a_connection_gives_true_or_404(client: Client) -> None:
    """A connection works unless it was told otherwise; one that does not exist cannot be tested."""
    created = (await client.create("shop")).json
    assert (await client.send("GET", f"/connections/{created['id']}/test")).json == {"result": True}
    assert (await client.send("GET", "/connections/made-up/test")).status == 404
    assert (await patch(client, "made-up", RENAME, '"x"')).status == 404


async def test_records_of_the_books_print_no_secret(client: Client) -> None:
    """Neither a connection nor a request shows a secret when it is printed."""
    await client.create("shop")
    assert SECRET not in repr(client.books.all_connections())
    assert SECRET not in repr(client.books.requests())


async def test_explore_gives_the_tables_at_the_root(client: Client) -> None:
    """An array, as the tabular guide shows; what somebody set is what it says."""
    created = (await client.create("shop")).json
    path, root = f"/connections/{created['id']}", [("objectType", "root")]
    answer = await client.send("GET", f"{path}/explore", params=root)
    assert [one["name"] for one in answer.json] == ["public.customers", "public.orders"]
    await client.admin("POST", path, {"tables": ["a"]})
    (table,) = (await client.send("GET", f"{path}/explore", params=root)).json
    assert table == {"type": "table", "name": "a", "path": "a", "canPreview": True, "canFetchSchema": True}
    assert code_of(await client.send("GET", f"{path}/explore")) == "1453-400"
    await client.admin("POST", path, {"test_error": "down"})
    assert code_of(await client.send("GET", f"{path}/explore", params=root)) == "1308-400"
    assert (await client.send("GET", "/connections/made-up/explore", params=root)).status == 404


_CHANGES = {
    *("patch_reset_after", "patch_status_500_after", "patch_cut_body", "patch_bad_json"),
    "patch_slow:0.1",
}


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ("patch_reset_before", None),
        ("patch_reset_after", None),
        ("patch_status_500_before", 500),
        ("patch_status_500_after", 500),
        ("patch_status_429:2", 429),
        ("patch_revoke_token", 401),
        ("patch_slow:0.1", 200),
        ("patch_cut_body", None),
        ("patch_bad_json", 200),
        ("patch_overtaken", 412),
        ("patch_echo", 400),
    ],
)
async def test_fault_of_a_patch_strikes_patches_alone(start: Start, fault: str, status: int | None) -> None:
    """Each does what the menu says, to one PATCH; whether it changed anything is in the books."""
    client = await start(faults={"queue": [fault]})
    created = (await client.create("shop")).json
    try:
        answer = await patch(client, created["id"], RENAME, created["etag"])
    except aiohttp.ClientError:
        assert status is None
    else:
        assert answer.status == status
        assert fault != "patch_echo" or b"renamed" in answer.body
    (connection,) = client.books.all_connections()
    assert (connection.name == "renamed") == (fault in _CHANGES)
    assert client.books.faults() == {fault.partition(":")[0]: 1}
    if fault == "patch_revoke_token":
        return
    again = await patch(client, created["id"], RENAME, connection.etag)
    assert again.status == 200
