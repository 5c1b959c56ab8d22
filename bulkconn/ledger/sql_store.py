"""What a ledger over SQL tables does, whichever database keeps them: synchronous, one connection.

A writer thread calls it, and so may a simulation. How a transaction begins, commits, and what its errors
mean is the business of `SqliteStore` and `PostgresStore`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, Final, Self, TypeVar

from bulkconn.core.errors import AnsweredLate, IllegalMove
from bulkconn.ledger.codec import encode_json, encode_time
from bulkconn.ledger.faults import damaged
from bulkconn.ledger.grouped import write_changes
from bulkconn.ledger.queries import EVERY_ROW
from bulkconn.ledger.rotations import keep_rotations
from bulkconn.ledger.schema import AFTERWARDS_SINCE, CUT_OFF
from bulkconn.ledger.verifications import keep_verifications

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime
    from typing import Any

    from bulkconn.core.names import RunId
    from bulkconn.core.record import Change, DoubtSince, LedgerInfo, PaceNote
    from bulkconn.core.rotation import Rotated
    from bulkconn.core.service_spec import ServiceSpec
    from bulkconn.core.verification import Verification
    from bulkconn.ledger.codec import Standings
    from bulkconn.ledger.database import Database
    from bulkconn.ledger.queries import Own

T = TypeVar("T")

#: News of a row that was found on its way: the process that sent it ended before the answer came.
CUT_OFF_MESSAGE: Final = "the run ended while this request was on its way"

_CUT_ATTEMPTS: Final = """
    INSERT INTO attempts (row_id, attempt_no, run, fact, at, sandbox, name, connection_spec_id)
    SELECT id, attempts, ?, ?, ?, sent_sandbox, sent_name, sent_spec_id FROM rows WHERE state = 'sending'
"""
_CUT_ROWS: Final = """
    UPDATE rows SET state = 'in_doubt', ambiguous = ambiguous + 1, doubt_clock = ?, doubt_s = ?,
        doubted_at = ?, updated_at = ?, error_code = ?, error_message = ?, request_id = NULL
    WHERE state = 'sending'
"""


_NOTE_PACE: Final = (
    "INSERT INTO paces (run, at, rate_per_s, ceiling_per_s, closed_for_s) VALUES (?, ?, ?, ?, ?)"
)
_KEEP_SPEC: Final = """
    INSERT INTO specs (sandbox, connection_spec_id, read_at, document) VALUES (?, ?, ?, ?)
    ON CONFLICT (sandbox, connection_spec_id) DO UPDATE
    SET read_at = excluded.read_at, document = excluded.document
