"""Controls: which known connections are tried before "lookups see nothing here" is believed."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import structlog

from bulkconn.core.names import ConnectionId
from bulkconn.core.record import SentAs
from bulkconn.core.reply import ListedConnection, Listing
from bulkconn.core.settle import Control
from bulkconn.engine.controls import Controls

if TYPE_CHECKING:
    from collections.abc import Container

GRACE_S = 10.0


class Sandbox:
    """A sandbox with known connections c-0, c-1, ..., of which lookups show some."""

    def __init__(self, known: int, shown: Container[int], *, lists_whole: bool = False) -> None:
        self.known = known
        self.shown = shown
        self.lists_whole = lists_whole
        self.now_s = 100.0
        self.looked: Counter[str] = Counter()
        run: Any = SimpleNamespace(
            clock=SimpleNamespace(elapsed_s=lambda: self.now_s),
            settings=SimpleNamespace(patience=SimpleNamespace(settle_grace_s=GRACE_S)),
            ledger=self,
            log=structlog.get_logger(),
        )
        self.controls = Controls(run, self.look_up, lambda _: self.lists_whole)

    async def known_connection(self, sandbox: str, *, skip: int = 0) -> Any:
        """Give one of them."""
        if skip >= self.known:
            return None
        return SimpleNamespace(
            key=f"k-{skip}", connection_id=f"c-{skip}", sent_as=SentAs(sandbox, f"n-{skip}", "spec")
        )

    async def look_up(self, sent_as: SentAs, _sandbox: str) -> tuple[float, Listing] | None:
        """Look a name up, or list all of them."""
        self.now_s += 1.0
        self.looked[sent_as.name] += 1
        found = [
            ListedConnection(ConnectionId(f"c-{number}"), f"n-{number}", "spec")
            for number in range(self.known)
            if number in self.shown and (self.lists_whole or sent_as.name == f"n-{number}")
        ]
        return self.now_s, Listing(tuple(found))


@pytest.mark.parametrize("lists_whole", [False, True])
async def test_control_deleted_by_hand_is_no_sign_of_a_hidden_sandbox(*, lists_whole: bool) -> None:
    """Somebody removed the four oldest connections: the fifth shows that lookups see."""
    sandbox = Sandbox(8, range(4, 8), lists_whole=lists_whole)
    assert await sandbox.controls.verdict("dev", 80.0, tier=0) is Control.SHOWN
    assert sandbox.looked.total() == (1 if lists_whole else 5)


async def test_control_of_later_tiers_tries_others_and_then_begins_again() -> None:
    """A doubt that saw ten of them hidden tries ten others, and the first ones where there are none."""
    sandbox = Sandbox(15, {14})
    assert await sandbox.controls.verdict("dev", 80.0, tier=0) is Control.HIDDEN
    assert await sandbox.controls.verdict("dev", 80.0, tier=1) is Control.SHOWN
    other = Sandbox(15, {3})
    assert await other.controls.verdict("dev", 80.0, tier=2) is Control.SHOWN


async def test_control_shown_after_the_grace_serves_all_doubts_and_no_younger_one() -> None:
    """One lookup is enough for every doubt whose grace was over when it began."""
    sandbox = Sandbox(3, range(3))
    assert await sandbox.controls.verdict("dev", 80.0, tier=0) is Control.SHOWN
    assert await sandbox.controls.verdict("dev", 90.5, tier=0) is Control.SHOWN
    assert sandbox.looked.total() == 1
    assert await sandbox.controls.verdict("dev", 91.5, tier=0) is Control.SHOWN
    assert sandbox.looked.total() == 2


async def test_control_in_a_sandbox_without_known_connections_is_none() -> None:
    """Where nothing is known to exist, nothing can be tried."""
    assert await Sandbox(0, ()).controls.verdict("dev", 80.0, tier=0) is Control.NONE
