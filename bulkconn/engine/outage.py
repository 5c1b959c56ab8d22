"""Outages: the gate closes for all, a GET probes, one POST tries, and success opens slowly."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from bulkconn.core.facts import OutageBegan, OutageOver
from bulkconn.core.pace import backoff_s
from bulkconn.core.protocols import PageQuery
from bulkconn.core.reply import Reply
from bulkconn.engine.consequences import Sent, check_patience
from bulkconn.engine.gate import Weather
from bulkconn.engine.lookup import heed

if TYPE_CHECKING:
    from bulkconn.engine.context import RunContext

#: Statuses of a probe that say "I am here", whatever else they say.
_SERVER_ERRORS_FROM = 500
_TOO_MANY = 429


class OutageGuard:
    """Watches over an outage from its first sign to the first good answer."""

    def __init__(self, run: RunContext) -> None:
        self._run = run
        self._task: asyncio.Task[None] | None = None
        self._probes = 0
        self._began_s: float | None = None

    def begin(self, label: tuple[str, str]) -> None:
        """Close the gate for all and begin to probe; nothing new when that is so already."""
        run = self._run
        if run.gate.weather is Weather.OUTAGE:
            return
        run.gate.begin_outage()
        run.log.warning("service.down", sandbox=label[0])
        if self._began_s is None:
            self._began_s = run.clock.elapsed_s()
            run.tell(OutageBegan())
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._probe(label[0]))

    def on_trial_answer(self, *, is_over: bool) -> None:
        """Take a POST's answer while the outage is on trial: it is over, or it goes on."""
        run = self._run
        if run.gate.weather is Weather.FAIR:
            return
        if is_over:
            self._probes = 0
            run.gate.end_outage()
            run.log.info("service.back", pace=run.gate.pace.rate_per_s)
            if self._began_s is not None:
                run.tell(OutageOver(run.clock.elapsed_s() - self._began_s))
                self._began_s = None
        elif run.gate.weather is Weather.TRIAL:
            run.gate.begin_outage()

    async def close(self) -> None:
        """Leave no task behind."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _probe(self, sandbox: str) -> None:
        run = self._run
        while not run.stops.is_stopping and run.gate.weather is not Weather.FAIR:
            self._probes += 1
            await run.stops.pause(backoff_s(self._probes, 0.5 + run.dice.random() / 2))
            if run.gate.weather is Weather.TRIAL:
                # The last trial came to nothing without an answer (its row was taken back): one more.
                run.gate.begin_trial()
                continue
            check_patience(run, is_definitive=False, message="the service answers no request")
            token = await run.gate.probe_slot()
            if token is None:
                return
            sent = Sent(token, run.clock.elapsed_s(), (sandbox, ""), is_post=False)
            run.this_run.lookups += 1
            answer = await run.api.list_page(PageQuery(sandbox, limit=1), token)
            heed(run, answer, sent, odd="a probe")
            if (
                isinstance(answer, Reply)
                and answer.status < _SERVER_ERRORS_FROM
                and answer.status != _TOO_MANY
                and run.gate.weather is Weather.OUTAGE
            ):
                run.gate.begin_trial()
