"""What must hold in a fleet besides what must hold always."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from tests.simulation import invariants

if TYPE_CHECKING:
    from tests.simulation.fleet.story import FleetStory
    from tests.simulation.fleet.worker import WorkerProcess

_SECOND: Final = 1.0 - 1e-3
#: How far all together may pass the ceiling.
_OVER: Final = 1.1


def after_a_worker(story: FleetStory, process: WorkerProcess) -> list[str]:
    """Judge what must hold at any moment; others may be at work."""
    faults = _crimes(story)
    faults += _answers_are_kept(story, process)
    records = invariants._records(story.party)
    faults += invariants._ids_are_right(cast("Any", story), story.party, records)
    faults += invariants._nothing_is_lost(cast("Any", story), story.party, records)
    if story.is_within:
        twins = invariants.twins(cast("Any", story), story.party)
        faults += [f"{key} was created twice: {[one.id for one in ours]}" for key, ours in twins.items()]
    return [f"{process.name}: {fault}" for fault in faults]


def at_the_end(story: FleetStory) -> list[str]:
    """Judge what must hold once the weather is fair, everything shows and a last settle was made."""
    faults = _crimes(story)
    ((late,),) = story.server.rows("SELECT count(*) FROM attempts WHERE fact = 'late'")
    story.verdict.met["answers kept that came late"] += late
    for process in story.processes:
        faults += after_a_worker(story, process)
    return [*faults, *_pace(story), *invariants.at_the_end(cast("Any", story), story.party)]


def _crimes(story: FleetStory) -> list[str]:
    faults = [*story.crimes, *story.service.crimes, *story.server.crimes, *story.hub.errors]
    for told in (story.crimes, story.service.crimes, story.server.crimes, story.hub.errors):
        told.clear()
    return faults


def _answers_are_kept(story: FleetStory, process: WorkerProcess) -> list[str]:
    """An id that an answer brought stands in the ledger, whoever held the row by then."""
    if process.was_killed or process.error is not None or not process.ended.done():
        return []
    kept = {one for (one,) in story.server.rows("SELECT connection_id FROM attempts")}
    if process.has_broken:
        kept |= {one for _, one in story.party.unrecorded}
    return [f"{one} was answered and is nowhere" for one in process.door.told if one not in kept]


def _pace(story: FleetStory) -> list[str]:
    """No second saw more requests leave, of all workers together, than the ceiling and a tenth.

    Less than one request more is none: at 2 a second a window of a second may begin with one.
    """
    ceiling = story.drawing.rate
    limit = max(ceiling * _OVER, ceiling + 1.0)
    sent = sorted(at_s for process in story.processes for at_s in process.door.sent_s)
    first, worst = 0, ""
    for index, at_s in enumerate(sent):
        while at_s - sent[first] >= _SECOND:
            first += 1
        if index - first + 1 > limit and not _had_a_wake(story, sent[first], at_s):
            worst = f"{index - first + 1} requests left in a second at {at_s:.3f}, the ceiling is {ceiling:g}"
    return [worst] if worst else []


def _had_a_wake(story: FleetStory, from_s: float, to_s: float) -> bool:
    """Tell whether somebody who stood still went on meanwhile: what had its slot by then left late."""
    return any(from_s - 0.1 <= at_s <= to_s + 0.1 for at_s in story.wakes_s)
