"""Submitted runs as text and as data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from bulkconn.report.words import plural

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime
    from enum import StrEnum


class RunShown(Protocol):
    """What is shown of a submitted run."""

    @property
    def run_id(self) -> str:
        """Its id."""
        ...

    @property
    def state(self) -> StrEnum:
        """Active, paused or cancelled."""
        ...

    @property
    def began_at(self) -> datetime:
        """When it was submitted."""
        ...

    @property
    def inventories(self) -> Sequence[str]:
        """Its files."""
        ...

    @property
    def rows(self) -> Mapping[Any, int]:
        """Rows by state."""
        ...

    @property
    def shards(self) -> Mapping[Any, int]:
        """Shards by state."""
        ...

    @property
    def errors(self) -> Sequence[tuple[int, str]]:
        """What stopped shards, by their number."""
        ...

    @property
    def workers(self) -> Sequence[str]:
        """Who works on it now."""
        ...

    @property
    def is_finished(self) -> bool:
        """Whether no worker will do anything more for it."""
        ...


def render_runs(runs: Sequence[RunShown]) -> str:
    """Give every run in a few lines, the newest first."""
    if not runs:
        return "no run was submitted to this ledger"
    return "\n\n".join(render_run(run) for run in runs)


def render_run(run: RunShown) -> str:
    """Give one run: what it is, where its rows and shards stand, and what stopped which shard."""
    state = "finished" if run.is_finished and run.state == "active" else str(run.state)
    lines = [
        f"run {run.run_id}  {state}  submitted {run.began_at:%Y-%m-%d %H:%M:%S} UTC",
        f"  from    {', '.join(run.inventories)}",
        f"  rows    {_counts(run.rows)}",
        f"  shards  {_counts(run.shards)}",
    ]
    if run.workers:
        lines.append(f"  now     {plural(len(run.workers), 'worker')}: {'; '.join(run.workers)}")
    lines += [f"  shard {number}: {error}" for number, error in run.errors]
    return "\n".join(lines)


def runs_as_json(runs: Iterable[RunShown]) -> list[dict[str, Any]]:
    """Give the runs as data."""
    return [
        {
            "run_id": run.run_id,
            "state": str(run.state),
            "is_finished": run.is_finished,
            "submitted_at": run.began_at.isoformat(),
            "inventories": list(run.inventories),
            "rows": {str(state): count for state, count in run.rows.items()},
            "shards": {str(state): count for state, count in run.shards.items()},
            "workers": list(run.workers),
            "errors": [{"shard": number, "error": error} for number, error in run.errors],
        }
        for run in runs
    ]


def _counts(counts: Mapping[Any, int]) -> str:
    return ", ".join(f"{count:,} {str(state).replace('_', ' ')}" for state, count in counts.items()) or "none"
