"""A service whose connections can be shown, changed and deleted, and that knows who may do that."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from bulkconn.core.protocols import Collection
from bulkconn.core.reply import BodyState, Fault, FaultKind, Reply
from tests.simulation.door import Door
from tests.simulation.menu import flow_error, is_in
from tests.simulation.service import Service

if TYPE_CHECKING:
    from collections.abc import Callable

    from bulkconn.core.endpoint import ConnectionRequest
    from bulkconn.core.protocols import ConnectionPlace, PageQuery, Token
    from tests.simulation.menu import Made

#: What may become of a DELETE, a PATCH or a GET besides its answer; "before" does nothing, "late" does it
#: after the client has given up.
FAULTS: Final = (
    "not_sent", "reset_before", "reset_after", "timeout_before", "timeout_after", "late",
    "500_before", "500_after", "502_before", "503_before", "429_before", "cut_after", "201_before",
)  # fmt: skip
_SILENT: Final = frozenset({"timeout_before", "timeout_after", "late"})
_OUTAGE: Final = ("not_sent", "reset_before", "timeout_before", "502_before")
#: How much later than its client's patience a late request does its work.
_LATE_S: Final = 40.0


class UpkeepService(Service):
    """The truth about connections that exist."""

    #: What each connection's parameters say, and how often they were changed.
    user: dict[str, str]
    version: dict[str, int]

    def begin(self, *, faults: tuple[str, ...], in_use: frozenset[str]) -> None:
        """Take what is there as the beginning."""
        self.faults, self.in_use = faults, in_use
        self.user = {made.id: "reader" for made in self.made}
        self.version = dict.fromkeys(self.user, 1)
        #: Connections that a DELETE removed, in order.
        self.deleted: list[Made] = []
        #: Says what is wrong with deleting or changing a connection now.
        self.judge_delete: Callable[[Made], str | None] = lambda _: None
        self.judge_patch: Callable[[Made], str | None] = lambda _: None
        self._due: list[tuple[float, Callable[[float], None]]] = []

    def etag(self, made: Made) -> str:
        """Give the present version of a connection."""
        return f'"{made.id}-{self.version[made.id]}"'

    def catch_up(self) -> None:
        """Let everything take effect that is due, whoever waits for it still."""
        now_s = self.loop.now_s
        due = sorted((one for one in self._due if one[0] <= now_s), key=lambda one: one[0])
        self._due = [one for one in self._due if one[0] > now_s]
        for at_s, work in due:
            work(at_s)

    @property
    def last_due_s(self) -> float:
        """Say when the last of it takes effect."""
        return max((at_s for at_s, _ in self._due), default=0.0)

    async def answer(self, sandbox: str, token: int, work: Callable[[float], Reply]) -> Reply | Fault:
        """Do one request's work, or not, and answer it, or not."""
        dice, now_s = self.dice, self.loop.now_s
        wait_s, refusal = self.draw_latency_s(), self.guard.refusal(sandbox, token)
        if refusal is not None:
            await asyncio.sleep(wait_s)
            return refusal
        fault = None
        if is_in(self.weather.outages, now_s):
            fault = dice.choice(_OUTAGE)
        elif self.faults and dice.random() < self.weather.post_chance:
            fault = dice.choice(self.faults)
        if fault in _SILENT:
            wait_s = self.habits.timeout_s
        said: list[Reply] = []
        if fault is None or fault.endswith("_after") or fault == "late":
            at_s = now_s + dice.random() * wait_s + (wait_s + dice.random() * _LATE_S) * (fault == "late")
            self._due.append((at_s, lambda at_s: said.append(work(at_s))))
        await asyncio.sleep(wait_s)
        self.catch_up()
        if fault == "cut_after":
            return Reply(said[0].status, None, BodyState.CUT)
        return said[0] if fault is None else _answer_of(fault)

    def find(self, place: ConnectionPlace, at_s: float) -> Made | None:
        """Give the connection that is there at a time."""
        for made in self.made:
            if made.id == place.connection_id and made.sandbox == place.sandbox:
                return made if made.effect_s <= at_s < made.gone_s else None
        return None


