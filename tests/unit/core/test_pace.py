"""The arithmetic of pace: spacing, backoff, and a rate that falls at once and climbs slowly."""

from __future__ import annotations

import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulkconn.core.pace import BACKOFF_CAP_S, FLOOR_PER_S, Pace, backoff_s, lasting_rate_per_s, spacing

# --- spacing ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rate_per_s", "n", "period_s"),
    [
        (0.1, 1, 10.0),
        (1.0, 1, 1.0),
        (10.0, 1, 0.1),
        (11.0, 1, 1 / 11),
        (19.9, 1, 1 / 19.9),
        (20.0, 2, 0.1),
        (25.0, 5, 0.2),
        (33.3, 3, 1 / 11),
        (199.0, 22, 1 / 9),
        (1000.0, 100, 0.1),
    ],
    ids=str,
)
def test_spacing_of_a_rate_is_about_a_tenth_of_a_second(rate_per_s: float, n: int, period_s: float) -> None:
    """Whole periods fill a second, about ten of them, and as little as can be is lost by that."""
    assert spacing(rate_per_s) == (n, period_s)


@given(st.floats(0.01, 10_000))
def test_spacing_passes_the_rate_in_no_second_and_loses_little(rate_per_s: float) -> None:
    """Starts are more than a period apart, so a second holds at most ceil(1 / period) of them."""
    n, period_s = spacing(rate_per_s)
    assert isinstance(n, int)
    assert n >= 1
    assert n * math.ceil(1 / period_s - 1e-9) <= math.ceil(rate_per_s)
    assert n / period_s >= 0.9 * rate_per_s


# --- backoff ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tries", "most_s"),
    [(1, 1.0), (2, 2.0), (3, 4.0), (6, 32.0), (7, 60.0), (30, 60.0), (10_000, 60.0)],
    ids=str,
)
def test_backoff_has_full_jitter_up_to_a_doubling_bound(tries: int, most_s: float) -> None:
    """From nothing up to 1, 2, 4, ... 60 s, as the dice say."""
    assert backoff_s(tries, 0.0) == 0.0
    assert backoff_s(tries, 0.5) == most_s / 2
    assert most_s * 0.99 < backoff_s(tries, math.nextafter(1.0, 0.0)) < most_s


@given(
    st.integers(1, 10**6),
    st.floats(0.0, 1.0, exclude_max=True),
    st.none() | st.floats(0.0, 1e6),
)
def test_backoff_is_never_shorter_than_the_service_asked(
    tries: int, dice: float, retry_after_s: float | None
) -> None:
    """Retry-After is a floor; without one nothing exceeds the cap."""
    pause_s = backoff_s(tries, dice, retry_after_s)
    assert pause_s >= (retry_after_s or 0.0)
    assert pause_s <= max(BACKOFF_CAP_S, retry_after_s or 0.0)


# --- pace -------------------------------------------------------------------------------------------


def accept(pace: Pace, *, from_s: float, seconds: float, per_s: float) -> float:
    """Let the service take requests at an even rate; give the time after the last."""
    now_s = from_s
    for step in range(int(seconds * per_s)):
        now_s = from_s + step / per_s
        pace.on_accepted(now_s)
    return now_s


def test_pace_starts_at_the_ceiling_and_stays_there() -> None:
    """Good answers never raise it beyond."""
    pace = Pace(10.0)
    assert pace.rate_per_s == 10.0
    assert not pace.on_accepted(0.0)
    assert pace.rate_per_s == 10.0


def test_pace_after_a_complaint_is_a_little_below_what_was_taken() -> None:
    """Of 20 allowed and 12 taken in the last second, nearly 12 remain."""
    pace = Pace(20.0)
    for number in range(12):
        pace.on_accepted(100.0 + number / 12)
    assert pace.on_complaint(100.99, 100.5)
    assert 12 * 0.9 <= pace.rate_per_s < 12


def test_pace_after_a_complaint_counts_the_last_second_only() -> None:
    """What was taken earlier says nothing about now."""
    pace = Pace(20.0)
    for number in range(15):
        pace.on_accepted(number / 100)
    for number in range(10):
        pace.on_accepted(5.0 + number / 100)
    pace.on_complaint(5.5, 5.0)
    assert 10 * 0.9 <= pace.rate_per_s < 10


