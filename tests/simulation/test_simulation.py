"""A few hundred seeds in every test run; `python -m tests.simulation --seeds N` plays as many as you like."""

from __future__ import annotations

import pytest

from tests.simulation.__main__ import judge
from tests.simulation.scenario import simulate

_CHUNK = 25


@pytest.mark.parametrize("first", range(0, 200, _CHUNK))
def test_seeds_of_the_suite_break_no_invariant(first: int) -> None:
    """Whatever a seed brings, nothing is created twice, lost, invented or taken from a stranger."""
    failed = [verdict for verdict in map(judge, range(first, first + _CHUNK)) if verdict.faults]
    assert not failed, "\n".join(
        f"python -m tests.simulation --seed {verdict.seed} --trace  # {'; '.join(verdict.faults)}"
        for verdict in failed
    )


@pytest.mark.parametrize("seed", [2, 3, 79, 267])
def test_seed_played_twice_tells_the_same_story(seed: int) -> None:
    """A failing seed can be replayed: the same number gives the same trace, event by event."""
    first: list[str] = []
    second: list[str] = []
    simulate(seed, trace=first.append)
    simulate(seed, trace=second.append)
    assert first == second
