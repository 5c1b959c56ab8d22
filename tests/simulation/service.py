"""A Flow Service that knows the truth: what was made, by whom, when it took effect and when it shows."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pydantic import SecretStr

from bulkconn.core.names import loose_name
from bulkconn.core.protocols import Token, TokenFailure
from bulkconn.core.reply import BodyState, Fault, FaultKind, Reply

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from bulkconn.core.endpoint import ConnectionRequest
    from bulkconn.core.protocols import PageQuery
    from tests.simulation.world import Disk, VirtualLoop

CLIENT_ID: Final = "our-client"
#: Within the assumption everything shows before this share of the grace is over.
_WITHIN: Final = 0.97
_NEVER_CAP_S: Final = 60.0

#: What may become of a POST besides success.
POST_FAULTS: Final = (
    "not_sent", "reset_before", "reset_after", "timeout_before", "timeout_after", "late",
    "500_before", "500_after", "502_before", "504_after", "408", "409", "503_wait", "cut_body", "bad_json",
    "no_id", "429", "429_wait", "429_odd_before", "429_odd_after", "garbage",
)  # fmt: skip
#: What may become of a lookup besides success.
LOOKUP_FAULTS: Final = (
    "not_sent", "reset", "timeout", "500", "503_wait", "429", "cut_body", "bad_json", "no_items",
    "null_items", "no_item_id", "odd_link", "repeat_token", "empty_200",
)  # fmt: skip


@dataclass(slots=True, eq=False)
class Made:
    """A connection that exists, or will. `key` is ours, None a stranger's."""

    id: str
    sandbox: str
    name: str
    spec_id: str
    key: str | None
    effect_s: float
    visible_s: float
    client: str | None = CLIENT_ID
    description: str | None = None
    params: dict[str, str] = field(default_factory=dict)
    sent_name: str = ""


@dataclass(slots=True)
class Weather:
    """What may go wrong in one run; a fresh one has nothing wrong."""

    post_faults: tuple[str, ...] = ()
    lookup_faults: tuple[str, ...] = ()
    post_chance: float = 0.0
    lookup_chance: float = 0.0
    outages: tuple[tuple[float, float], ...] = ()
    storms: tuple[tuple[float, float], ...] = ()
    storm_wait_s: float = 2.0
    revocations: tuple[float, ...] = ()
    token_life_s: float = 1e9
    token_chance: float = 0.0
    forbidden: tuple[tuple[str, float, float], ...] = ()
    forbidden_by: int = 403
    capacity_per_s: float = 1e9
    hides: tuple[tuple[float, float], ...] = ()


@dataclass(slots=True)
class Habits:
    """What this service is like, whatever the weather."""

    grace_s: float | None
    is_within: bool
    timeout_s: float
    latency_s: float = 0.3
    lag_s: float = 0.0
    page_items: int = 100
    newest_first: bool = False
    shows_client: bool = True
    shows_params: bool = True
    shows_sandbox: bool = True
    shows_spec: bool = True
    recases: bool = False
    late_s: float = 0.0
    rejected: frozenset[str] = frozenset()


