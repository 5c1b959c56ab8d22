"""How often a rehearsal kills its worker, when, and how fast it works."""

from __future__ import annotations

import pytest

from bulkconn.core.rehearsal import KillPoint, Level, kills_of, next_kill, worker_rate_per_s


@pytest.mark.parametrize(
    ("level", "rows", "kills"),
    [
        (Level.NONE, 1000, 0),
        (Level.MILD, 1000, 2),
        (Level.STORM, 1000, 8),
        (Level.STORM, 9, 4),
        (Level.MILD, 2, 1),
        (Level.STORM, 1, 0),
    ],
)
def test_kills_are_the_levels_but_no_more_than_rows_can_show(level: Level, rows: int, kills: int) -> None:
    """A kill needs some rows before and behind it."""
    assert kills_of(level, rows) == kills


@pytest.mark.parametrize(
    ("remaining", "kills_left", "dice", "point"),
    [
        (100, 1, (0.0, 0.9), KillPoint(1, counts_lookups=False)),
        (100, 1, (0.5, 0.9), KillPoint(51, counts_lookups=False)),
        (100, 3, (0.5, 0.9), KillPoint(26, counts_lookups=False)),
        (100, 3, (0.5, 0.1), KillPoint(26, counts_lookups=True)),
        (0, 3, (0.99, 0.9), KillPoint(1, counts_lookups=True)),
    ],
    ids=["earliest", "half-way", "its-share", "amid-lookups", "all-exist"],
)
def test_next_kill_comes_around_its_share_of_the_rows_left(
    remaining: int, kills_left: int, dice: tuple[float, float], point: KillPoint
) -> None:
    """Kills spread over the whole run; once all rows exist nothing but lookups is left to meet."""
    assert next_kill(remaining, kills_left, dice) == point


@pytest.mark.parametrize(("rows", "rate"), [(5, 50), (2000, 200), (1_000_000, 1000)])
def test_worker_is_as_fast_as_its_rows_ask(rows: int, rate: float) -> None:
    """A short run lasts long enough to be killed, a long one does not last all day."""
    assert worker_rate_per_s(rows) == rate
