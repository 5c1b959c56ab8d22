"""Rollback, rotation and dedupe, cut off anywhere and begun anew: 200 seeds in every test run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.simulation.loop import replaced
from tests.simulation.upkeep.defects import DEFECTS
from tests.simulation.upkeep.story import COMMANDS, simulate_upkeep

_CHUNK = 50


@pytest.mark.parametrize("first", range(0, 200, _CHUNK))
def test_seeds_of_upkeep_break_no_invariant(first: int) -> None:
    """Nothing of others is deleted or changed, no id is lost, and what a row is said to be it is."""
    verdicts = [simulate_upkeep(seed) for seed in range(first, first + _CHUNK)]
    failed = [verdict for verdict in verdicts if verdict.faults]
    assert not failed, "\n".join(
        f"python -m tests.simulation --upkeep --seed {verdict.seed} --trace  # {'; '.join(verdict.faults)}"
        for verdict in failed
    )
    met = {what for verdict in verdicts for what in +verdict.met}
    assert {f"{command}: {how}" for command in COMMANDS for how in ("complete", "cut off")} <= met


@pytest.mark.parametrize("name", DEFECTS)
def test_defect_of_upkeep_planted_on_purpose_is_caught(name: str) -> None:
    """One of the first 200 seeds says what the defect broke."""
    defect = DEFECTS[name]
    with replaced(defect.make()):
        assert any(defect.word in fault for seed in range(200) for fault in simulate_upkeep(seed).faults), (
            f"200 seeds see nothing wrong with: {name}"
        )


def test_every_defect_of_upkeep_is_named_beside_the_clause_that_it_breaks() -> None:
    """The page that states the guarantee says which fault would be noticed by what."""
    page = (Path(__file__).parents[2] / "ARCHITECTURE.md").read_text(encoding="utf-8")
    assert not [name for name in DEFECTS if f'"{name}"' not in page]


@pytest.mark.parametrize("seed", [3, 4, 5])
def test_seed_of_upkeep_played_twice_tells_the_same_story(seed: int) -> None:
    """A failing seed can be replayed: the same number gives the same trace."""
    first: list[str] = []
    second: list[str] = []
    simulate_upkeep(seed, trace=first.append)
    simulate_upkeep(seed, trace=second.append)
    assert first == second
