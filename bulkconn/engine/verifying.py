"""A verification: every connection of the ledger is looked at and tried, and the ledger keeps the word."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from bulkconn.core.protocols import ConnectionPlace
from bulkconn.core.verification import (
    Finding,
    Verdict,
    Verification,
    created_as,
    join,
    read_shown,
    read_test,
)
from bulkconn.engine.lookup import Unknown

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from typing import Protocol

    from bulkconn.core.names import EndpointKey, RunId
    from bulkconn.core.protocols import UpkeepApi
    from bulkconn.core.record import LedgerRecord
    from bulkconn.core.source import AuthSpec
    from bulkconn.engine.asking import Asker
    from bulkconn.engine.context import RunContext

    class VerificationBook(Protocol):
        """What a verification needs of a ledger."""

        async def unverified(
            self, round_id: RunId, *, only_failing: bool, after: EndpointKey | None, limit: int
        ) -> list[LedgerRecord]:
            """Give up to `limit` rows that a round has not come to, ordered by key."""
            ...

        async def keep_verifications(
            self, round_id: RunId, run_id: RunId, found: Sequence[Verification]
        ) -> None:
            """Keep what was found, durable when this returns."""
            ...


#: Rows read from the ledger at a time.
_BATCH: Final = 200


class Verifier:
    """Verifies rows in a round, which an earlier run may have begun.

    `auth_of` gives the auth spec of a record, None where it is not known any more.
    """

    def __init__(
        self,
        run: RunContext,
        asker: Asker,
        api: UpkeepApi,
        book: VerificationBook,
        auth_of: Callable[[LedgerRecord], AuthSpec | None],
        *,
        round_id: RunId,
    ) -> None:
        self._run = run
        self._asker = asker
        self._api = api
        self._book = book
        self._auth_of = auth_of
        self._round_id = round_id
        self._found: list[Verification] = []
        self._writing = asyncio.Lock()

    async def rows(self, *, only_failing: bool) -> AsyncIterator[LedgerRecord]:
        """Give the rows of the round that are still to be verified, in the order of their keys."""
        after = None
        while True:
            batch = await self._book.unverified(
                self._round_id, only_failing=only_failing, after=after, limit=_BATCH
            )
            for record in batch:
                yield record
            if len(batch) < _BATCH:
                return
            after = batch[-1].key

    async def verify(self, record: LedgerRecord) -> None:
        """Look at one row's connection, try it, and keep the word. What stays unknown is not kept.

        Cancel: nothing is left behind; a round that goes on comes to the row again.
        """
        run = self._run
        if record.connection_id is None:
            raise AssertionError("a created row has an id")
        place = ConnectionPlace(created_as(record).sandbox, record.connection_id)
        finding = await self._find(record, place)
        if isinstance(finding, Unknown):
            run.log.info("row.not_verified", endpoint_key=record.key, reason=finding.reason)
            return
        self._found.append(Verification(record.key, record.connection_id, run.clock.now(), finding))
        await self._keep()
        if finding.verdict is not Verdict.OK:
            run.log.warning(
                "row.verified", endpoint_key=record.key, verdict=finding.verdict.value, code=finding.code
            )

    async def _find(self, record: LedgerRecord, place: ConnectionPlace) -> Finding | Unknown:
        auth = self._auth_of(record)
        there = await self._asker.ask(
            place.sandbox,
            lambda token: self._api.show(place, token),
            lambda reply: read_shown(reply, record, auth),
            odd="the answer shows no connection",
        )
        if isinstance(there, Unknown) or there.verdict is Verdict.MISSING:
            return there
        test = await self._asker.ask(
            place.sandbox,
            lambda token: self._api.test(place, token),
            lambda reply: read_test(reply, place.connection_id),
            odd="the answer to the test says neither yes nor no",
        )
        return test if isinstance(test, Unknown) else join(there, test)

    async def _keep(self) -> None:
        """Write what was found so far; what comes while that goes on is written together."""
        async with self._writing:
            found, self._found = self._found, []
            if found:
                await self._book.keep_verifications(self._round_id, self._run.run_id, found)
