"""How bad a day a rehearsal asks for."""

from __future__ import annotations

from collections import Counter

import pytest

from bulkconn.emulator import Fault, FaultLevel, FaultPlan, Place, plan_level

#: What refuses a row for good, what is beyond the promise, what is no fault, and what no run meets.
LEFT_OUT = {
    *(Fault.STATUS_400, Fault.STATUS_413, Fault.STATUS_422, Fault.ECHO, Fault.GET_HIDE),
    *(Fault.OK, Fault.GET_OK, Fault.TOKEN_OK),
    *(fault for fault in Fault if fault.place in {Place.PATCH, Place.DELETE}),
}


def struck_once(plan: FaultPlan) -> Counter[Fault]:
    """Count the faults that surely strike."""
    return Counter(step.fault for step in plan.queue if step.fault not in LEFT_OUT)


def test_level_none_has_no_fault() -> None:
    """Nothing goes wrong on a calm day."""
    assert plan_level(FaultLevel.NONE, rows=100, seed=1) == FaultPlan()


def test_storm_has_the_whole_menu_but_what_no_run_could_finish() -> None:
    """Every fault of the menu strikes a long inventory at least once, or (`refuse`) by chance."""
    plan = plan_level(FaultLevel.STORM, rows=1000, seed=1)
    assert struck_once(plan) == Counter(set(Fault) - LEFT_OUT - {Fault.REFUSE})
    assert Fault.REFUSE in {chance.fault for chance in plan.chances}
    assert not LEFT_OUT & {chance.fault for chance in plan.chances}


@pytest.mark.parametrize("level", [FaultLevel.MILD, FaultLevel.STORM])
@pytest.mark.parametrize("rows", [0, 1, 5, 40])
def test_level_of_few_rows_strikes_at_most_half_of_them_for_certain(level: FaultLevel, rows: int) -> None:
    """A handful of rows is not made to wait for every fault in turn."""
    struck = struck_once(plan_level(level, rows=rows, seed=3))
    for place in (Place.POST, Place.LOOKUP, Place.TOKEN):
        assert sum(fault.place is place for fault in struck) <= max(1, rows // 2)


def test_level_with_a_seed_is_the_same_again_and_with_another_is_not() -> None:
    """A seed replays the order of faults."""
    first, again, other = (plan_level(FaultLevel.STORM, rows=100, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other
    assert struck_once(first) == struck_once(other)


@pytest.mark.parametrize("level", FaultLevel)
def test_level_survives_the_way_over_http(level: FaultLevel) -> None:
    """A plan can be sent to an emulator in another process."""
    plan = plan_level(level, rows=10, seed=5)
    assert FaultPlan.model_validate_json(plan.model_dump_json()) == plan
