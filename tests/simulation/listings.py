"""What the service shows of its connections: pages, filters, and whatever may be odd about them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from bulkconn.core.reply import Fault, Reply
from tests.simulation.menu import LOOP, answer_to_lookup, is_in, odd_page
from tests.simulation.truth import loose

if TYPE_CHECKING:
    from bulkconn.core.protocols import PageQuery
    from tests.simulation.guard import Guard
    from tests.simulation.menu import Made
    from tests.simulation.truth import Truth

_PAGE_ITEMS: Final = 100


class Listings:
    """Answers lookups, from what shows at some moment on their way."""

    def __init__(self, truth: Truth, guard: Guard) -> None:
        self._truth = truth
        self._guard = guard
        #: When each sandbox's connections could last be seen.
        self.sighted_s: dict[str, float] = {}

    async def page(self, query: PageQuery, token: int) -> Reply | Fault:
        """Answer a page of a listing."""
        truth = self._truth
        dice, weather, now_s = truth.dice, truth.weather, truth.loop.now_s
        wait_s = truth.draw_latency_s()
        seen_s = now_s + wait_s * dice.random()
        fault = None
        refusal = self._guard.refusal(query.sandbox, token)
        if is_in(weather.outages, now_s):
            fault = dice.choice(("not_sent", "reset", "timeout", "500"))
        elif dice.random() < weather.lookup_chance and weather.lookup_faults:
            fault = dice.choice(weather.lookup_faults)
        if fault == "timeout":
            wait_s = truth.habits.timeout_s
        await asyncio.sleep(wait_s)
        answer = refusal or self._page(query, seen_s, fault)
        if truth.trace is not None:
            truth.trace(f"GET {query.sandbox} {query.filters} {query.continuation_token}: {_brief(answer)}")
        return answer

    def _page(self, query: PageQuery, seen_s: float, fault: str | None) -> Reply | Fault:
        whole = answer_to_lookup(fault)
        if whole is not None:
            return whole
        found = self._matching(query, seen_s)
        if query.count:
            return Reply(200, {"count": len(found)})
        habits = self._truth.habits
        size = min(habits.page_items, query.limit or _PAGE_ITEMS)
        first = self._first(query, found)
        page = found[first : first + size]
        items = [self._item(made) for made in page]
        links: dict[str, Any] = {}
        asked = query.continuation_token or ""
        token = asked if asked.startswith(LOOP) else None
        if token is None and first + size < len(found):
            token = str(first + size) if habits.shifts_pages else page[-1].id
        if token is not None:
            links = {"next": {"href": f"https://evil.example.com/x?continuationToken={token}"}}
        odd = odd_page(fault, items, links, first) if fault is not None else None
        return odd or Reply(200, {"items": items, "_links": links})

    def _first(self, query: PageQuery, found: list[Made]) -> int:
        """Say where a page begins: at a number, or behind the connection that the last one ended with."""
        token = (query.continuation_token or "0").removeprefix(LOOP)
        if token.isdigit():
            return int(token)
        last = next(made for made in self._truth.made if made.id == token)
        order = self._order(last)
        return sum(self._order(made) <= order for made in found)

    def _order(self, made: Made) -> tuple[float, str]:
        return (-made.effect_s if self._truth.habits.newest_first else made.effect_s, made.id)

    def _matching(self, query: PageQuery, seen_s: float) -> list[Made]:
        truth = self._truth
        if is_in(truth.weather.blind, seen_s):
            return []
        sandbox, wanted = query.sandbox, dict(query.filters)
        self.sighted_s[sandbox] = max(self.sighted_s.get(sandbox, 0.0), seen_s)
        name, spec_id = wanted.get("name"), wanted.get("connectionSpec.id")
        alike = loose(name) if name is not None and truth.habits.finds_alike else None
        found = [
            made
            for made in truth.made
            if (name is None or made.name == name or (alike is not None and loose(made.name) == alike))
            and made.sandbox == sandbox
            and made.visible_s <= seen_s < made.gone_s
            and (spec_id is None or made.spec_id == spec_id)
            and not (made.hidden and is_in(made.hidden, seen_s))
        ]
        found.sort(key=self._order)
        return found

    def _item(self, made: Made) -> dict[str, Any]:
        habits = self._truth.habits
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


def _brief(answer: Reply | Fault) -> str:
    if isinstance(answer, Reply) and isinstance(answer.body, dict) and answer.body.get("items"):
        return f"200 {[item.get('id') for item in answer.body['items']]}"
    return str(answer)
