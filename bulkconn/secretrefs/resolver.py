"""Finds what references stand for, whichever store they name: once each, a few at a time, and patiently."""

from __future__ import annotations

import asyncio
import copy
from dataclasses import dataclass, field
from importlib.util import find_spec
from random import SystemRandom
from typing import TYPE_CHECKING, Final, Self

from bulkconn.core.endpoint import SecretStoreDown, SecretUnavailable
from bulkconn.core.pace import backoff_s
from bulkconn.secretrefs.memory import Memory
from bulkconn.secretrefs.store import StoreTrouble

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from structlog.typing import FilteringBoundLogger

    from bulkconn.core.secret import SecretRef, SecretStr
    from bulkconn.secretrefs.store import SecretStore, StoreKind

_MAX_WAIT_S: Final = 300.0


@dataclass(slots=True, eq=False)
class _Flight:
    """One secret on its way, and how many wait for it."""

    task: asyncio.Task[SecretStr]
    waiters: int = 0


@dataclass(slots=True, eq=False)
class _Open:
    """A store in use."""

    store: SecretStore
    places: asyncio.Semaphore = field(repr=False)


class References:
    """The resolver of a run: implements `core.protocols.SecretResolver` over all stores at hand.

    Each secret is read once, however many rows want it, a few of a store at a time; a store in trouble is
    asked again for `max_wait_s` seconds. Answers are remembered in memory, within bounds. Use it as an
    async context manager where it resolves; `log` is where trouble is told, if anywhere.
    """

    def __init__(
        self,
        kinds: Iterable[StoreKind],
        *,
        max_wait_s: float = _MAX_WAIT_S,
        memory: Memory | None = None,
    ) -> None:
        self._kinds = {kind.scheme: kind for kind in kinds}
        self._max_wait_s = max_wait_s
        self._open: dict[str, _Open] = {}
        self._memory = memory or Memory()
        self._flights: dict[SecretRef, _Flight] = {}
        self._dice = SystemRandom()
        self.log: FilteringBoundLogger | None = None

    @property
    def schemes(self) -> tuple[str, ...]:
        """The schemes that are known, for the validation of rows; a store's extra may still be missing."""
        return tuple(self._kinds)

    async def __aenter__(self) -> Self:
        """Begin; stores are opened as they are met."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Let go of the stores and of all secrets."""
        await self.close()

    async def close(self) -> None:
        """Leave what is on its way, close the stores, forget the secrets."""
        flights = [flight.task for flight in self._flights.values()]
        for task in flights:
            task.cancel()
        if flights:
            await asyncio.wait(flights)
        stores, self._open = list(self._open.values()), {}
        for one in stores:
            await one.store.close()
        self._memory = Memory()

    def exists(self, reference: SecretRef) -> SecretUnavailable | None:
        """Say why a reference certainly cannot be resolved, or None; asks no network."""
        try:
            self._opened(reference).store.check(reference)
        except SecretUnavailable as error:
            return error
        return None

    async def resolve(self, refs: Sequence[SecretRef]) -> Mapping[SecretRef, SecretStr]:
        """Resolve all of them, side by side; what was found once is remembered for this run.

        Repeat: safe. Cancel: what nobody else waits for is left.

        Raises:
            SecretUnavailable: one cannot be resolved; the message names it and holds no secret.
            SecretStoreDown: a store did not answer for `max_wait_s`, or turns us away.
        """
        missing: list[SecretRef] = []
        found: dict[SecretRef, SecretStr] = {}
        for reference in refs:
            answer = self._memory.recall(reference)
            if isinstance(answer, SecretUnavailable):
                # A copy: raised again and again, one exception would gather every traceback.
                raise copy.copy(answer)
            if answer is None:
                missing.append(reference)
            else:
                found[reference] = answer
        answers = await asyncio.gather(*map(self._join, missing), return_exceptions=True) if missing else []
        errors = [answer for answer in answers if isinstance(answer, BaseException)]
        if errors:
            # That a store is down weighs more than that a secret is missing.
            raise min(errors, key=lambda error: isinstance(error, SecretUnavailable))
        found.update(zip(missing, answers, strict=True))  # type: ignore[arg-type]  # none is an error
        return found

    async def _join(self, reference: SecretRef) -> SecretStr:
        """Wait for a secret together with all others who want it; the last to leave ends the reading."""
        flight = self._flights.get(reference)
        if flight is None:
            flight = self._flights[reference] = _Flight(asyncio.create_task(self._fetch(reference)))
            # All who waited may be gone by the time it fails.
            flight.task.add_done_callback(lambda task: task.cancelled() or task.exception())
        flight.waiters += 1
        try:
            # Not awaited itself: a waiter that is cancelled must not take it from the others.
            await asyncio.wait([flight.task])
        finally:
            flight.waiters -= 1
            if not flight.waiters:
                self._flights.pop(reference, None)
                flight.task.cancel()
        return flight.task.result()

    async def _fetch(self, reference: SecretRef) -> SecretStr:
        """Read a secret, again and again while its store is in trouble, and remember the answer."""
        clock = asyncio.get_running_loop().time
        tries, until_s = 0, clock() + self._max_wait_s
        while True:
            try:
                secret = await self._read(reference)
            except SecretUnavailable as error:
                self._memory.keep(reference, error.with_traceback(None))
                raise
            except StoreTrouble as trouble:
                tries += 1
                wait_s = backoff_s(tries, self._dice.random(), trouble.retry_after_s)
                if clock() + wait_s > until_s:
                    raise self._down(trouble) from trouble
                self._tell(reference, trouble, wait_s)
                await asyncio.sleep(wait_s)
            else:
                self._memory.keep(reference, secret)
                return secret

    async def _read(self, reference: SecretRef) -> SecretStr:
        opened = self._opened(reference)
        store = opened.store
        async with opened.places:
            try:
                async with asyncio.timeout(store.timeout_s):
                    return await store.read(reference)
            except TimeoutError as error:
                raise StoreTrouble(f"{store.title} gives no answer within {store.timeout_s:g} s") from error

    def _opened(self, reference: SecretRef) -> _Open:
        """Give the store of a reference, made at its first use.

        Raises:
            SecretUnavailable: its scheme is unknown, or what it needs is not installed.
        """
        opened = self._open.get(reference.scheme)
        if opened is None:
            kind = self._kinds.get(reference.scheme)
            if kind is None:
                raise _unknown(reference, self._kinds)
            if kind.library is not None and not _is_installed(kind.library):
                raise _not_installed(reference, kind)
            opened = _Open(kind.make(), asyncio.Semaphore(kind.at_once))
            self._open[reference.scheme] = opened
        return opened

    def _down(self, trouble: StoreTrouble) -> SecretStoreDown:
        wish_s = trouble.retry_after_s
        why = f"{trouble}; it was asked for {self._max_wait_s:g} s (--max-wait)"
        if wish_s and wish_s > self._max_wait_s:
            why = (
                f"{trouble}, and asks to wait {wish_s:.0f} s, longer than --max-wait ({self._max_wait_s:g} s)"
            )
        return SecretStoreDown(why, fix="see to the store and the way to it")

    def _tell(self, reference: SecretRef, trouble: StoreTrouble, wait_s: float) -> None:
        if self.log is not None:
            self.log.warning(
                "store.troubled", scheme=reference.scheme, reason=str(trouble), wait_s=round(wait_s, 2)
            )


def _is_installed(library: str) -> bool:
    try:
        return find_spec(library) is not None
    except ModuleNotFoundError:
        # A package above it is missing.
        return False


def _unknown(reference: SecretRef, kinds: Iterable[str]) -> SecretUnavailable:
    known = ", ".join(f"{scheme}://" for scheme in kinds)
    return SecretUnavailable(
        f"{reference.scheme}:// cannot be resolved here; known are {known}", fix=f"use one of {known}"
    )


def _not_installed(reference: SecretRef, kind: StoreKind) -> SecretUnavailable:
    return SecretUnavailable(
        f"{reference.scheme}:// needs the extra `{kind.extra}`, which is not installed",
        fix=f"install it with: python3 -m pip install 'bulkconn[{kind.extra}]'",
    )
