"""The one gate: every request of a run passes here, POSTs and lookups alike.

A POST passes in two steps. It *boards* while the gate is open: only as many as may leave within the
next moments, so that an intent is never durable long before its bytes leave. Then, its intent committed, it
waits for its *slot*. Slots are given by one dispatcher that alone awaits the throttle; whoever has a
slot sends at once.
"""

from __future__ import annotations

import asyncio
from collections import deque
from enum import Enum
from typing import TYPE_CHECKING, Final

from bulkconn.core.facts import TokenRenewed
from bulkconn.core.outcome import Scope
from bulkconn.core.pace import backoff_s
from bulkconn.core.protocols import Token, TokenFailure
from bulkconn.core.report import Stop
from bulkconn.engine.telling import GateNews, tell_nobody
from bulkconn.engine.waiting import wait_until_set

if TYPE_CHECKING:
    from bulkconn.core.protocols import Pacer, TokenSource
    from bulkconn.core.trouble import Patience
    from bulkconn.engine.context import World
    from bulkconn.engine.stops import Stops
    from bulkconn.engine.telling import Tell

#: A boarded POST waits through a closed gate this long; then its intent is taken back.
_ABOARD_PATIENCE_S: Final = 1.0
#: What separates two different places for the POST that follows an outage: sandbox and source.
Label = tuple[str, str]


class Weather(Enum):
    """How the gate stands towards an outage."""

    FAIR = "fair"
    #: Nothing passes but the probe.
    OUTAGE = "outage"
    #: One POST may pass; its answer decides.
    TRIAL = "trial"


#: Somebody who waits for a slot.
_Ticket = asyncio.Future["Token | None"]


