"""How the engine tells what happens: to one listener, with time and run, or to nobody, which costs little."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bulkconn.core.facts import GateClosed, GateOpened, PaceChanged, RequestEnded, RequestKind
from bulkconn.core.reply import Fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from bulkconn.core.endpoint import ConnectionRequest
    from bulkconn.core.facts import Fact
    from bulkconn.core.names import EndpointKey, RunId
    from bulkconn.core.protocols import Clock, ConnectionApi, Listener, Pacer, PageQuery, Token
    from bulkconn.core.reply import Reply

    Tell = Callable[[Fact], None]
    ForWhom = Callable[[], EndpointKey | None]

#: Seconds by which a closed gate must stay closed longer for that to be news.
_LONGER_S: Final = 0.5
#: Seconds between two words about a pace that climbs.
_CLIMB_EVERY_S: Final = 1.0


def tell_nobody(_fact: Fact) -> None:
    """Tell nobody."""


def telling(listener: Listener | None, clock: Clock, run_id: RunId) -> Tell:
    """Give what tells a listener the facts of one run."""
    if listener is None:
        return tell_nobody
    return lambda fact: listener.hear(fact, clock.now(), run_id)


class GateNews:
    """Tells how gate and pace stand, where that is news."""

    def __init__(self, pace: Pacer, clock: Clock, tell: Tell) -> None:
        self._pace = pace
        self._clock = clock
        self._tell = tell
        self._closed_since_s: float | None = None
        self._told_until_s = 0.0
        self._told_rate_per_s: float | None = None
        self._told_at_s = 0.0

    def on_closed(self, reason: str, seconds: float) -> None:
        """The gate is closed for so long, or for longer than was said."""
        if self._tell is tell_nobody:
            return
        now_s = self._clock.elapsed_s()
        if self._closed_since_s is None:
            self._closed_since_s = now_s
        elif now_s + seconds < self._told_until_s + _LONGER_S:
            return
        self._told_until_s = now_s + seconds
        self._tell(GateClosed(reason, seconds))
        self._tell_pace(seconds)

    def on_look(self, closed_for_s: float) -> None:
        """The dispatcher looked whether the gate is closed: others may have closed it, and time opens it."""
        if self._tell is tell_nobody:
            return
        if closed_for_s > 0.0 and self._closed_since_s is None:
            self.on_closed("others", closed_for_s)
        elif closed_for_s <= 0.0 and self._closed_since_s is not None:
            self._tell(GateOpened(self._clock.elapsed_s() - self._closed_since_s))
            self._closed_since_s = None
            self._tell_pace(0.0)

    def on_pace(self, closed_for_s: float = 0.0) -> None:
        """The pace may have changed."""
        if self._tell is tell_nobody or self._pace.rate_per_s == self._told_rate_per_s:
            return
        is_fall = self._told_rate_per_s is None or self._pace.rate_per_s < self._told_rate_per_s
        if is_fall or self._clock.elapsed_s() - self._told_at_s >= _CLIMB_EVERY_S:
            self._tell_pace(closed_for_s)

    def _tell_pace(self, closed_for_s: float) -> None:
        self._told_rate_per_s, self._told_at_s = self._pace.rate_per_s, self._clock.elapsed_s()
        self._tell(PaceChanged(self._told_rate_per_s, self._pace.ceiling_per_s, closed_for_s))


class ToldConnections:
    """A `ConnectionApi` that tells of every request that goes through it; of one that is cut off too.

    Nothing where the listener does not want to hear of rows.

    `for_whom` gives the row at work, None where there is none.
    """

    def __init__(
        self, api: ConnectionApi, listener: Listener, clock: Clock, tell: Tell, for_whom: ForWhom
    ) -> None:
        self._api = api
        self._listener = listener
        self._clock = clock
        self._tell = tell
        self._for_whom = for_whom

    async def create(self, request: ConnectionRequest, token: Token) -> Reply | Fault:
        """Send one POST. Repeat: not safe."""
        if not self._listener.hears_rows:
            return await self._api.create(request, token)
        began_s, result = self._clock.elapsed_s(), "cut_off"
        try:
            reply = await self._api.create(request, token)
            result = _result(reply)
            return reply
        finally:
            self._on_end(RequestKind.POST, result, began_s)

    async def list_page(self, query: PageQuery, token: Token) -> Reply | Fault:
        """Fetch one page. Repeat: safe."""
        if not self._listener.hears_rows:
            return await self._api.list_page(query, token)
        began_s, result = self._clock.elapsed_s(), "cut_off"
        try:
            reply = await self._api.list_page(query, token)
            result = _result(reply)
            return reply
        finally:
            self._on_end(RequestKind.LOOKUP, result, began_s)

    def _on_end(self, kind: RequestKind, result: str, began_s: float) -> None:
        seconds = self._clock.elapsed_s() - began_s
        self._tell(RequestEnded(kind, self._for_whom(), result, seconds))


def _result(reply: Reply | Fault) -> str:
    return reply.kind.value if isinstance(reply, Fault) else str(reply.status)
