"""Small deliberate defects, each of which breaks the promise; the simulation must catch every one."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from asyncio_throttle.throttler import Throttler

from bulkconn.core import settle
from bulkconn.core.errors import LedgerError
from bulkconn.core.listing import Page, read_page
from bulkconn.core.pace import spacing
from bulkconn.core.plan import Reopen, Send, decide_existing
from bulkconn.core.protocols import PageQuery
from bulkconn.core.record import DoubtSince
from bulkconn.core.reply import Listing
from bulkconn.core.settle import Control, Findings, decide_settlement, judge_listing
from bulkconn.engine import (
    attempt,
    clearance,
    context,
    controls,
    feed,
    gate,
    lookup,
    settling,
    throttle,
    twins,
)
from bulkconn.engine.rows import Row, Work
from bulkconn.ledger import opening, sql_store, stored
from tests.simulation.fleet import defects as of_fleets
from tests.simulation.loop import replaced

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from bulkconn.core.endpoint import Endpoint
    from bulkconn.core.lifecycle import State
    from bulkconn.core.protocols import Token
    from bulkconn.core.record import Change, LedgerRecord, SentAs
    from bulkconn.core.reply import ListedConnection, Reply
    from bulkconn.core.settle import Doubt, Settlement


@contextmanager
def patched(*patches: tuple[Any, str, Any]) -> Iterator[None]:
    """Replace attributes for a while."""
    with replaced(patches):
        yield


def _intent_after_the_post() -> list[tuple[Any, str, Any]]:
    original = attempt.Attempter._commit_intent
    tasks: set[asyncio.Task[bool]] = set()

    async def commit_later(self: attempt.Attempter, row: Row, endpoint: Endpoint) -> bool:
        task = asyncio.create_task(original(self, row, endpoint))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        await asyncio.sleep(0)
        return True

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
    original = controls.Controls.verdict

    async def verdict(self: controls.Controls, *arguments: Any, tier: int) -> Any:
        return await original(self, *arguments, tier=0)

    return [(controls.Controls, "verdict", verdict), (controls, "_CONTROLS_AT_ONCE", 1)]


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


def _another_ledgers_marker_overlooked() -> list[tuple[Any, str, Any]]:
    def is_equal(doubt: Doubt, item: ListedConnection) -> bool:
        is_same = (item.name, item.connection_spec_id) == (
            doubt.sent_as.name,
            doubt.sent_as.connection_spec_id,
        )
        return is_same and settle._has_our_client(doubt, item)

    return [(settle, "_is_equal", is_equal)]


def _creator_overlooked() -> list[tuple[Any, str, Any]]:
    return [(settle, "_has_our_client", lambda _doubt, _item: True)]


def _loop_of_tokens_read_as_the_end() -> list[tuple[Any, str, Any]]:
    async def chain(self: lookup.Looker, query: PageQuery) -> Listing | None:
        items: dict[str, ListedConnection] = {}
        seen: set[str | None] = set()
        token = query.continuation_token
        while token not in seen:
            seen.add(token)
            page = await self._ask(replace(query, continuation_token=token), lookup._read_page)
            if isinstance(page, lookup.Unknown):
                return None
            items.update((item.connection_id, item) for item in page.items)
            token = page.continuation_token
            if token is None:
                break
        return Listing(tuple(items.values()))

    return [(lookup.Looker, "_chain", chain)]


def _grace_of_another_boot_trusted() -> list[tuple[Any, str, Any]]:
    original = feed.Feeder.take_doubt

    async def take(self: feed.Feeder, record: LedgerRecord, *rest: Any, **named: Any) -> None:
        if record.doubt_since is not None:
            since = DoubtSince(self._run.clock.clock_id, record.doubt_since.at_s)
            record = replace(record, doubt_since=since)
        await original(self, record, *rest, **named)

    return [(feed.Feeder, "take_doubt", take)]


def _cut_post_forgotten() -> list[tuple[Any, str, Any]]:
    async def cut(_self: attempt.Attempter, _row: Row) -> None:
        await asyncio.sleep(0)

    return [(attempt.Attempter, "_cut", cut)]


def _failed_commit_passed_over() -> list[tuple[Any, str, Any]]:
    original = stored.StoredLedger.commit

    async def commit(self: stored.StoredLedger, changes: Sequence[Change]) -> None:
        with suppress(LedgerError):
            await original(self, changes)

    return [(stored.StoredLedger, "commit", commit)]


def _retry_after_not_heeded() -> list[tuple[Any, str, Any]]:
    return [(gate.Gate, "close_for", lambda _self, _seconds, _reason: None)]


def _probe_through_a_closed_gate() -> list[tuple[Any, str, Any]]:
    original = gate.Gate._serve_once

    async def serve_once(self: gate.Gate) -> bool:
        if self._probe is not None:
            probe, self._probe = self._probe, None
            probe.set_result(await self._fresh_token())
            return True
        return await original(self)

    return [(gate.Gate, "_serve_once", serve_once)]


def _control_taken_for_granted() -> list[tuple[Any, str, Any]]:
    async def verdict(*_: Any, **__: Any) -> Control:
        await asyncio.sleep(0)
        return Control.SHOWN

    return [(controls.Controls, "verdict", verdict)]


def _old_look_trusted() -> list[tuple[Any, str, Any]]:
    return [(Row, "is_stale", lambda _self, _now_s: False)]


def _cut_off_rows_called_pending() -> list[tuple[Any, str, Any]]:
    pending = sql_store._CUT_ROWS.replace("'in_doubt', ambiguous = ambiguous + 1", "'pending'")
    return [(sql_store, "_CUT_ROWS", pending)]


def _existing_names_overlooked() -> list[tuple[Any, str, Any]]:
    return [(clearance, "decide_existing", lambda *_, **__: Send())]


def _watch_of_an_hour() -> list[tuple[Any, str, Any]]:
    return [(twins, "WATCH_FOR", timedelta(hours=1))]


def _no_lock() -> list[tuple[Any, str, Any]]:
    class NoLock:
        def __init__(self, *_: Any, **__: Any) -> None:
            self.release = lambda: None

    return [(opening, "LedgerLock", NoLock)]


def _retry_of_everything() -> list[tuple[Any, str, Any]]:
    return [(Reopen, "may_send", lambda *_: True)]


def _taken_up_rows_forgotten() -> list[tuple[Any, str, Any]]:
    async def none(*_: object) -> dict[str, object]:
        return {}

    return [(stored.StoredLedger, "taken_up", none)]


class Defect(NamedTuple):
    """What makes it, a word of what must be said of it, and whether a real file or a fleet must play it."""

    make: Callable[[], list[tuple[Any, str, Any]]]
    word: str
    on_file: bool = False
    fleet: bool = False


#: Each defect by its name.
DEFECTS: Final[dict[str, Defect]] = {
    "intent after the POST": Defect(_intent_after_the_post, "without a durable intent"),
    "retry without settling": Defect(_retry_without_settling, "created twice"),
    "settle by name only": Defect(_settle_by_name_only, "of a stranger"),
    "grace ignored": Defect(_grace_ignored, "created twice"),
    "grace from the send": Defect(_grace_from_the_send, "created twice"),
    "grace of another boot trusted": Defect(_grace_of_another_boot_trusted, "created twice"),
    "incomplete listing read as empty": Defect(_incomplete_listing_read_as_empty, "created twice"),
    "loop of tokens read as the end": Defect(_loop_of_tokens_read_as_the_end, "created twice"),
    "control taken for granted": Defect(_control_taken_for_granted, "lookups showed nothing"),
    "one control for ever": Defect(_one_control_for_ever, "still in_doubt"),
    "old look trusted": Defect(_old_look_trusted, "long after the last look"),
    "adopt of an id that another key holds": Defect(_adopt_of_an_id_that_another_key_holds, "adopted"),
    "existing names overlooked": Defect(_existing_names_overlooked, "had its name before"),
    "creator overlooked": Defect(_creator_overlooked, "of a stranger"),
    "another ledger's marker overlooked": Defect(_another_ledgers_marker_overlooked, "holds"),
    "late twin never looked for": Defect(_late_twin_never_looked_for, "twin"),
    "only twins to the letter": Defect(_only_twins_to_the_letter, "does not know"),
    "late twin looked for an hour long": Defect(_watch_of_an_hour, "does not know"),
    "cut-off rows called pending": Defect(_cut_off_rows_called_pending, "created twice"),
    "cut POST forgotten": Defect(_cut_post_forgotten, "left as sending"),
    "failed commit passed over": Defect(_failed_commit_passed_over, "without a durable intent"),
    "retry of everything": Defect(_retry_of_everything, "for which nobody asked"),
    "taken-up rows forgotten": Defect(_taken_up_rows_forgotten, "came to its end and left"),
    "edited row counted as created": Defect(_edited_row_counted_as_created, "the report says"),
    "fractional throttle": Defect(_fractional_throttle, "in a second"),
    "doubled throttle": Defect(_doubled_throttle, "in a second"),
    "Retry-After not heeded": Defect(_retry_after_not_heeded, "before Retry-After was over"),
    "probe through a closed gate": Defect(_probe_through_a_closed_gate, "before Retry-After was over"),
    "401 on an old token counted": Defect(_refusal_of_an_old_token_counted, "renewed without a reason"),
    "ledger without a lock": Defect(_no_lock, "got hold of a ledger", on_file=True),
    "fence not checked": Defect(of_fleets.fence_not_checked, "cannot go from", fleet=True),
    "send_before ignored": Defect(of_fleets.send_before_ignored, "without a lease", fleet=True),
    "send_before counted too late": Defect(
        of_fleets.send_before_from_the_answer, "without a lease", fleet=True
    ),
    "late answer ignored": Defect(of_fleets.late_answer_ignored, "has its late answer", fleet=True),
    "late answer thrown away": Defect(of_fleets.late_answer_thrown_away, "is nowhere", fleet=True),
    "grace from the beginning of the lease": Defect(
        of_fleets.grace_from_the_beginning_of_the_lease, "created twice", fleet=True
    ),
    "doubt begun too early": Defect(of_fleets.doubt_begun_too_early, "created twice", fleet=True),
    "lost COMMIT answer repeated": Defect(
        of_fleets.lost_commit_answer_repeated, "cannot go from", fleet=True
    ),
    "overlapping slots": Defect(of_fleets.overlapping_slots, "in a second", fleet=True),
    "a token for each shard": Defect(of_fleets.each_engine_renews, "was on its way", fleet=True),
    "closing told once": Defect(of_fleets.closing_told_once, "Retry-After was over", fleet=True),
}
