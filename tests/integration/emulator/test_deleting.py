"""DELETE: its faults, and connections that a flow uses."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import pytest

from bulkconn.emulator.menu import Fault, Place
from tests.integration.emulator.client import code_of

if TYPE_CHECKING:
    from tests.integration.emulator.conftest import Start

#: Fault, status of the answer (None: none), and whether the connection is gone. aiohttp repeats a DELETE once
#: whose connection was reset: the second one finds what the first has left.
FAULTS: dict[str, tuple[int | None, bool]] = {
    "delete_reset": (None, False),
    "delete_reset_after": (404, True),
    "delete_status_500": (500, False),
    "delete_status_504_after": (504, True),
    "delete_status_202": (202, True),
    "delete_status_404_plain": (404, False),
    "delete_status_400": (400, False),
    "delete_slow:0.1": (204, True),
}


@pytest.mark.parametrize(("fault", "seen"), FAULTS.items(), ids=FAULTS.keys())
async def test_fault_of_a_delete_does_what_it_says(
    fault: str, seen: tuple[int | None, bool], start: Start
) -> None:
    """The books say what happened, whatever the client was told."""
    status, is_gone = seen
    client = await start(faults={"queue": [fault, fault]})
    created = (await client.create("a")).json["id"]
    if status is None:
        with pytest.raises(aiohttp.ClientError):
            await client.send("DELETE", f"/connections/{created}")
    else:
        assert (await client.send("DELETE", f"/connections/{created}")).status == status
    assert (client.books.connection(created) is None) is is_gone
    assert set(client.books.faults()) == {fault.partition(":")[0]}


def test_every_fault_of_deletes_is_tested_here() -> None:
    """Whoever adds a fault to the menu adds its test."""
    text = Path(__file__).read_text("utf-8")
    missing = {fault for fault in Fault if fault.place is Place.DELETE and f'"{fault.value}' not in text}
    assert missing == {Fault.DELETE_OK}


async def test_connection_that_a_flow_uses_cannot_be_deleted(start: Start) -> None:
    """1418-400 as long as a flow reads from it; a source connection alone does not stand against it."""
    client = await start()
    used, built_on = [(await client.create(name)).json["id"] for name in ("used", "built-on")]
    assert (await client.admin("POST", "/uses", {"connection_id": used, "flows": 2})).status == 201
    assert (await client.admin("POST", "/uses", {"connection_id": built_on, "flows": 0})).status == 201
    answer = await client.send("DELETE", f"/connections/{used}")
    assert (answer.status, code_of(answer)) == (400, "1418-400")
    assert (await client.send("DELETE", f"/connections/{built_on}")).status == 204
    assert (await client.admin("DELETE", f"/uses/{used}")).status == 204
    assert (await client.send("DELETE", f"/connections/{used}")).status == 204


async def test_uses_are_listed_by_their_documented_properties(start: Start) -> None:
    """Source connections by base connection, flows by source connection; pages have tokens."""
    client = await start()
    one, other = [(await client.create(name)).json["id"] for name in ("one", "other")]
    sources = [
        (await client.admin("POST", "/uses", {"connection_id": one, "flows": number})).json["id"]
        for number in range(3)
    ]
    found = (await client.send("GET", f"/sourceConnections?property=baseConnectionId=={one}")).json
    assert [item["id"] for item in found["items"]] == sources[:2]
    assert "continuationToken=2" in found["_links"]["next"]["href"]
    path = f"/sourceConnections?property=baseConnectionId=={one}&continuationToken=2"
    rest = (await client.send("GET", path)).json
    assert ([item["id"] for item in rest["items"]], rest["_links"]) == (sources[2:], {})
    flows = (await client.send("GET", f"/flows?property=sourceConnectionIds=={sources[2]}")).json["items"]
    assert [item["sourceConnectionIds"] for item in flows] == [[sources[2]]] * 2
    nothing = await client.send("GET", f"/sourceConnections?property=baseConnectionId=={other}")
    assert nothing.json == {"items": [], "_links": {}}
    odd = await client.send("GET", "/flows?property=name==x")
    assert code_of(odd) == "1449-400"
