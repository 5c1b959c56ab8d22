"""The look of `plan --live`: what the inventory, the ledger and the sandboxes say, one against the other."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from bulkconn.cli.pages import of_store
from bulkconn.core.diff import Change, KeySet, LiveDiff
from bulkconn.core.lifecycle import State
from bulkconn.core.plan import Action, plan_action
from bulkconn.engine.looking import serving
from bulkconn.engine.lookup import Looker
from bulkconn.engine.survey import taken_up_before

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bulkconn.cli.checking import Checked
    from bulkconn.cli.names import NamesFound
    from bulkconn.core.endpoint import Endpoint
    from bulkconn.core.names import ConnectionId, EndpointKey
    from bulkconn.core.plan import PlannedAction
    from bulkconn.engine.run import Engine
    from bulkconn.ledger.sql_store import SqlStore

#: Rows whose ledger records are read at a time.
_BATCH: Final = 200
_OWNED: Final = (State.CREATED, State.ADOPTED)


async def compare(engine: Engine, checked: Checked, found: NamesFound, store: SqlStore | None) -> LiveDiff:
    """Compare row by row, then look for connections of the ledger that no row has any more.

    Sandboxes that cannot be listed stop the engine, and the diff knows nothing of their orphans.
    Cancel: safe, nothing was changed.
    """
    diff, keys = LiveDiff(), KeySet()
    for batch in _batches(checked.endpoints()):
        ledger, reopen = engine.run.ledger, engine.run.settings.reopen
        batch_keys = [one.key for one in batch]
        records = await ledger.records(batch_keys)
        taken_up = await taken_up_before(ledger, batch_keys, reopen=reopen)
        for endpoint in batch:
            keys.add(endpoint.key)
            record = records.get(endpoint.key)
            planned = plan_action(endpoint, record, reopen=reopen, taken_up=taken_up.get(endpoint.key))
            change = _change_of(endpoint, planned, found)
            if change is not None:
                connection_id = found.adopts.get(endpoint.key) or (record.connection_id if record else None)
                diff.add(change, _told(endpoint.key, endpoint.name, endpoint.sandbox, connection_id))
    if store is not None:
        async with serving(engine.run):
            await _add_orphans(engine, diff, keys, store)
    return diff


def _change_of(endpoint: Endpoint, planned: PlannedAction, found: NamesFound) -> Change | None:
    """Say what a run would find of a row; None where it is held, failed, in doubt, deleted or left alone."""
    if endpoint.key in found.adopts:
        return Change.ADOPT
    if planned.action is Action.CREATE:
        return None if endpoint.key in found.held or planned.counts_as != State.PENDING else Change.CREATE
    if planned.counts_as == "changed":
        return Change.CHANGED
    return Change.UNCHANGED if planned.counts_as in _OWNED else None


async def _add_orphans(engine: Engine, diff: LiveDiff, keys: KeySet, store: SqlStore) -> None:
    book, looker = of_store(store), Looker(engine.run)
    shown: dict[str, frozenset[ConnectionId] | None] = {}
    numbers = iter(await book.rows_in(_OWNED, None))
    while batch := list(islice(numbers, _BATCH)):
        for record in await book.numbered(batch):
            if record.key in keys or record.connection_id is None:
                continue
            sandbox = record.sent_as.sandbox if record.sent_as else record.sandbox
            if sandbox not in shown:
                listing = await looker.listing(sandbox, begun_after_s=float("-inf"))
                ids = None if listing is None else frozenset(one.connection_id for one in listing[1].items)
                shown[sandbox] = ids
            if record.connection_id in (shown[sandbox] or ()):
                diff.add(Change.ORPHAN, _told(record.key, record.name, sandbox, record.connection_id))
    diff.unlisted = sorted(sandbox for sandbox, ids in shown.items() if ids is None)


def _told(key: EndpointKey, name: str, sandbox: str, connection_id: ConnectionId | None) -> dict[str, Any]:
    return {"key": key, "name": name, "sandbox": sandbox, "connection_id": connection_id}


def _batches(endpoints: Iterator[Endpoint]) -> Iterator[list[Endpoint]]:
    while batch := list(islice(endpoints, _BATCH)):
        yield batch
