"""Station 5 of a row's road: its secrets are resolved and its request is built, before anything is durable.

As many rows as may be open at once come here side by side, ahead of the gate: while some wait for their
slots, others wait for their secrets. A store that is slow leaves no row `sending`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from bulkconn.core.endpoint import SecretStoreDown, SecretUnavailable
from bulkconn.core.lifecycle import State
from bulkconn.core.outcome import Scope
from bulkconn.core.record import Move
from bulkconn.core.report import Stop
from bulkconn.core.request import build_request, secret_refs
from bulkconn.engine.settling import marker_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bulkconn.core.endpoint import ConnectionRequest, Endpoint
    from bulkconn.core.secret import SecretRef, SecretStr
    from bulkconn.engine.context import RunContext
    from bulkconn.engine.rows import Row


class Requests:
    """Builds requests, or says of a row, or of the whole run, why that cannot be."""

    def __init__(self, run: RunContext) -> None:
        self._run = run
        #: Tasks that wait for a secret, in their order.
        self._waiting: dict[asyncio.Task[None], None] = {}

    async def build(self, row: Row, endpoint: Endpoint) -> ConnectionRequest | None:
        """Give the complete request, or None: then the row has failed, or the run stops.

        A row whose secret cannot be had fails. A store that is down is not the row's fault: the row stays
        as it is, and the run stops. Cancel: nothing has happened to the row.
        """
        run = self._run
        if run.stops.is_stopping:
            return None
        marker = marker_of(run, row.key) if run.settings.has_marker else None
        try:
            return build_request(endpoint, await self._secrets(endpoint), marker)
        except SecretUnavailable as error:
            await self._fail(row, error)
        except SecretStoreDown as error:
            run.stops.stop(Stop(str(error), Scope.RUN, f"{error.fix}, then run the same command again"))
        return None

    def leave(self) -> None:
        """Let nobody wait for a secret any longer: the run stops, and nothing of theirs is under way."""
        for task in tuple(self._waiting):
            task.cancel()

    async def _secrets(self, endpoint: Endpoint) -> Mapping[SecretRef, SecretStr]:
        refs = secret_refs(endpoint)
        if not refs:
            return {}
        task = asyncio.current_task()
        if task is not None:
            self._waiting[task] = None
        try:
            return await self._run.secrets.resolve(refs)
        finally:
            if task is not None:
                self._waiting.pop(task, None)

    async def _fail(self, row: Row, error: SecretUnavailable) -> None:
        run = self._run
        if row.state is State.IN_DOUBT:
            # What became of its earlier attempt is still to be found out. The ledger keeps saying why it is
            # in doubt: that decides whether sending it again uses up a resend.
            run.log.warning("row.in_doubt", endpoint_key=row.key, code=error.code, reason=str(error))
            return
        now = run.clock.now()
        before = [Move(row.key, State.PENDING, now, run.run_id)] if row.state is State.HELD else ()
        failed = Move(row.key, State.FAILED, now, run.run_id, error_code=error.code, error_message=str(error))
        await run.move(row, failed, before=before)
        run.log.warning("row.failed", endpoint_key=row.key, code=error.code)
