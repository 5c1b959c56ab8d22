"""Facts are values: many listeners may have the same one, and none can change it for the others."""

from __future__ import annotations

import dataclasses
from typing import get_args

import pytest

from bulkconn.core import facts

MADE = {
    name: thing for name, thing in vars(facts).items() if dataclasses.is_dataclass(thing) and name != "Whom"
}


def test_every_fact_is_one_of_the_union() -> None:
    """A listener that handles the union has handled all."""
    assert set(get_args(facts.Fact)) == set(MADE.values())


@pytest.mark.parametrize("name", MADE)
def test_fact_cannot_be_changed(name: str) -> None:
    """Frozen, without a place for more."""
    made = MADE[name]
    assert made.__dataclass_params__.frozen  # type: ignore[union-attr]  # dataclasses' own
    assert not hasattr(made, "__dict__") or "__slots__" in vars(made)