def test_pace_loses_little_when_nearly_all_was_taken() -> None:
    """A complaint at the limit itself is not ignored, and costs next to nothing."""
    pace = Pace(20.0)
    for number in range(20):
        pace.on_accepted(number / 20)
    pace.on_complaint(0.99, 0.9)
    assert 20.0 * 0.9 <= pace.rate_per_s < 20.0


@pytest.mark.parametrize("taken", [0, 2, 5], ids=str)
def test_pace_after_one_complaint_amid_little_traffic_keeps_most(taken: int) -> None:
    """Few requests in the last second prove no limit: the pace was not asked of the service."""
    pace = Pace(50.0)
    for number in range(taken):
        pace.on_accepted(10.0 + number / 10)
    pace.on_complaint(10.9, 10.8)
    assert pace.rate_per_s == pytest.approx(35.0)


def test_pace_after_three_complaints_of_one_burst_is_what_was_taken() -> None:
    """Several complaints at once prove a limit, however little was taken; at most nine tenths are lost."""
    pace = Pace(50.0)
    for sent_at_s in (9.7, 9.8, 9.9):
        pace.on_complaint(10.0, sent_at_s)
    assert pace.rate_per_s == pytest.approx(5.0)


def test_pace_loses_a_tenth_a_second_to_a_service_that_stumbles() -> None:
    """However many 5xx a second brings, it costs a tenth of the pace, and the way back is short."""
    pace = Pace(50.0)
    assert [pace.on_strain(now_s) for now_s in (1.0, 1.2, 1.9, 2.1)] == [True, False, False, True]
    assert pace.rate_per_s == pytest.approx(40.5)
    accept(pace, from_s=2.2, seconds=3.0, per_s=40.0)
    assert pace.rate_per_s == 50.0


def test_pace_passes_stray_5xx_over() -> None:
    """Two in a hundred say nothing of load; six in a hundred of one second do."""
    pace = Pace(120.0)
    accept(pace, from_s=0.0, seconds=1.0, per_s=100.0)
    assert [pace.on_strain(1.0) for _ in range(5)] == [False] * 5
    assert pace.rate_per_s == 120.0
    assert pace.on_strain(1.0)
    assert pace.rate_per_s == pytest.approx(108.0)
    assert not pace.on_strain(1.9)


@pytest.mark.parametrize(
    ("share", "least_per_s", "most_per_s"),
    [(0.0, 120.0, 120.0), (0.02, 119.5, 120.0), (0.1, 100.0, 119.0), (0.5, 100.0, 119.0)],
)
def test_pace_of_a_minute_with_a_share_of_5xx(share: float, least_per_s: float, most_per_s: float) -> None:
    """Two in a hundred cost nothing, and no share of them alone brings a run to a halt."""
    pace, dice, now_s, sent = Pace(120.0), Random(1), 0.0, 0
    while now_s < 60.0:
        now_s += 1 / pace.rate_per_s
        sent += 1
        if dice.random() < share:
            pace.on_strain(now_s)
        else:
            pace.on_accepted(now_s)
    assert least_per_s <= sent / 60.0 <= most_per_s + 0.1


def test_pace_counts_5xx_of_the_last_second_only() -> None:
    """What stumbled long ago is no part of the share."""
    pace = Pace(120.0)
    accept(pace, from_s=0.0, seconds=1.0, per_s=100.0)
    assert not any(pace.on_strain(1.0) for _ in range(5))
    accept(pace, from_s=5.0, seconds=1.0, per_s=100.0)
    assert not any(pace.on_strain(6.0) for _ in range(5))


def test_pace_is_lowered_once_a_burst() -> None:
    """A second complaint about requests sent before the lowering is no news."""
    pace = Pace(20.0)
    assert pace.on_complaint(10.0, 9.0)
    lowered = pace.rate_per_s
    assert not pace.on_complaint(10.5, 9.9)
    assert pace.rate_per_s == lowered
    assert pace.on_complaint(10.6, 10.1)
    assert pace.rate_per_s < lowered


@pytest.mark.parametrize(
    ("ceiling_per_s", "floor_per_s"), [(10.0, FLOOR_PER_S), (0.2, 0.2)], ids=["usual", "ceiling-below-it"]
)
def test_pace_never_falls_below_its_floor(ceiling_per_s: float, floor_per_s: float) -> None:
    """Half a request a second, or the ceiling where that is lower; a new burst is news there too."""
    pace = Pace(ceiling_per_s)
    for number in range(50):
        assert pace.on_complaint(number + 0.5, float(number))
    assert pace.rate_per_s == floor_per_s


