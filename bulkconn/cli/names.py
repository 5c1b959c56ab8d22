"""The look of `plan` at names that exist already: the same lookups as a run makes, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from bulkconn.core.adoption import shows_same_database
from bulkconn.core.diagnostics import Diagnostic, Severity
from bulkconn.core.plan import Action, Adopt, HoldExisting, OnExisting, Send, decide_existing, plan_action
from bulkconn.core.report import Tally
from bulkconn.engine.existing import ExistingNames
from bulkconn.engine.looking import serving
from bulkconn.engine.lookup import Looker
from bulkconn.engine.survey import taken_up_before
from bulkconn.report.words import plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bulkconn.cli.checking import Checked
    from bulkconn.core.diff import LiveDiff
    from bulkconn.core.endpoint import Endpoint
    from bulkconn.core.names import ConnectionId, EndpointKey
    from bulkconn.core.report import Stop
    from bulkconn.engine.run import Engine

#: Rows whose ledger records are read at a time.
_BATCH: Final = 200


@dataclass(slots=True)
class NamesFound:
    """What the look found: a line for the reader, rows that a run would hold, and why it ended early."""

    note: str
    diagnostics: list[Diagnostic] = field(default_factory=list)
    looked: int = 0
    existing: int = 0
    stopped: Stop | None = None
    diff: LiveDiff | None = None
    #: Keys of the rows that a run would hold, and of those whose id it would take over, with that id.
    held: set[EndpointKey] = field(default_factory=set)
    adopts: dict[EndpointKey, ConnectionId] = field(default_factory=dict)
    #: How the rows would end, as far as names decide it; begins as the survey's.
    tally: Tally = field(default_factory=Tally)


async def look_at_names(engine: Engine, checked: Checked) -> NamesFound:
    """Look up, at the pace of a run, which rows that would be sent have names that exist already.

    Cancel: safe, nothing was changed.
    """
    found = NamesFound("", tally=Tally(checked.survey.tally.counts))
    existing = ExistingNames(engine.run, Looker(engine.run), checked.survey.to_send)
    async with serving(engine.run):
        try:
            await _look(engine, existing, checked, found)
        finally:
            await existing.close()
    found.stopped = engine.stops.reported
    found.note = _note(found)
    return found


async def _look(engine: Engine, existing: ExistingNames, checked: Checked, found: NamesFound) -> None:
    batch: list[Endpoint] = []
    for endpoint in checked.endpoints():
        batch.append(endpoint)
        if len(batch) >= _BATCH:
            await _look_at_batch(engine, existing, batch, found)
            batch.clear()
    await _look_at_batch(engine, existing, batch, found)


async def _look_at_batch(
    engine: Engine, existing: ExistingNames, batch: Sequence[Endpoint], found: NamesFound
) -> None:
    run = engine.run
    reopen, keys = run.settings.reopen, [endpoint.key for endpoint in batch]
    records = await run.ledger.records(keys)
    taken_up = await taken_up_before(run.ledger, keys, reopen=reopen)
    for endpoint in batch:
        record = records.get(endpoint.key)
        planned = plan_action(endpoint, record, reopen=reopen, taken_up=taken_up.get(endpoint.key))
        if planned.action is not Action.CREATE or (record is not None and record.attempts):
            continue
        if engine.stops.is_stopping:
            return
        items = await existing.like_named(endpoint)
        if items is None:
            continue
        found.looked += 1
        if not items:
            continue
        found.existing += 1
        decision = decide_existing(
            endpoint,
            items,
            policy=run.settings.on_existing,
            holders=await run.ledger.holders([item.connection_id for item in items]),
            is_same_database=lambda ours, item: shows_same_database(ours, item.visible),
        )
        fate = "held" if isinstance(decision, HoldExisting) else "adopted"
        if isinstance(decision, HoldExisting):
            found.held.add(endpoint.key)
            found.diagnostics.append(_held(endpoint, decision, run.settings.on_existing))
        if isinstance(decision, Adopt):
            found.adopts[endpoint.key] = decision.item.connection_id
        if not isinstance(decision, Send):
            found.tally.move(planned.counts_as, fate)


def _held(endpoint: Endpoint, decision: HoldExisting, policy: OnExisting) -> Diagnostic:
    other = "adopt or create" if policy is OnExisting.HOLD else "create"
    return Diagnostic(
        Severity.WARNING,
        endpoint.file,
        f"a run would hold this row: {decision.reason}",
        f"compare with the ids found; rename the row, or run with --on-existing {other}",
        row=endpoint.row,
        column="name",
        found=", ".join(f"{item.name} ({item.connection_id})" for item in decision.items),
    )


def _note(found: NamesFound) -> str:
    looked = f"names in the sandboxes: {plural(found.looked, 'row')} looked at, "
    if not found.existing:
        return f"{looked}none exists already"
    held = len(found.diagnostics)
    return f"{looked}{found.existing:,} exist already, {held:,} would be held"
