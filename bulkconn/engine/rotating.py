"""A rotation: each row's whole set of parameters is sent to its connection, guarded by its etag.

A PATCH whose answer is lost may be sent again, unlike a POST: it replaces `/auth/params` whole, so that the
second leaves what the first left. Only the etag must be asked for anew, because the first may have changed
it. So nothing is durable before the PATCH; what counts is the commit after it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from bulkconn.core.endpoint import SecretStoreDown, SecretUnavailable
from bulkconn.core.outcome import Outcome, OutcomeKind, Scope
from bulkconn.core.protocols import ConnectionPlace
from bulkconn.core.redact import redact
from bulkconn.core.report import Stop
from bulkconn.core.request import build_request, secret_refs, secret_values
from bulkconn.core.rotation import (
    Changed,
    Refusal,
    Rotated,
    RotationEnd,
    classify_change,
    new_content,
    read_etag,
)
from bulkconn.core.verification import created_as
from bulkconn.engine.asking import Persistence
from bulkconn.engine.consequences import Sent, check_patience, tell_everybody

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Protocol

    from bulkconn.core.endpoint import ConnectionRequest, Endpoint
    from bulkconn.core.names import RunId
    from bulkconn.core.protocols import Token, UpkeepApi
    from bulkconn.core.record import LedgerRecord
    from bulkconn.engine.asking import Asker
    from bulkconn.engine.context import RunContext
    from bulkconn.engine.lookup import Unknown

    class RotationBook(Protocol):
        """What a rotation needs of a ledger."""

        async def keep_rotations(self, round_id: RunId, run_id: RunId, rotated: Sequence[Rotated]) -> None:
            """Keep what became of rows, durable when this returns."""
            ...


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a row has not certainly got its new credentials; `message` is redacted."""

    code: str
    message: str
    request_id: str | None = None


#: The gate sees to these; they use up no patience of the row.
_WAITED_FOR: Final = frozenset({OutcomeKind.THROTTLED, OutcomeKind.TOKEN_REFUSED})
_GONE: Final = Failure("gone", "the service knows no such connection")
_LEASE_IS_OVER: Final = Outcome(
    OutcomeKind.NOT_SENT, code="lease_is_over", message="the hold on the ledger was not renewed in time"
)
_STALE: Final = Failure("stale", "somebody else changed the connection twice while its parameters were sent")


