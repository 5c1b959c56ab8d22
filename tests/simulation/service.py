"""A Flow Service that knows the truth: it takes POSTs, and judges whether they should have left."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, NamedTuple

from bulkconn.core.plan import OnExisting
from tests.simulation.guard import Guard
from tests.simulation.listings import Listings
from tests.simulation.menu import (
    SILENT,
    WITH_EFFECT,
    Made,
    answer_to_post,
    created,
    flow_error,
    is_in,
    is_refusal,
)
from tests.simulation.truth import Truth, loose

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from bulkconn.core.endpoint import ConnectionRequest
    from bulkconn.core.reply import Fault, Reply
    from tests.simulation.door import Door
    from tests.simulation.loop import VirtualLoop
    from tests.simulation.menu import Habits
    from tests.simulation.party import Party

#: Within the assumption everything shows before this share of the grace is over.
_WITHIN: Final = 0.97
_NEVER_CAP_S: Final = 60.0
#: "It is not there" holds for 30 s; then come a place aboard, a commit and a slot.
_CLEARED_FOR_S: Final = 35.0
_SHOWN: Final = frozenset({"server", "database", "username"})

_SENDING: Final = """
    SELECT key, ambiguous FROM rows
    WHERE state = 'sending' AND sent_name = ? AND sent_sandbox = ? AND sent_spec_id = ?
