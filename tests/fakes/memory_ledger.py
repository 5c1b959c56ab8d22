"""A ledger in memory for tests of the engine: the same Protocol and rules as SQLite, nothing durable."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from bulkconn.core.errors import IllegalMove
from bulkconn.core.lifecycle import State, check_move
from bulkconn.core.names import LedgerId, loose_name
from bulkconn.core.record import (
    AttemptEnd,
    DoubtSince,
    ErrorGroup,
    Intent,
    LedgerInfo,
    LedgerRecord,
    LedgerSummary,
    Move,
    NameConflict,
    Note,
    RowSeen,
    RowStanding,
    TakenUp,
    Target,
    Watch,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from bulkconn.core.endpoint import Endpoint
    from bulkconn.core.names import ConnectionId, EndpointKey, RunId
    from bulkconn.core.protocols import Clock
    from bulkconn.core.record import Change, SentAs

T = TypeVar("T")

TARGET = Target("https://platform.test/flowservice", "TEST@AdobeOrg")


@dataclass(frozen=True, slots=True)
class Attempt:
    """One fact of the append-only attempts: `intent`, a value of `AttemptEnd`, or `cut_off`."""

    key: EndpointKey
    attempt_no: int
    run_id: RunId
    fact: str
    at: datetime
    sent_as: SentAs | None
    status: int | None = None
    connection_id: ConnectionId | None = None


class MemoryLedger:
    """Rows, attempts and runs in plain dictionaries and lists; tests may read `rows` and `attempts`."""

    def __init__(self, clock: Clock, *, target: Target = TARGET) -> None:
        self._clock = clock
        self.info = LedgerInfo(LedgerId("memory"), target, format_version=4)
        self.rows: dict[EndpointKey, LedgerRecord] = {}
        self.attempts: list[Attempt] = []
        self.runs: dict[RunId, Mapping[str, object]] = {}
        self.commits: list[tuple[Change, ...]] = []
        #: Until when POSTs may leave; a test moves it.
        self.send_before_s = float("inf")
        self.quiet_at_s = float("-inf")
        self._doubted_at: dict[EndpointKey, datetime] = {}
        self._taken_up: dict[EndpointKey, TakenUp] = {}

    async def begin_run(self, run_id: RunId, at: datetime, settings: Mapping[str, object]) -> int:
        """Record a run; rows found as `sending` are in doubt from now."""
        if run_id in self.runs:
            raise IllegalMove(f"run {run_id} was begun before")
        self.runs[run_id] = settings
        since = DoubtSince(self._clock.clock_id, self._clock.elapsed_s())
        cut_off = [row for row in self.rows.values() if row.state is State.SENDING]
        for row in cut_off:
            self.rows[row.key] = replace(
                row,
                state=State.IN_DOUBT,
                ambiguous=row.ambiguous + 1,
                doubt_since=since,
                updated_at=at,
                error_code="cut_off",
                error_message="the run ended while this request was on its way",
                request_id=None,
            )
            self._doubted_at[row.key] = at
            self.attempts.append(Attempt(row.key, row.attempts, run_id, "cut_off", at, row.sent_as))
        return len(cut_off)

    async def end_run(self, run_id: RunId, at: datetime, summary: Mapping[str, object]) -> None:
        """Record how a run ended."""
        self.runs[run_id] = summary

    async def commit(self, changes: Sequence[Change]) -> None:
        """Write all changes or none."""
        before = dict(self.rows), list(self.attempts), dict(self._doubted_at), dict(self._taken_up)
        try:
            for change in changes:
                self._write(change)
        except IllegalMove:
            self.rows, self.attempts, self._doubted_at, self._taken_up = before
            raise
        self.commits.append(tuple(changes))

    def _write(self, change: Change) -> None:
        match change:
            case RowSeen(endpoint, at):
                self.rows[endpoint.key] = _seen(self.rows.get(endpoint.key), endpoint, at)
            case Intent():
                self._intend(change)
            case Move():
                self._move(change)
            case Note():
                row = self._row(change.key)
                self.rows[change.key] = replace(
                    row,
                    updated_at=change.at,
                    error_code=_given(change.error_code, row.error_code),
                    error_message=_given(change.error_message, row.error_message),
                    doubt_since=_given(change.doubt_since, row.doubt_since),
                    other_ids=_given(change.other_ids, row.other_ids),
                )

    def _intend(self, intent: Intent) -> None:
        row = self._row(intent.key)
        check_move(row.state, State.SENDING)
        self._check_run(intent.run_id)
        self.rows[intent.key] = replace(
            row,
            state=State.SENDING,
            attempts=row.attempts + 1,
            resends=row.resends + intent.is_resend,
            sent_as=intent.sent_as,
            fingerprint=intent.fingerprint,
            seen_ids=intent.seen_ids,
            updated_at=intent.at,
        )
        self.attempts.append(
            Attempt(intent.key, row.attempts + 1, intent.run_id, "intent", intent.at, intent.sent_as)
        )

    def _move(self, move: Move) -> None:
        row = self._row(move.key)
        check_move(row.state, move.to)
        is_ambiguous = move.attempt_end is AttemptEnd.IN_DOUBT
        if is_ambiguous and move.doubt_since is None:
            raise IllegalMove("an ambiguous attempt must say when it ended")
        if move.attempt_end is not None and row.attempts == 0:
            raise IllegalMove("an attempt cannot end that never had an intent")
        if row.state is State.DELETED:
            # What it had is gone: only its id is remembered, as one that it will never make.
            row = replace(row, connection_id=None, etag=None, provenance=None, certainly_created=False)
        seen_ids = tuple(dict.fromkeys((*row.seen_ids, *move.deleted_ids)))
        connection_id = _given(move.connection_id, row.connection_id)
        if move.to in {State.CREATED, State.ADOPTED} and connection_id is None:
            raise IllegalMove("a finished row has its id")
        others = _given(move.other_ids, row.other_ids)
        if row.connection_id not in {None, connection_id, *others}:
            others = (*others, row.connection_id)  # type: ignore[arg-type] # the set holds None
        self.rows[move.key] = replace(
            row,
            state=move.to,
            updated_at=move.at,
            connection_id=connection_id,
            etag=_given(move.etag, row.etag),
            provenance=_given(move.provenance, row.provenance),
            error_code=move.error_code,
            error_message=move.error_message,
            request_id=move.request_id,
            certainly_created=row.certainly_created or move.certainly_created,
            ambiguous=row.ambiguous + is_ambiguous,
            resends=0 if move.takes_up else row.resends,
            doubt_since=_given(move.doubt_since, row.doubt_since),
            other_ids=others,
            seen_ids=seen_ids,
        )
        self._take_up(move, row)
        for one in move.deleted_ids:
            self._check_run(move.run_id)
            gone = Attempt(move.key, row.attempts, move.run_id, "deleted", move.at, None, move.status, one)
            self.attempts.append(gone)
        if move.to is State.IN_DOUBT:
            self._doubted_at[move.key] = move.at
        if move.attempt_end is not None:
            self._check_run(move.run_id)
            sent_as = row.sent_as if is_ambiguous else None
            fact = move.attempt_end.value
            self.attempts.append(
                Attempt(
                    *(move.key, row.attempts, move.run_id, fact, move.at, sent_as),
                    status=move.status,
                    connection_id=move.connection_id,
                )
            )

    def _take_up(self, move: Move, row: LedgerRecord) -> None:
        if move.takes_up:
            self._taken_up[move.key] = TakenUp(row.state, row.error_code or None)
        elif move.to in {State.CREATED, State.ADOPTED, State.HELD}:
            self._taken_up.pop(move.key, None)

    async def records(self, keys: Sequence[EndpointKey]) -> dict[EndpointKey, LedgerRecord]:
        """Look rows up by key."""
        return {key: self.rows[key] for key in keys if key in self.rows}

    async def standings(self, keys: Sequence[EndpointKey]) -> dict[EndpointKey, RowStanding]:
        """Look up only what tells finished rows from others."""
        rows = await self.records(keys)
        return {
            key: RowStanding(*(getattr(row, name) for name in RowStanding._fields))
            for key, row in rows.items()
        }

    async def taken_up(self, keys: Sequence[EndpointKey]) -> dict[EndpointKey, TakenUp]:
        """Say as what unfinished rows were finished before a run took them up once more."""
        unfinished = {State.PENDING, State.SENDING, State.IN_DOUBT}
        known = [key for key in keys if key in self._taken_up]
        return {key: self._taken_up[key] for key in known if self.rows[key].state in unfinished}

    async def doubted(self, *, after: EndpointKey | None, limit: int) -> list[LedgerRecord]:
        """Give rows in doubt, ordered by key."""
        doubted = [row for key, row in sorted(self.rows.items()) if row.state is State.IN_DOUBT]
        return [row for row in doubted if row.key > (after or "")][:limit]

    async def watched(self, *, since: datetime, after: EndpointKey | None, limit: int) -> list[Watch]:
        """Give the names under which settled rows had an ambiguous attempt, ordered by key."""
        latest: dict[EndpointKey, dict[SentAs, datetime]] = {}
        for attempt in self.attempts:
            is_open = self.rows[attempt.key].state in {State.SENDING, State.IN_DOUBT}
            if attempt.fact in {"in_doubt", "cut_off"} and attempt.at >= since and not is_open:
                assert attempt.sent_as is not None
                names = latest.setdefault(attempt.key, {})
                names[attempt.sent_as] = max(names.get(attempt.sent_as, attempt.at), attempt.at)
        keys = sorted(key for key in latest if key > (after or ""))[:limit]
        return [
            Watch(key, name, latest[key][name])
            for key in keys
            for name in sorted(latest[key], key=lambda one: (one.sandbox, one.name, one.connection_spec_id))
        ]

    async def holders(self, ids: Iterable[ConnectionId]) -> dict[ConnectionId, EndpointKey]:
        """Say which rows hold these connection ids; the first of them."""
        held = {row.connection_id: key for key, row in reversed(self.rows.items())}
        return {one: held[one] for one in ids if one in held}

    async def known_connection(self, sandbox: str, *, skip: int = 0) -> LedgerRecord | None:
        """Give the longest-known created row of a sandbox, `skip` of them passed over."""
        created = [row for row in self.rows.values() if row.state is State.CREATED and row.sandbox == sandbox]
        return next(iter(sorted(created, key=lambda row: row.updated_at)[skip:]), None)

    async def conflicts(
        self, names: Sequence[tuple[EndpointKey, str, str, str]]
    ) -> dict[EndpointKey, NameConflict]:
        """Say which other key already has a row's name."""
        found: dict[EndpointKey, NameConflict] = {}
        for key, *wanted in names:
            for row in self.rows.values():
                has = [row.sandbox, row.connection_spec_id, loose_name(row.name)]
                if row.key != key and has == wanted:
                    found[key] = NameConflict(row.key, row.inventory_file, row.inventory_row, row.state)
                    break
        return found

    async def summary(self) -> LedgerSummary:
        """Count everything."""
        counts = dict.fromkeys(State, 0)
        groups: dict[tuple[State, str], list[str]] = {}
        for row in self.rows.values():
            counts[row.state] += 1
            is_bad = row.state in {State.FAILED, State.HELD, State.IN_DOUBT}
            if is_bad or (row.state is State.PENDING and row.error_code is not None):
                texts = groups.setdefault((row.state, row.error_code or ""), [])
                texts.append(row.error_message or "")
        return LedgerSummary(
            counts=counts,
            groups=tuple(
                ErrorGroup(state, code, len(texts), min(filter(None, texts), default=""))
                for (state, code), texts in sorted(groups.items(), key=lambda one: (-len(one[1]), one[0]))
            ),
            oldest_doubt_at=min(
                (self._doubted_at[key] for key, row in self.rows.items() if row.state is State.IN_DOUBT),
                default=None,
            ),
            last_run_id=next(reversed(self.runs), None),
        )

    async def close(self) -> None:
        """Do nothing: there is no file."""

    def _row(self, key: EndpointKey) -> LedgerRecord:
        if key not in self.rows:
            raise IllegalMove(f"the ledger has no row {key!r}")
        return self.rows[key]

    def _check_run(self, run_id: RunId) -> None:
        if run_id not in self.runs:
            raise IllegalMove(f"run {run_id} was never begun in this ledger")


