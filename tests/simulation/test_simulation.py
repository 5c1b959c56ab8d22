"""A few hundred seeds in every test run; `python -m tests.simulation --seeds N` plays as many as you like."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.__main__ import judge
from tests.simulation.scenario import simulate

_CHUNK = 25
_ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("first", range(0, 200, _CHUNK))
def test_seeds_of_the_suite_break_no_invariant(first: int) -> None:
    """Whatever a seed brings, nothing is created twice, lost, invented or taken from a stranger."""
    failed = [verdict for verdict in map(judge, range(first, first + _CHUNK)) if verdict.faults]
    assert not failed, "\n".join(
        f"python -m tests.simulation --seed {verdict.seed} --trace  # {'; '.join(verdict.faults)}"
        for verdict in failed
    )


def test_seeds_over_torn_files_break_no_invariant() -> None:
    """A real ledger file comes back as the commits before the torn one, and two processes never hold it."""
    verdicts = [judge(seed, on_file=True) for seed in range(40)]
    failed = [verdict for verdict in verdicts if verdict.faults]
    assert not failed, "\n".join(
        f"python -m tests.simulation --seed {verdict.seed} --on-file --trace  # {'; '.join(verdict.faults)}"
        for verdict in failed
    )
    assert sum(verdict.met["disk: torn"] for verdict in verdicts)
    assert sum(verdict.met["second process"] for verdict in verdicts)


@pytest.mark.parametrize("seed", [2, 3, 79, 267])
def test_seed_played_twice_tells_the_same_story(seed: int) -> None:
    """A failing seed can be replayed: the same number gives the same trace, event by event."""
    first: list[str] = []
    second: list[str] = []
    simulate(seed, trace=first.append)
    simulate(seed, trace=second.append)
    assert first == second


def test_seeds_played_in_another_process_tell_the_same_story() -> None:
    """No order of a set or a hash is part of a story: what failed in CI fails in anybody's hands."""
    stories = {_told_by_a_process(hash_seed) for hash_seed in ("1", "2")}
    assert len(stories) == 1


def _told_by_a_process(hash_seed: str) -> str:
    script = (
        "import hashlib\n"
        "from tests.simulation.scenario import simulate\n"
        "told = []\n"
        "for seed in range(12):\n"
        "    simulate(seed, trace=told.append)\n"
        "print(len(told), hashlib.sha256('\\n'.join(told).encode()).hexdigest())\n"
    )
    return subprocess.run(
        [sys.executable, "-c", script],
        cwd=_ROOT,
        env={"PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(_ROOT)},
        check=True,
        capture_output=True,
        text=True,
        timeout=300,
    ).stdout
