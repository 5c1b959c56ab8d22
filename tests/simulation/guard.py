"""Who is let in: tokens and their ends, the pace that the service bears, sandboxes that are closed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from bulkconn.core.reply import Fault, FaultKind, Reply
from tests.simulation.menu import flow_error, is_in, too_many

if TYPE_CHECKING:
    from tests.simulation.truth import Truth


class Guard:
    """Gives out tokens, and turns requests away."""

    def __init__(self, truth: Truth) -> None:
        self._truth = truth
        self.last_token = 0
        self._born: dict[int, float] = {}
        self._accepted: list[float] = []

    def refusal(self, sandbox: str, token: int) -> Reply | None:
        """Turn a request away that the service would not even look at; None lets it in."""
        weather, dice, now_s = self._truth.weather, self._truth.dice, self._truth.loop.now_s
        if not self.is_token_good(token):
            return Reply(401, {"error_code": "401013", "message": "Oauth token is not valid"})
        if is_in(weather.storms, now_s) or self._is_too_fast(now_s):
            wait_s = weather.storm_wait_s * dice.random() if dice.random() < 0.7 else None
            return too_many(wait_s)
        for place, begin_s, end_s in weather.forbidden:
            if place == sandbox and begin_s <= now_s < end_s:
                if weather.forbidden_by == 404:
                    return flow_error(404, "2100-404", "no such sandbox")
                return flow_error(403, "2118-403", "the user has no access to the sandbox")
        return None

    def is_token_good(self, token: int) -> bool:
        """Tell whether a token is accepted now."""
        weather, now_s = self._truth.weather, self._truth.loop.now_s
        born_s = self._born.get(token, 0.0)
        if now_s - born_s > weather.token_life_s:
            return False
        return not any(born_s < at_s <= now_s for at_s in weather.revocations)

    async def token(self) -> int | Reply | Fault:
        """Give out a token, or not."""
        truth = self._truth
        await asyncio.sleep(truth.draw_latency_s())
        is_out = truth.dice.random() < truth.weather.token_chance
        if is_out or is_in(truth.weather.outages, truth.loop.now_s):
            return truth.dice.choice(
                (Fault(FaultKind.NOT_SENT, "refused"), Reply(503, None, retry_after_s=1.5))
            )
        self.last_token += 1
        self._born[self.last_token] = truth.loop.now_s
        return self.last_token

    def _is_too_fast(self, now_s: float) -> bool:
        capacity_per_s = self._truth.weather.capacity_per_s
        if capacity_per_s > 1e6:
            return False
        self._accepted = [at_s for at_s in self._accepted if now_s - at_s < 1.0]
        if len(self._accepted) >= capacity_per_s:
            return True
        self._accepted.append(now_s)
        return False