"""


class OnItsWay(NamedTuple):
    """Whose row a POST belongs to, as the ledger says it, and its attempts that may have been processed."""

    key: str
    ambiguous: int


class Service(Truth):
    """The service as a whole; outlives every process."""

    def __init__(
        self, loop: VirtualLoop, dice: Random, habits: Habits, trace: Callable[[str], None] | None
    ) -> None:
        super().__init__(loop, dice, habits, trace)
        self.guard = Guard(self)
        self.listings = Listings(self, self.guard)
        self.posts = 0
        #: When and where the last attempt of a row ended that may have been processed, by owner and key.
        self._ended: dict[tuple[str, str], tuple[float, str]] = {}

    def remember(self, made: Made) -> None:
        """Let a connection of ours be there from before the story."""
        self.plant(made)
        if made.owner is not None and made.key is not None:
            self._ended[made.owner.name, made.key] = (made.visible_s, made.sandbox)

    async def post(self, door: Door, request: ConnectionRequest, token: int) -> Reply | Fault:
        """Take a POST: its fate is drawn as its first byte leaves."""
        self.posts += 1
        party = door.party
        row = self._row_on_its_way(party, request)
        self._judge_resend(door, row)
        self._judge_first_send(door, row, request)
        wait_s, answer, made = self._fate(request, token)
        if made is not None:
            made.owner, made.key, made.client = party, row.key, party.client_id
            self._keep_within(made, self.loop.now_s + wait_s)
            self.made.append(made)
        if self.trace is not None:
            effect = (
                f"effect {made.effect_s:.2f} visible {made.visible_s:.2f} {made.id} {made.hidden or ''}"
                if made
                else "nothing"
            )
            self.trace(
                f"{party.name} POST {request.name!r} token {token}: {effect}; in {wait_s:.2f} s {answer}"
            )
        try:
            await asyncio.sleep(wait_s)
        except (asyncio.CancelledError, GeneratorExit):
            # Cut by its drain, or its process was killed: the attempt ended now.
            if made is not None:
                self._keep_within(made, self.loop.now_s)
            self._ended[party.name, row.key] = (self.loop.now_s, request.sandbox)
            raise
        if not is_refusal(answer):
            self._ended[party.name, row.key] = (self.loop.now_s, request.sandbox)
        return answer

    def ended_s(self, party: Party, key: str) -> float:
        """Say when the last attempt of a row ended that may have been processed; infinite where none did."""
        return self._ended.get((party.name, key), (float("inf"), ""))[0]

    def _row_on_its_way(self, party: Party, request: ConnectionRequest) -> OnItsWay:
        sent_as = (request.name, request.sandbox, request.connection_spec_id)
        rows = party.disk.rows(_SENDING, *sent_as)
        if len(rows) != 1:
            self.crimes.append(f"a POST left for {request.name!r} without a durable intent ({rows})")
            return OnItsWay(f"{request.sandbox}/?/{request.name}", 0)
        return OnItsWay(*rows[0])

    def _judge_resend(self, door: Door, row: OnItsWay) -> None:
        """A row that may exist already is sent again only upon a fresh look, by eyes that see."""
        now_s, party = self.loop.now_s, door.party
        ended = self._ended.get((party.name, row.key))
        if not row.ambiguous or ended is None or self.habits.grace_s is None:
            return
        # The row may have moved: what matters is where the attempt went that may have been processed.
        ended_s, sandbox = ended
        if now_s - door.looked_s.get(sandbox, 0.0) > _CLEARED_FOR_S:
            self.crimes.append(f"{row.key} was sent again long after the last look at its sandbox")
        graced_s = ended_s + self.habits.grace_s
        sighted_s = self.listings.sighted_s.get(sandbox, 0.0)
        if sighted_s < graced_s <= now_s and party.knows_connection(sandbox, before_s=graced_s):
            self.crimes.append(f"{row.key} was sent again though lookups showed nothing since its grace")

    def _judge_first_send(self, door: Door, row: OnItsWay, request: ConnectionRequest) -> None:
        """A row without an ambiguous attempt is not sent under a name that stood there before the run."""
        habits = self.habits
        if row.ambiguous or door.party.on_existing is OnExisting.CREATE or self.weather.blind:
            return
        if habits.shifts_pages and not habits.is_within:
            # What goes while somebody pages makes a page begin too far on.
            return
        alike, since_s = loose(request.name), door.began_s
        taken = [
            made.id
            for made in self.made
            if made.spec_id == request.connection_spec_id
            and made.sandbox == request.sandbox
            and made.visible_s < since_s
            and not (made.is_gone or made.hidden)
            and loose(made.name) == alike
        ]
        if taken:
            self.crimes.append(f"{row.key} was sent though {taken} had its name before the run began")

    def _keep_within(self, made: Made, end_s: float) -> None:
        if not self.habits.is_within:
            return
        grace_s = _NEVER_CAP_S if self.habits.grace_s is None else self.habits.grace_s
        made.visible_s = min(made.visible_s, end_s + grace_s * _WITHIN)
        made.effect_s = min(made.effect_s, made.visible_s)

    def _fate(self, request: ConnectionRequest, token: int) -> tuple[float, Reply | Fault, Made | None]:
        dice, weather, now_s = self.dice, self.weather, self.loop.now_s
        wait_s = self.draw_latency_s()
        refusal = self.guard.refusal(request.sandbox, token)
        if refusal is not None:
            return wait_s, refusal, None
        if is_in(weather.outages, now_s):
            fault = dice.choice(("not_sent", "reset_before", "timeout_before", "502_before", "504_after"))
        elif request.name in self.habits.rejected:
            return wait_s, flow_error(400, "1304-400", "the database refused the login"), None
        elif dice.random() < weather.post_chance and weather.post_faults:
            fault = dice.choice(weather.post_faults)
        else:
            made = self._make(request, wait_s)
            return wait_s, created(made.id), made
        return self._faulty(fault, request, wait_s)

    def _faulty(
        self, fault: str, request: ConnectionRequest, wait_s: float
    ) -> tuple[float, Reply | Fault, Made | None]:
        if fault in SILENT:
            wait_s = self.habits.timeout_s
        made = None
        if fault in WITH_EFFECT:
            made = self._make(request, wait_s)
            if fault == "late":
                made.effect_s = self.loop.now_s + wait_s + self.dice.random() * self.habits.late_s
                made.visible_s = made.effect_s + self.dice.random() * self.habits.lag_s
        return wait_s, answer_to_post(fault, made, self.dice), made

    def _make(self, request: ConnectionRequest, wait_s: float) -> Made:
        dice = self.dice
        effect_s = self.loop.now_s + dice.random() * wait_s
        visible_s = effect_s + dice.random() * self.habits.lag_s
        hides = self.weather.hides_chance and dice.random() < self.weather.hides_chance
        return Made(
            f"id-{len(self.made):04d}-{dice.getrandbits(24):06x}",
            request.sandbox,
            self.habits.names.of(request.name),
            request.connection_spec_id,
            effect_s,
            visible_s,
            description=request.description,
            params={
                name: value
                for name, value in request.auth_params.items()
                if name in _SHOWN and isinstance(value, str)
            },
            sent_name=request.name,
            hidden=(self._span(visible_s),) if hides else (),
        )

    def _span(self, visible_s: float) -> tuple[float, float]:
        begin_s = visible_s + self.dice.random() * 60.0
        return begin_s, begin_s + self.dice.random() * 200.0