class UpkeepDoor(Door):
    """One process's way to what exists."""

    def __init__(self, service: UpkeepService, party: Any) -> None:
        super().__init__(service, party, may_post=False)
        self._upkeep = service
        self.deletes = self.patches = 0

    async def show(self, place: ConnectionPlace, token: Token) -> Reply | Fault:
        """Show one connection."""

        def work(at_s: float) -> Reply:
            made = self._upkeep.find(place, at_s)
            return _not_found(place) if made is None else Reply(200, {"items": [self._item(made)]})

        return await self._ask(f"GET {place.connection_id}", place.sandbox, token, work)

    async def delete(self, place: ConnectionPlace, token: Token) -> Reply | Fault:
        """Delete one connection."""
        service = self._upkeep
        self.deletes += 1
        self._judge("deleted", place, service.judge_delete)

        def work(at_s: float) -> Reply:
            made = service.find(place, at_s)
            if made is None:
                return _not_found(place)
            if made.id in service.in_use:
                return flow_error(400, "1418-400", "the connection is used by a flow")
            made.gone_s = at_s
            service.deleted.append(made)
            return Reply(204)

        return await self._ask(f"DELETE {place.connection_id}", place.sandbox, token, work)

    async def change_params(
        self, place: ConnectionPlace, etag: str, request: ConnectionRequest, token: Token
    ) -> Reply | Fault:
        """Replace the parameters of one connection."""
        service = self._upkeep
        self.patches += 1
        self._judge("changed", place, service.judge_patch)

        def work(at_s: float) -> Reply:
            made = service.find(place, at_s)
            if made is None:
                return _not_found(place)
            if etag != service.etag(made):
                return flow_error(412, "1412-412", "the etag is not that of the connection")
            service.user[made.id] = str(request.auth_params["username"])
            service.version[made.id] += 1
            return Reply(200, {"id": made.id, "etag": service.etag(made)})

        return await self._ask(f"PATCH {place.connection_id}", place.sandbox, token, work)

    async def list_uses(self, what: Collection, query: PageQuery, token: Token) -> Reply | Fault:
        """List what is built on a connection."""

        def work(_: float) -> Reply:
            value = query.filters[0][1]
            prefix = "source-" if what is Collection.SOURCES else "flow-"
            is_used = value.removeprefix("source-") in self._upkeep.in_use
            return Reply(200, {"items": [{"id": f"{prefix}{value}"}] if is_used else []})

        return await self._ask(f"GET {what.value}", query.sandbox, token, work)

    def _judge(self, verb: str, place: ConnectionPlace, judge: Callable[[Made], str | None]) -> None:
        made = self._upkeep.find(place, self._loop.now_s)
        crime = None if made is None else judge(made)
        if crime is not None:
            self._upkeep.crimes.append(f"{place.connection_id} was {verb}: {crime}")

    async def test(self, place: ConnectionPlace, token: Token) -> Reply | Fault:
        """Refuse: nobody asks for that here."""
        raise NotImplementedError

    async def explore(self, place: ConnectionPlace, token: Token) -> Reply | Fault:
        """Refuse: nobody asks for that here."""
        raise NotImplementedError

    async def _ask(
        self, what: str, sandbox: str, token: Token, work: Callable[[float], Reply]
    ) -> Reply | Fault:
        self._leave()
        answer = await self._upkeep.answer(sandbox, self._serials[token.generation], work)
        self._note(token, answer, is_post=False)
        if self._upkeep.trace is not None:
            self._upkeep.trace(f"{what} in {sandbox}: {answer}")
        return answer

    def _item(self, made: Made) -> dict[str, Any]:
        return {
            "id": made.id,
            "name": made.name,
            "connectionSpec": {"id": made.spec_id, "version": "1.0"},
            "etag": self._upkeep.etag(made),
        }


def _not_found(place: ConnectionPlace) -> Reply:
    return Reply(404, {"errorMessage": f"connections not found with id = [{place.connection_id}]"})


def _answer_of(fault: str) -> Reply | Fault:
    match fault.split("_", maxsplit=1)[0]:
        case "500":
            return flow_error(500, "1500-500", "internal")
        case "502":
            return Reply(502, None, BodyState.NOT_JSON)
        case "503":
            return Reply(503, None, retry_after_s=1.0)
        case "429":
            return Reply(429, {"error_code": "429050", "message": "Too many requests"}, retry_after_s=0.7)
        case "201":
            return Reply(201, {"id": "id-of-nobody"})
        case "not":
            return Fault(FaultKind.NOT_SENT, "connection refused")
        case _:
            return Fault(FaultKind.MAYBE_PROCESSED, fault)
