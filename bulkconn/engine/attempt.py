"""One attempt: gate → intent → POST → reply or fault → what it means, durable at every step."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING

from bulkconn.core.classify import classify_create
from bulkconn.core.errors import AnsweredLate, LedgerError
from bulkconn.core.lifecycle import State
from bulkconn.core.names import ConnectionId
from bulkconn.core.outcome import Outcome, OutcomeKind, Scope
from bulkconn.core.pace import backoff_s
from bulkconn.core.record import AttemptEnd, Change, DoubtSince, Intent, Move, Provenance, RowSeen, SentAs
from bulkconn.core.redact import redact
from bulkconn.core.remedies import remedy_for
from bulkconn.core.report import Stop
from bulkconn.core.request import secret_values
from bulkconn.engine.consequences import Sent, check_patience, tell_everybody
from bulkconn.engine.requests import Requests
from bulkconn.engine.rows import Row, Work

if TYPE_CHECKING:
    from bulkconn.core.endpoint import ConnectionRequest, Endpoint
    from bulkconn.core.protocols import Token
    from bulkconn.engine.clearance import Clearance
    from bulkconn.engine.context import RunContext
    from bulkconn.engine.outage import OutageGuard
    from bulkconn.engine.settling import Settler

_ATTEMPT_ENDS = {
    OutcomeKind.CREATED: AttemptEnd.CREATED,
    OutcomeKind.CERTAINLY_CREATED: AttemptEnd.IN_DOUBT,
    OutcomeKind.IN_DOUBT: AttemptEnd.IN_DOUBT,
    OutcomeKind.NOT_SENT: AttemptEnd.NOT_PROCESSED,
    OutcomeKind.THROTTLED: AttemptEnd.NOT_PROCESSED,
    OutcomeKind.TOKEN_REFUSED: AttemptEnd.NOT_PROCESSED,
    OutcomeKind.NOT_POSSIBLE: AttemptEnd.NOT_PROCESSED,
    OutcomeKind.REJECTED: AttemptEnd.REJECTED,
}


class Attempter:
    """Sends rows, one POST at a time each, and makes durable what becomes of them."""

    def __init__(
        self,
        run: RunContext,
        *,
        clearance: Clearance,
        settler: Settler,
        outage: OutageGuard,
    ) -> None:
        self._run = run
        self._clearance = clearance
        self._settler = settler
        self._outage = outage
        self.requests = Requests(run)
        #: Tasks whose POST is on its way, in the order in which they left: only these may be cut at the end
        #: of a drain.
        self.posting: dict[asyncio.Task[None], None] = {}
        #: Rows that failed while nothing had succeeded: if it is everybody's fault, they go back.
        self.failed_alike: list[Row] = []

    async def send(self, row: Row) -> None:
        """Bring a row one attempt further, unless something stands against it.

        Cancel: while the POST is on its way the row is left in doubt, durably.
        """
        run = self._run
        endpoint = row.endpoint
        if endpoint is None or run.stops.is_stopping or run.stops.is_parked(row.sandbox, row.source):
            return
        if row.state is State.IN_DOUBT and row.is_stale(run.clock.elapsed_s()):
            self._look_first(row)
            return
        run.tell_taken(row)
        if not await self._clearance.is_given(row, endpoint):
            return
        if row.state is State.PENDING and row.ambiguous and self._settler.is_used_up(row):
            await self._settler.fail_used_up(row)
            return
        request = await self.requests.build(row, endpoint)
        if request is None:
            return
        token = await self._commit_and_wait(row, endpoint)
        if token is None:
            return
        await self._post(row, request, token)

    def _look_first(self, row: Row) -> None:
        if row.looks is not None:
            self._settler.begin_again(row, row.looks.since_s)

    async def _commit_and_wait(self, row: Row, endpoint: Endpoint) -> Token | None:
        """Board, make the intent durable, wait for the slot; None when nothing was or may be sent."""
        run = self._run
        if not await run.gate.board(row.label):
            return None
        token = None
        try:
            if run.stops.is_parked(row.sandbox, row.source):
                return None
            if row.is_stale(run.clock.elapsed_s()):
                # The gate was closed for so long.
                self._later(row, 0.0)
                return None
            if not await self._commit_intent(row, endpoint):
                return None
            token = await run.gate.slot(is_post=True)
            now_s = run.clock.elapsed_s()
            if now_s >= run.ledger.send_before_s or row.is_stale(now_s):
                # On the way the lease ran out, and another worker may be about to settle this very row; or
                # the machine stood still, and what was absent may show by now.
                token = None
        finally:
            run.gate.leave(is_sent=token is not None)
        if token is None:
            unsent = Outcome(OutcomeKind.NOT_SENT)
            await self._move_on(row, self._unsent_state(row), unsent)
            if not run.stops.is_stopping:
                self._later(row, 0.0)
        return token

    async def _commit_intent(self, row: Row, endpoint: Endpoint) -> bool:
        """Make the intent durable; False when an earlier attempt turns out to have been answered."""
        run = self._run
        now = run.clock.now()
        sent_as = SentAs(endpoint.sandbox, endpoint.name, endpoint.connection_spec_id)
        is_resend = bool(row.ambiguous) and self._settler.counts(row)
        changes: list[Change] = []
        was, to_pending = row.state, Move(row.key, State.PENDING, now, run.run_id)
        if was in {State.IN_DOUBT, State.HELD}:
            # Absent beyond the grace, or free again: the way to a new intent leads through pending, and
            # the inventory may have been edited since.
            changes += [to_pending, RowSeen(endpoint, now)]
        changes.append(
            Intent(row.key, run.run_id, now, sent_as, endpoint.fingerprint, row.seen_ids, is_resend)
        )
        try:
            await run.ledger.commit(changes)
        except AnsweredLate as late:
            await self._answered_late(row, ConnectionId(late.connection_id))
            return False
        run.follow(row, State.SENDING)
        if was is not State.PENDING:
            run.tell_moved(row, to_pending, was)
        row.sent_as = sent_as
        row.attempts += 1
        row.resends += is_resend
        return True

    async def _answered_late(self, row: Row, connection_id: ConnectionId) -> None:
        """Take the id that an earlier attempt brought after its worker had lost the row."""
        run = self._run
        is_doubt = row.state is State.IN_DOUBT
        move = Move(
            row.key,
            State.CREATED if is_doubt else State.HELD,
            run.clock.now(),
            run.run_id,
            connection_id=connection_id,
            provenance=Provenance.REPLY,
            error_code=None if is_doubt else "answered_late",
            error_message=None if is_doubt else "an earlier attempt was answered after the row was given up",
        )
        await run.move(row, move)
        row.connection_id = connection_id
        run.this_run.settled += is_doubt
        run.log.info("row.answered_late", endpoint_key=row.key, connection_id=connection_id)

    async def _post(self, row: Row, request: ConnectionRequest, token: Token) -> None:
        run = self._run
        task = asyncio.current_task()
        sent_at_s = run.clock.elapsed_s()
        run.this_run.posts += 1
        if task is not None:
            self.posting[task] = None
        try:
            answer = await run.api.create(request, token)
        except asyncio.CancelledError:
            await self._cut(row)
            raise
        finally:
            if task is not None:
                self.posting.pop(task, None)
        outcome = _redacted(classify_create(answer), request, token)
        tell_everybody(run, outcome, Sent(token, sent_at_s, row.label, is_post=True))
        if outcome.is_definitive:
            run.gate.on_accepted()
        await self._apply(row, outcome)
        check_patience(run, is_definitive=outcome.is_definitive, message=outcome.message)
        if run.outage.on_answer(outcome):
            self._outage.begin(row.label)
        elif outcome.is_definitive or outcome.kind in {OutcomeKind.IN_DOUBT, OutcomeKind.NOT_SENT}:
            self._outage.on_trial_answer(is_over=outcome.is_definitive)

    async def _apply(self, row: Row, outcome: Outcome) -> None:
        """Make the outcome durable and queue what follows for this row."""
        run = self._run
        match outcome.kind:
            case OutcomeKind.CREATED:
                await self._created(row, outcome)
            case OutcomeKind.CERTAINLY_CREATED | OutcomeKind.IN_DOUBT:
                await self._doubt(row, outcome)
            case OutcomeKind.REJECTED:
                await self._rejected(row, outcome)
            case _:
                await self._unprocessed(row, outcome)
        if run.same_fault.on_answer(outcome):
            run.stops.stop(
                Stop(
                    f"the first rows all failed alike ({outcome.code}: {outcome.message}) and none succeeded",
                    Scope.RUN,
                    remedy_for("same_fault"),
                )
            )

    async def _created(self, row: Row, outcome: Outcome) -> None:
        run = self._run
        if outcome.connection_id is None:
            raise AssertionError("created without an id is certainly_created")
        move = Move(
            row.key,
            State.CREATED,
            run.clock.now(),
            run.run_id,
            connection_id=outcome.connection_id,
            etag=outcome.etag,
            provenance=Provenance.REPLY,
            request_id=outcome.request_id,
            status=outcome.status,
            attempt_end=AttemptEnd.CREATED,
        )
        try:
            await run.move(row, move)
        except LedgerError:
            run.world.last_resort(row.key, outcome.connection_id)
            raise
        row.connection_id = outcome.connection_id
        run.this_run.created += 1
        self.failed_alike.clear()
        run.log.debug("row.created", endpoint_key=row.key, attempt_no=row.attempts)

    async def _doubt(self, row: Row, outcome: Outcome) -> None:
        run = self._run
        since_s = run.clock.elapsed_s()
        row.certainly_created = row.certainly_created or outcome.kind is OutcomeKind.CERTAINLY_CREATED
        row.doubt_streak = run.outage.streak_no
        row.is_excused = outcome.status == HTTPStatus.TOO_MANY_REQUESTS
        row.cleared_at_s = None
        row.failed_looks = 0
        await self._move_on(row, State.IN_DOUBT, outcome, since_s=since_s)
        row.ambiguous += 1
        run.doubtful.add(row.key)
        run.log.info(
            "row.in_doubt",
            endpoint_key=row.key,
            attempt_no=row.attempts,
            code=outcome.code,
            status=outcome.status,
        )
        self._settler.begin(row, since_s)

    async def _rejected(self, row: Row, outcome: Outcome) -> None:
        run = self._run
        if row.ambiguous:
            # An earlier attempt may have taken effect: not failed before one more look.
            row.rejection = outcome
            await self._move_on(row, State.IN_DOUBT, outcome)
            self._look_first(row)
            return
        await self._move_on(row, State.FAILED, outcome)
        if run.this_run.created == 0:
            self.failed_alike.append(row)
        run.log.warning(
            "row.failed",
            endpoint_key=row.key,
            attempt_no=row.attempts,
            code=outcome.code,
            status=outcome.status,
        )

    async def _unprocessed(self, row: Row, outcome: Outcome) -> None:
        """Take a row back whose request was certainly not processed; fail it after too many of those."""
        run = self._run
        if outcome.kind is OutcomeKind.NOT_SENT:
            # If nobody was answered since its last try, the way is down for all: the row pays nothing.
            row.tries += row.definitive_at != run.outage.definitive_answers
            row.definitive_at = run.outage.definitive_answers
            if not row.ambiguous and row.tries >= run.settings.patience.max_attempts:
                await self._move_on(row, State.FAILED, outcome)
                run.log.warning("row.failed", endpoint_key=row.key, code=outcome.code)
                return
        await self._move_on(row, self._unsent_state(row), outcome)
        if outcome.kind is OutcomeKind.NOT_SENT:
            self._later(row, backoff_s(max(1, row.tries), run.dice.random()))
        elif outcome.kind is not OutcomeKind.NOT_POSSIBLE:
            self._later(row, 0.0)

    def _later(self, row: Row, seconds: float) -> None:
        if row.ambiguous and row.state is State.IN_DOUBT:
            self._look_first(row)
        else:
            self._run.queue.later(Work.RETRY, row, self._run.clock.elapsed_s() + seconds)

    async def _move_on(
        self,
        row: Row,
        to: State,
        outcome: Outcome,
        *,
        since_s: float | None = None,
    ) -> None:
        run = self._run
        is_attempt = row.state is State.SENDING
        move = Move(
            row.key,
            to,
            run.clock.now(),
            run.run_id,
            error_code=outcome.code or None,
            error_message=outcome.message or None,
            request_id=outcome.request_id,
            status=outcome.status,
            attempt_end=_ATTEMPT_ENDS[outcome.kind] if is_attempt else None,
            certainly_created=outcome.kind is OutcomeKind.CERTAINLY_CREATED,
            doubt_since=None if since_s is None else DoubtSince(run.clock.clock_id, since_s),
        )
        await run.move(row, move)

    async def _cut(self, row: Row) -> None:
        """The drain is over and this POST is cut: nobody will hear its answer."""
        outcome = Outcome(
            OutcomeKind.IN_DOUBT, code="interrupted", message="cut while its POST was on its way"
        )
        await self._move_on(row, State.IN_DOUBT, outcome, since_s=self._run.clock.elapsed_s())
        self._run.doubtful.add(row.key)
        self._run.log.warning("row.in_doubt", endpoint_key=row.key, code=outcome.code)

    @staticmethod
    def _unsent_state(row: Row) -> State:
        """Say where a row goes whose POST was certainly not processed: back to what it was."""
        return State.IN_DOUBT if row.ambiguous else State.PENDING


def _redacted(outcome: Outcome, request: ConnectionRequest, token: Token) -> Outcome:
    if not outcome.message:
        return outcome

    secrets = (*secret_values(request), token.value.get_secret_value())
    return replace(outcome, message=redact(outcome.message, secrets), code=redact(outcome.code, secrets))
