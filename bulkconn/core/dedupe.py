"""Names that several connections bear: which of them is the ledger's, and which may be deleted."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from bulkconn.core.errors import ExitCode
from bulkconn.core.lifecycle import State
from bulkconn.core.names import loose_name
from bulkconn.core.reply import MARKER
from bulkconn.core.report import Report

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from bulkconn.core.names import ConnectionId, EndpointKey, LedgerId
    from bulkconn.core.record import LedgerRecord
    from bulkconn.core.reply import ListedConnection
    from bulkconn.core.report import Stop


class Fate(StrEnum):
    """What becomes of one connection of several."""

    #: A row of the ledger holds it: never deleted.
    OWNED = "owned"
    #: Nobody of this ledger holds any connection of this name, so which one to keep is not known.
    NO_OWNER = "no_owner"
    #: It bears the marker of another ledger: never deleted.
    FOREIGN = "foreign"
    #: A source connection or a flow is built on it: never deleted.
    IN_USE = "in_use"
    #: Whether something is built on it, or what became of its DELETE, could not be found out.
    UNKNOWN = "unknown"
    #: It may be deleted, and nobody has said so.
    SPARE = "spare"
    #: The service refused to delete it.
    REFUSED = "refused"
    #: It is deleted.
    DELETED = "deleted"


@dataclass(slots=True)
class Bearer:
    """One connection that bears a name. `sources` and `flows` are None where they were not looked up."""

    item: ListedConnection
    owner: EndpointKey | None
    fate: Fate
    sources: int | None = None
    flows: int | None = None
    message: str = ""

    def as_json(self) -> dict[str, Any]:
        """Give the documented keys."""
        return {
            "connection_id": self.item.connection_id,
            "name": self.item.name,
            "owner": self.owner,
            "created_at_ms": self.item.created_at_ms,
            "source_connections": self.sources,
            "flows": self.flows,
            "fate": self.fate.value,
            "message": self.message,
        }


@dataclass(slots=True)
class Double:
    """A name (loosely compared) and connection spec that several connections of a sandbox have."""

    sandbox: str
    name: str
    connection_spec_id: str
    bearers: list[Bearer]

    def as_json(self) -> dict[str, Any]:
        """Give the documented keys."""
        return {
            "sandbox": self.sandbox,
            "name": self.name,
            "connection_spec_id": self.connection_spec_id,
            "connections": [one.as_json() for one in self.bearers],
        }


def find_doubles(
    sandbox: str,
    items: Iterable[ListedConnection],
    is_wanted: Callable[[str, str], bool],
) -> list[list[ListedConnection]]:
    """Group a sandbox's connections by loose name and connection spec; give groups of several.

    `is_wanted` says of a loose name and a spec whether the inventory has it: other people's names are
    none of our business. An item whose spec or other sandbox is shown cannot be told, so it is left out.
    """
    groups: dict[tuple[str, str], list[ListedConnection]] = {}
    for item in items:
        spec_id, loose = item.connection_spec_id, loose_name(item.name)
        if spec_id is not None and item.sandbox in {None, sandbox} and is_wanted(loose, spec_id):
            groups.setdefault((loose, spec_id), []).append(item)
    return [group for group in groups.values() if len(group) > 1]


def judge_double(
    sandbox: str,
    items: Sequence[ListedConnection],
    owners: Mapping[ConnectionId, EndpointKey],
    ledger_id: LedgerId,
) -> Double:
    """Say of each connection of a name who owns it. Without an owner none of them may be deleted."""
    spare = Fate.SPARE if any(one.connection_id in owners for one in items) else Fate.NO_OWNER
    bearers = []
    for one in items:
        fate = Fate.FOREIGN if _is_marked_by_another(one, ledger_id) else spare
        owner = owners.get(one.connection_id)
        bearers.append(Bearer(one, owner, fate if owner is None else Fate.OWNED))
    return Double(sandbox, items[0].name, items[0].connection_spec_id or "", bearers)


def _is_marked_by_another(item: ListedConnection, ledger_id: LedgerId) -> bool:
    marks = MARKER.findall(item.description or "")
    return bool(marks) and not marks[-1].startswith(f"[bulkconn:{ledger_id}/")


def note_uses(bearer: Bearer, sources: int | None, flows: int | None) -> None:
    """Take note of what is built on a spare connection; None: that could not be found out."""
    bearer.sources, bearer.flows = sources, flows
    if sources is None or flows is None:
        bearer.fate = Fate.UNKNOWN
        bearer.message = "what is built on it could not be found out"
    elif sources or flows:
        bearer.fate = Fate.IN_USE
        bearer.message = "something is built on it"


def is_owner(record: LedgerRecord) -> bool:
    """Tell whether a row owns its connection: created, adopted, or held because others showed up."""
    return record.connection_id is not None and record.state in {State.CREATED, State.ADOPTED, State.HELD}


def may_be_created_again(
    record: LedgerRecord, left: Collection[ConnectionId], *, is_there: bool, gone: Collection[ConnectionId]
) -> bool:
    """Tell whether a held row is as good as created: its own connection is the only one that is left.

    `left` bear its name still, `is_there` says that its own was seen, `gone` are certainly deleted.
    """
    own = record.connection_id
    return (
        record.state is State.HELD
        and own is not None
        and is_there
        and all(one in gone for one in record.other_ids if one != own)
        and all(one == own for one in left)
    )


@dataclass(frozen=True, slots=True)
class DedupeReport(Report):
    """The report of a run, and what became of the names that several connections bear."""

    doubles: Sequence[Double] = ()
    settled_rows: int = 0
    deletes: int = 0
    is_dry_run: bool = False
    fates: Mapping[Fate, int] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Give the documented JSON value: that of a run, and the key `dedupe`."""
        # Zero-argument `super` does not work in a dataclass with slots.
        shown = Report.as_json(self)
        shown["dedupe"] = {
            "dry_run": self.is_dry_run,
            "names": len(self.doubles),
            "connections": {fate.value: self.fates.get(fate, 0) for fate in Fate},
            "rows_created": self.settled_rows,
            "requests": self.deletes,
            "doubles": [one.as_json() for one in self.doubles],
        }
        return shown


def count_fates(doubles: Iterable[Double]) -> dict[Fate, int]:
    """Count connections by what became of them."""
    counts = dict.fromkeys(Fate, 0)
    for double in doubles:
        for one in double.bearers:
            counts[one.fate] += 1
    return counts


def dedupe_exit_code(doubles: Iterable[Double], *, stopped: Stop | None) -> ExitCode:
    """Give the exit code of a dedupe that was not interrupted: 0 where no name has several any more."""
    if stopped is not None:
        return ExitCode.STOPPED
    left = [sum(one.fate is not Fate.DELETED for one in double.bearers) for double in doubles]
    return ExitCode.ROWS_UNFINISHED if any(count > 1 for count in left) else ExitCode.OK
