"""What must hold, whatever the seed: compared with the truth that only the service knows."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple

from bulkconn.core.errors import ExitCode, LedgerError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bulkconn.core.report import Report
    from tests.simulation.menu import Made
    from tests.simulation.party import Party, Ran
    from tests.simulation.scenario import Story

#: A loop takes its moment between a slot and the first byte.
_SECOND: Final = 1.0 - 1e-3
#: What an end may take beside the drain: commits, and the summary.
_WINDING_UP_S: Final = 3.0


def twins(story: Story, party: Party) -> dict[str, list[Made]]:
    """Give the keys for which a ledger's POSTs made more than one connection that still exists."""
    return {key: ours for key, ours in _by_key(story, party).items() if len(ours) > 1}


def _by_key(story: Story, party: Party) -> dict[str, list[Made]]:
    """Give what a ledger's POSTs made and nobody deleted, by key."""
    found: dict[str, list[Made]] = defaultdict(list)
    for one in story.service.made:
        if one.owner is party and one.key is not None and not one.is_gone:
            found[one.key].append(one)
    return found


def after_a_process(story: Story, ran: Ran) -> list[str]:
    """Judge what must hold at any moment."""
    party = ran.party
    faults = [*story.service.crimes, *story.loop.errors, *party.disk.crimes]
    for told in (story.service.crimes, story.loop.errors, party.disk.crimes):
        told.clear()
    if story.is_within:
        faults += [f"{key} was created twice: {_ids(ours)}" for key, ours in twins(story, party).items()]
    faults += _pace(ran)
    faults += _end(ran)
    records = _records(party)
    faults += _ids_are_right(story, party, records)
    told = party.retries.on_end(ran)
    if not party.was_restored:
        faults += told
        faults += _nothing_is_lost(story, party, records)
    if ran.error is not None and not isinstance(ran.error, LedgerError):
        faults.append(f"the run ended with {ran.error!r}")
    if ran.report is not None:
        faults += _report(ran, ran.report, records)
    truth = {made.id: made.key for made in story.service.made}
    faults += [f"last resort: {key} {one}" for key, one in party.unrecorded if truth.get(one, "?") != key]
    return [f"run {story.runs}: {fault}" for fault in faults]


def at_the_end(story: Story, party: Party) -> list[str]:
    """Judge what must hold once the weather is fair, everything shows and a last settle was made."""
    faults = []
    records = _records(party)
    made = _by_key(story, party)
    if story.is_within or not party.was_restored:
        for key, ours in made.items():
            record = records.get(key)
            # An older ledger knows of no retry after it, and a failed row is looked at on request only.
            if not (party.was_restored and record is not None and record.state == "failed"):
                faults += _is_accounted_for(story, key, ours, record)
    for line in party.lines:
        found = records.get(line.endpoint().key)
        if found is not None and found.state in {"sending", "in_doubt"}:
            at = _shown(story, made.get(found.key, []))
            may_stay = (
                story.drawing.grace_s is None
                or found.is_certain
                or line.sandbox not in _sandboxes_with_control(story, party, records)
            )
            if at or not may_stay:
                faults.append(f"{found.key} is still {found.state}: {found.error_message} {at and _ids(at)}")
    return [f"at the end: {fault}" for fault in faults]


def _is_accounted_for(story: Story, key: str, ours: list[Made], record: Known | None) -> list[str]:
    """Every connection is known by its row, and more than one of them make it held."""
    if record is None:
        return [f"{key} is not in the ledger and has {_ids(ours)}"]
    seen = _shown(story, ours)
    missing = [made.id for made in seen if made.id not in record.ids]
    faults = []
    if missing:
        faults.append(f"{key} is {record.state} and does not know {missing} of {_ids(ours)}")
    if len(seen) > 1 and record.state != "held":
        faults.append(f"{key} has a twin and is {record.state}")
    return faults


def _shown(story: Story, ours: list[Made]) -> list[Made]:
    """Leave out what no lookup by its name shows: that is beyond any promise."""
    return [one for one in ours if story.service.habits.finds_alike or one.name == one.sent_name]