def _given(new: T | None, old: T) -> T:
    return old if new is None else new


def _seen(row: LedgerRecord | None, endpoint: Endpoint, at: datetime) -> LedgerRecord:
    is_open = row is None or row.state is State.PENDING
    if row is not None and not (is_open or (row.state in {State.FAILED, State.HELD} and row.attempts == 0)):
        return replace(row, inventory_file=endpoint.file, inventory_row=endpoint.row)
    fresh = LedgerRecord(
        key=endpoint.key,
        name=endpoint.name,
        source=endpoint.source,
        platform_cloud=endpoint.platform_cloud,
        sandbox=endpoint.sandbox,
        auth=endpoint.auth,
        connection_spec_id=endpoint.connection_spec_id,
        fingerprint=endpoint.fingerprint,
        state=State.PENDING,
        inventory_file=endpoint.file,
        inventory_row=endpoint.row,
        updated_at=at,
        cells=dict(endpoint.cells),
    )
    if row is None:
        return fresh
    is_same = (row.fingerprint, list(row.cells.items())) == (
        endpoint.fingerprint,
        list(endpoint.cells.items()),
    )
    return replace(
        row,
        **{
            name: getattr(fresh, name)
            for name in ("name", "source", "platform_cloud", "sandbox", "auth", "connection_spec_id")
        },
        fingerprint=fresh.fingerprint,
        inventory_file=fresh.inventory_file,
        inventory_row=fresh.inventory_row,
        cells=fresh.cells,
        updated_at=row.updated_at if is_same else at,
    )
