"""The words of the live view."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from bulkconn.cli.progress import Moment, render_moment

MOMENT = Moment(
    rows=1200,
    done=300,
    created=290,
    failed=10,
    in_flight=20,
    in_doubt=2,
    held=0,
    pace_per_s=7.5,
    ceiling_per_s=10.0,
    gate_closed_s=0.0,
    next_look_s=None,
    eta_s=90.0,
)


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        ({}, "300 of 1,200 done, 290 created, 10 failed, 20 in flight, 2 in doubt"),
        ({}, "pace 7.5 of 10/s, about 1 min 30 s left"),
        ({"held": 3}, "3 held"),
        ({"gate_closed_s": 4.2}, "gate closed for 4.2 s"),
        ({"next_look_s": 30.0}, "only graces left: next look in 30 s (Ctrl-C leaves at once)"),
    ],
    ids=["counts", "pace", "held", "closed", "countdown"],
)
def test_moment_of_a_run_shows_what_matters(change: dict[str, Any], shown: str) -> None:
    """Counts, pace against ceiling, the gate, what is left."""
    assert shown in render_moment(dataclasses.replace(MOMENT, **change))


def test_moment_with_nothing_pending_shows_no_estimate() -> None:
    """Without rows to send there is nothing to reckon."""
    assert "left" not in render_moment(dataclasses.replace(MOMENT, eta_s=None))