def _sandboxes_with_control(story: Story, party: Party, records: dict[str, Known]) -> set[str]:
    """Where a created row can stand for the lookup's sight: its connection still bears the name as sent."""
    created = {record.connection_id for record in records.values() if record.state == "created"}
    alike = story.service.habits.finds_alike
    return {
        made.sandbox
        for made in story.service.made
        if made.id in created
        and not made.is_gone
        and (made.name == made.sent_name or (alike and made.name.casefold() == made.sent_name.casefold()))
    }


class Known(NamedTuple):
    """What the ledger says of a row, as far as it is judged here."""

    key: str
    state: str
    fingerprint: str
    connection_id: str | None
    provenance: str | None
    ambiguous: int
    is_certain: int
    error_message: str | None
    other_ids: tuple[str, ...]

    @property
    def ids(self) -> set[str | None]:
        """Every id that the row names."""
        return {self.connection_id, *self.other_ids}

    def counts_as(self, fingerprint: str) -> str:
        """Say as what the row must be reported."""
        if self.state in {"created", "adopted"}:
            return self.state if self.fingerprint == fingerprint else "changed"
        return "in_doubt" if self.state == "sending" else self.state


_ROWS: Final = (
    "SELECT key, state, fingerprint, connection_id, provenance, ambiguous, certainly_created, "
    "error_message, other_ids FROM rows"
)


def _records(party: Party) -> dict[str, Known]:
    rows = party.disk.rows(_ROWS)
    return {row[0]: Known._make((*row[:-1], _ids_of(row[-1]))) for row in rows}


def _ids_of(text: str | None) -> tuple[str, ...]:
    return tuple(json.loads(text)) if text and text != "[]" else ()


def _pace(ran: Ran) -> list[str]:
    """No second saw more requests leave than the ceiling."""
    sent, ceiling = ran.door.sent_s, ran.settings.pace.rate_per_s
    if ran.was_suspended:
        return []
    most, first = 0, 0
    for index, at_s in enumerate(sent):
        while at_s - sent[first] >= _SECOND:
            first += 1
        most = max(most, index - first + 1)
    return [f"{most} requests left in a second, the ceiling is {ceiling:g}"] if most > ceiling else []


def _end(ran: Ran) -> list[str]:
    """A signal ends a run within the drain, a second one at once."""
    ending = ran.ending
    if ran.ended_s is None or ending.interrupt_s is None or ran.was_suspended:
        return []
    until_s = ending.interrupt_s + ran.settings.patience.drain_s
    if ending.cut_s is not None:
        until_s = min(until_s, ending.cut_s)
    late_s = ran.ended_s - max(until_s, ran.began_s) - _WINDING_UP_S
    return [f"the run ended {late_s:.1f} s after it was told to"] if late_s > 0 else []


def _ids_are_right(story: Story, party: Party, records: dict[str, Known]) -> list[str]:
    faults = []
    truth = {made.id: made for made in story.service.made}
    held: Counter[str] = Counter()
    for record in records.values():
        faults += [
            f"{record.key} names {one}, which never existed" for one in record.other_ids if one not in truth
        ]
        made_id = record.connection_id
        if made_id is None:
            continue
        held[made_id] += 1
        made = truth.get(made_id)
        if made is None:
            faults.append(f"{record.key} holds {made_id}, which never existed")
        elif record.provenance == "adopt":
            if made.owner is party and made.key != record.key:
                faults.append(f"{record.key} adopted {made_id} of {made.key}")
        elif (made.owner is not party or made.key != record.key) and not _cannot_be_told(party, record, made):
            whose = made.key or "a stranger"
            faults.append(f"{record.key} ({record.state}, {record.provenance}) holds {made_id} of {whose}")
    return faults + [f"{made_id} is held {times} times" for made_id, times in held.items() if times > 1]


