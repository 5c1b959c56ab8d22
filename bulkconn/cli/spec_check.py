"""`--check-specs`: what the service itself says of the inventory's sources, asked before any row is judged.

Specs are asked for once per sandbox and connection spec. The ledger keeps a copy: within the hour it is as
good as an answer (a plan and the run that follows it ask once), and without a way to ask it is better than
nothing, with its time told. A row is never refused by a copy where the service can be asked.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bulkconn.core.columns import identity
from bulkconn.core.diagnostics import Diagnostic, Severity
from bulkconn.core.endpoint import InventoryRow
from bulkconn.core.findings import AGAIN
from bulkconn.core.outcome import Scope
from bulkconn.core.report import Stop
from bulkconn.core.service_spec import ServiceSpec
from bulkconn.core.spec_book import SpecBook
from bulkconn.core.text import shown
from bulkconn.engine.lookup import Unknown
from bulkconn.report.words import plural

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from datetime import datetime

    from bulkconn.cli.checking import Checked
    from bulkconn.core.service_spec import Place, SpecAnswer
    from bulkconn.engine.stops import Stops

    #: Asks the service; None: there is no way to ask.
    Ask = Callable[[list[Place]], Awaitable[Mapping[Place, SpecAnswer | Unknown]]] | None

#: Seconds for which the ledger's copy is as good as an answer.
FRESH_S: Final = 3600.0
#: Largest copy that a ledger keeps, in characters of its JSON; a documented one has a few thousand.
_KEPT_MAX: Final = 1_000_000
#: Rows read between two looks at signals.
_BATCH: Final = 500


class SpecCheck:
    """What the service says of an inventory's sources, and how it was learnt.

    `ask` asks the service; None: there is no way to. `fresh` are answers that a ledger should keep.
    """

    def __init__(self, checked: Checked, ask: Ask, now: Callable[[], datetime]) -> None:
        self.fresh: list[ServiceSpec] = []
        self._checked = checked
        self._ask = ask
        self._now = now
        self._kept: Mapping[Place, ServiceSpec] = {}
        self._spots: dict[Place, _Spot] = {}
        self._answers: dict[Place, SpecAnswer] = {}
        self._copies: set[Place] = set()
        self._unasked: dict[Place, str] = {}

    async def begin(self, kept: Mapping[Place, ServiceSpec]) -> None:
        """Learn what the service says of every source that the inventory names, and hold its rows to that.

        `kept` are the ledger's copies. Reads the inventory once; its faults are told by the passes that
        follow.

        Raises:
            UsageError: something must be asked for, and there are no credentials.
            InventoryChanged: a file changed meanwhile.
        """
        self._kept = kept
        self._spots = await _spots(self._checked)
        for place in self._spots:
            copy = kept.get(place)
            if copy is not None and (self._ask is None or self._is_fresh(copy)):
                self._answers[place] = copy
                self._copies.add(place)
        await self._learn([place for place in self._spots if place not in self._answers])

    async def ask_anew(self) -> bool:
        """Ask for what was taken from the ledger's copies; False where there is nothing to ask.

        For rows that were refused: the organisation may have mended what stood against them.
        """
        places = [] if self._ask is None else sorted(self._copies)
        if places:
            await self._learn(places)
        return bool(places)

    def stop(self, stops: Stops) -> Stop | None:
        """Say why nothing may be sent, if so: the user asked for a check that could not be made.

        The rows of a sandbox that is parked are not sent anyway, so others may go on.
        """
        if stops.is_stopping:
            return stops.reported
        reasons = [why for place, why in self._unasked.items() if not stops.is_parked(place.sandbox, "")]
        if not reasons:
            return None
        return Stop(reasons[0], Scope.RUN, "run the same command again later, or without --check-specs")

    @property
    def note(self) -> str:
        """Say in a line where the answers are from."""
        asked = len(self._answers) - len(self._copies)
        copies = plural(len(self._copies), "copy", "copies")
        return f"connection specs: {plural(asked, 'answer')} of the service, {copies} of the ledger"

    async def _learn(self, places: list[Place]) -> None:
        if places and self._ask is not None:
            for place, answer in (await self._ask(places)).items():
                self._take(place, answer)
        elif places:
            self._checked.notes += [_not_kept(self._spots[place], place) for place in places]
        self._checked.check.validator.learn(SpecBook(self._answers))

    def _is_fresh(self, copy: ServiceSpec) -> bool:
        return 0 <= (self._now() - copy.read_at).total_seconds() < FRESH_S

    def _take(self, place: Place, answer: SpecAnswer | Unknown) -> None:
        spot, copy = self._spots[place], self._kept.get(place)
        if not isinstance(answer, Unknown):
            self._answers[place] = answer
            self._copies.discard(place)
            if isinstance(answer, ServiceSpec) and len(str(answer.document())) <= _KEPT_MAX:
                self.fresh.append(answer)
        elif copy is not None:
            self._answers[place] = copy
            self._copies.add(place)
            self._checked.notes.append(_by_copy(spot, place, answer, copy))
        else:
            note = _not_asked(spot, place, answer)
            self._checked.notes.append(note)
            self._unasked[place] = note.message


@dataclass(frozen=True, slots=True)
class _Spot:
    """The first row that needs a connection spec."""

    file: str
    row: int
    column: str
    source: str


async def _spots(checked: Checked) -> dict[Place, _Spot]:
    spots: dict[Place, _Spot] = {}
    for number, item in enumerate(checked.inventory.rows()):
        # Reading is not awaited, so this is where a signal is heard.
        if number % _BATCH == 0:
            await asyncio.sleep(0)
        if not isinstance(item, InventoryRow):
            continue
        place = checked.check.validator.place_of(item)
        if place is not None and place not in spots:
            column = next(header for header in item.cells if identity(header) == "source")
            spots[place] = _Spot(item.file, item.row, column, item.cells[column].strip())
    return spots


def _by_copy(spot: _Spot, place: Place, answer: Unknown, copy: ServiceSpec) -> Diagnostic:
    return _note(
        spot,
        f"what the service says of {shown(spot.source)} in sandbox {place.sandbox} could not be asked anew: "
        f"{answer.reason}; the copy of {copy.read_at:%Y-%m-%d %H:%M} UTC is used",
        f"mend the cause if the copy may be out of date, {AGAIN}",
    )


def _not_asked(spot: _Spot, place: Place, answer: Unknown) -> Diagnostic:
    return _note(
        spot,
        f"{shown(spot.source)} in sandbox {place.sandbox} was not checked against the service: "
        f"{answer.reason}",
        f"mend the cause, or leave out --check-specs, {AGAIN}",
    )


def _not_kept(spot: _Spot, place: Place) -> Diagnostic:
    return _note(
        spot,
        f"{shown(spot.source)} in sandbox {place.sandbox} was not checked against the service: "
        "the ledger has no copy of what it says (--offline)",
        f"leave out --offline once; a ledger that is there already keeps the copy, {AGAIN}",
    )


def _note(spot: _Spot, message: str, fix: str) -> Diagnostic:
    return Diagnostic(Severity.WARNING, spot.file, message, fix, row=spot.row, column=shown(spot.column))
