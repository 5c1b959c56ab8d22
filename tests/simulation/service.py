"""A Flow Service that knows the truth: what was made, by whom, when it took effect and when it shows."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pydantic import SecretStr

from bulkconn.core.names import loose_name
from bulkconn.core.plan import OnExisting
from bulkconn.core.protocols import Token, TokenFailure
from bulkconn.core.reply import Fault, FaultKind, Reply
from tests.simulation.menu import (
    LOOP,
    SILENT,
    WITH_EFFECT,
    Made,
    Weather,
    answer_to_lookup,
    answer_to_post,
    created,
    flow_error,
    is_in,
    is_refusal,
    odd_page,
    too_many,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from bulkconn.core.endpoint import ConnectionRequest
    from bulkconn.core.protocols import PageQuery
    from tests.simulation.loop import VirtualLoop
    from tests.simulation.menu import Habits
    from tests.simulation.party import Party

#: Within the assumption everything shows before this share of the grace is over.
_WITHIN: Final = 0.97
_NEVER_CAP_S: Final = 60.0
#: "It is not there" holds for 30 s; then come a place aboard, a commit and a slot.
_CLEARED_FOR_S: Final = 35.0
#: What is ready to leave at the moment of a reply leaves all the same.
_MOMENT_S: Final = 1e-3
#: As long as tokens are, about.
_TOKEN: Final = "eyJhbGciOiJSUzI1NiJ9." * 40
_SHOWN: Final = frozenset({"server", "database", "username"})

_SENDING: Final = """
    SELECT key, ambiguous FROM rows
    WHERE state = 'sending' AND sent_name = ? AND sent_sandbox = ? AND sent_spec_id = ?
