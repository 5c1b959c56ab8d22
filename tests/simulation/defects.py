"""Small deliberate defects, each of which breaks the promise; the simulation must catch every one."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from asyncio_throttle.throttler import Throttler

from bulkconn.core.listing import Page, read_page
from bulkconn.core.pace import spacing
from bulkconn.core.plan import decide_existing
from bulkconn.core.protocols import PageQuery
from bulkconn.core.settle import Findings, decide_settlement, judge_listing
from bulkconn.engine import attempt, clearance, context, gate, lookup, settling, throttle, twins
from bulkconn.engine.rows import Row, Work
from tests.simulation.world import replaced

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from bulkconn.core.endpoint import Endpoint
    from bulkconn.core.lifecycle import State
    from bulkconn.core.protocols import Token
    from bulkconn.core.record import SentAs
    from bulkconn.core.reply import ListedConnection, Listing, Reply
    from bulkconn.core.settle import Doubt, Settlement


@contextmanager
def patched(*patches: tuple[Any, str, Any]) -> Iterator[None]:
    """Replace attributes for a while."""
    with replaced(patches):
        yield


def _intent_after_the_post() -> list[tuple[Any, str, Any]]:
    original = attempt.Attempter._commit_intent
    tasks: set[asyncio.Task[bool]] = set()

    async def commit_later(self: attempt.Attempter, row: Row, endpoint: Endpoint) -> None:
        task = asyncio.create_task(original(self, row, endpoint))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        await asyncio.sleep(0)

    return [(attempt.Attempter, "_commit_intent", commit_later)]


def _retry_without_settling() -> list[tuple[Any, str, Any]]:
    def begin(self: settling.Settler, row: Row, since_s: float) -> None:
        row.cleared_at_s = since_s
        self._run.queue.later(Work.RETRY, row, since_s)

    return [(settling.Settler, "begin", begin)]


def _settle_by_name_only() -> list[tuple[Any, str, Any]]:
    async def find(self: lookup.Looker, sent_as: SentAs) -> Listing | None:
        return await self._chain(PageQuery(sent_as.sandbox, (("name", sent_as.name),)))

    def judge(doubt: Doubt, items: Iterable[ListedConnection], _holders: object) -> Findings:
        return Findings(tuple(item for item in items if item.name == doubt.sent_as.name))

    return [(lookup.Looker, "find", find), (settling, "judge_listing", judge)]


def _grace_ignored() -> list[tuple[Any, str, Any]]:
    def decide(*arguments: Any, grace_s: float | None, **rest: Any) -> Settlement:
        return decide_settlement(*arguments, grace_s=None if grace_s is None else 0.0, **rest)

    return [(settling, "decide_settlement", decide)]


def _grace_from_the_send() -> list[tuple[Any, str, Any]]:
    original_post, original_begin = attempt.Attempter._post, settling.Settler.begin
    sent_s: dict[Row, float] = {}

    async def post(self: attempt.Attempter, row: Row, request: Any, token: Token) -> None:
        sent_s[row] = self._run.clock.elapsed_s()
        await original_post(self, row, request, token)

    def begin(self: settling.Settler, row: Row, since_s: float) -> None:
        original_begin(self, row, sent_s.get(row, since_s))

    return [(attempt.Attempter, "_post", post), (settling.Settler, "begin", begin)]


def _incomplete_listing_read_as_empty() -> list[tuple[Any, str, Any]]:
    def read(reply: Reply) -> Page | None:
        page = read_page(reply)
        if isinstance(page, Page):
            return page
        return Page((), None) if reply.status == 200 else None

    return [(lookup, "_read_page", read)]


def _adopt_of_an_id_that_another_key_holds() -> list[tuple[Any, str, Any]]:
    def decide(*arguments: Any, holders: object, **rest: Any) -> Any:
        return decide_existing(*arguments, holders={}, **rest)

    return [(clearance, "decide_existing", decide)]


def _late_twin_never_looked_for() -> list[tuple[Any, str, Any]]:
    async def look(self: twins.TwinWatch) -> None:
        await asyncio.sleep(0)

    return [(twins.TwinWatch, "look", look)]


def _fractional_throttle() -> list[tuple[Any, str, Any]]:
    return [
        (throttle, "spacing", lambda rate_per_s: (rate_per_s / 10.0, 0.1)),
        (throttle.SpacedThrottler, "acquire", Throttler.acquire),
    ]


def _doubled_throttle() -> list[tuple[Any, str, Any]]:
    def doubled(rate_per_s: float) -> tuple[int, float]:
        n, period_s = spacing(rate_per_s)
        return 2 * n, period_s

    return [(throttle, "spacing", doubled), *_ceiling_held_by_spacing_alone()]


def _refusal_of_an_old_token_counted() -> list[tuple[Any, str, Any]]:
    return [(gate.Gate, "_is_same", lambda self, token: self._token is not None)]


def _one_control_for_ever() -> list[tuple[Any, str, Any]]:
    original = settling.Settler._control

    async def control(self: settling.Settler, *arguments: Any, skip: int) -> Any:
        return await original(self, *arguments, skip=0)

    return [(settling.Settler, "_control", control)]


def _edited_row_counted_as_created() -> list[tuple[Any, str, Any]]:
    def count_name(_self: context.RunContext, _key: object, state: State) -> str:
        return "in_doubt" if state == "sending" else state.value

    return [(context.RunContext, "count_name", count_name)]


def _ceiling_held_by_spacing_alone() -> list[tuple[Any, str, Any]]:
    original = throttle.SpacedThrottler.__init__

    def begin(self: throttle.SpacedThrottler, ceiling_per_s: float) -> None:
        original(self, ceiling_per_s)
        self._second = deque(maxlen=10**6)

    return [(throttle.SpacedThrottler, "__init__", begin)]


def _only_twins_to_the_letter() -> list[tuple[Any, str, Any]]:
    def find(doubt: Doubt, own_id: object, items: Iterable[ListedConnection], holders: Any) -> Any:
        found = judge_listing(doubt, items, holders).ours
        return tuple(item for item in found if item.connection_id != own_id)

    return [(twins, "find_twins", find)]


#: Each defect by its name, with what makes it and a word of what must be said of it.
DEFECTS: Final[dict[str, tuple[Callable[[], list[tuple[Any, str, Any]]], str]]] = {
    "intent after the POST": (_intent_after_the_post, "without a durable intent"),
    "retry without settling": (_retry_without_settling, "created twice"),
    "settle by name only": (_settle_by_name_only, "of a stranger"),
    "grace ignored": (_grace_ignored, "created twice"),
    "grace from the send": (_grace_from_the_send, "created twice"),
    "incomplete listing read as empty": (_incomplete_listing_read_as_empty, "created twice"),
    "adopt of an id that another key holds": (_adopt_of_an_id_that_another_key_holds, "adopted"),
    "late twin never looked for": (_late_twin_never_looked_for, "twin"),
    "fractional throttle": (_fractional_throttle, "in a second"),
    "doubled throttle": (_doubled_throttle, "in a second"),
    "one control for ever": (_one_control_for_ever, "still in_doubt"),
    "edited row counted as created": (_edited_row_counted_as_created, "the report says"),
    "only twins to the letter": (_only_twins_to_the_letter, "does not know"),
    "401 on an old token counted as refused": (_refusal_of_an_old_token_counted, "renewed without a reason"),
}
