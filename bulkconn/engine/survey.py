"""The first pass over an inventory: how every row counts, and what a run would do; nothing is sent."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from bulkconn.core.lifecycle import State
from bulkconn.core.plan import Action, plan_action
from bulkconn.core.report import Tally

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bulkconn.core.endpoint import Endpoint
    from bulkconn.core.names import EndpointKey
    from bulkconn.core.plan import Reopen
    from bulkconn.core.protocols import Ledger
    from bulkconn.core.record import NameConflict, RowStanding, TakenUp

_SENT: Final = frozenset({State.SENDING, State.IN_DOUBT, State.CREATED, State.ADOPTED})


@dataclass(slots=True)
class Survey:
    """What the first pass found. `to_send` counts rows by sandbox, `groups` by (action, sandbox, source).

    `doubtful` holds the keys of rows that were ever in doubt: few, and needed to keep the tally right
    when the ledger, not the inventory, brings them up. `edited` are those of them that the inventory
    says otherwise than they were sent. `left_behind` counts pending rows that a retry passes over.
    """

    tally: Tally = field(default_factory=Tally)
    to_send: Counter[str] = field(default_factory=Counter)
    groups: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    doubtful: set[EndpointKey] = field(default_factory=set)
    edited: set[EndpointKey] = field(default_factory=set)
    skipped: int = 0
    to_settle: int = 0
    left_behind: int = 0


async def survey_batch(
    survey: Survey, ledger: Ledger, endpoints: Sequence[Endpoint], *, reopen: Reopen
) -> list[tuple[Endpoint, NameConflict]]:
    """Count a batch of valid endpoints in; give those whose name another key of the ledger has already.

    A conflicting endpoint is not counted: its row is invalid.
    """
    keys = [one.key for one in endpoints]
    standings = await ledger.standings(keys)
    taken_up = await taken_up_before(ledger, keys, reopen=reopen)
    # A row that is finished as the inventory has it got its name when it entered.
    unsure = [one for one in endpoints if not _is_finished(one, standings.get(one.key))]
    conflicts = {}
    if unsure:
        conflicts = await ledger.conflicts(
            [(one.key, one.sandbox, one.connection_spec_id, one.loose_name) for one in unsure]
        )
    found: list[tuple[Endpoint, NameConflict]] = []
    counts: Counter[str] = Counter()
    for endpoint in endpoints:
        key = endpoint.key
        conflict = conflicts.get(key)
        if conflict is not None:
            found.append((endpoint, conflict))
            continue
        record = standings.get(key)
        action, counts_as = plan_action(endpoint, record, reopen=reopen, taken_up=taken_up.get(key))
        counts[counts_as] += 1
        if record is not None and (record.ambiguous or record.state in {"sending", "in_doubt"}):
            survey.doubtful.add(key)
            if record.state in _SENT and record.fingerprint != endpoint.fingerprint:
                survey.edited.add(key)
        group = counts_as if action is Action.SKIP else action
        survey.groups[group, endpoint.sandbox, endpoint.source] += 1
        if action is Action.CREATE:
            survey.to_send[endpoint.sandbox] += 1
        elif action is Action.SETTLE:
            survey.to_settle += 1
        elif action is Action.LEAVE:
            survey.left_behind += 1
        else:
            survey.skipped += 1
    for counts_as, rows in counts.items():
        survey.tally.add("in_doubt" if counts_as == "sending" else counts_as, rows)
    return found


async def taken_up_before(
    ledger: Ledger, keys: Sequence[EndpointKey], *, reopen: Reopen
) -> dict[EndpointKey, TakenUp]:
    """Give what earlier retries took up and did not finish; only a retry need know it."""
    return await ledger.taken_up(keys) if reopen.failed else {}


def _is_finished(endpoint: Endpoint, standing: RowStanding | None) -> bool:
    return (
        standing is not None
        and standing.fingerprint == endpoint.fingerprint
        and (standing.state is State.CREATED or standing.state is State.ADOPTED)
    )
