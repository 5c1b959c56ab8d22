"""Asking until there is an answer, or the service plainly will not give one: the patience of one question."""

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

#: How often something is asked while others are answered; each time may be several requests.
_TRIES: Final = 3
#: The same while nobody is answered, but somebody was: it may be the only question that is left.
_ROUNDS: Final = 6


class Persistence:
    """Says how often one question is put again. Make one for each question.

    A service that never answered anybody uses up none of it: then `--max-wait` ends the run.
    """

    def __init__(self, asker: Asker) -> None:
        self._asker = asker
        self._before = asker.answers
        self._tries = 0
        self._rounds = 0

    async def again(self, sandbox: str) -> bool:
        """Pause after a question that was not answered; False when it is not to be put again."""
        run, answers = self._asker.run, self._asker.answers
        self._rounds += 1
        self._tries += answers > self._before
        self._before = answers
        if self._tries >= _TRIES or (self._rounds >= _ROUNDS and answers > 0):
            return False
        if run.stops.is_stopping or run.stops.is_parked(sandbox, ""):
            return False
        await run.stops.pause(backoff_s(self._rounds, run.dice.random()))
        return not run.stops.is_stopping


class Asker:
    """Asks about connections, through the gate. `answers` counts what the service said for certain."""

    def __init__(self, run: RunContext, looker: Looker) -> None:
        self.run = run
        self.answers = 0
        self._looker = looker

    async def ask(
        self,
        sandbox: str,
        fetch: Callable[[Token], Awaitable[Reply | Fault]],
        read: Callable[[Reply], _T | None],
        *,
        odd: str,
    ) -> _T | Unknown:
        """Ask; see `Looker.ask`. `Unknown` is given too where the run stops."""
        persistence = Persistence(self)
        while True:
            answer = await self._looker.ask(sandbox, fetch, read, odd=odd)
            if not isinstance(answer, Unknown):
                self.answers += 1
                return answer
            if not await persistence.again(sandbox):
                return answer
