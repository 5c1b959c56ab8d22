"""What the live view keeps of a run: how far sources are, the pace of the last seconds, the last errors."""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING, Final

from bulkconn.core.facts import GateClosed, GateOpened, OutageBegan, PlaceParked, RowMoved, RowStaysInDoubt
from bulkconn.core.lifecycle import State
from bulkconn.core.plan import Action
from bulkconn.core.text import shown
from bulkconn.report.live import ERRORS_MAX, SourceStanding

if TYPE_CHECKING:
    from datetime import datetime

    from bulkconn.core.facts import Fact
    from bulkconn.core.names import RunId
    from bulkconn.core.protocols import Clock
    from bulkconn.engine.survey import Survey

_DONE: Final = frozenset({State.CREATED, State.ADOPTED, State.FAILED, State.HELD})
_LEFT: Final = frozenset({Action.CREATE.value, Action.SETTLE.value, Action.LEAVE.value})
_TROUBLE: Final = frozenset({State.FAILED, State.HELD})
#: Paces that are kept, one a second: as many as the widest view draws.
_PACES_MAX: Final = 60
_NAME_LENGTH: Final = 40
_MESSAGE_LENGTH: Final = 300


class Follower:
    """A `Listener` for one run. `survey` is what the first pass found; None for a settle.

    Without `hears_rows` it may not learn how far sources are, nor of errors: what a log line does not show.
    """

    def __init__(self, clock: Clock, survey: Survey | None = None, *, hears_rows: bool = True) -> None:
        self.hears_rows = hears_rows
        self._clock = clock
        self._rows: Counter[str] = Counter()
        self._done: Counter[str] = Counter()
        self._failed: Counter[str] = Counter()
        for (what, _, source), rows in (survey.groups if survey is not None else Counter()).items():
            self._rows[source] += rows
            self._done[source] += 0 if what in _LEFT else rows
        self._errors: deque[str] = deque(maxlen=ERRORS_MAX)
        self._paces: deque[float] = deque(maxlen=_PACES_MAX)
        self._paced_at_s = 0.0
        self._closed_s = 0.0
        self._closed_since_s: float | None = None

    @property
    def sources(self) -> list[SourceStanding]:
        """How far each source is."""
        return [
            SourceStanding(source, rows, min(rows, self._done[source]), self._failed[source])
            for source, rows in self._rows.items()
        ]

    @property
    def errors(self) -> list[str]:
        """The last errors, the newest last."""
        return list(self._errors)

    @property
    def paces(self) -> list[float]:
        """The pace of the last seconds, 0 where the gate was closed."""
        return list(self._paces)

    @property
    def closed_s(self) -> float:
        """Seconds for which the gate was closed since the beginning."""
        since_s = self._closed_since_s
        return self._closed_s + (0.0 if since_s is None else self._clock.elapsed_s() - since_s)

    def on_pace(self, rate_per_s: float) -> None:
        """Take note of the pace, once a second."""
        now_s = self._clock.elapsed_s()
        if not self._paces or now_s - self._paced_at_s >= 1.0:
            self._paced_at_s = now_s
            self._paces.append(rate_per_s)

    def hear(self, fact: Fact, at: datetime, run_id: RunId | None) -> None:  # noqa: ARG002 - a Listener's
        """Take note of what the view shows."""
        match fact:
            case RowMoved():
                self._on_moved(fact, at)
            case RowStaysInDoubt(row, reason):
                self._note(at, row.name or row.key, "stays in doubt", reason)
            case PlaceParked(sandbox, source, code, _):
                place = sandbox if source is None else f"{source} in {sandbox}"
                self._note(at, place, "is set aside", code)
            case OutageBegan():
                self._note(at, "the service", "answers nobody", "probing until it does")
            case GateClosed():
                self._closed_since_s = self._closed_since_s or self._clock.elapsed_s()
            case GateOpened(seconds):
                self._closed_since_s = None
                self._closed_s += seconds
            case _:
                pass

    def _on_moved(self, fact: RowMoved, at: datetime) -> None:
        to, source = fact.move.to, fact.row.source
        if fact.is_counted:
            self._done[source] += (to in _DONE) - (fact.was in _DONE)
            self._failed[source] += (to is State.FAILED) - (fact.was is State.FAILED)
        if to in _TROUBLE:
            why = fact.move.error_message or fact.move.error_code or ""
            self._note(at, fact.row.name or fact.row.key, to.value, why)

    def _note(self, at: datetime, name: str, what: str, why: str) -> None:
        name, why = shown(name, _NAME_LENGTH), shown(why, _MESSAGE_LENGTH)
        self._errors.append(f"{at.astimezone():%H:%M:%S} {name} {what}: {why}")
