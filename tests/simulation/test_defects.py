"""The simulation can find faults: every deliberate defect is caught, and by the invariant that it breaks."""

from __future__ import annotations

import pytest

from tests.simulation.__main__ import judge
from tests.simulation.defects import DEFECTS, patched

SEEDS = 2000


@pytest.mark.slow
@pytest.mark.parametrize("name", DEFECTS)
def test_defect_planted_on_purpose_is_caught(name: str) -> None:
    """One of the first 2,000 seeds says what the defect broke."""
    make, word = DEFECTS[name]
    with patched(*make()):
        caught = next(
            (seed for seed in range(SEEDS) if any(word in fault for fault in judge(seed).faults)), None
        )
    assert caught is not None, f"{SEEDS} seeds see nothing wrong with: {name}"