"""


class OnItsWay(NamedTuple):
    """Whose row a POST belongs to, as the ledger says it, and its attempts that may have been processed."""

    key: str
    ambiguous: int


class Service:
    """The truth; outlives every process."""

    def __init__(
        self, loop: VirtualLoop, dice: Random, habits: Habits, trace: Callable[[str], None] | None
    ) -> None:
        self.loop = loop
        self.dice = dice
        self.habits = habits
        self.weather = Weather()
        self.made: list[Made] = []
        self.posts = 0
        self.crimes: list[str] = []
        self.trace = trace
        self.last_token = 0
        self._born: dict[int, float] = {}
        self._accepted: list[float] = []
        #: When each sandbox's connections could last be seen.
        self._sighted_s: dict[str, float] = {}
        #: When and where the last attempt of a row ended that may have been processed, by owner and key.
        self._ended: dict[tuple[str, str], tuple[float, str]] = {}

    def plant(self, stranger: Made) -> None:
        """Let somebody else make a connection."""
        stranger.name = self.habits.names.of(stranger.name)
        self.made.append(stranger)

    # --- posts ------------------------------------------------------------------------------------

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
        sighted_s = self._sighted_s.get(sandbox, 0.0)
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
        loose, since_s = loose_name(request.name), door.began_s
        taken = [
            made.id
            for made in self.made
            if made.spec_id == request.connection_spec_id
            and made.sandbox == request.sandbox
            and made.visible_s < since_s
            and not (made.is_gone or made.hidden)
            and loose_name(made.name) == loose
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
        wait_s = self._latency()
        refusal = self._refusal(request.sandbox, token)
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

    # --- lookups ----------------------------------------------------------------------------------

    async def page(self, query: PageQuery, token: int) -> Reply | Fault:
        """Answer a page of a listing."""
        wait_s = self._latency()
        seen_s = self.loop.now_s + wait_s * self.dice.random()
        fault = None
        refusal = self._refusal(query.sandbox, token)
        if is_in(self.weather.outages, self.loop.now_s):
            fault = self.dice.choice(("not_sent", "reset", "timeout", "500"))
        elif self.dice.random() < self.weather.lookup_chance and self.weather.lookup_faults:
            fault = self.dice.choice(self.weather.lookup_faults)
        if fault == "timeout":
            wait_s = self.habits.timeout_s
        await asyncio.sleep(wait_s)
        answer = refusal or self._page(query, seen_s, fault)
        if self.trace is not None:
            self.trace(f"GET {query.sandbox} {query.filters} {query.continuation_token}: {_brief(answer)}")
        return answer

    def _page(self, query: PageQuery, seen_s: float, fault: str | None) -> Reply | Fault:
        whole = answer_to_lookup(fault)
        if whole is not None:
            return whole
        found = self._matching(query, seen_s)
        if query.count:
            return Reply(200, {"count": len(found)})
        size = min(self.habits.page_items, query.limit or 100)
        first = self._first(query, found)
        page = found[first : first + size]
        items = [self._item(made) for made in page]
        links: dict[str, Any] = {}
        asked = query.continuation_token or ""
        token = asked if asked.startswith(LOOP) else None
        if token is None and first + size < len(found):
            token = str(first + size) if self.habits.shifts_pages else page[-1].id
        if token is not None:
            links = {"next": {"href": f"https://evil.example.com/x?continuationToken={token}"}}
        odd = odd_page(fault, items, links, first) if fault is not None else None
        return odd or Reply(200, {"items": items, "_links": links})

    def _first(self, query: PageQuery, found: list[Made]) -> int:
        """Say where a page begins: at a number, or behind the connection that the last one ended with."""
        token = (query.continuation_token or "0").removeprefix(LOOP)
        if token.isdigit():
            return int(token)
        last = next(made for made in self.made if made.id == token)
        order = self._order(last)
        return sum(self._order(made) <= order for made in found)

    def _order(self, made: Made) -> tuple[float, str]:
        return (-made.effect_s if self.habits.newest_first else made.effect_s, made.id)

    def _matching(self, query: PageQuery, seen_s: float) -> list[Made]:
        if is_in(self.weather.blind, seen_s):
            return []
        sandbox, wanted = query.sandbox, dict(query.filters)
        self._sighted_s[sandbox] = max(self._sighted_s.get(sandbox, 0.0), seen_s)
        name, spec_id = wanted.get("name"), wanted.get("connectionSpec.id")
        found = [
            made
            for made in self.made
            if (name is None or made.name == name or self._is_alike(made.name, name))
            and made.sandbox == sandbox
            and made.visible_s <= seen_s < made.gone_s
            and (spec_id is None or made.spec_id == spec_id)
            and not (made.hidden and is_in(made.hidden, seen_s))
        ]
        found.sort(key=self._order)
        return found

    def _is_alike(self, one: str, other: str) -> bool:
        return self.habits.finds_alike and loose_name(one) == loose_name(other)

    def _item(self, made: Made) -> dict[str, Any]:
        habits = self.habits
        item: dict[str, Any] = {"id": made.id, "name": made.name, "etag": f'"{made.id}"', "state": "enabled"}
        if habits.shows_created:
            item["createdAt"] = int(made.effect_s * 1000)
        if habits.shows_spec:
            item["connectionSpec"] = {"id": made.spec_id, "version": "1.0"}
        if habits.shows_client and made.client:
            item["createdClient"] = made.client
        if habits.shows_sandbox:
            item["sandboxName"] = made.sandbox
        if made.description:
            item["description"] = made.description
        if habits.shows_params:
            item["auth"] = {"params": made.params}
        return item

    # --- doors ------------------------------------------------------------------------------------

    def _latency(self) -> float:
        base = self.habits.latency_s
        return base * (0.1 + self.dice.random()) * (8.0 if self.dice.random() < 0.03 else 1.0)

    def _refusal(self, sandbox: str, token: int) -> Reply | None:
        weather, now_s = self.weather, self.loop.now_s
        if not self.is_token_good(token):
            return Reply(401, {"error_code": "401013", "message": "Oauth token is not valid"})
        if is_in(weather.storms, now_s) or self._is_too_fast(now_s):
            wait_s = weather.storm_wait_s * self.dice.random() if self.dice.random() < 0.7 else None
            return too_many(wait_s)
        for place, begin_s, end_s in weather.forbidden:
            if place == sandbox and begin_s <= now_s < end_s:
                if weather.forbidden_by == 404:
                    return flow_error(404, "2100-404", "no such sandbox")
                return flow_error(403, "2118-403", "the user has no access to the sandbox")
        return None

    def _is_too_fast(self, now_s: float) -> bool:
        if self.weather.capacity_per_s > 1e6:
            return False
        self._accepted = [at_s for at_s in self._accepted if now_s - at_s < 1.0]
        if len(self._accepted) >= self.weather.capacity_per_s:
            return True
        self._accepted.append(now_s)
        return False

    def is_token_good(self, token: int) -> bool:
        """Tell whether a token is accepted now."""
        born_s = self._born.get(token, 0.0)
        if self.loop.now_s - born_s > self.weather.token_life_s:
            return False
        return not any(born_s < at_s <= self.loop.now_s for at_s in self.weather.revocations)

    async def token(self) -> int | Reply | Fault:
        """Give out a token, or not."""
        await asyncio.sleep(self._latency())
        if self.dice.random() < self.weather.token_chance or is_in(self.weather.outages, self.loop.now_s):
            return self.dice.choice(
                (Fault(FaultKind.NOT_SENT, "refused"), Reply(503, None, retry_after_s=1.5))
            )
        self.last_token += 1
        self._born[self.last_token] = self.loop.now_s
        return self.last_token


class Door:
    """One process's way to the service: a `ConnectionApi` and a `TokenSource`, with a log of what left."""

    #: Seconds after a Retry-After was read in which a request may still leave.
    heeds_within_s = _MOMENT_S

    def __init__(self, service: Service, party: Party, *, may_post: bool) -> None:
        self._service = service
        self.party = party
        self._may_post = may_post
        self._loop = service.loop
        self._token: Token | None = None
        self._serials: dict[int, int] = {}
        self._closed: tuple[float, float] = (0.0, 0.0)
        self.began_s = self._loop.now_s
        #: When a page of each sandbox last came back.
        self.looked_s: dict[str, float] = {}
        #: When requests left, and how many of them were POSTs.
        self.sent_s: list[float] = []
        self.posts = 0
        #: What each token generation met: (is_post, was it accepted).
        self.met: dict[int, list[tuple[bool, bool]]] = {}

    async def create(self, request: ConnectionRequest, token: Token) -> Reply | Fault:
        """Send one POST."""
        self._leave()
        self.posts += 1
        if not self._may_post:
            self._service.crimes.append(f"settling sent a POST for {request.name!r}")
        answer = await self._service.post(self, request, self._serials[token.generation])
        self._note(token, answer, is_post=True)
        return answer

    async def list_page(self, query: PageQuery, token: Token) -> Reply | Fault:
        """Ask for one page."""
        self._leave()
        answer = await self._service.page(query, self._serials[token.generation])
        self._note(token, answer, is_post=False)
        self.looked_s[query.sandbox] = self._loop.now_s
        return answer

    def current(self) -> Token | None:
        """Give the token."""
        return self._token

    async def renew(self) -> Token | TokenFailure:
        """Get a new token; only ever asked for when there is none or the newest was refused."""
        if self._token is not None and all(good for _, good in self.met.get(self._token.generation, ())):
            self._service.crimes.append(f"token {self._token.generation} was renewed without a reason")
        answer = await self._service.token()
        if isinstance(answer, int):
            generation = len(self._serials) + 1
            self._serials[generation] = answer
            self._token = Token(SecretStr(_TOKEN + str(answer)), generation)
            return self._token
        retry = answer.retry_after_s if isinstance(answer, Reply) else None
        return TokenFailure(is_refused=False, code="down", message="no token today", retry_after_s=retry)

    def _leave(self) -> None:
        now_s = self._loop.now_s
        told_s, until_s = self._closed
        if told_s + self.heeds_within_s < now_s < until_s - _MOMENT_S:
            self._service.crimes.append(f"a request left {until_s - now_s:.2f} s before Retry-After was over")
        self.sent_s.append(now_s)

    def _note(self, token: Token, answer: Reply | Fault, *, is_post: bool) -> None:
        if not isinstance(answer, Reply):
            return
        self.met.setdefault(token.generation, []).append((is_post, answer.status != 401))
        if answer.retry_after_s is not None:
            now_s = self._loop.now_s
            told_s, until_s = self._closed
            if now_s + answer.retry_after_s > until_s:
                # What an earlier closing forbade stays forbidden.
                told_s = told_s if until_s > now_s else now_s
                self._closed = (told_s, now_s + answer.retry_after_s)


def _brief(answer: Reply | Fault) -> str:
    if isinstance(answer, Reply) and isinstance(answer.body, dict) and answer.body.get("items"):
        return f"200 {[item.get('id') for item in answer.body['items']]}"
    return str(answer)
