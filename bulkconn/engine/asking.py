"""One question about one connection, asked until it is answered or the service plainly will not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from bulkconn.core.pace import backoff_s
from bulkconn.engine.lookup import Unknown

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bulkconn.core.protocols import Token
    from bulkconn.core.reply import Fault, Reply
    from bulkconn.engine.context import RunContext
    from bulkconn.engine.lookup import Looker

_T = TypeVar("_T")

#: How often a question is asked while others are answered; each time is several requests.
_TRIES: Final = 3
#: The same while nobody is answered, but somebody was: it may be the only question that is left.
_ROUNDS: Final = 6


class Asker:
    """Asks through the gate. A service that never answered anybody uses up no question's tries.

    Then `--max-wait` ends the run, as it does for every command.
    """

    def __init__(self, run: RunContext, looker: Looker) -> None:
        self._run = run
        self._looker = looker
        self._answers = 0

    async def ask(
        self,
        sandbox: str,
        fetch: Callable[[Token], Awaitable[Reply | Fault]],
        read: Callable[[Reply], _T | None],
        *,
        odd: str,
    ) -> _T | Unknown:
        """Ask; see `Looker.ask`. `Unknown` is given too where the run stops."""
        run = self._run
        tries = rounds = 0
        while True:
            before = self._answers
            answer = await self._looker.ask(sandbox, fetch, read, odd=odd)
            if not isinstance(answer, Unknown):
                self._answers += 1
                return answer
            rounds += 1
            tries += self._answers > before
            is_hopeless = tries >= _TRIES or (rounds >= _ROUNDS and self._answers > 0)
            if is_hopeless or run.stops.is_stopping or run.stops.is_parked(sandbox, ""):
                return answer
            await run.stops.pause(backoff_s(rounds, run.dice.random()))
