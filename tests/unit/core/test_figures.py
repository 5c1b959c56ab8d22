"""Figures of a report: bars that fit, quantiles, and shares that add up."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bulkconn.core.figures import (
    MOST_BARS,
    Bar,
    Figures,
    Latencies,
    Share,
    Timeline,
    Verified,
    bar_width_s,
    shares_of,
)
from bulkconn.core.lifecycle import State
from bulkconn.core.record import AttemptEnd, Target
from bulkconn.core.verification import Verdict

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("span_s", "width_s"),
    [(0, 0.25), (5, 0.25), (5.1, 1), (90, 1), (91, 2), (3600, 60), (86400, 1800), (90 * 86400, 86400)],
)
def test_bar_width_is_the_smallest_that_fits(span_s: float, width_s: float) -> None:
    """A run of any length has at most so many bars, each as short as it may be."""
    assert bar_width_s(span_s) == width_s


def test_bar_width_of_years_is_whole_days() -> None:
    """Nothing is too long to be drawn."""
    width_s = bar_width_s(1000 * 86400)
    assert width_s % 86400 == 0
    assert 1000 * 86400 / width_s <= MOST_BARS


def test_timeline_gives_its_highest_bar_a_second() -> None:
    """Bars are counts; what is shown are counts a second."""
    bars = (Bar(0, {AttemptEnd.CREATED: 3, AttemptEnd.REJECTED: 1}), Bar(0.5, {AttemptEnd.CREATED: 2}))
    assert Timeline(NOW, 0.5, 1, bars).most_per_s == 8
    assert Timeline(NOW, 0.5, 0, ()).most_per_s == 0


def test_quantiles_are_the_seconds_within_which_a_share_came() -> None:
    """Half of all came within the median."""
    latencies = Latencies(((0.1, 50), (0.2, 45), (3.0, 5)), 3.4)
    assert latencies.total == 100
    assert [latencies.quantile(share) for share in (0.5, 0.51, 0.95, 0.99)] == [0.1, 0.2, 0.2, 3.0]
    assert Latencies((), 0).quantile(0.5) == 0


def test_shares_beyond_the_most_are_added_up_last() -> None:
    """No row gets lost in a list that is cut."""
    counted = [
        ("a", State.CREATED, 5),
        ("b", State.CREATED, 9),
        ("b", State.FAILED, 1),
        ("c", State.FAILED, 2),
    ]
    counted += [("d", State.FAILED, 1), ("a", State.CREATED, 1)]
    assert shares_of(counted, most=2) == (
        Share("b", {State.CREATED: 9, State.FAILED: 1}),
        Share("a", {State.CREATED: 6}),
        Share("", {State.FAILED: 3}),
    )
    assert [share.rows for share in shares_of(counted, most=4)] == [10, 6, 2, 1]


def test_verified_rows_are_those_with_a_word_and_those_without() -> None:
    """What is not known is neither well nor otherwise, and counts."""
    assert Verified({Verdict.OK: 3, Verdict.MISSING: 1}, 2, NOW, NOW).rows == 6


def test_figures_count_the_rows_that_are_shown() -> None:
    """The number of rows is the sum of their states."""
    counts = {State.CREATED: 2, State.PENDING: 3}
    shown = Figures("a.ledger.db", Target("https://x.test", "O"), NOW, counts, (), None, (), (), ())
    assert shown.rows == 5