"""


class _Refused(Exception):
    """Some change of a transaction was refused, so that none of it was written."""


class SqlStore(ABC):
    """A ledger in an open connection."""

    #: What the driver raises where the tables' own rules refuse a change.
    refusals: ClassVar[tuple[type[Exception], ...]] = ()

    def __init__(self, name: str) -> None:
        self._name = name
        self._info: LedgerInfo | None = None
        self._runs: dict[RunId, int] = {}
        #: What is known of rows on their way, where nobody else can change them; None where others can.
        self._standings: Standings | None = None

    @property
    def name(self) -> str:
        """Say how messages call this ledger."""
        return self._name

    @property
    def info(self) -> LedgerInfo:
        """Say which ledger this is; only once it was prepared or attached."""
        if self._info is None:
            raise damaged(self._name, "it does not say which target it belongs to")
        return self._info

    @property
    def send_before_s(self) -> float:
        """Say until when (`Clock.elapsed_s`) requests may leave under what was committed; here for ever."""
        return float("inf")

    @property
    def has_shards(self) -> bool:
        """Tell whether runs can be submitted to workers here."""
        return False

    @property
    def has_paces(self) -> bool:
        """Tell whether this ledger's format keeps at which pace runs went."""
        return self.info.format_version >= AFTERWARDS_SINCE

    @property
    def own_rows(self) -> Own:
        """Give what narrows a statement over `rows` to those that this store works on; here all."""
        return EVERY_ROW

    @property
    def _all_refusals(self) -> tuple[type[Exception], ...]:
        return (IllegalMove, AnsweredLate, *self.refusals)

    def apply(self, groups: Sequence[Sequence[Change]]) -> list[Exception | None]:
        """Write several callers' changes in one transaction, durable when this returns.

        Each group is all in or all out, and harms no other. Gives for each group None, or why it was
        left out.

        Raises:
            LedgerError: nothing is known to be written.
        """
        try:
            self._write(lambda db: self._write_all(db, groups))
        except _Refused:
            # Refusals are rare, and savepoints cost: only now each caller's changes get one of their own.
            return self._write(lambda db: [self._apply_group(db, group) for group in groups])
        return [None] * len(groups)

    def _write_all(self, db: Database, groups: Sequence[Sequence[Change]]) -> None:
        try:
            self._write_changes(db, [change for group in groups for change in group])
        except self._all_refusals as error:
            raise _Refused from error

    def _apply_group(self, db: Database, changes: Sequence[Change]) -> Exception | None:
        db.execute("SAVEPOINT caller")
        try:
            self._write_changes(db, changes)
        except self._all_refusals as error:
            self._forget_standings()
            db.execute("ROLLBACK TO caller")
            db.execute("RELEASE caller")
            if isinstance(error, (IllegalMove, AnsweredLate)):
                return error
            refused = IllegalMove(f"the ledger's own rules refuse a change: {error}")
            refused.__cause__ = error
            return refused
        db.execute("RELEASE caller")
        return None

    def _write_changes(self, db: Database, changes: Sequence[Change]) -> None:
        write_changes(db, changes, self._runs, self._standings)

    def begin_run(
        self, run_id: RunId, at: datetime, settings: Mapping[str, object], doubt_since: DoubtSince
    ) -> int:
        """Record a run, and turn every row found as `sending` into `in_doubt`; give their number.

        Raises:
            IllegalMove: a run of that id was begun before.
        """
        if run_id in self._runs:
            raise IllegalMove(f"run {run_id} was begun before")
        number, cut_off = self._write(lambda db: self._begin_run(db, run_id, at, settings, doubt_since))
        self._runs[run_id] = number
        return cut_off

    def _begin_run(
        self,
        db: Database,
        run_id: RunId,
        at: datetime,
        settings: Mapping[str, object],
        doubt_since: DoubtSince,
    ) -> tuple[int, int]:
        at_us = encode_time(at)
        target = encode_json({"base_url": self.info.target.base_url, "org_id": self.info.target.org_id})
        db.execute(
            "INSERT INTO runs (run_id, began_at, settings, target) VALUES (?, ?, ?, ?)",
            (run_id, at_us, encode_json(dict(settings)), target),
        )
        (number,) = db.execute("SELECT id FROM runs WHERE run_id = ?", (run_id,)).fetchone()
        return number, self._cut_off(db, number, at_us, doubt_since)

    def _forget_standings(self) -> None:
        if self._standings is not None:
            self._standings.clear()

    def _cut_off(self, db: Database, run: int, at_us: int, doubt_since: DoubtSince) -> int:
        self._forget_standings()
        where, values = self.own_rows
        db.execute(_CUT_ATTEMPTS + where, (run, CUT_OFF, at_us, *values))
        doubt = (doubt_since.clock_id, doubt_since.at_s)
        news = (at_us, at_us, CUT_OFF, CUT_OFF_MESSAGE)
        return db.execute(_CUT_ROWS + where, (*doubt, *news, *values)).rowcount

    def end_run(self, run_id: RunId, at: datetime, summary: Mapping[str, object]) -> None:
        """Record how a run ended; of two ends the later one stays."""
        values = (encode_time(at), encode_json(dict(summary)), run_id)
        self._write(
            lambda db: db.execute("UPDATE runs SET ended_at = ?, summary = ? WHERE run_id = ?", values)
        )

    def note_paces(self, run_id: RunId, paces: Sequence[PaceNote]) -> None:
        """Keep at which pace a run went; lost without harm."""
        run = self._runs[run_id]
        values = [
            (run, encode_time(one.at), one.rate_per_s, one.ceiling_per_s, one.closed_for_s) for one in paces
        ]
        self._write(lambda db: [db.execute(_NOTE_PACE, one) for one in values])

    def keep_specs(self, specs: Sequence[ServiceSpec]) -> None:
        """Keep what the service said of connection specs; a newer copy takes the place of an older one."""
        values = [(*spec.place, encode_time(spec.read_at), encode_json(spec.document())) for spec in specs]
        self._write(lambda db: [db.execute(_KEEP_SPEC, one) for one in values])

    def keep_rotations(self, round_id: RunId, run_id: RunId, rotated: Sequence[Rotated]) -> None:
        """Keep what became of rows whose credentials were sent, with their new etags and content."""
        round_no, run_no = self._runs[round_id], self._runs[run_id]
        self._write(lambda db: keep_rotations(db, round_no, run_no, rotated))

    def keep_verifications(
        self, round_id: RunId, run_id: RunId, verifications: Sequence[Verification]
    ) -> None:
        """Keep what the service said of rows' connections, over what it said before."""
        round_no, run_no = self._runs[round_id], self._runs[run_id]
        self._write(lambda db: keep_verifications(db, round_no, run_no, verifications))

    @abstractmethod
    def read(self, query: Callable[[Database], T]) -> T:
        """Answer one of `queries.py`."""

    @abstractmethod
    def stream(self, sql: str, values: Sequence[Any] = ()) -> Iterator[Any]:
        """Give the rows of a query one after another, without holding them all."""

    @abstractmethod
    def snapshot(self) -> AbstractContextManager[None]:
        """See one moment of the ledger throughout, whatever a run writes meanwhile."""

    @abstractmethod
    def close(self) -> None:
        """Close the connection. Repeat: safe. What `apply` returned from is durable without it."""

    @abstractmethod
    def _write(self, work: Callable[[Database], T]) -> T:
        """Do work in one transaction, durable when this returns.

        Raises:
            LedgerError: whether it is written is unknown, or it is not; nothing may be sent any more.
        """

    def __enter__(self) -> Self:
        """Give the store itself."""
        return self

    def __exit__(self, *_exc: object) -> None:
        """Close the connection."""
        self.close()
