"""What must hold, whatever the seed: compared with the truth that only the service knows."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple

from bulkconn.core.errors import ExitCode, LedgerError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bulkconn.core.report import Report
    from tests.simulation.scenario import Ran, Story
    from tests.simulation.service import Made

#: A loop takes its moment between a slot and the first byte.
_SECOND: Final = 1.0 - 1e-3


def twins(made: Iterable[Made]) -> dict[str, list[Made]]:
    """Give the keys for which we made more than one connection."""
    return {key: ours for key, ours in by_key(made).items() if len(ours) > 1}


def by_key(made: Iterable[Made]) -> dict[str, list[Made]]:
    """Give what we made, by key."""
    found: dict[str, list[Made]] = defaultdict(list)
    for one in made:
        if one.key is not None:
            found[one.key].append(one)
    return found


def after_a_process(story: Story, ran: Ran) -> list[str]:
    """Judge what must hold at any moment."""
    faults = [*story.service.crimes, *story.loop.errors]
    story.loop.errors.clear()
    if story.is_within:
        faults += [
            f"{key} was created twice: {_ids(ours)}" for key, ours in twins(story.service.made).items()
        ]
    faults += _pace(ran)
    records = _records(story)
    faults += _ids_are_right(story)
    if not story.was_restored:
        faults += _nothing_is_lost(story, records)
    if ran.error is not None and not isinstance(ran.error, LedgerError):
        faults.append(f"the run ended with {ran.error!r}")
    if ran.report is not None:
        faults += _report(ran, ran.report, records)
    truth = {made.id: made.key for made in story.service.made}
    faults += [f"last resort: {key} {one}" for key, one in story.unrecorded if truth.get(one, "?") != key]
    return [f"run {story.runs}: {fault}" for fault in faults]


def at_the_end(story: Story) -> list[str]:
    """Judge what must hold once the weather is fair, everything shows and a last settle was made."""
    faults = []
    records = _records(story)
    for key, ours in by_key(story.service.made).items():
        record = records.get(key)
        if record is None:
            faults.append(f"{key} is not in the ledger and has {_ids(ours)}")
            continue
        missing = [made.id for made in ours if made.id not in record.ids]
        if missing:
            faults.append(f"{key} is {record.state} and does not know {missing} of {_ids(ours)}")
        if len(ours) > 1 and record.state != "held":
            faults.append(f"{key} has a twin and is {record.state}")
    for line in story.lines:
        found = records.get(line.endpoint().key)
        if found is not None and found.state in {"sending", "in_doubt"}:
            at = by_key(story.service.made).get(found.key)
            is_blind = line.sandbox not in _sandboxes_with_control(story, records)
            if at or not (is_blind or story.grace_s is None):
                faults.append(f"{found.key} is still {found.state}: {found.error_message} {at and _ids(at)}")
    return [f"at the end: {fault}" for fault in faults]


def _sandboxes_with_control(story: Story, records: dict[str, Known]) -> set[str]:
    """Where a created row can stand for the lookup's sight: its connection still bears the name as sent."""
    created = {record.connection_id for record in records.values() if record.state == "created"}
    return {
        made.sandbox
        for made in story.service.made
        if made.id in created and made.name.casefold() == made.sent_name.casefold()
    }


class Known(NamedTuple):
    """What the ledger says of a row, as far as it is judged here."""

    key: str
    state: str
    fingerprint: str
    connection_id: str | None
    other_ids: tuple[str, ...]
    ambiguous: int
    error_message: str | None

    @property
    def ids(self) -> set[str | None]:
        """Every id that the row names."""
        return {self.connection_id, *self.other_ids}

    def counts_as(self, fingerprint: str) -> str:
        """Say as what the row must be reported."""
        if self.state in {"created", "adopted"}:
            return self.state if self.fingerprint == fingerprint else "changed"
        return "in_doubt" if self.state == "sending" else self.state


def _records(story: Story) -> dict[str, Known]:
    return {
        key: Known(key, state, fingerprint, made_id, _ids_of(others), ambiguous, message)
        for key, state, fingerprint, made_id, others, ambiguous, message in story.disk.rows(
            "SELECT key, state, fingerprint, connection_id, other_ids, ambiguous, error_message FROM rows"
        )
    }


def _ids_of(text: str | None) -> tuple[str, ...]:
    return tuple(json.loads(text)) if text and text != "[]" else ()


def _pace(ran: Ran) -> list[str]:
    """No second saw more requests leave than the ceiling."""
    sent, ceiling = ran.door.sent_s, ran.settings.pace.rate_per_s
    if ran.was_frozen:
        return []
    most, first = 0, 0
    for index, at_s in enumerate(sent):
        while at_s - sent[first] >= _SECOND:
            first += 1
        most = max(most, index - first + 1)
    return [f"{most} requests left in a second, the ceiling is {ceiling:g}"] if most > ceiling else []


def _ids_are_right(story: Story) -> list[str]:
    faults = []
    truth = {made.id: made for made in story.service.made}
    held: Counter[str] = Counter()
    for key, state, made_id, provenance in story.disk.rows(
        "SELECT key, state, connection_id, provenance FROM rows WHERE connection_id IS NOT NULL"
    ):
        held[made_id] += 1
        made = truth.get(made_id)
        if made is None:
            faults.append(f"{key} holds {made_id}, which never existed")
        elif provenance == "adopt":
            if made.key not in {None, key}:
                faults.append(f"{key} adopted {made_id} of {made.key}")
        elif made.key != key:
            faults.append(f"{key} ({state}, {provenance}) holds {made_id} of {made.key or 'a stranger'}")
    return faults + [f"{made_id} is held {times} times" for made_id, times in held.items() if times > 1]


def _nothing_is_lost(story: Story, records: dict[str, Known]) -> list[str]:
    """Every connection of ours is known by its row, or its row can still get to know it."""
    faults = []
    for key, ours in by_key(story.service.made).items():
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
    expected: Counter[str] = Counter()
    if ran.command == "settle":
        expected.update("in_doubt" if one.state == "sending" else one.state for one in records.values())
    else:
        for one in ran.endpoints:
            record = records.get(one.key)
            expected[record.counts_as(one.fingerprint) if record else "pending"] += 1
    is_interrupted = report.exit_code in {ExitCode.INTERRUPTED, ExitCode.TERMINATED}
    # A run that ends early counts rows as pending that it would have tried again, had it come so far.
    is_early = (is_interrupted or report.stopped is not None) and ran.settings.retry_failed
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
    if ran.command == "run" and counts["pending"] and report.stopped is None:
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
