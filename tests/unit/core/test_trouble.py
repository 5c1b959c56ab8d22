"""When trouble is everybody's: outages, one fault for all rows, and the end of patience."""

from __future__ import annotations

import pytest

from bulkconn.core.outcome import Outcome, OutcomeKind
from bulkconn.core.trouble import OutageWatch, Patience, SameFaultWatch

DOUBT = Outcome(OutcomeKind.IN_DOUBT, code="http-502")
UNSENT = Outcome(OutcomeKind.NOT_SENT, code="not_sent")
CREATED = Outcome(OutcomeKind.CREATED)
DEFINITIVE = [
    OutcomeKind.CREATED,
    OutcomeKind.CERTAINLY_CREATED,
    OutcomeKind.REJECTED,
    OutcomeKind.NOT_POSSIBLE,
]


def rejected(code: str) -> Outcome:
    """Make a refusal of one row."""
    return Outcome(OutcomeKind.REJECTED, code=code)


def feed(watch: OutageWatch | SameFaultWatch, outcome: Outcome, times: int) -> list[bool]:
    """Tell a watch the same thing several times."""
    return [watch.on_answer(outcome) for _ in range(times)]


# --- outage -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("outcome", [DOUBT, UNSENT], ids=["in-doubt", "not-sent"])
def test_outage_begins_at_the_twentieth_bad_answer_in_a_row(outcome: Outcome) -> None:
    """Nineteen are not yet an outage, the twentieth is, and each further one still is."""
    assert feed(OutageWatch(), outcome, 21) == [False] * 19 + [True, True]


def test_outage_counts_doubts_and_unsent_together() -> None:
    """Both say that the service does not answer."""
    watch = OutageWatch()
    assert not any(feed(watch, DOUBT, 10) + feed(watch, UNSENT, 9))
    assert watch.on_answer(DOUBT)


@pytest.mark.parametrize("kind", DEFINITIVE, ids=str)
def test_outage_streak_ends_with_a_definitive_answer(kind: OutcomeKind) -> None:
    """A service that refuses a row is there."""
    watch = OutageWatch()
    feed(watch, DOUBT, 19)
    assert not watch.on_answer(Outcome(kind))
    assert not any(feed(watch, DOUBT, 19))
    assert (watch.definitive_answers, watch.streak_no) == (1, 1)
    assert watch.on_answer(DOUBT)


@pytest.mark.parametrize("kind", [OutcomeKind.THROTTLED, OutcomeKind.TOKEN_REFUSED], ids=str)
def test_outage_streak_neither_grows_nor_ends_with_pace_or_token(kind: OutcomeKind) -> None:
    """The gateway answered, the service behind it did not."""
    watch = OutageWatch()
    feed(watch, DOUBT, 19)
    assert not any(feed(watch, Outcome(kind), 30))
    assert (watch.definitive_answers, watch.streak_no) == (0, 0)
    assert watch.on_answer(DOUBT)


def test_outage_excuses_the_doubts_of_its_streak_alone() -> None:
    """Doubts before and after an outage are the rows' own, those in it use up nothing."""
    watch = OutageWatch()
    feed(watch, DOUBT, 5)
    watch.on_answer(CREATED)
    feed(watch, DOUBT, 19)
    assert not watch.is_excused(1)
    watch.on_answer(DOUBT)
    watch.on_answer(CREATED)
    feed(watch, DOUBT, 5)
    assert [watch.is_excused(no) for no in range(3)] == [False, True, False]


# --- one fault for all ------------------------------------------------------------------------------


def test_same_fault_trips_at_the_tenth_row_that_fails_alike() -> None:
    """Nine may be the rows' fault, ten are not."""
    watch = SameFaultWatch()
    assert not any(feed(watch, rejected("1304-400"), 9))
    assert not watch.is_tripped
    assert watch.on_answer(rejected("1304-400"))
    assert watch.is_tripped


def test_same_fault_with_another_code_among_the_first_never_trips() -> None:
    """Different faults are the rows' own, and that is settled for the whole run."""
    watch = SameFaultWatch()
    feed(watch, rejected("1304-400"), 9)
    assert not watch.on_answer(rejected("1312-400"))
    assert not any(feed(watch, rejected("1304-400"), 30))
    assert not watch.is_tripped


@pytest.mark.parametrize("kind", [OutcomeKind.CREATED, OutcomeKind.CERTAINLY_CREATED], ids=str)
def test_same_fault_after_a_creation_never_trips(kind: OutcomeKind) -> None:
    """Where one row succeeded, the others fail by themselves."""
    watch = SameFaultWatch()
    feed(watch, rejected("1304-400"), 9)
    watch.on_answer(Outcome(kind))
    assert not any(feed(watch, rejected("1304-400"), 30))


def test_same_fault_after_another_success_never_trips() -> None:
    """An adopted or settled row is a success too."""
    watch = SameFaultWatch()
    feed(watch, rejected("1304-400"), 9)
    watch.on_success()
    assert not any(feed(watch, rejected("1304-400"), 30))


@pytest.mark.parametrize(
    "kind",
    [
        OutcomeKind.IN_DOUBT,
        OutcomeKind.NOT_SENT,
        OutcomeKind.THROTTLED,
        OutcomeKind.TOKEN_REFUSED,
        OutcomeKind.NOT_POSSIBLE,
    ],
    ids=str,
)
def test_same_fault_passes_over_answers_that_fail_no_row(kind: OutcomeKind) -> None:
    """What is retried, settled or parked is no failed row and no success."""
    watch = SameFaultWatch()
    feed(watch, rejected("1304-400"), 9)
    assert not any(feed(watch, Outcome(kind, code="x"), 30))
    assert watch.on_answer(rejected("1304-400"))


# --- patience ---------------------------------------------------------------------------------------


def test_patience_ends_when_trouble_lasts_longer_than_the_wait() -> None:
    """It is measured from the first trouble, and the bound itself is still within."""
    patience = Patience(300.0)
    patience.on_trouble(1000.0)
    patience.on_trouble(1200.0)
    assert [patience.is_over(now_s) for now_s in (1000.0, 1300.0, 1300.1)] == [False, False, True]


def test_patience_begins_anew_after_a_definitive_answer() -> None:
    """One good answer forgets all trouble before it."""
    patience = Patience(300.0)
    patience.on_trouble(0.0)
    patience.on_definitive()
    assert not patience.is_over(10_000.0)
    patience.on_trouble(10_000.0)
    assert not patience.is_over(10_300.0)
    assert patience.is_over(10_301.0)


def test_patience_without_trouble_never_ends() -> None:
    """A run that has nothing to ask waits as long as it likes."""
    assert not Patience(0.0).is_over(1e9)
