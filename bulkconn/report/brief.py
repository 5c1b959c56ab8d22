"""The figures of a report for other places: JSON for programs, CSV for spreadsheets, Markdown for tickets."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any

from bulkconn.core.lifecycle import State
from bulkconn.core.record import AttemptEnd
from bulkconn.core.remedies import remedy_for
from bulkconn.core.verification import REMEDIES
from bulkconn.report.scales import brief, percent
from bulkconn.report.sections import STATES
from bulkconn.report.words import duration, plural

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime
    from typing import TextIO

    from bulkconn.core.figures import Figures, Latencies, RunFacts, Share, Timeline, Verified

_QUANTILES = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))


def figures_as_json(figures: Figures) -> dict[str, Any]:
    """Give the figures as data. Keys are added in later versions, none is taken away."""
    return {
        "ledger": figures.ledger,
        "org_id": figures.target.org_id,
        "base_url": figures.target.base_url,
        "made_at": figures.made_at.isoformat(),
        "rows": figures.rows,
        "counts": _counts(figures.counts),
        "oldest_in_doubt_at": _at(figures.oldest_doubt_at),
        "errors": [
            {
                "state": group.state.value,
                "code": group.code,
                "rows": group.rows,
                "example": group.example,
                "fix": remedy_for(group.code),
            }
            for group in figures.groups
        ],
        "verification": None if figures.verified is None else _verified(figures.verified),
        "sources": _shares(figures.sources),
        "clouds": _shares(figures.clouds),
        "sandboxes": _shares(figures.sandboxes),
        "run": None if figures.run is None else _run(figures.run),
        "runs": [run.run_id for run in figures.runs],
        "timeline": None if figures.timeline is None else _timeline(figures.timeline),
        "latency": None if figures.latencies is None else _latency(figures.latencies),
        "pace_now": None
        if figures.pace_now is None
        else {"rate_per_s": figures.pace_now.rate_per_s, "closed_for_s": figures.pace_now.closed_for_s},
        "fleet": [
            {
                "run_id": one.run_id,
                "state": one.state,
                "queue": one.queue,
                "inventories": list(one.inventories),
                "shards": dict(one.shards),
                "workers": list(one.workers),
                "errors": [{"shard": number, "error": error} for number, error in one.errors],
            }
            for one in figures.fleet
        ],
    }


def write_json(figures: Figures, out: TextIO) -> None:
    """Write one JSON value."""
    out.write(json.dumps(figures_as_json(figures), indent=2) + "\n")


def write_csv(figures: Figures, out: TextIO) -> None:
    """Write one figure a line: what it is of, whose, what it counts, and the number."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("of", "name", "figure", "value"))
    writer.writerows(_lines(figures))


def write_markdown(figures: Figures, out: TextIO) -> None:
    """Write tables as tickets and wikis show them."""
    out.write(f"# bulkconn: {_plain(figures.ledger)}\n\n")
    if figures.run is not None:
        out.write(f"Run `{figures.run.run_id}`, began {figures.run.began_at:%Y-%m-%d %H:%M:%S} UTC")
        if figures.run.ended_at is not None:
            out.write(f", took {duration((figures.run.ended_at - figures.run.began_at).total_seconds())}")
        out.write(".\n\n")
    states = [(state.value.replace("_", " "), figures.counts.get(state, 0)) for state in STATES]
    out.write(f"{plural(figures.rows, 'row')}:\n\n| state | rows | share |\n|---|---:|---:|\n")
    out.writelines(
        f"| {name} | {count:,} | {percent(count, figures.rows)} |\n" for name, count in states if count
    )
    for title, shares in (
        ("source", figures.sources),
        ("cloud", figures.clouds),
        ("sandbox", figures.sandboxes),
    ):
        out.write(f"\n| {title} | rows | created or adopted |\n|---|---:|---:|\n")
        for share in shares:
            done = share.counts.get(State.CREATED, 0) + share.counts.get(State.ADOPTED, 0)
            out.write(f"| {_plain(share.name) or 'all others'} | {share.rows:,} | {done:,} |\n")
    if figures.groups:
        out.write("\n| rows | state | error | for example | to do |\n|---:|---|---|---|---|\n")
    for group in figures.groups:
        state = group.state.value.replace("_", " ")
        example, fix = _plain(group.example), _plain(remedy_for(group.code))
        out.write(f"| {group.rows:,} | {state} | {_plain(group.code) or 'no code'} | {example} | {fix} |\n")
    if figures.verified is not None:
        _write_verified(figures.verified, out)
    if figures.latencies is not None and figures.latencies.total:
        said = ", ".join(f"{name} {brief(figures.latencies.quantile(share))}" for name, share in _QUANTILES)
        out.write(f"\nFrom intent to outcome: {said}, longest {brief(figures.latencies.longest_s)}.\n")


