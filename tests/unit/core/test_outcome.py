"""What an outcome says about itself."""

from __future__ import annotations

import pytest

from bulkconn.core.outcome import Outcome, OutcomeKind, Scope

DEFINITIVE = {"created", "certainly_created", "not_possible", "rejected"}
AMBIGUOUS = {"certainly_created", "in_doubt"}


@pytest.mark.parametrize("kind", OutcomeKind, ids=str)
def test_outcome_kind_says_whether_it_is_definitive_and_whether_ambiguous(kind: OutcomeKind) -> None:
    """Definitive is an answer about the row or its place, ambiguous what may exist without a known id."""
    outcome = Outcome(kind)
    assert outcome.is_definitive == (kind.value in DEFINITIVE)
    assert outcome.is_ambiguous == (kind.value in AMBIGUOUS)


def test_outcome_bare_concerns_its_row_alone() -> None:
    """Unless it says so, an outcome means nothing for others."""
    outcome = Outcome(OutcomeKind.REJECTED)
    assert outcome.scope is Scope.ROW
    assert outcome.closes_gate_s is None
    assert not outcome.lowers_pace
    assert not outcome.stops_run
