"""What must hold of a rollback, a rotation and a dedupe, whatever is cut off when."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from bulkconn.core.errors import LedgerError
from tests.simulation import invariants
from tests.simulation.upkeep.worker import same_name

if TYPE_CHECKING:
    from tests.simulation.disk import Disk
    from tests.simulation.menu import Made
    from tests.simulation.upkeep.story import UpkeepStory
    from tests.simulation.upkeep.worker import UpkeepProcess


class Known(NamedTuple):
    """What the ledger says of a row."""

    key: str
    state: str
    connection_id: str | None
    provenance: str | None
    other_ids: tuple[str, ...]
    fingerprint: str

    @property
    def ids(self) -> tuple[str, ...]:
        """Every connection in question, the row's own first."""
        return (*([self.connection_id] if self.connection_id else ()), *self.other_ids)

    @property
    def deletable(self) -> tuple[str, ...]:
        """What a rollback may delete of it."""
        if self.state == "created" and self.provenance != "adopt":
            return self.ids[:1]
        return self.ids if self.state == "held" and not self.other_ids else ()


_ROWS: Final = "SELECT key, state, connection_id, provenance, other_ids, fingerprint FROM rows"
_EVER: Final = """
    SELECT rows.key, attempts.connection_id FROM attempts JOIN rows ON rows.id = attempts.row_id
    WHERE attempts.connection_id IS NOT NULL
"""
_ROTATED: Final = """
    SELECT rows.key FROM rotations JOIN rows ON rows.id = rotations.row_id WHERE rotations.outcome = 'rotated'
"""
_ENDS: Final = "SELECT rows.key, rotations.outcome FROM rotations JOIN rows ON rows.id = rotations.row_id"


def read_rows(disk: Disk) -> dict[str, Known]:
    """Read every row."""
    rows = disk.rows(_ROWS)
    return {row[0]: Known._make((*row[:4], tuple(json.loads(row[4] or "[]")), row[5])) for row in rows}


def why_not_delete(story: UpkeepStory, made: Made) -> str | None:
    """Say why this connection must not be deleted now; None where it may."""
    if story.command == "rotate":
        return "a rotation deletes nothing"
    at_first = story.at_first.values()
    if story.command == "rollback":
        return None if any(made.id in row.deletable for row in at_first) else "it is not certainly ours"
    if any(made.id == row.connection_id for row in at_first):
        return "a row holds it"
    if made.id in story.service.in_use:
        return "something is built on it"
    owned = {row.connection_id for row in at_first}
    others = [one for one in story.service.made if one.id in owned and same_name(one, made)]
    is_there = any(one.gone_s > story.loop.now_s for one in others)
    return None if is_there else "the ledger's own connection of its name is not there"


def why_not_change(story: UpkeepStory, made: Made) -> str | None:
    """Say why the parameters of this connection must not be replaced now; None where they may."""
    row = next((row for row in story.at_first.values() if row.connection_id == made.id), None)
    if story.command != "rotate" or row is None or row.state != "created":
        return "it is not that of a created row"
    rotated = {key for (key,) in story.disk.rows(_ROTATED)}
    is_first_round = story.verdict.met["rotate: complete"] == 0
    return "its row was rotated before" if row.key in rotated and is_first_round else None