class Service:
    """The truth; outlives every process."""

    def __init__(
        self, loop: VirtualLoop, dice: Random, disk: Disk, habits: Habits, trace: Callable[[str], None] | None
    ) -> None:
        self.loop = loop
        self.dice = dice
        self.disk = disk
        self.habits = habits
        self.weather = Weather()
        self.made: list[Made] = []
        self.posts = 0
        self.crimes: list[str] = []
        self.trace = trace
        self.is_valid_from = 1
        self.last_token = 0
        self._born: dict[int, float] = {}
        self._accepted: list[float] = []

    def plant(self, stranger: Made) -> None:
        """Let somebody else make a connection."""
        self.made.append(stranger)

    def new_id(self) -> str:
        """Draw an id."""
        return f"id-{len(self.made):04d}-{self.dice.getrandbits(24):06x}"

    # --- posts ------------------------------------------------------------------------------------

    async def post(self, request: ConnectionRequest, token: int) -> Reply | Fault:
        """Take a POST: its fate is drawn as its first byte leaves."""
        self.posts += 1
        key = self._key_on_its_way(request)
        wait_s, answer, made = self._fate(request, token, key)
        if made is not None:
            self._keep_within(made, self.loop.now_s + wait_s)
            self.made.append(made)
        if self.trace is not None:
            effect = (
                f"effect {made.effect_s:.2f} visible {made.visible_s:.2f} {made.id}" if made else "nothing"
            )
            self.trace(f"POST {request.name!r} token {token}: {effect}; in {wait_s:.2f} s {answer}")
        try:
            await asyncio.sleep(wait_s)
        except (asyncio.CancelledError, GeneratorExit):
            # Cut by its drain, or its process was killed: the attempt ended now.
            if made is not None:
                self._keep_within(made, self.loop.now_s)
            raise
        return answer

    def _key_on_its_way(self, request: ConnectionRequest) -> str:
        rows = self.disk.rows(
            "SELECT key FROM rows WHERE state = 'sending' AND sent_name = ? AND sent_sandbox = ? "
            "AND sent_spec_id = ?",
            request.name,
            request.sandbox,
            request.connection_spec_id,
        )
        if len(rows) != 1:
            self.crimes.append(f"a POST left for {request.name!r} without a durable intent ({rows})")
            return f"{request.sandbox}/?/{request.name}"
        return str(rows[0][0])

    def _keep_within(self, made: Made, end_s: float) -> None:
        if not self.habits.is_within:
            return
        grace_s = _NEVER_CAP_S if self.habits.grace_s is None else self.habits.grace_s
        made.visible_s = min(made.visible_s, end_s + grace_s * _WITHIN)
        made.effect_s = min(made.effect_s, made.visible_s)

    def _fate(
        self, request: ConnectionRequest, token: int, key: str
    ) -> tuple[float, Reply | Fault, Made | None]:
        dice, weather, now_s = self.dice, self.weather, self.loop.now_s
        wait_s = self._latency()
        refusal = self._refusal(request.sandbox, token)
        if refusal is not None:
            return wait_s, refusal, None
        if _is_in(weather.outages, now_s):
            fault = dice.choice(("not_sent", "reset_before", "timeout_before", "502_before", "504_after"))
        elif request.name in self.habits.rejected:
            return wait_s, _flow_error(400, "1304-400", "the database refused the login"), None
        elif dice.random() < weather.post_chance and weather.post_faults:
            fault = dice.choice(weather.post_faults)
        else:
            made = self._make(request, key, wait_s)
            return wait_s, _created(made.id), made
        return self._faulty(fault, request, key, wait_s)

    def _faulty(
        self, fault: str, request: ConnectionRequest, key: str, wait_s: float
    ) -> tuple[float, Reply | Fault, Made | None]:
        if fault in {"timeout_before", "timeout_after", "late"}:
            wait_s = self.habits.timeout_s
        made = None
        if fault in _WITH_EFFECT:
            made = self._make(request, key, wait_s)
            if fault == "late":
                made.effect_s = self.loop.now_s + wait_s + self.dice.random() * self.habits.late_s
                made.visible_s = made.effect_s + self.dice.random() * self.habits.lag_s
        return wait_s, _answer_to_post(fault, made, self.dice), made

    def _make(self, request: ConnectionRequest, key: str, wait_s: float) -> Made:
        effect_s = self.loop.now_s + self.dice.random() * wait_s
        name = request.name.upper() if self.habits.recases else request.name
        shown = {
            name: value
            for name, value in request.auth_params.items()
            if name in {"server", "database", "username"} and isinstance(value, str)
        }
        return Made(
            self.new_id(),
            request.sandbox,
            name,
            request.connection_spec_id,
            key,
            effect_s,
            effect_s + self.dice.random() * self.habits.lag_s,
            description=request.description,
            params=shown,
            sent_name=request.name,
        )

    # --- lookups ----------------------------------------------------------------------------------

    async def page(self, query: PageQuery, token: int) -> Reply | Fault:
        """Answer a page of a listing."""
        wait_s = self._latency()
        seen_s = self.loop.now_s + wait_s * self.dice.random()
        fault = None
        refusal = self._refusal(query.sandbox, token)
        if _is_in(self.weather.outages, self.loop.now_s):
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
        whole = _answer_to_lookup(fault)
        if whole is not None:
            return whole
        found = self._matching(query, seen_s)
        if query.count:
            return Reply(200, {"count": len(found)})
        size = min(self.habits.page_items, query.limit or 100)
        first = int(query.continuation_token or 0)
        items: Any = [self._item(made) for made in found[first : first + size]]
        links: dict[str, Any] = {}
        if first + size < len(found):
            links = {"next": {"href": f"https://evil.example.com/x?continuationToken={first + size}"}}
        match fault:
            case "no_items":
                return Reply(200, {"_links": links})
            case "null_items":
                items = None
            case "no_item_id":
                items = [*items, {"name": "x"}]
            case "odd_link":
                links = {"next": {"href": "/connections?start=5"}}
            case "repeat_token":
                links = {"next": {"href": f"/connections?continuationToken={first}"}}
            case _:
                pass
        return Reply(200, {"items": items, "_links": links})

    def _matching(self, query: PageQuery, seen_s: float) -> list[Made]:
        if _is_in(self.weather.hides, seen_s):
            return []
        sandbox, wanted = query.sandbox, dict(query.filters)
        name, spec_id = wanted.get("name"), wanted.get("connectionSpec.id")
        found = [
            made
            for made in self.made
            if (name is None or made.name == name or self._is_same_name(made.name, name))
            and made.sandbox == sandbox
            and made.visible_s <= seen_s
            and (spec_id is None or made.spec_id == spec_id)
        ]
        found.sort(key=lambda made: made.effect_s, reverse=self.habits.newest_first)
        return found

    def _is_same_name(self, one: str, other: str) -> bool:
        return self.habits.recases and loose_name(one) == loose_name(other)

    def _item(self, made: Made) -> dict[str, Any]:
        item: dict[str, Any] = {
            "id": made.id,
            "name": made.name,
            "createdAt": int(made.effect_s * 1000),
            "etag": f'"{made.id}"',
            "state": "enabled",
        }
        if self.habits.shows_spec:
            item["connectionSpec"] = {"id": made.spec_id, "version": "1.0"}
        if self.habits.shows_client and made.client:
            item["createdClient"] = made.client
        if self.habits.shows_sandbox:
            item["sandboxName"] = made.sandbox
        if made.description:
            item["description"] = made.description
        if self.habits.shows_params:
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
        if _is_in(weather.storms, now_s) or self._is_too_fast(now_s):
            wait_s = weather.storm_wait_s * self.dice.random() if self.dice.random() < 0.7 else None
            return _too_many(wait_s)
        for place, begin_s, end_s in weather.forbidden:
            if place == sandbox and begin_s <= now_s < end_s:
                if weather.forbidden_by == 404:
                    return _flow_error(404, "2100-404", "no such sandbox")
                return _flow_error(403, "2118-403", "the user has no access to the sandbox")
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
        if self.dice.random() < self.weather.token_chance or _is_in(self.weather.outages, self.loop.now_s):
            return self.dice.choice(
                (Fault(FaultKind.NOT_SENT, "refused"), Reply(503, None, retry_after_s=1.5))
            )
        self.last_token += 1
        self._born[self.last_token] = self.loop.now_s
        return self.last_token


