"""Faults that are not the rows': outages, one fault for everybody, and patience that ends.

Small counters fed with outcomes; they say when to act, the engine acts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bulkconn.core.outcome import OutcomeKind

if TYPE_CHECKING:
    from bulkconn.core.outcome import Outcome

#: POST answers in a row, in doubt or not sent, that make an outage.
OUTAGE_STREAK: Final = 20
#: Rows answered first that must all fail alike to make it everybody's fault.
SAME_FAULT_ROWS: Final = 10


class OutageWatch:
    """Tells when the service is down: twenty POST answers in a row that say nothing definitive."""

    def __init__(self) -> None:
        self._streak = 0
        self._excused: set[int] = set()
        #: How often the service has answered definitively so far: what an attempt is measured against.
        self.definitive_answers = 0
        #: Number of the present streak, from 0; a definitive answer begins the next.
        self.streak_no = 0

    def on_answer(self, outcome: Outcome) -> bool:
        """Take one POST's outcome; True when it completes a streak (again)."""
        if outcome.is_definitive:
            self._streak = 0
            self.streak_no += 1
            self.definitive_answers += 1
            return False
        if outcome.kind in {OutcomeKind.IN_DOUBT, OutcomeKind.NOT_SENT}:
            self._streak += 1
            if self._streak >= OUTAGE_STREAK:
                self._excused.add(self.streak_no)
                return True
        return False

    def is_excused(self, streak_no: int) -> bool:
        """Tell whether a doubt of this streak belongs to an outage and uses up nothing of its row."""
        return streak_no in self._excused


class SameFaultWatch:
    """Tells when the first rows answered all failed with one code and nothing succeeded."""

    def __init__(self) -> None:
        self._code: str | None = None
        self._rows = 0
        self._is_over = False

    @property
    def is_tripped(self) -> bool:
        """Whether the tenth was reached."""
        return self._rows >= SAME_FAULT_ROWS

    def on_answer(self, outcome: Outcome) -> bool:
        """Take one POST's outcome; True when it is the tenth of one kind and nothing else was heard."""
        if self._is_over:
            return False
        if outcome.kind in {OutcomeKind.CREATED, OutcomeKind.CERTAINLY_CREATED}:
            self._is_over = True
        elif outcome.kind is OutcomeKind.REJECTED:
            if self._code not in {None, outcome.code}:
                self._is_over = True
                return False
            self._code = outcome.code
            self._rows += 1
            return self.is_tripped
        return False

    def on_success(self) -> None:
        """A row succeeded otherwise (adopted, settled): from now on a fault is the row's own."""
        self._is_over = True


class Patience:
    """Measures how long nothing definitive has come, while something was asked."""

    def __init__(self, max_wait_s: float) -> None:
        self.max_wait_s = max_wait_s
        self._since_s: float | None = None

    def on_definitive(self) -> None:
        """Something definitive came: a created or refused row, or a complete lookup."""
        self._since_s = None

    def on_trouble(self, now_s: float) -> None:
        """Something was asked and no definitive answer came."""
        if self._since_s is None:
            self._since_s = now_s

    def is_over(self, now_s: float) -> bool:
        """Tell whether trouble has lasted longer than `max_wait_s` seconds."""
        return self._since_s is not None and now_s - self._since_s > self.max_wait_s
