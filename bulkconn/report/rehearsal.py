"""A rehearsal as text: the proof, what the worker was put through, and what the real run will take."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Final

from bulkconn.core.proof import Verdict
from bulkconn.core.rehearsal import Level
from bulkconn.report.summary import render_counts, render_groups, render_stop
from bulkconn.report.words import columns, duration, plural

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bulkconn.core.forecast import Forecast
    from bulkconn.core.proof import Proof, Rehearsal, Trial

#: Characters of a line of faults.
_LINE_CHARACTERS: Final = 96

_VERDICTS: Final[Mapping[Verdict, str]] = {
    Verdict.PROVEN: "proven: each row has exactly one connection, and the ledger knows its id",
    Verdict.UNFINISHED: "not finished: nothing is doubled or lost, but rows are without a connection",
    Verdict.BROKEN: "BROKEN: the promise did not hold; please report it, with the line that replays it",
}


def render_opening(*, rows: int, emulator: str | None, level: Level, seed: int) -> str:
    """Give the text that a rehearsal begins with: whom it talks to, and whom it never does."""
    where = "an emulator inside this process" if emulator is None else f"the emulator at {emulator}"
    return (
        f"This rehearsal never talks to Adobe: {plural(rows, 'row')}, with dummies for all secrets, go to\n"
        f"{where}. No credentials are used. Faults: {level}, seed {seed}."
    )


def render_rehearsal(rehearsal: Rehearsal, *, paths: Sequence[str], again: Sequence[str]) -> str:
    """Give the text that ends `rehearse`.

    Args:
        rehearsal: What it found.
        paths: The inventories.
        again: The words of a command line that replays it.
    """
    report, proof, trial = rehearsal.report, rehearsal.proof, rehearsal.trial
    lines = [
        _VERDICTS[proof.verdict],
        "",
        f"rehearsal: {plural(proof.rows, 'row')} in {duration(report.duration_s)}",
        *render_counts(report.counts),
        "the emulator's books against the ledger:",
        *_figures(proof),
        *(f"  {example}" for example in proof.examples),
        *_ordeal(trial, proof.rows),
    ]
    if proof.verdict is not Verdict.PROVEN:
        lines += render_groups(report.groups)
        lines += render_stop(report.stopped) if report.stopped is not None else []
    lines += ["", *_outlook(rehearsal.forecast, trial), ""]
    lines += [f"ledger: {report.ledger}"] if report.ledger is not None else []
    lines.append(f"replay: {shlex.join(again)}")
    if proof.verdict is Verdict.PROVEN:
        lines.append(f"next: {shlex.join(['bulkconn', 'plan', *paths])}")
    return "\n".join(lines)


def _figures(proof: Proof) -> list[str]:
    return columns(
        (name, f"{figure:,}")
        for name, figure in (
            ("connections", proof.connections),
            ("duplicates", proof.duplicates),
            ("lost", proof.lost),
            ("invented", proof.invented),
            ("sent again by one more run", proof.sent_again),
        )
    )


def _ordeal(trial: Trial, rows: int) -> list[str]:
    requests = trial.requests
    sent = f"{plural(requests.posts, 'POST')}, {plural(requests.lookups, 'lookup')}"
    all_sent = requests.posts + requests.lookups
    kills, restarts = plural(trial.kills, "time"), plural(trial.restarts, "time")
    throttled = f"{requests.throttled:,} throttled ({requests.throttled_share:.1%})"
    lines = [
        f"the worker was killed {kills} and started again {restarts}",
        f"requests: {all_sent:,} ({sent}), {requests.per_row(rows):.2f} a row; {throttled}",
    ]
    if not trial.faults:
        return [*lines, "faults met: none"]
    ranked = sorted(trial.faults.items(), key=lambda one: (-one[1], one[0]))
    return [
        *lines,
        f"faults met: {sum(trial.faults.values()):,}, of {plural(len(ranked), 'kind')}",
        *_wrapped([f"{name} {times:,}" for name, times in ranked]),
    ]


def _outlook(forecast: Forecast, trial: Trial) -> list[str]:
    days = [("a calm day", f"{forecast.requests:,} requests, {duration(forecast.eta_s)}")]
    if trial.level is not Level.NONE:
        rough = f"{forecast.rough_requests:,} requests, {duration(forecast.rough_eta_s)}"
        days.append(("a day like this", rough))
    width = max(len(name) for name, _ in days)
    more = plural(forecast.lookups_at_most - forecast.lookups, "lookup")
    slow = f"longer if answers take over {duration(forecast.answer_s)}"
    return [
        f"the real run, at {forecast.rate_per_s:g} requests a second:",
        *(f"  {name:<{width}}  {text}" for name, text in days),
        f"  and up to {more} more where the sandboxes are full; {slow}",
    ]


def _wrapped(words: Sequence[str]) -> list[str]:
    lines, line = [], " "
    for word in words:
        if len(line) + len(word) > _LINE_CHARACTERS:
            lines.append(line)
            line = " "
        line += f" {word},"
    return [*lines, line.removesuffix(",")]
