"""A ledger in which everything happened: every state, hostile names, two runs, a closed gate."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from bulkconn.core.lifecycle import State
from bulkconn.core.names import ConnectionId, EndpointKey
from bulkconn.core.record import AttemptEnd, PaceNote, Provenance
from bulkconn.core.source import PlatformCloud
from tests.integration.ledger.building import RUN, START, at, created, doubted, endpoint, intent, move, seen

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bulkconn.core.endpoint import Endpoint
    from bulkconn.ledger.stored import StoredLedger

#: Ends a script and an attribute, turns the direction of writing, is longer than a line, has no letters.
HOSTILE: Final = (
    "</script><script>window.pwned=1</script>",
    "\"><img src=x onerror='window.pwned=1'>",
    "\u202eresu \u0645\u062e\u0632\u0646",
    "n" + "\u00e41" * 2047,
    "<!--<script>",
)
ROWS: Final = 240
FAILED: Final = 8
SETTINGS: Final = {"rate_per_s": 40.0, "concurrency": 20, "settle_grace_s": None, "retry_failed": False}


def rows() -> list[Endpoint]:
    """Give the rows, as an inventory would have them."""
    made = []
    for number in range(ROWS):
        name = HOSTILE[number] if number < len(HOSTILE) else f"database {number:03}"
        source = ("postgresql", "mysql", "redshift")[number % 3]
        made.append(
            endpoint(
                name,
                key=EndpointKey(f"prod/{source}/{number}"),
                source=source,
                sandbox=("prod", "dev")[number % 2],
                platform_cloud=PlatformCloud.AWS if number % 5 == 0 else PlatformCloud.AZURE,
                row=number + 2,
                cells={"server": "db.test", "password": "env://PG_PASSWORD"},
            )
        )
    return made


def make_full_ledger(open_: Callable[[], Awaitable[StoredLedger]]) -> None:
    """Open a ledger, fill it and close it, in a thread: Playwright keeps this one's event loop busy."""

    async def make() -> None:
        ledger = await open_()
        await fill_fully(ledger)
        await ledger.close()

    with ThreadPoolExecutor(1) as thread:
        thread.submit(lambda: asyncio.run(make())).result()


async def fill_fully(ledger: StoredLedger) -> list[Endpoint]:
    """Let a run of 24 s happen, ten rows a second, each answer after 0.25 s; give its rows."""
    made = rows()
    await ledger.begin_run(RUN, START, SETTINGS)
    await ledger.commit([seen(row) for row in made])
    for number, row in enumerate(made):
        await _answer(ledger, row, number)
    await ledger.note_paces(
        RUN,
        [
            PaceNote(at(0), 40.0, 40.0),
            PaceNote(at(8), 15.0, 40.0, closed_for_s=2.0),
            PaceNote(at(16), 22.5, 40.0),
        ],
    )
    await ledger.end_run(RUN, at(30), {"rows": ROWS})
    return made


async def _answer(ledger: StoredLedger, row: Endpoint, number: int) -> None:
    began_s = number / 10
    ended_s = began_s + 0.25
    if number >= ROWS - 3:
        # Not sent.
        return
    if number == ROWS - 4:
        id_ = ConnectionId("an-older-one")
        await ledger.commit(
            [move(row, State.ADOPTED, ended_s, connection_id=id_, provenance=Provenance.ADOPT)]
        )
        return
    await ledger.commit([intent(row, began_s)])
    if number % 30 == 7:
        message = "the password of </script> was refused"
        refused = move(row, State.FAILED, ended_s, error_code="1312-400", error_message=message)
        rejected = replace(refused, attempt_end=AttemptEnd.REJECTED, status=400, request_id=f"r-{number}")
        await ledger.commit([rejected])
    elif number == ROWS - 5:
        await ledger.commit([doubted(row, ended_s + 4)])
    elif number == ROWS - 6:
        await ledger.commit([created(row, ended_s)])
        held = move(row, State.HELD, ended_s + 1, error_code="twin", error_message="two connections exist")
        await ledger.commit([held])
    else:
        await ledger.commit([created(row, ended_s, connection_id=ConnectionId(f"id-{number:04}"))])
