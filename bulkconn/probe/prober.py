"""Checks rows: many at once, few at one server, answers in the order of the inventory."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from bulkconn.core.endpoint import SecretStoreDown, SecretUnavailable
from bulkconn.core.reach import Answer, Cause, Result, RowReach
from bulkconn.core.request import build_request, secret_refs
from bulkconn.probe.approach import approach_of
from bulkconn.probe.connections import find_name, why_silent
from bulkconn.probe.hosts import Servers
from bulkconn.probe.target import Target, read_target

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping

    from bulkconn.core.endpoint import Endpoint
    from bulkconn.core.protocols import SecretResolver
    from bulkconn.probe.approach import Protocol
    from bulkconn.probe.hosts import Account, Server
    from bulkconn.probe.settings import ProbeSettings

    #: Speaks with a server. Never raises for what the network or the server does.
    Probe = Callable[[Target], Awaitable[Answer]]

#: Rows read ahead: a slow one at the head must not keep the others waiting, nor fill the memory.
WINDOW: Final = 512
#: Answers remembered for rows that are alike to the letter.
_REMEMBERED: Final = 4096


@dataclass(frozen=True, slots=True)
class _Known:
    """What a row turned out to be: its answer, and the target where it has one."""

    answer: Answer
    target: Target | None = None


class Prober:
    """Checks rows. `stop` ends it early: what is under way is cut, what is known is given."""

    def __init__(
        self, probes: Mapping[Protocol, Probe], secrets: SecretResolver, settings: ProbeSettings
    ) -> None:
        self._probes = probes
        self._secrets = secrets
        self._settings = settings
        self._slots = asyncio.Semaphore(settings.concurrency)
        self._servers = Servers(settings.per_host)
        self._answers: OrderedDict[Target, asyncio.Future[Answer]] = OrderedDict()
        self._waiting: deque[asyncio.Task[RowReach]] = deque()
        self._is_stopped = False
        self._trouble: SecretStoreDown | None = None
        self.in_flight = 0

    def stop(self) -> None:
        """Take no more rows, and cut what is under way."""
        self._is_stopped = True
        for task in self._waiting:
            task.cancel()

    async def reaches(self, endpoints: Iterable[Endpoint]) -> AsyncGenerator[RowReach, None]:
        """Give each row with its answer, in order. Memory does not grow with the rows.

        Raises:
            SecretStoreDown: nothing more can be checked that needs it.
        """
        try:
            for endpoint in endpoints:
                if self._is_stopped:
                    break
                self._waiting.append(asyncio.create_task(self._reach(endpoint)))
                while len(self._waiting) >= WINDOW or (self._waiting and self._waiting[0].done()):
                    if (row := await self._first()) is not None:
                        yield row
                # Reading is not awaited, so this is where probes begin, and a signal is heard.
                await asyncio.sleep(0)
            while self._waiting:
                if (row := await self._first()) is not None:
                    yield row
            if self._trouble is not None:
                raise self._trouble
        finally:
            self.stop()
            await asyncio.gather(*self._waiting, return_exceptions=True)
            self._waiting.clear()

    async def _first(self) -> RowReach | None:
        """Wait for the row at the head and give it; None if it was cut."""
        task = self._waiting[0]
        await asyncio.wait([task])
        self._waiting.popleft()
        if task.cancelled():
            return None
        try:
            return task.result()
        except SecretStoreDown as error:
            # Those behind it that have their answers are given first.
            self._trouble = self._trouble or error
            self.stop()
            return None

    async def _reach(self, endpoint: Endpoint) -> RowReach:
        known = await self._look(endpoint)
        address = known.target.address if known.target and known.target.is_shown else None
        return RowReach(
            endpoint, known.answer, address.host if address else None, address.port if address else None
        )

    async def _look(self, endpoint: Endpoint) -> _Known:
        try:
            resolved = await self._secrets.resolve(secret_refs(endpoint))
            request = build_request(endpoint, resolved)
        except SecretUnavailable as error:
            return _Known(Answer(Result.FAILED, Cause.SECRET, error.code, str(error)))
        target = read_target(approach_of(endpoint.source), request.auth_params)
        if isinstance(target, Answer):
            return _Known(target)
        return _Known(await self._ask_once(target), target)

    async def _ask_once(self, target: Target) -> Answer:
        """Give the answer of a target; rows that are alike to the letter share one."""
        earlier = self._answers.get(target)
        if earlier is not None:
            self._answers.move_to_end(target)
            return replace(await asyncio.shield(earlier), seconds=0.0, is_tried=False)
        future = self._answers[target] = asyncio.get_running_loop().create_future()
        try:
            answer = await self._ask(target)
        except BaseException:
            # Whoever waits for it is cut as well, or asks for itself.
            self._answers.pop(target, None)
            future.cancel()
            raise
        future.set_result(answer)
        while len(self._answers) > _REMEMBERED and next(iter(self._answers.values())).done():
            self._answers.popitem(last=False)
        return answer

    async def _ask(self, target: Target) -> Answer:
        async with self._servers.visiting(target.address) as server:
            if target.login is None:
                return await self._visit(server, target)
            async with server.account(target.login) as account:
                return await self._visit_as(account, server, target)

    async def _visit_as(self, account: Account, server: Server, target: Target) -> Answer:
        """Visit with a login; while its password has not proven right, only as often as it may fail."""
        assert target.login is not None  # noqa: S101 - `_ask` saw to it
        password = target.login.password
        if password in account.right:
            return await self._visit(server, target)
        await account.chances.acquire()
        try:
            answer = account.known_answer(password) or await self._visit(server, target)
        except BaseException:
            account.chances.release()
            raise
        if answer.is_tried:
            account.learn(password, answer)
        else:
            account.chances.release()
        return answer

    async def _visit(self, server: Server, target: Target) -> Answer:
        """Probe, unless like probes have failed alike; never more at once than is allowed."""
        async with server.slots:
            known = server.known_answer(target)
            if known is None:
                async with self._slots:
                    known = await self._probe(server, target)
                server.learn(target, known)
            return known

    async def _probe(self, server: Server, target: Target) -> Answer:
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        self.in_flight += 1
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                # Once is enough: drivers look names up for themselves.
                fault = None if server.has_name else await find_name(target.address)
                server.has_name = fault is None
                answer = fault or await self._probes[target.protocol](target)
        except TimeoutError:
            answer = await why_silent(target.address)
        finally:
            self.in_flight -= 1
        return replace(answer, seconds=loop.time() - began_s)