def _write_verified(verified: Verified, out: TextIO) -> None:
    first, last = (f"{at:%Y-%m-%d %H:%M:%S}" for at in (verified.first_at, verified.last_at))
    out.write(f"\nVerified between {first} and {last} UTC:\n\n| verdict | rows | share |\n|---|---:|---:|\n")
    counts = [(verdict.value, count) for verdict, count in verified.counts.items()]
    out.writelines(
        f"| {name} | {count:,} | {percent(count, verified.rows)} |\n"
        for name, count in (*counts, ("not verified", verified.unknown))
        if count
    )
    if verified.groups:
        out.write("\n| rows | verdict | cause | for example | to do |\n|---:|---|---|---|---|\n")
    for group in verified.groups:
        code, example = _plain(group.code) or "no code", _plain(group.example)
        fix = _plain(REMEDIES[group.verdict])
        out.write(f"| {group.rows:,} | {group.verdict.value} | {code} | {example} | {fix} |\n")


def _lines(figures: Figures) -> Iterator[tuple[object, ...]]:
    for state, count in _counts(figures.counts).items():
        yield "rows", "", state, count
    places = (("source", figures.sources), ("cloud", figures.clouds), ("sandbox", figures.sandboxes))
    for of, shares in places:
        for share in shares:
            name = share.name or "all others"
            yield from ((of, name, state, n) for state, n in _counts(share.counts).items() if n)
    for group in figures.groups:
        yield "error", group.code, group.state.value, group.rows
    if figures.verified is not None:
        yield from _lines_of_verification(figures.verified)
    if figures.timeline is not None:
        yield from _lines_of_time(figures.timeline)
    if figures.latencies is not None:
        for name, value in _latency(figures.latencies).items():
            yield "latency", "", name, value


def _lines_of_verification(verified: Verified) -> Iterator[tuple[object, ...]]:
    for verdict, count in verified.counts.items():
        yield "verification", "", verdict.value, count
    yield "verification", "", "unknown", verified.unknown
    for group in verified.groups:
        yield "verification", group.code or "no code", group.verdict.value, group.rows


def _lines_of_time(timeline: Timeline) -> Iterator[tuple[object, ...]]:
    for bar in timeline.bars:
        for end, count in bar.answers.items():
            yield "answers", f"{bar.from_s:g} s", end.value, count
    for point in timeline.paces:
        yield "pace", f"{point.from_s:g} s", "rate_per_s", point.rate_per_s
        yield "pace", f"{point.from_s:g} s", "closed_for_s", point.closed_for_s


def _counts(counts: Mapping[State, int]) -> dict[str, int]:
    return {state.value: counts.get(state, 0) for state in STATES}


def _verified(verified: Verified) -> dict[str, Any]:
    return {
        "rows": verified.rows,
        "counts": {verdict.value: count for verdict, count in verified.counts.items()},
        "unknown": verified.unknown,
        "first_at": verified.first_at.isoformat(),
        "last_at": verified.last_at.isoformat(),
        "groups": [group.as_json() for group in verified.groups],
    }


def _shares(shares: Sequence[Share]) -> list[dict[str, Any]]:
    return [
        {
            "name": share.name or None,
            "rows": share.rows,
            "counts": {s.value: n for s, n in share.counts.items()},
        }
        for share in shares
    ]


def _run(run: RunFacts) -> dict[str, Any]:
    ended = _at(run.ended_at)
    return {
        "run_id": run.run_id,
        "began_at": run.began_at.isoformat(),
        "ended_at": ended,
        "settings": dict(run.settings),
    }


def _timeline(timeline: Timeline) -> dict[str, Any]:
    return {
        "began_at": timeline.began_at.isoformat(),
        "bar_s": timeline.width_s,
        "bars": [
            {"from_s": bar.from_s} | {end.value: bar.answers.get(end, 0) for end in AttemptEnd}
            for bar in timeline.bars
        ],
        "paces": [
            {
                "from_s": one.from_s,
                "rate_per_s": one.rate_per_s,
                "ceiling_per_s": one.ceiling_per_s,
                "closed_for_s": one.closed_for_s,
            }
            for one in timeline.paces
        ],
    }


def _at(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _latency(latencies: Latencies) -> dict[str, float]:
    found: dict[str, float] = {"answers": latencies.total}
    found |= {f"{name}_s": latencies.quantile(share) for name, share in _QUANTILES}
    return found | {"longest_s": latencies.longest_s}


def _plain(words: str) -> str:
    """Give words that stay inside their cell of a Markdown table and are no markup."""
    flat = " ".join(words.split())
    return "".join(f"\\{letter}" if letter in "\\`*_[]<>|#!~&" else letter for letter in flat)