class Gate:
    """Opens and closes for everybody, and hands out slots at the pace."""

    def __init__(
        self,
        pace: Pacer,
        tokens: TokenSource,
        world: World,
        *,
        stops: Stops,
        patience: Patience,
        tell: Tell = tell_nobody,
    ) -> None:
        self.news = GateNews(pace, world.clock, tell)
        self._tell = tell
        self.pace = pace
        self.weather = Weather.FAIR
        self._tokens = tokens
        self._clock = world.clock
        self._dice = world.dice
        self._stops = stops
        self._patience = patience
        self._log = world.log
        self._closed_until_s = 0.0
        self._closings = 0
        self._aboard = 0
        self._boarding: deque[tuple[Label, asyncio.Future[bool]]] = deque()
        #: POSTs that wait for a slot: each holds a durable intent. Lookups may wait.
        self._posts: deque[_Ticket] = deque()
        self._lookups: deque[_Ticket] = deque()
        self._probe: asyncio.Future[Token | None] | None = None
        self._last_label: Label | None = None
        self._wake = asyncio.Event()
        self._token: Token | None = None
        self._is_token_refused = False
        #: Which kinds of request (POST or not) the newest token was good for; None: not put to the proof.
        self._proven: set[bool] | None = None
        self._was_post = False
        self._is_trial_taken = False

    # --- those who want to pass ---------------------------------------------------------------

    async def board(self, label: Label) -> bool:
        """Wait until a POST may commit its intent; False when the run stops. Follow with `leave`."""
        if self._stops.is_stopping:
            return False
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        entry = (label, future)
        self._boarding.append(entry)
        self._wake.set()
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled() and future.result():
                self.leave()
            elif entry in self._boarding:
                self._boarding.remove(entry)
            raise

    def leave(self, *, is_sent: bool = False) -> None:
        """Give the place aboard back: the POST leaves now, or will not; then another may be the trial."""
        self._aboard -= 1
        if not is_sent:
            self._is_trial_taken = False
        self._wake.set()

    async def slot(self, *, is_post: bool) -> Token | None:
        """Wait for a slot and get the token to send with, now; None when nothing may be sent.

        None comes when the run stops, and for a POST also when the gate closes for longer than it can
        wait: take its intent back, nothing was sent.
        """
        if self._stops.is_stopping:
            return None
        ticket: _Ticket = asyncio.get_running_loop().create_future()
        (self._posts if is_post else self._lookups).append(ticket)
        self._wake.set()
        return await ticket

    async def probe_slot(self) -> Token | None:
        """Wait for a slot that an outage does not close (a Retry-After does); None when the run stops."""
        if self._stops.is_stopping:
            return None
        self._probe = asyncio.get_running_loop().create_future()
        self._wake.set()
        return await self._probe

    # --- those who open and close ---------------------------------------------------------------

    @property
    def closed_for_s(self) -> float:
        """Seconds until the gate opens again by itself; 0 when it is open."""
        if not self._closed_until_s:
            # It was never closed here, as in most runs, and is asked several times a row.
            return self.pace.closed_for_s
        return max(0.0, self._closed_until_s - self._clock.elapsed_s(), self.pace.closed_for_s)

    def on_accepted(self) -> None:
        """The service took a request: the pace may climb."""
        self._closings = 0
        self.pace.on_accepted(self._clock.elapsed_s())
        self.news.on_pace()

    def on_strain(self, closes_for_s: float | None) -> None:
        """The service stumbled: lower the pace a little and, if it asked for that, close for everybody."""
        self.pace.on_strain(self._clock.elapsed_s())
        if closes_for_s is not None:
            self.close_for(closes_for_s, "strained")
        self.news.on_pace(self.closed_for_s)

    def on_complaint(self, sent_at_s: float, closes_for_s: float | None) -> None:
        """The service said "too fast": lower the pace and close for everybody.

        `closes_for_s` 0 means that it did not say how long: a jittered backoff decides.
        """
        now_s = self._clock.elapsed_s()
        is_news = self.pace.on_complaint(now_s, sent_at_s)
        if closes_for_s is not None and closes_for_s <= 0.0:
            closes_for_s = None
            if is_news:
                self._closings += 1
                closes_for_s = backoff_s(self._closings, self._dice.random())
        if closes_for_s is not None:
            self.close_for(closes_for_s, "throttled")
        self.news.on_pace(self.closed_for_s)

    def close_for(self, seconds: float, reason: str) -> None:
        """Close for everybody; a closing that ends earlier than the present one changes nothing."""
        until_s = self._clock.elapsed_s() + seconds
        if until_s <= self._closed_until_s:
            return
        self._closed_until_s = until_s
        self.pace.close_for(seconds)
        self._log.info(
            "gate.closed", reason=reason, wait_s=round(seconds, 2), pace=round(self.pace.rate_per_s, 2)
        )
        self.news.on_closed(reason, seconds)
        self._wake.set()

    def begin_outage(self) -> None:
        """Close until a probe is answered."""
        self.weather = Weather.OUTAGE
        self._wake.set()

    def begin_trial(self) -> None:
        """Let one POST pass, of another sandbox or source than the last if there is one."""
        self.weather = Weather.TRIAL
        self._is_trial_taken = False
        self._wake.set()

    def end_outage(self) -> None:
        """Open again, slowly."""
        self.weather = Weather.FAIR
        self.pace.restart_low(self._clock.elapsed_s())
        self.news.on_pace()
        self._wake.set()

    def on_token_accepted(self, token: Token, *, is_post: bool) -> None:
        """The newest token was good for a request: a later refusal is news, not a repetition."""
        if self._proven is not None and self._is_same(token):
            self._proven.add(is_post)

    def on_token_refused(self, token: Token, message: str, *, is_post: bool) -> None:
        """A request was answered 401. Only one on the newest token counts.

        The first asks for a new token; a token that replaced a refused one and is refused itself,
        before it was ever good for this kind of request, stops the run.
        """
        if not self._is_same(token) or self._is_token_refused:
            return
        if self._proven is not None and is_post not in self._proven:
            self._stops.stop(_refused(message))
        self._is_token_refused = True
        self._wake.set()

    def on_stop(self) -> None:
        """The run stops: nobody waits any longer."""
        self._wake.set()

    # --- the dispatcher ---------------------------------------------------------------------------

    async def serve(self) -> None:
        """Hand out boarding places and slots until cancelled."""
        while True:
            self._wake.clear()
            # Read before anything is decided by it: a closing that ends in between would else be waited
            # for without a time, and with nothing on its way for ever.
            closed_for_s = self.closed_for_s
            self.news.on_look(closed_for_s)
            if self._stops.is_stopping:
                self._turn_all_away()
                await self._wake.wait()
            elif not await self._serve_once():
                await wait_until_set(self._wake, closed_for_s or None)

    async def _serve_once(self) -> bool:
        """Do one thing for somebody; False when there is nothing to do but wait."""
        if self.weather is Weather.OUTAGE or self.closed_for_s > _ABOARD_PATIENCE_S:
            self._turn_posts_away()
        if self.closed_for_s > 0.0:
            return False
        if self._probe is not None:
            await self._serve_probe(self._probe)
            return True
        if self.weather is Weather.OUTAGE:
            return False
        self._let_aboard()
        if not self._has_tickets():
            return False
        token = await self._fresh_token()
        if token is None:
            return True
        await self.pace.acquire(len(self._posts) + len(self._lookups))
        if self.closed_for_s > 0.0 or self._stops.is_stopping or self._is_token_refused:
            return True
        if self._has_tickets():
            self._next_ticket().set_result(token)
        return True

    def _has_tickets(self) -> bool:
        """Drop the tickets of those who were cancelled, and tell whether any is left."""
        for tickets in (self._posts, self._lookups):
            while tickets and tickets[0].done():
                tickets.popleft()
        return bool(self._posts or self._lookups)

    def _next_ticket(self) -> _Ticket:
        """Take POSTs and lookups in turn while both wait: a durable intent must not wait long."""
        self._was_post = bool(self._posts) and not (self._was_post and self._lookups)
        return (self._posts if self._was_post else self._lookups).popleft()

    async def _serve_probe(self, future: asyncio.Future[Token | None]) -> None:
        token = await self._fresh_token()
        if token is None:
            return
        await self.pace.acquire(1)
        if self.closed_for_s > 0.0 or self._stops.is_stopping or self._is_token_refused:
            return
        self._probe = None
        if not future.done():
            future.set_result(token)

    def _let_aboard(self) -> None:
        is_trial = self.weather is Weather.TRIAL
        while self._boarding and self._aboard <= self.pace.aboard_limit:
            if is_trial and self._is_trial_taken:
                return
            label, future = self._next_boarding()
            if future.done():
                continue
            self._aboard += 1
            self._last_label = label
            self._is_trial_taken = is_trial
            future.set_result(True)

    def _next_boarding(self) -> tuple[Label, asyncio.Future[bool]]:
        if self.weather is Weather.TRIAL:
            for index, (label, _) in enumerate(self._boarding):
                if label != self._last_label:
                    self._boarding.rotate(-index)
                    break
        return self._boarding.popleft()

    async def _fresh_token(self) -> Token | None:
        """Give the token without waiting, or renew it while the gate stays shut; None on a stop."""
        tries = 0
        while not self._stops.is_stopping:
            token = self._tokens.current()
            if token is not None and not (self._is_token_refused and self._is_same(token)):
                if self._is_token_refused:
                    # Another engine that shares the tokens has replaced the refused one.
                    self._proven, self._is_token_refused = set(), False
                self._token = token
                return token
            answer = await self._tokens.renew()
            if isinstance(answer, Token):
                if self._is_token_refused:
                    self._proven = set()
                self._is_token_refused = False
                self._token = answer
                self._log.info("token.renewed", generation=answer.generation)
                self._tell(TokenRenewed(answer.generation))
                return answer
            if answer.is_refused:
                self._stops.stop(_refused(answer.message))
                return None
            tries += 1
            await self._wait_for_token_endpoint(answer, tries)
        return None

    def _is_same(self, token: Token) -> bool:
        return self._token is not None and token.generation == self._token.generation

    async def _wait_for_token_endpoint(self, failure: TokenFailure, tries: int) -> None:
        now_s = self._clock.elapsed_s()
        self._patience.on_trouble(now_s)
        wait_s = backoff_s(tries, self._dice.random(), failure.retry_after_s)
        self._log.warning("token.unavailable", code=failure.code, wait_s=round(wait_s, 2))
        if self._patience.is_over(now_s + wait_s):
            self._stops.stop(
                Stop(
                    f"the token endpoint gives no token: {failure.message}",
                    Scope.RUN,
                    "check --ims-url and the network, then run the same command again",
                )
            )
            return
        await self._stops.pause(wait_s)

    def _turn_posts_away(self) -> None:
        for ticket in self._posts:
            if not ticket.done():
                ticket.set_result(None)
        self._posts.clear()

    def _turn_all_away(self) -> None:
        self._turn_posts_away()
        for ticket in self._lookups:
            if not ticket.done():
                ticket.set_result(None)
        self._lookups.clear()
        for _, future in self._boarding:
            if not future.done():
                future.set_result(False)
        self._boarding.clear()
        if self._probe is not None and not self._probe.done():
            self._probe.set_result(None)
        self._probe = None


def _refused(message: str) -> Stop:
    return Stop(
        f"the access token was refused: {message}",
        Scope.RUN,
        "check client id, client secret, scopes and organisation (a token given by hand cannot be "
        "renewed: give a new one), then run the same command again",
    )
