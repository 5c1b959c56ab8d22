"""A figure is a ratio: what we took beside what a named alternative took, by turns, on the same machine."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Figure:
    """One line of the table.

    `ratio` is the median of the rounds' own ratios: a neighbour who is busy for a while weighs on both sides.
    `ours` and `theirs` are medians in `unit`. `least` and `most` bound a goal; None is no goal.
    """

    name: str
    against: str
    unit: str
    ours: float
    theirs: float
    ratio: float
    rounds: int
    least: float | None = None
    most: float | None = None

    @property
    def is_reached(self) -> bool | None:
        """Whether the goal is reached; None without one."""
        if self.least is None and self.most is None:
            return None
        return (self.least is None or self.ratio >= self.least) and (
            self.most is None or self.ratio <= self.most
        )

    def as_json(self) -> dict[str, Any]:
        """Give the figure as JSON keeps it."""
        return {**asdict(self), "is_reached": self.is_reached}


@dataclass(frozen=True)
class Goal:
    """Bounds of a ratio."""

    least: float | None = None
    most: float | None = None


def by_turns(rounds: int, *measures: Callable[[], float]) -> list[list[float]]:
    """Measure one after the other, again and again; give each one's values in the order of rounds."""
    values: list[list[float]] = [[] for _ in measures]
    for _ in range(rounds):
        for mine, measure in zip(values, measures, strict=True):
            mine.append(measure())
    return values


def compare(
    name: str, against: str, unit: str, pairs: tuple[list[float], list[float]], goal: Goal | None = None
) -> Figure:
    """Make a figure of two lists that were measured by turns."""
    ours, theirs = pairs
    goal = goal or Goal()
    ratio = median(one / other for one, other in zip(ours, theirs, strict=True))
    return Figure(name, against, unit, median(ours), median(theirs), ratio, len(ours), goal.least, goal.most)


def stated(name: str, against: str, unit: str, pair: tuple[float, float], goal: Goal | None = None) -> Figure:
    """Make a figure of something that was counted once."""
    return compare(name, against, unit, ([pair[0]], [pair[1]]), goal)


def line(figure: Figure) -> str:
    """Write a figure as a line of the table."""
    goal = ""
    if figure.least is not None:
        goal = f">= {figure.least:g}"
    if figure.most is not None:
        goal = f"<= {figure.most:g}"
    verdict = {True: "reached", False: "MISSED", None: ""}[figure.is_reached]
    return (
        f"{figure.name:<44} {figure.ratio:>8.3f}  {goal:<8} {verdict:<8} "
        f"{figure.ours:>12,.1f} : {figure.theirs:>12,.1f} {figure.unit:<8} {figure.against} ({figure.rounds})"
    )