def _cannot_be_told(party: Party, record: Known, made: Made) -> bool:
    """Tell whether a connection of another ledger looks like ours in everything that a listing shows.

    Two ledgers for one inventory are beyond the promise. Even so a connection changes hands only where
    nothing tells it from ours: no marker, and no creator of another name.
    """
    other = made.owner
    return (
        other is not None
        and other is not party
        and record.provenance == "lookup"
        and not other.has_marker
        and not (other.client_id != party.client_id and party.service.habits.shows_client)
    )


def _nothing_is_lost(story: Story, party: Party, records: dict[str, Known]) -> list[str]:
    """Every connection of ours is known by its row, or its row can still get to know it."""
    faults = []
    for key, ours in _by_key(story, party).items():
        record = records.get(key)
        if record is None:
            faults.append(f"{key} was sent and is not in the ledger")
            continue
        unknown = [made.id for made in ours if made.id not in record.ids]
        if unknown and record.state not in {"sending", "in_doubt"} and record.ambiguous == 0:
            faults.append(f"{key} is {record.state} and has lost {unknown}")
    return faults


def _report(ran: Ran, report: Report, records: dict[str, Known]) -> list[str]:
    faults = []
    counts = {name: rows for name, rows in report.counts.items() if rows}
    if min(report.counts.values()) < 0:
        faults.append(f"a count is negative: {counts}")
    if any(record.state == "sending" for record in records.values()):
        faults.append("a row is left as sending after an orderly end")
    if (report.this_run.posts, report.this_run.posts + report.this_run.lookups) != (
        ran.door.posts,
        len(ran.door.sent_s),
    ):
        faults.append(
            f"{ran.door.posts} POSTs of {len(ran.door.sent_s)} requests are told as {report.this_run}"
        )
    expected: Counter[str] = Counter()
    if ran.command == "settle":
        expected.update("in_doubt" if one.state == "sending" else one.state for one in records.values())
    else:
        for one in ran.endpoints:
            record = records.get(one.key)
            expected[record.counts_as(one.fingerprint) if record else "pending"] += 1
    is_interrupted = report.exit_code in {ExitCode.INTERRUPTED, ExitCode.TERMINATED}
    # A run that ends early counts rows as pending that it would have tried again, had it come so far.
    is_early = (is_interrupted or report.stopped is not None) and ran.settings.reopen.failed
    if counts != dict(expected) and not is_early:
        faults.append(f"the report says {counts}, the ledger {dict(expected)} (exit {report.exit_code})")
    if not is_interrupted:
        faults += _exit(ran, report)
    return faults


def _exit(ran: Ran, report: Report) -> list[str]:
    counts = report.counts
    if report.stopped is not None or (counts["pending"] and ran.command == "run"):
        right = ExitCode.STOPPED
    elif any(counts[name] for name in ("failed", "held", "in_doubt", "changed", "invalid")):
        right = ExitCode.ROWS_UNFINISHED
    else:
        right = ExitCode.OK
    faults = []
    if ran.command == "run" and report.exit_code != right:
        faults.append(f"exit {report.exit_code} instead of {right} for {dict(counts)}")
    behind = counts["pending"] if ran.settings.reopen.failed else 0
    if report.stopped is None and report.left_behind != behind:
        faults.append(f"{behind} rows are left behind, and {report.left_behind} are told")
    if ran.command == "run" and counts["pending"] > report.left_behind and report.stopped is None:
        faults.append(f"{counts['pending']} rows stay pending and nobody says why")
    if report.stopped is not None and "token was refused" in report.stopped.reason:
        faults += _refusal(ran)
    return faults


def _refusal(ran: Ran) -> list[str]:
    """A token stops the run only if it replaced a refused one and was itself refused at once."""
    for generation, met in ran.door.met.items():
        before = ran.door.met.get(generation - 1, [])
        if generation > 1 and any(not good for _, good in before) and any(not good for _, good in met):
            return []
    return ["the run stopped over a token that was not refused twice"]


def _ids(made: Iterable[Made]) -> list[str]:
    return [one.id for one in made]
