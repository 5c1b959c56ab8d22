"""Lookups: pages through the gate, asked until they are complete or honestly not known."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, TypeVar

from bulkconn.core.classify import classify_lookup
from bulkconn.core.listing import Page, read_count, read_page
from bulkconn.core.outcome import OutcomeKind
from bulkconn.core.pace import backoff_s
from bulkconn.core.protocols import PageQuery
from bulkconn.core.redact import redact
from bulkconn.core.reply import Listing, Reply
from bulkconn.engine.consequences import Sent, check_patience, tell_everybody
from bulkconn.engine.gate import Weather

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bulkconn.core.outcome import Outcome
    from bulkconn.core.protocols import Token
    from bulkconn.core.record import SentAs
    from bulkconn.core.reply import Fault, ListedConnection
    from bulkconn.engine.context import RunContext

_T = TypeVar("_T")

#: How often one page is asked for, other than for pace or token, before the lookup is "not known".
PAGE_TRIES: Final = 4
#: Pages that a chain may have, a guard against a service that never ends one: 100 items each.
_PAGES_MAX: Final = 100_000
#: Seconds between the starts of two listings of one sandbox that serve many doubts.
_LISTING_EVERY_S: Final = 3.0
#: Stands for an answer that holds no count.
_NOT_SAID: Final = -1


@dataclass(frozen=True, slots=True)
class Unknown:
    """A lookup that came to nothing: not known yet, and why. `reason` is redacted."""

    reason: str


class Looker:
    """Asks Flow Service what exists. Every answer is a complete `Listing`, or None: not known."""

    def __init__(self, run: RunContext) -> None:
        self._run = run
        self._listings: dict[str, tuple[float, Listing]] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        #: Tasks whose request is on its way, in the order in which they left: a lookup may be cut any time.
        self.asking: dict[asyncio.Task[Any], None] = {}

    async def find(self, sent_as: SentAs) -> Listing | None:
        """Look one name and connection spec up.

        A comma separates values in a filter and has no documented escape, so a name with one is looked
        for among all connections of its spec.
        """
        by_spec = ("connectionSpec.id", sent_as.connection_spec_id)
        filters = (by_spec,) if "," in sent_as.name else (("name", sent_as.name), by_spec)
        return await self._chain(PageQuery(sent_as.sandbox, filters))

    async def listing(self, sandbox: str, *, begun_after_s: float) -> tuple[float, Listing] | None:
        """List a whole sandbox; share a listing that began after `begun_after_s` among all who ask.

        Returns when it began, with it.
        """
        lock = self._locks.setdefault(sandbox, asyncio.Lock())
        async with lock:
            known = self._listings.get(sandbox)
            if known is not None and known[0] >= begun_after_s:
                return known
            if known is not None:
                await self._run.stops.pause(known[0] + _LISTING_EVERY_S - self._run.clock.elapsed_s())
            begun_s = self._run.clock.elapsed_s()
            listing = await self._chain(PageQuery(sandbox, order_by="createdAt"))
            if listing is None:
                return None
            self._listings[sandbox] = (begun_s, listing)
            return self._listings[sandbox]

    async def count(self, sandbox: str) -> int | None:
        """Ask how many connections a sandbox has; None when the service does not say."""
        found = await self._ask(PageQuery(sandbox, limit=None, count=True), _read_count)
        return None if found == _NOT_SAID or isinstance(found, Unknown) else found

    async def _chain(self, query: PageQuery) -> Listing | None:
        items: dict[str, ListedConnection] = {}
        seen_tokens: set[str] = set()
        token: str | None = None
        for _ in range(_PAGES_MAX):
            page = await self._ask(
                PageQuery(query.sandbox, query.filters, query.limit, query.order_by, token), _read_page
            )
            if isinstance(page, Unknown):
                return None
            for item in page.items:
                items[item.connection_id] = item
            token = page.continuation_token
            if token is None:
                return Listing(tuple(items.values()))
            if token in seen_tokens:
                self._run.log.warning("lookup.odd", reason="a continuation token repeats")
                return None
            seen_tokens.add(token)
        return None

    async def _ask(self, query: PageQuery, read: Callable[[Reply], _T | None]) -> _T | Unknown:
        run = self._run
        odd = "the page is not a complete list of connections"
        return await self.ask(query.sandbox, lambda token: run.api.list_page(query, token), read, odd=odd)

    async def ask(
        self,
        sandbox: str,
        fetch: Callable[[Token], Awaitable[Reply | Fault]],
        read: Callable[[Reply], _T | None],
        *,
        odd: str,
    ) -> _T | Unknown:
        """Ask the service something that changes nothing, until `read` can read the answer.

        Every try passes the gate. `odd` is the reason for an answer that is well and cannot be read.

        Returns:
            What was read, or `Unknown` where it stays unknown or the run stops.
        """
        run = self._run
        reason = "the run stops"
        tries = 0
        while tries < PAGE_TRIES:
            token = await run.gate.slot(is_post=False)
            if token is None or run.stops.is_parked(sandbox, ""):
                break
            sent_at_s = run.clock.elapsed_s()
            run.this_run.lookups += 1
            answer = await self._fetched(fetch(token))
            value = read(answer) if isinstance(answer, Reply) else None
            if value is not None:
                run.gate.on_token_accepted(token, is_post=False)
                run.gate.on_accepted()
                if run.gate.weather is Weather.FAIR:
                    check_patience(run, is_definitive=True, message="")
                return value
            outcome = heed(run, answer, Sent(token, sent_at_s, (sandbox, ""), is_post=False), odd=odd)
            reason = outcome.message
            if outcome.kind is OutcomeKind.NOT_POSSIBLE or run.stops.is_stopping:
                break
            check_patience(run, is_definitive=False, message=outcome.message)
            if outcome.kind is OutcomeKind.NOT_SENT:
                tries += 1
                run.log.debug("lookup.unknown", code=outcome.code, status=outcome.status)
                await run.stops.pause(backoff_s(tries, run.dice.random()))
        return Unknown(reason)

    async def _fetched(self, fetching: Awaitable[Reply | Fault]) -> Reply | Fault:
        task = asyncio.current_task()
        if task is None:
            raise AssertionError("lookups run in tasks")
        self.asking[task] = None
        try:
            return await fetching
        finally:
            self.asking.pop(task, None)


def heed(run: RunContext, answer: Reply | Fault, sent: Sent, *, odd: str) -> Outcome:
    """Say what an answer means that does not tell what was asked, and let gate, pace and token follow it.

    `odd` is the reason for one that is well otherwise. What is given is redacted.
    """
    outcome = classify_lookup(answer, odd)
    # A gateway may echo the request, and the token is in it.
    outcome = replace(outcome, message=redact(outcome.message, (sent.token.value.get_secret_value(),)))
    tell_everybody(run, outcome, sent)
    return outcome


def _read_count(reply: Reply) -> int | None:
    """Read a count; a service that answers well but does not count is not asked again."""
    found = read_count(reply)
    return _NOT_SAID if found is None and reply.status == HTTPStatus.OK else found


def _read_page(reply: Reply) -> Page | None:
    page = read_page(reply)
    return page if isinstance(page, Page) else None
