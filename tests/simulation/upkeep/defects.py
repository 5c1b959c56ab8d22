"""Small deliberate defects of rollback, rotation and dedupe; their simulation must catch every one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from bulkconn.core.lifecycle import State
from bulkconn.core.outcome import Outcome, OutcomeKind
from bulkconn.core.record import Provenance
from bulkconn.core.removal import Refused, Removed, read_removal
from bulkconn.core.rollback import Delete, decide_rollback
from bulkconn.core.rotation import Changed, classify_change
from bulkconn.engine import removing, rollback, rotating
from bulkconn.engine.uses import UseLooker
from tests.simulation.upkeep import worker

if TYPE_CHECKING:
    from collections.abc import Callable

_Patches = list[tuple[Any, str, Any]]


class Defect(NamedTuple):
    """What makes it, and a word of what must be said of it."""

    make: Callable[[], _Patches]
    word: str


def _adopted_rows_deleted() -> _Patches:
    def decide(record: Any, *rest: Any) -> Any:
        if record.state == "adopted":
            record = replace(record, provenance=Provenance.REPLY, state=State.CREATED)
        return decide_rollback(record, *rest)

    states = frozenset({*worker.STATES, State.ADOPTED})
    return [(rollback, "decide_rollback", decide), (worker, "STATES", states)]


def _twins_deleted_unseen() -> _Patches:
    def decide(record: Any, *rest: Any) -> Any:
        decided = decide_rollback(record, *rest)
        return decided if decided is None else Delete((record.connection_id, *record.other_ids))

    return [(rollback, "decide_rollback", decide)]


def _marked_before_the_delete() -> _Patches:
    original = rollback.Rollback.roll_back

    async def roll_back(self: rollback.Rollback, job: Any) -> None:
        record, decision = job
        await self._deleted(record, decision.ids, were_gone=False)
        self._deleted = _nothing  # type: ignore[method-assign]  # what was done is not done again
        await original(self, job)
        del self._deleted

    async def _nothing(*_: Any, **__: Any) -> None:
        return

    return [(rollback.Rollback, "roll_back", roll_back)]


def _gone_taken_for_a_refusal() -> _Patches:
    def read(*arguments: Any) -> Any:
        said = read_removal(*arguments)
        return Refused("404", "not found", None) if said == Removed(was_there=False) else said

    return [(removing, "read_removal", read)]


def _lost_delete_taken_for_done() -> _Patches:
    def read(*arguments: Any) -> Any:
        said = read_removal(*arguments)
        is_lost = isinstance(said, Outcome) and said.kind is OutcomeKind.IN_DOUBT
        return Removed(was_there=True) if is_lost else said

    return [(removing, "read_removal", read)]


def _lost_patch_taken_for_done() -> _Patches:
    def classify(*arguments: Any) -> Any:
        said = classify_change(*arguments)
        is_lost = isinstance(said, Outcome) and said.kind is OutcomeKind.IN_DOUBT
        return Changed(None) if is_lost else said

    return [(rotating, "classify_change", classify)]


def _each_process_its_own_round() -> _Patches:
    return [(worker, "round_of", lambda _last, run_id, *_: run_id)]


def _stale_etag_for_good() -> _Patches:
    async def fresh(self: rotating.Rotator, _place: Any) -> Any:
        return '"old"'

    return [(rotating.Rotator, "_fresh_etag", fresh)]


def _uses_not_asked() -> _Patches:
    async def count(*_: Any) -> tuple[int, int]:
        return 0, 0

    return [(UseLooker, "count", count)]


#: Each defect by its name.
DEFECTS: Final[dict[str, Defect]] = {
    "adopted rows rolled back": Defect(_adopted_rows_deleted, "not certainly ours"),
    "twins rolled back unseen": Defect(_twins_deleted_unseen, "not certainly ours"),
    "deleted before the DELETE": Defect(_marked_before_the_delete, "is deleted, and its connection is there"),
    "404 to a DELETE taken for a refusal": Defect(_gone_taken_for_a_refusal, "at the end"),
    "lost DELETE taken for done": Defect(_lost_delete_taken_for_done, "is there"),
    "lost PATCH taken for done": Defect(_lost_patch_taken_for_done, "has its old credentials"),
    "a round for each process": Defect(_each_process_its_own_round, "rotated before"),
    "stale etag kept": Defect(_stale_etag_for_good, "is not rotated"),
    "uses not asked for": Defect(_uses_not_asked, "something is built on it"),
}