def test_pace_climbs_back_to_the_ceiling() -> None:
    """A fifth a second far below the last complaint."""
    pace = Pace(10.0)
    pace.restart_low(0.0)
    assert pace.rate_per_s == 1.0
    assert pace.on_accepted(1.0)
    assert pace.rate_per_s == pytest.approx(1.2)
    accept(pace, from_s=2.0, seconds=300.0, per_s=2.0)
    assert pace.rate_per_s == 10.0


def test_pace_climbs_slowly_near_the_last_complaint_and_forgets_it_in_a_minute() -> None:
    """Near the rate that was too fast it gains at most a hundredth a second, a minute later far more."""
    pace = Pace(20.0)
    for number in range(20):
        pace.on_accepted(number / 20)
    pace.on_complaint(1.0, 0.9)
    lowered = pace.rate_per_s
    pace.on_accepted(2.0)
    near = pace.rate_per_s
    assert lowered < near <= lowered * 1.01
    pace.on_accepted(61.5)
    assert pace.rate_per_s == min(20.0, near * 1.2)


def test_pace_gains_no_more_for_a_long_silence() -> None:
    """Ten silent minutes prove no more than one second."""
    pace = Pace(100.0)
    pace.restart_low(0.0)
    assert pace.rate_per_s == pytest.approx(10.0)
    pace.on_accepted(600.0)
    assert pace.rate_per_s == pytest.approx(12.0)


def test_pace_at_the_same_instant_does_not_climb() -> None:
    """The climb is measured in time, not in answers."""
    pace = Pace(10.0)
    pace.restart_low(5.0)
    assert not pace.on_accepted(5.0)
    assert pace.rate_per_s == 1.0


def test_pace_after_an_outage_is_low_but_never_above_the_ceiling() -> None:
    """A tenth of the ceiling, at least one a second; what was sent before is no news any more."""
    pace = Pace(0.7)
    pace.restart_low(10.0)
    assert pace.rate_per_s == 0.7
    assert not pace.on_complaint(11.0, 9.0)


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["accepted", "complaint", "strain", "restart"]),
        st.floats(0.0, 5.0),
        st.floats(0.0, 5.0),
    ),
    max_size=60,
)


@given(st.floats(0.05, 1000.0), EVENTS)
def test_pace_whatever_happens_stays_between_floor_and_ceiling(
    ceiling_per_s: float, events: list[tuple[str, float, float]]
) -> None:
    """Never above the ceiling, never below the floor; only a complaint, strain or a restart lowers it."""
    pace, now_s = Pace(ceiling_per_s), 0.0
    for name, pause_s, age_s in events:
        now_s += pause_s
        before = pace.rate_per_s
        if name == "accepted":
            rose = pace.on_accepted(now_s)
            assert rose == (pace.rate_per_s > before)
            assert pace.rate_per_s >= before
        elif name == "complaint":
            is_news = pace.on_complaint(now_s, now_s - age_s)
            assert pace.rate_per_s <= before
            assert not is_news or pace.rate_per_s < before or before == min(FLOOR_PER_S, ceiling_per_s)
            again = pace.rate_per_s
            assert not pace.on_complaint(now_s, now_s - age_s)
            assert pace.rate_per_s <= again
        elif name == "strain":
            fell = pace.on_strain(now_s)
            assert pace.rate_per_s <= before
            assert fell or pace.rate_per_s == before
        else:
            pace.restart_low(now_s)
        assert min(FLOOR_PER_S, ceiling_per_s) <= pace.rate_per_s <= ceiling_per_s


@pytest.mark.parametrize(
    ("rate", "lasting"),
    [(10, 10 / 1.01), (0.5, 0.5 / 1.01), (10.5, 10.0), (25, 25 / 1.01)],
)
def test_lasting_rate_is_what_spacing_leaves_of_the_ceiling(rate: float, lasting: float) -> None:
    """A hundredth is slack, and no second holds a fraction of a request."""
    assert lasting_rate_per_s(rate) == pytest.approx(lasting)
    assert lasting_rate_per_s(rate) <= rate
