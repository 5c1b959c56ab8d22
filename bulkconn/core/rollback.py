"""Which connections a rollback may delete: what this ledger created, and nothing that may be another's."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from bulkconn.core.errors import ExitCode
from bulkconn.core.lifecycle import State
from bulkconn.core.record import Provenance

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from bulkconn.core.names import ConnectionId, EndpointKey
    from bulkconn.core.record import LedgerRecord
    from bulkconn.core.report import Stop


class Spared(StrEnum):
    """Why a row that was chosen keeps its connection, and how a script reads it."""

    #: A flow uses it.
    IN_USE = "in_use"
    #: The service refused the DELETE for another reason.
    REFUSED = "refused"
    #: The row is held, and not every connection in question was certainly made by this ledger.
    NOT_CERTAINLY_OURS = "not_certainly_ours"
    #: Others were answered, this DELETE never.
    NOT_ANSWERED = "not_answered"


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete these connections of the row, all of which this ledger made."""

    ids: tuple[ConnectionId, ...]


@dataclass(frozen=True, slots=True)
class Spare:
    """Leave the row and everything that bears its name alone."""

    message: str


def decide_rollback(
    record: LedgerRecord,
    vouched: Collection[ConnectionId],
    holders: Mapping[ConnectionId, EndpointKey],
) -> Delete | Spare | None:
    """Decide about a row; None where there is nothing of ours to delete.

    `vouched` are ids that a 201 of this ledger brought for the row, `holders` says which row holds which id.
    A created row's connection is ours, told by a reply or found after a doubt. Of a held row it is ours only
    if a 201 said so: one that was found beside a twin may be a stranger's namesake. Such a row is rolled back
    as a whole or not at all, because a row is deleted once nothing of it is left.
    """
    own = record.connection_id
    if record.state is State.CREATED:
        if own is None or record.provenance not in {Provenance.REPLY, Provenance.LOOKUP}:
            return None
        ids: tuple[ConnectionId, ...] = (own,)
    elif record.state is State.HELD:
        certain = {*vouched, *([own] if own and record.provenance is Provenance.REPLY else ())}
        ids = tuple(dict.fromkeys([*([own] if own else ()), *record.other_ids]))
        unsure = [one for one in ids if one not in certain]
        if len(unsure) == len(ids):
            return None
        if unsure:
            return Spare(f"not certainly created here: {', '.join(unsure)}; `bulkconn dedupe` shows more")
    else:
        return None
    foreign = [one for one in ids if holders.get(one, record.key) != record.key]
    if foreign:
        return Spare(f"another row holds {', '.join(foreign)}: {holders[foreign[0]]}")
    return Delete(ids)


@dataclass(frozen=True, slots=True)
class KeptRow:
    """A row that was chosen and is not deleted, and why. `message` is redacted."""

    key: EndpointKey
    name: str
    sandbox: str
    ids: tuple[ConnectionId, ...]
    why: Spared
    code: str
    message: str

    def as_json(self) -> dict[str, Any]:
        """Give the documented keys."""
        return {
            "key": self.key,
            "name": self.name,
            "sandbox": self.sandbox,
            "connection_ids": list(self.ids),
            "why": self.why.value,
            "code": self.code,
            "message": self.message,
        }


def rollback_exit_code(*, kept: int, left: int, in_doubt: int, stopped: Stop | None) -> ExitCode:
    """Give the exit code of a rollback that was not interrupted.

    `left` are rows that it did not come to, `in_doubt` those that may have a connection which nobody knows.
    """
    if stopped is not None or left:
        return ExitCode.STOPPED
    return ExitCode.ROWS_UNFINISHED if kept or in_doubt else ExitCode.OK