def after_a_process(story: UpkeepStory, process: UpkeepProcess) -> list[str]:
    """Judge what must hold at any moment."""
    service, ran = story.service, cast("Any", _AsRan(process))
    service.catch_up()
    faults = [*service.crimes, *story.loop.errors, *story.disk.crimes]
    for told in (service.crimes, story.loop.errors, story.disk.crimes):
        told.clear()
    faults += invariants._pace(ran)
    if story.command != "dedupe":
        # What a signal does while doubles are listed is not the tour's business.
        faults += invariants._end(ran)
    if process.error is not None and not isinstance(process.error, LedgerError):
        faults.append(f"it ended with {process.error!r}")
    rows, now_s = read_rows(story.disk), story.loop.now_s
    there = {made.id for made in service.made if made.gone_s > now_s}
    ever = {tuple(row) for row in story.disk.rows(_EVER)}
    for was in story.at_first.values():
        row = rows[was.key]
        # Of a connection that an earlier process deleted, unheard, a dedupe keeps no trace.
        known = {*row.ids, *(one for key, one in ever if key == was.key)}
        lost = [one for one in was.ids if one not in known and one in there]
        if lost:
            faults.append(f"{was.key} has lost {lost}")
        if row.state == "deleted" and there & set(was.deletable):
            faults.append(f"{was.key} is deleted, and its connection is there: {was.ids}")
        if row.state != was.state and (was.state, row.state) not in _MOVES[story.command]:
            faults.append(f"{was.key} was {was.state} and is {row.state}")
    return faults + _rotated_rows(story, rows, there)


_MOVES: Final = {
    "rollback": {("created", "deleted"), ("held", "deleted")},
    "rotate": set(),
    "dedupe": {("held", "created")},
}


def _rotated_rows(story: UpkeepStory, rows: dict[str, Known], there: set[str]) -> list[str]:
    faults = []
    wanted = {one.key: one.fingerprint for one in story.rotated_endpoints}
    for (key,) in story.disk.rows(_ROTATED):
        one = rows[key].connection_id
        if one in there and one not in story.by_hand and story.service.user[one] != "rotated":
            faults.append(f"{key} is called rotated, and {one} has its old credentials")
        if rows[key].fingerprint != wanted[key]:
            faults.append(f"{key} was rotated, and the ledger has its old content")
    return faults


def at_the_end(story: UpkeepStory, process: UpkeepProcess) -> list[str]:
    """Judge what must hold once a process in fair weather has done all that there was to do."""
    rows, now_s = read_rows(story.disk), story.loop.now_s
    there = {made.id for made in story.service.made if made.gone_s > now_s}
    judge = {"rollback": _rolled_back, "rotate": _rotated, "dedupe": _deduped}[story.command]
    return [f"at the end: {fault}" for fault in judge(story, process, rows, there)]


def _rolled_back(
    story: UpkeepStory, process: UpkeepProcess, rows: dict[str, Known], there: set[str]
) -> list[str]:
    faults = []
    for was in story.at_first.values():
        if was.deletable and rows[was.key].state != "deleted":
            is_in_use = any(one in story.service.in_use and one in there for one in was.ids)
            if not is_in_use or process.told.get(was.key) != "in_use":
                faults.append(f"{was.key} is {rows[was.key].state}: {process.told.get(was.key)}")
    return faults


def _rotated(
    story: UpkeepStory, process: UpkeepProcess, rows: dict[str, Known], there: set[str]
) -> list[str]:
    ends = dict(story.disk.rows(_ENDS))
    faults = []
    for was in story.at_first.values():
        if was.state != "created" or ends.get(was.key) == "rotated":
            continue
        if was.connection_id in there or was.key not in ends:
            faults.append(f"{was.key} is not rotated: {ends.get(was.key)} {process.told}")
    return faults


def _deduped(
    story: UpkeepStory, process: UpkeepProcess, rows: dict[str, Known], there: set[str]
) -> list[str]:
    owned = {row.connection_id: row for row in rows.values() if row.state in {"created", "adopted", "held"}}
    made = {one.id: one for one in story.service.made if one.id in there}
    faults = []
    for one in made.values():
        owners = [owned[other] for other in owned if other in made and same_name(made[other], one)]
        if one.id in owned or not owners or one.id in story.service.in_use:
            continue
        if all(row.state == "created" for row in owners):
            faults.append(f"{one.id} was to be deleted and is there: {process.told.get(one.id)}")
    return faults


class _AsRan:
    """A process as the invariants of runs look at it."""

    def __init__(self, process: UpkeepProcess) -> None:
        self.door, self.settings, self.ending = process.door, process.settings, process.ending
        self.began_s, self.ended_s = process.began_s, process.ended_s
        self.was_suspended = process.ending.freeze is not None