class Rotator:
    """Rotates rows in a round, which an earlier run may have begun. `failed` counts causes."""

    def __init__(
        self, run: RunContext, asker: Asker, api: UpkeepApi, book: RotationBook, *, round_id: RunId
    ) -> None:
        self._run = run
        self._asker = asker
        self._api = api
        self._book = book
        self._round_id = round_id
        self._ended: list[Rotated] = []
        self._writing = asyncio.Lock()
        self.rotated = 0
        self.patches = 0
        self.failed: Counter[str] = Counter()
        #: For each cause the first row that failed for it, with its message.
        self.examples: dict[str, str] = {}

    async def rotate(self, row: tuple[Endpoint, LedgerRecord]) -> None:
        """Send one row's parameters, and keep what became of it; nothing where the run stops.

        Repeat: safe. Cancel: the parameters may be replaced; the next run sends them again.
        """
        endpoint, record = row
        run = self._run
        if run.stops.is_stopping or run.stops.is_parked(record.sandbox, record.source):
            return
        ended = await self._build_and_send(endpoint, record)
        if ended is None:
            return
        now = run.clock.now()
        if isinstance(ended, Failure):
            self.failed[ended.code] += 1
            self.examples.setdefault(ended.code, f"{record.key}: {ended.message}")
            news = Rotated(record.key, now, RotationEnd.FAILED, ended.code, ended.message, ended.request_id)
            run.log.warning("row.not_rotated", endpoint_key=record.key, code=ended.code)
        else:
            fingerprint, cells = new_content(endpoint, record)
            news = Rotated(
                record.key,
                now,
                RotationEnd.ROTATED,
                etag=ended.etag,
                fingerprint=fingerprint,
                cells=cells,
            )
        self._ended.append(news)
        await self._keep()
        if news.end is RotationEnd.ROTATED:
            self.rotated += 1
            run.log.debug("row.rotated", endpoint_key=record.key)

    async def _build_and_send(self, endpoint: Endpoint, record: LedgerRecord) -> Changed | Failure | None:
        try:
            refs = secret_refs(endpoint)
            resolved = await self._run.secrets.resolve(refs) if refs else {}
            request = build_request(endpoint, resolved)
        except SecretUnavailable as error:
            return Failure(error.code, str(error))
        except SecretStoreDown as error:
            fix = f"{error.fix}, then run the same command again"
            self._run.stops.stop(Stop(str(error), Scope.RUN, fix))
            return None
        if record.connection_id is None:
            raise AssertionError("a created row has an id")
        place = ConnectionPlace(created_as(record).sandbox, record.connection_id)
        return await self._send(place, request, record)

    async def _send(
        self, place: ConnectionPlace, request: ConnectionRequest, record: LedgerRecord
    ) -> Changed | Failure | None:
        etag, was_stale = record.etag, False
        persistence = Persistence(self._asker)
        while True:
            if etag is None:
                found = await self._fresh_etag(place)
                if not isinstance(found, str):
                    return found
                etag = found
            answer = await self._patch(place, etag, request, record.source)
            if answer is Refusal.STALE:
                if was_stale:
                    return _STALE
                etag, was_stale = None, True
            elif not isinstance(answer, Outcome):
                return answer
            elif answer.kind not in _WAITED_FOR:
                if answer.kind is not OutcomeKind.NOT_SENT:
                    # It may have been processed, and then the connection has another version.
                    etag = None
                if not await persistence.again(place.sandbox):
                    return None if self._run.stops.is_stopping else _failure(answer)

    async def _fresh_etag(self, place: ConnectionPlace) -> str | Failure | None:
        """Ask for the present etag; None where the row stays as it is."""
        found: str | Refusal | Unknown = await self._asker.ask(
            place.sandbox,
            lambda token: self._api.show(place, token),
            lambda reply: read_etag(reply, place.connection_id),
            odd="the answer shows no etag of the connection",
        )
        if isinstance(found, str):
            return found
        if isinstance(found, Refusal):
            return _GONE
        stops = self._run.stops
        if stops.is_stopping or stops.is_parked(place.sandbox, ""):
            return None
        return Failure("no_etag", found.reason)

    async def _patch(
        self, place: ConnectionPlace, etag: str, request: ConnectionRequest, source: str
    ) -> Changed | Literal[Refusal.STALE] | Failure | Outcome | None:
        """Send one PATCH and let everybody follow its answer; None where the row stays as it is."""
        run = self._run
        token = await run.gate.slot(is_post=False)
        if token is None or run.stops.is_parked(place.sandbox, source):
            return None
        if run.clock.elapsed_s() >= run.ledger.send_before_s:
            # Another process may hold the ledger by now, with newer credentials.
            return _LEASE_IS_OVER
        sent = Sent(token, run.clock.elapsed_s(), (place.sandbox, source), is_post=False)
        self.patches += 1
        said = classify_change(
            await self._api.change_params(place, etag, request, token), place.connection_id
        )
        if not isinstance(said, Outcome):
            self._asker.answers += 1
            run.gate.on_token_accepted(token, is_post=False)
            run.gate.on_accepted()
            check_patience(run, is_definitive=True, message="")
            return _GONE if said is Refusal.GONE else said
        outcome = _redacted(said, request, token)
        tell_everybody(run, outcome, sent)
        check_patience(run, is_definitive=outcome.is_definitive, message=outcome.message)
        if outcome.kind is OutcomeKind.REJECTED:
            self._asker.answers += 1
            return _failure(outcome)
        return None if outcome.kind is OutcomeKind.NOT_POSSIBLE else outcome

    async def _keep(self) -> None:
        """Write what has ended so far; what ends while that goes on is written together."""
        async with self._writing:
            ended, self._ended = self._ended, []
            if ended:
                await self._book.keep_rotations(self._round_id, self._run.run_id, ended)


def _failure(outcome: Outcome) -> Failure:
    return Failure(outcome.code, outcome.message, outcome.request_id)


def _redacted(outcome: Outcome, request: ConnectionRequest, token: Token) -> Outcome:
    secrets = (*secret_values(request), token.value.get_secret_value())
    return replace(outcome, message=redact(outcome.message, secrets), code=redact(outcome.code, secrets))
