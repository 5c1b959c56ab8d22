"""From what was seen in a rehearsal to its result."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bulkconn.core.forecast import Forecast, forecast
from bulkconn.core.lifecycle import State
from bulkconn.core.proof import Proof, Rehearsal, Requests, Trial, rehearsal_exit_code
from bulkconn.core.report import Report, Tally, ThisRun
from bulkconn.core.settings import PaceSettings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bulkconn.cli.auditing import Audited
    from bulkconn.cli.conducting import Played
    from bulkconn.cli.given import Given
    from bulkconn.cli.staging import Folder
    from bulkconn.core.diagnostics import Diagnostic
    from bulkconn.core.rehearsal import Level

_THROTTLED: Final = "429"


@dataclass(frozen=True, slots=True)
class RealRun:
    """What the user said of the real run. `grace_s` None: never sent again."""

    pace: PaceSettings
    grace_s: float | None

    @classmethod
    def of(cls, given: Given) -> RealRun:
        """Read the flags that a run has too."""
        grace_s = given.number("settle_grace")
        pace = PaceSettings(given.number("rate"), int(given.number("concurrency")))
        return cls(pace, None if math.isinf(grace_s) else grace_s)


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What was rehearsed: so many rows of an inventory of which `to_send` are valid, by sandbox.

    `folder` stays after the end; None where nothing does.
    """

    level: Level
    seed: int
    emulator: str | None
    rows: int
    invalid: int
    to_send: Mapping[str, int]
    real: RealRun
    diagnostics: Sequence[Diagnostic]
    kept: Folder | None


def conclude(what: Rehearsed, played: Played, audited: Audited, *, duration_s: float) -> Rehearsal:
    """Give the result of a rehearsal."""
    trial = _trial(what, played)
    proof = _proof(what, played, audited)
    tally = Tally({state.value: rows for state, rows in audited.summary.counts.items()})
    # Rows that no worker came to are in no ledger.
    tally.add("pending", max(0, what.rows - tally.rows))
    tally.add("invalid", what.invalid)
    requests = trial.requests
    report = Report(
        run_id=audited.summary.last_run_id,
        ledger=None if what.kept is None else str(what.kept.ledger),
        counts=tally.counts,
        this_run=ThisRun(
            created=audited.audit.matched - audited.audit.settled,
            settled=audited.audit.settled,
            posts=requests.posts,
            lookups=requests.lookups,
            throttled=requests.throttled,
        ),
        duration_s=duration_s,
        exit_code=rehearsal_exit_code(proof, invalid=what.invalid),
        diagnostics=what.diagnostics,
        stopped=played.end.stopped,
        groups=audited.summary.groups,
    )
    return Rehearsal(report, trial, proof, _forecast(what, trial))


def _trial(what: Rehearsed, played: Played) -> Trial:
    # An emulator of the user's may have counted before.
    before, after = played.before, played.after
    posts = after.posts - before.posts
    faults = {name: times - before.faults.get(name, 0) for name, times in after.faults.items()}
    return Trial(
        level=what.level,
        seed=what.seed,
        emulator=what.emulator,
        faults={name: times for name, times in faults.items() if times},
        kills=played.kills,
        restarts=played.restarts,
        requests=Requests(
            posts=posts,
            lookups=after.api_requests - before.api_requests - posts,
            tokens=after.token_requests - before.token_requests,
            throttled=after.answers.get(_THROTTLED, 0) - before.answers.get(_THROTTLED, 0),
        ),
    )


def _proof(what: Rehearsed, played: Played, audited: Audited) -> Proof:
    return Proof(
        rows=what.rows,
        created=audited.summary.counts.get(State.CREATED, 0),
        connections=audited.connections,
        duplicates=played.last.surplus,
        lost=audited.audit.lost,
        invented=audited.invented,
        sent_again=played.last.posts - played.after.posts,
        examples=tuple(audited.audit.examples),
    )


def _forecast(what: Rehearsed, trial: Trial) -> Forecast:
    has_waited = bool(trial.faults or trial.kills)
    return forecast(
        what.to_send,
        what.real.pace,
        requests_per_row=trial.requests.per_row(what.rows),
        wait_s=(what.real.grace_s or 0.0) if has_waited else 0.0,
    )
