"""Listings that engines of one process share: for one run, a minute, and one session of the database."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import structlog

from bulkconn.core.names import ConnectionId, RunId
from bulkconn.core.reply import ListedConnection, Listing
from bulkconn.engine.existing import SHARED_FOR_S, ExistingNames, SharedNames
from bulkconn.engine.stops import Stops
from tests.fakes.bench import endpoint

ROW = endpoint("orders")
STRANGER = ListedConnection(ConnectionId("c-1"), "Orders", ROW.connection_spec_id)
RUN = RunId("run-1")


class Sandbox:
    """A sandbox whose listings take no time, and that counts them."""

    def __init__(self) -> None:
        self.items: tuple[ListedConnection, ...] = ()
        self.clock = SimpleNamespace(now_s=1000.0)
        self.clock.elapsed_s = lambda: self.clock.now_s
        self.listings = 0

    async def count(self, _sandbox: str) -> int:
        """Say how many there are."""
        return len(self.items)

    async def listing(self, _sandbox: str, *, begun_after_s: float) -> tuple[float, Listing]:
        """List them all."""
        assert begun_after_s <= self.clock.now_s
        self.listings += 1
        return self.clock.now_s, Listing(self.items)

    async def look(self, names: SharedNames, run_id: RunId = RUN) -> tuple[ListedConnection, ...] | None:
        """Let an engine that just began look for a row's name."""
        run: Any = SimpleNamespace(run_id=run_id, clock=self.clock, stops=Stops(), log=structlog.get_logger())
        looker: Any = self
        existing = ExistingNames(run, looker, {ROW.sandbox: 50}, names)
        try:
            return await existing.like_named(ROW)
        finally:
            await existing.close()


async def test_listing_serves_later_engines_of_its_run_for_a_minute() -> None:
    """Counted from when it began; then there is another, which shows what has come meanwhile."""
    sandbox, names = Sandbox(), SharedNames()
    assert await sandbox.look(names) == ()
    sandbox.items = (STRANGER,)
    sandbox.clock.now_s += SHARED_FOR_S
    assert await sandbox.look(names) == ()
    assert sandbox.listings == 1
    sandbox.clock.now_s += 0.001
    assert await sandbox.look(names) == (STRANGER,)
    assert await sandbox.look(names) == (STRANGER,)
    assert sandbox.listings == 2


async def test_listing_of_another_run_counts_for_nothing() -> None:
    """What stood in a row's way was perhaps removed before it was submitted again."""
    sandbox, names = Sandbox(), SharedNames()
    sandbox.items = (STRANGER,)
    assert await sandbox.look(names) == (STRANGER,)
    sandbox.items = ()
    assert await sandbox.look(names, RunId("run-2")) == ()
    assert await sandbox.look(names) == (STRANGER,)


async def test_listing_from_before_another_session_counts_for_nothing() -> None:
    """A database that failed over may have forgotten rows; only a new listing shows what they made."""
    sandbox, names = Sandbox(), SharedNames()
    names.on_session(1, sandbox.clock.now_s)
    assert await sandbox.look(names) == ()
    sandbox.items = (STRANGER,)
    sandbox.clock.now_s += 1.0
    names.on_session(1, sandbox.clock.now_s)
    assert await sandbox.look(names) == ()
    names.on_session(2, sandbox.clock.now_s)
    assert await sandbox.look(names) == (STRANGER,)


async def test_listing_that_began_in_an_earlier_session_is_not_shared_when_it_ends() -> None:
    """What counts is when it was begun."""
    names = SharedNames()
    names.on_session(2, 1000.5)
    names.keep(RUN, ROW.sandbox, 1000.0, {})
    assert names.find(RUN, ROW.sandbox, 1001.0) is None
    names.keep(RUN, ROW.sandbox, 1000.5, {})
    assert names.find(RUN, ROW.sandbox, 1001.0) == {}


def test_listings_that_are_kept_have_a_bound() -> None:
    """Memory does not grow with the sandboxes; the oldest goes first."""
    names = SharedNames()
    index = {f"name-{number}": [STRANGER] for number in range(20_000)}
    for sandbox in ("a", "b", "c"):
        names.keep(RUN, sandbox, 1000.0, index)
    assert [names.find(RUN, sandbox, 1000.0) is None for sandbox in "abc"] == [True, False, False]