class Door:
    """One process's way to the service: a `ConnectionApi` and a `TokenSource`, with a log of what left."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._loop = service.loop
        self._token: Token | None = None
        self._serials: dict[int, int] = {}
        #: When requests left.
        self.sent_s: list[float] = []
        #: What each token generation met: (is_post, was it accepted).
        self.met: dict[int, list[tuple[bool, bool]]] = {}

    async def create(self, request: ConnectionRequest, token: Token) -> Reply | Fault:
        """Send one POST."""
        self.sent_s.append(self._loop.now_s)
        answer = await self._service.post(request, self._serials[token.generation])
        self._note(token, answer, is_post=True)
        return answer

    async def list_page(self, query: PageQuery, token: Token) -> Reply | Fault:
        """Ask for one page."""
        self.sent_s.append(self._loop.now_s)
        answer = await self._service.page(query, self._serials[token.generation])
        self._note(token, answer, is_post=False)
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
            self._token = Token(SecretStr(f"token-{answer}"), generation)
            return self._token
        retry = answer.retry_after_s if isinstance(answer, Reply) else None
        return TokenFailure(is_refused=False, code="down", message="no token today", retry_after_s=retry)

    def _note(self, token: Token, answer: Reply | Fault, *, is_post: bool) -> None:
        if isinstance(answer, Reply):
            self.met.setdefault(token.generation, []).append((is_post, answer.status != 401))


_WITH_EFFECT: Final = frozenset(
    {"reset_after", "timeout_after", "late", "500_after", "504_after", "cut_body", "bad_json", "no_id"}
    | {"429_odd_after"}
)


def _is_in(spans: tuple[tuple[float, float], ...], now_s: float) -> bool:
    return any(begin_s <= now_s < end_s for begin_s, end_s in spans)


def _flow_error(status: int, code: str, message: str) -> Reply:
    return Reply(
        status,
        {
            "type": f"http://ns.adobe.com/aep/errors/FLOW-{code}",
            "title": "Error",
            "status": status,
            "report": {"detailed-message": message, "request-id": "r-1"},
        },
        request_id="r-1",
    )


def _created(made_id: str) -> Reply:
    return Reply(201, {"id": made_id, "etag": f'"{made_id}"'}, location=f"/connections/{made_id}")


_ANSWERS: Final[dict[str, Callable[[Made | None, Random], Reply | Fault]]] = {
    "not_sent": lambda _made, _dice: Fault(FaultKind.NOT_SENT, "connection refused"),
    "500_before": lambda _made, _dice: _flow_error(500, "1500-500", "internal"),
    "500_after": lambda _made, _dice: _flow_error(500, "1500-500", "internal"),
    "502_before": lambda _made, _dice: Reply(502, None, BodyState.NOT_JSON),
    "504_after": lambda _made, _dice: Reply(504, {"error_code": "504000", "message": "gateway timeout"}),
    "408": lambda _made, _dice: Reply(408, {"title": "timeout"}),
    "409": lambda _made, _dice: Reply(409, {"title": "conflict"}),
    "503_wait": lambda _made, dice: Reply(503, None, retry_after_s=dice.random() * 5),
    "cut_body": lambda made, dice: Reply(
        201, None, BodyState.CUT, location=dice.choice((None, _location(made)))
    ),
    "bad_json": lambda _made, _dice: Reply(201, None, BodyState.NOT_JSON),
    "no_id": lambda _made, _dice: Reply(201, {"etag": '"x"'}),
    "429": lambda _made, _dice: _too_many(None),
    "429_wait": lambda _made, dice: _too_many(dice.random() * 6),
    "429_odd_before": lambda _made, dice: Reply(
        429, {"title": "slow down"}, retry_after_s=dice.choice((None, 1.0))
    ),
    "429_odd_after": lambda _made, dice: Reply(
        429, {"title": "slow down"}, retry_after_s=dice.choice((None, 1.0))
    ),
    "garbage": lambda _made, _dice: Reply(299, ["what"]),
}


def _answer_to_post(fault: str, made: Made | None, dice: Random) -> Reply | Fault:
    """Give what the client sees; whatever has no line of its own is a request that got no answer."""
    answer = _ANSWERS.get(fault)
    return Fault(FaultKind.MAYBE_PROCESSED, fault) if answer is None else answer(made, dice)


def _too_many(wait_s: float | None) -> Reply:
    return Reply(429, {"error_code": "429050", "message": "Too many requests"}, retry_after_s=wait_s)


def _location(made: Made | None) -> str | None:
    return f"/connections/{made.id}" if made else None


def _answer_to_lookup(fault: str | None) -> Reply | Fault | None:
    match fault:
        case "not_sent":
            return Fault(FaultKind.NOT_SENT, "connection refused")
        case "reset" | "timeout":
            return Fault(FaultKind.MAYBE_PROCESSED, fault)
        case "500":
            return _flow_error(500, "1500-500", "internal")
        case "503_wait":
            return Reply(503, None, retry_after_s=1.0)
        case "429":
            return Reply(429, {"error_code": "429050", "message": "Too many requests"}, retry_after_s=0.7)
        case "cut_body":
            return Reply(200, None, BodyState.CUT)
        case "bad_json":
            return Reply(200, None, BodyState.NOT_JSON)
        case "empty_200":
            return Reply(200, None)
        case _:
            return None


def _brief(answer: Reply | Fault) -> str:
    if isinstance(answer, Reply) and isinstance(answer.body, dict) and answer.body.get("items"):
        return f"200 {[item.get('id') for item in answer.body['items']]}"
    return str(answer)
