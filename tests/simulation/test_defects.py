"""The simulation can find faults: every deliberate defect is caught, and by the invariant that it breaks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.simulation.__main__ import judge
from tests.simulation.defects import DEFECTS, patched

if TYPE_CHECKING:
    from collections.abc import Iterable

SEEDS = 2000
#: Seeds that catch what those before them do not, tried first; one that does no longer costs a search.
LATE = {
    "adopt of an id that another key holds": 566,
    "edited row counted as created": 113,
    "grace from the beginning of the lease": 47,
    "grace of another boot trusted": 499,
    "late answer ignored": 140,
    "loop of tokens read as the end": 812,
}


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", DEFECTS)
def test_defect_planted_on_purpose_is_caught(name: str) -> None:
    """One of the first 2,000 seeds says what the defect broke."""
    seeds = (*([LATE[name]] if name in LATE else []), *range(SEEDS))
    assert first_catch(name, seeds) is not None, f"{SEEDS} seeds see nothing wrong with: {name}"


def test_every_defect_is_named_beside_the_clause_that_it_breaks() -> None:
    """The page that states the guarantee says which fault would be noticed by what."""
    page = (Path(__file__).parents[2] / "ARCHITECTURE.md").read_text(encoding="utf-8")
    assert not [name for name in DEFECTS if f'"{name}"' not in page]


def first_catch(name: str, seeds: Iterable[int] = range(SEEDS)) -> int | None:
    """Give the first of these seeds that catches a defect, None where none does."""
    defect = DEFECTS[name]
    with patched(*defect.make()):
        for seed in seeds:
            if any(
                defect.word in fault
                for fault in judge(seed, on_file=defect.on_file, fleet=defect.fleet).faults
            ):
                return seed
    return None
