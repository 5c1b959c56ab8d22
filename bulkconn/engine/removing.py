"""One connection is deleted: through the gate, again where the answer does not say what became of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from bulkconn.core.outcome import OutcomeKind
from bulkconn.core.pace import backoff_s
from bulkconn.core.redact import redact
from bulkconn.core.removal import Refused, Removed, read_presence, read_removal
from bulkconn.engine.consequences import Sent, check_patience, tell_everybody

if TYPE_CHECKING:
    from bulkconn.core.outcome import Outcome
    from bulkconn.core.protocols import ConnectionPlace, UpkeepApi
    from bulkconn.engine.context import RunContext
    from bulkconn.engine.lookup import Looker

#: DELETEs of one connection that are not answered while others are, before it is left alone.
_TRIES: Final = 5


@dataclass(frozen=True, slots=True)
class Unanswered:
    """It stays unknown what became of it; `outcome` None: the run stops, or its sandbox is set aside."""

    outcome: Outcome | None = None


class Remover:
    """Deletes connections by id.

    Repeat: safe, also by another process. An id is never given out twice, so a DELETE that was lost, or whose
    answer was, may simply be sent again; only the question whether it is gone needs an answer.
    """

    def __init__(self, run: RunContext, looker: Looker, api: UpkeepApi) -> None:
        self._run = run
        self._looker = looker
        self._api = api
        self._answers = 0
        #: DELETEs that left.
        self.deletes = 0

    async def remove(self, place: ConnectionPlace) -> Removed | Refused | Unanswered:
        """Delete one connection, or say why it stays. Cancel: it may be gone; do it again."""
        run = self._run
        tries = rounds = 0
        before = -1
        while not run.stops.is_parked(place.sandbox, ""):
            token = await run.gate.slot(is_post=False)
            if token is None:
                break
            sent = Sent(token, run.clock.elapsed_s(), (place.sandbox, ""), is_post=False)
            self.deletes += 1
            said = read_removal(await self._api.delete(place, token), place.connection_id)
            secret = (token.value.get_secret_value(),)
            if isinstance(said, Removed | Refused):
                run.gate.on_token_accepted(token, is_post=False)
                self._on_answer()
                return (
                    said if isinstance(said, Removed) else replace(said, message=redact(said.message, secret))
                )
            outcome = replace(said, message=redact(said.message, secret))
            tell_everybody(run, outcome, sent)
            check_patience(run, is_definitive=False, message=outcome.message)
            if outcome.kind is OutcomeKind.NOT_POSSIBLE or run.stops.is_stopping:
                break
            if outcome.kind is OutcomeKind.IN_DOUBT and await self._is_gone(place):
                self._on_answer()
                return Removed(was_there=True)
            if outcome.kind in {OutcomeKind.IN_DOUBT, OutcomeKind.NOT_SENT}:
                # While nobody is answered the way is down for all: then --max-wait ends the run.
                tries += self._answers > before
                before, rounds = self._answers, rounds + 1
                if tries > _TRIES:
                    return Unanswered(outcome)
                await run.stops.pause(backoff_s(rounds, run.dice.random()))
        return Unanswered()

    async def _is_gone(self, place: ConnectionPlace) -> bool:
        """Look by id; False also where that cannot be known: then the DELETE is sent again."""
        there = await self._looker.ask(
            place.sandbox,
            lambda token: self._api.show(place, token),
            lambda reply: read_presence(reply, place.connection_id),
            odd="the answer shows no connection",
        )
        return there is False

    def _on_answer(self) -> None:
        self._answers += 1
        self._run.gate.on_accepted()
        check_patience(self._run, is_definitive=True, message="")
