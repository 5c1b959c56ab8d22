"""Controls: does a lookup see anything at all? Asked before "not there" is believed."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple

from bulkconn.core.record import SentAs
from bulkconn.core.settle import Control

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bulkconn.core.reply import Listing
    from bulkconn.engine.context import RunContext

    LookUp = Callable[[SentAs, str], Awaitable[tuple[float, Listing] | None]]

#: Known connections that are tried before a sandbox counts as hidden: people rename and delete some.
_CONTROLS_AT_ONCE: Final = 10


class _Verdict(NamedTuple):
    begun_s: float
    tier: int
    control: Control


class Controls:
    """Looks connections up that are known to exist, in the same way as the doubts beside them.

    `look_up` makes a complete lookup of a name in a sandbox and says when it began; `lists_whole` tells
    whether that is a listing of the whole sandbox, in which every control shows at once.
    """

    def __init__(self, run: RunContext, look_up: LookUp, lists_whole: Callable[[str], bool]) -> None:
        self._run = run
        self._look_up = look_up
        self._lists_whole = lists_whole
        self._verdicts: dict[str, _Verdict] = {}
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def verdict(self, sandbox: str, since_s: float, *, tier: int) -> Control:
        """Say whether lookups in a sandbox see what is known to exist, now that a doubt's grace is over.

        One control serves every doubt of a sandbox whose grace was over when it began. `tier` counts how
        often none was shown to this doubt before: then others are tried, as long as there are any.
        """
        asked_s = self._run.clock.elapsed_s()
        grace_s = self._run.settings.patience.settle_grace_s or 0.0
        async with self._locks[sandbox]:
            known = self._verdicts.get(sandbox)
            if known is not None:
                if known.control is Control.SHOWN and known.begun_s >= since_s + grace_s:
                    return Control.SHOWN
                if known.control is Control.HIDDEN and known.begun_s >= asked_s and known.tier == tier:
                    return Control.HIDDEN
            control = await self._try(sandbox, tier)
            if control is Control.NONE and tier:
                control = await self._try(sandbox, 0)
            return control

    async def _try(self, sandbox: str, tier: int) -> Control:
        run = self._run
        begun_s = run.clock.elapsed_s()
        shown: set[str] | None = None
        control = Control.NONE
        for number in range(_CONTROLS_AT_ONCE):
            record = await run.ledger.known_connection(sandbox, skip=tier * _CONTROLS_AT_ONCE + number)
            if record is None:
                break
            control = Control.HIDDEN
            if shown is None or not self._lists_whole(sandbox):
                as_sent = record.sent_as or SentAs(record.sandbox, record.name, record.connection_spec_id)
                found = await self._look_up(as_sent, sandbox)
                if found is None:
                    # Not known yet; that says nothing of others.
                    return Control.HIDDEN
                begun_s, listing = found
                shown = {item.connection_id for item in listing.items}
            if record.connection_id in shown:
                control = Control.SHOWN
                break
            run.log.warning("control.hidden", sandbox=sandbox, endpoint_key=record.key)
        if control is not Control.NONE:
            self._verdicts[sandbox] = _Verdict(begun_s, tier, control)
        return control
