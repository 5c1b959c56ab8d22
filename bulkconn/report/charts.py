"""Pictures of a report, drawn as SVG: a run on a line of time, and how long answers took.

Colours are classes, so that the page's style decides them in light, in dark and on paper. Each picture
comes in three widths, of which the style shows one: letters keep their size on every screen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from bulkconn.core.record import AttemptEnd
from bulkconn.report.markup import Markup, tag, together
from bulkconn.report.scales import brief, clock, decades, number, round_steps, time_steps

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bulkconn.core.figures import Latencies, PacePoint, Timeline

#: (class, width) of each picture; the style's break points belong to them.
_WIDTHS: Final = (("narrow", 330), ("middle", 680), ("wide", 1040))
#: From below to above: what is good first.
STACK: Final = (AttemptEnd.CREATED, AttemptEnd.IN_DOUBT, AttemptEnd.REJECTED, AttemptEnd.NOT_PROCESSED)
_BINS_PER_DECADE: Final = 8
_SHORTEST_S: Final = 0.001
#: Width of a letter in a picture, for labels that must not meet.
_LETTER: Final = 6.4
#: Likewise of a figure, which is a little wider.
_FIGURE: Final = 7.6


@dataclass(frozen=True, slots=True)
class Frame:
    """The inner field of a picture, in its own units."""

    width: float
    height: float
    left: float = 40
    right: float = 8
    top: float = 16
    bottom: float = 26

    @property
    def across(self) -> float:
        """Give the width of the field."""
        return self.width - self.left - self.right

    @property
    def base(self) -> float:
        """Give the height at which bars stand."""
        return self.height - self.bottom

    def x(self, share: float) -> float:
        """Give the place of a share (0 to 1) from the left."""
        return round(self.left + share * self.across, 2)

    def y(self, share: float) -> float:
        """Give the place of a share (0 to 1) from below."""
        return round(self.base - share * (self.base - self.top), 2)


def timeline_chart(timeline: Timeline, *, ceiling_per_s: float | None, name: str) -> Markup:
    """Draw answers per second as stacked bars, with pace, ceiling and the times of a closed gate.

    Args:
        timeline: Without a history of pace only bars and ceiling are drawn.
        ceiling_per_s: The run's setting, for a ledger that kept no history; None: no ceiling is known.
        name: What a screen reader says instead of the picture.
    """
    return _in_widths(name, 240, lambda frame: _timeline(frame, timeline, ceiling_per_s))


def latency_chart(latencies: Latencies, *, name: str) -> Markup:
    """Draw how many answers took how long, on a logarithmic axis, with median, 95 % and 99 %."""
    return _in_widths(name, 190, lambda frame: _latency(frame, latencies))


def _in_widths(name: str, height: int, draw: Callable[[Frame], Markup]) -> Markup:
    return together(
        *(
            tag(
                "svg",
                draw(Frame(width, height)),
                class_=f"chart {kind}",
                viewBox=f"0 0 {width} {height}",
                role="img",
                aria_label=name,
            )
            for kind, width in _WIDTHS
        )
    )


# --- a run on a line of time ----------------------------------------------------------------------


def _timeline(frame: Frame, timeline: Timeline, ceiling_per_s: float | None) -> Markup:
    span_s = max(timeline.span_s, timeline.width_s)
    paces = [point for point in timeline.paces if point.from_s <= span_s]
    ceilings = [point.ceiling_per_s for point in paces] or ([ceiling_per_s] if ceiling_per_s else [])
    highest = max(timeline.most_per_s, *ceilings, *(point.rate_per_s for point in paces), 0.001)
    if highest > 4 * max(timeline.most_per_s, 0.001):
        # A ceiling far above what was sent would press the bars flat: it is told in words instead.
        ceilings, paces_drawn = [], False
        highest = max(timeline.most_per_s * 1.15, 0.001)
    else:
        paces_drawn = True
    ticks = round_steps(highest)
    top = ticks[-1]
    frame = _fitted(frame, ticks)

    def x(at_s: float) -> float:
        return frame.x(min(1.0, max(0.0, at_s / span_s)))

    def y(per_s: float) -> float:
        return frame.y(min(1.0, per_s / top))

    return together(
        _levels(frame, ticks),
        *(_closed(frame, closure, x) for closure in closures(paces)),
        *_bars(timeline, x, y),
        _times(frame, span_s, x),
        _line("ceiling", [(0.0, ceilings[0])], span_s, x, y) if ceilings and not paces else "",
        _line("ceiling", [(one.from_s, one.ceiling_per_s) for one in paces], span_s, x, y)
        if paces and paces_drawn
        else "",
        _line("pace", [(one.from_s, one.rate_per_s) for one in paces], span_s, x, y)
        if paces and paces_drawn
        else "",
    )


def _fitted(frame: Frame, ticks: Sequence[float]) -> Frame:
    """Give the frame with room for the longest figure on its left."""
    longest = max(len(number(tick)) for tick in ticks)
    return replace(frame, left=14 + longest * _FIGURE)


def _levels(frame: Frame, ticks: Sequence[float]) -> Markup:
    """Draw the axis from below to above: hairlines with their figures, the unit at the highest."""
    parts = []
    for tick in ticks:
        at = frame.y(tick / ticks[-1])
        kind = "base" if tick == 0 else "level"
        parts.append(tag("line", class_=kind, x1=frame.left, x2=frame.width - frame.right, y1=at, y2=at))
        parts.append(
            tag("text", number(tick), class_="figure", x=frame.left - 8, y=at + 4, text_anchor="end")
        )
    return together(*parts)


def _times(frame: Frame, span_s: float, x: Callable[[float], float]) -> Markup:
    about = max(2, int(frame.across / 110))
    parts = []
    for tick in time_steps(span_s, about=about):
        label = clock(tick)
        place = min(x(tick), frame.width - len(label) * _LETTER / 2)
        parts.append(tag("text", label, class_="figure", x=place, y=frame.height - 8, text_anchor="middle"))
    return together(*parts)


def _bars(timeline: Timeline, x: Callable[[float], float], y: Callable[[float], float]) -> list[Markup]:
    drawn = []
    for bar in timeline.bars:
        left, right = x(bar.from_s), x(bar.from_s + timeline.width_s)
        gap = 1.0 if right - left > 3 else 0.2  # noqa: PLR2004 - narrower bars stand closer
        below = 0
        for end in STACK:
            count = bar.answers.get(end, 0)
            if not count:
                continue
            low, high = y(below / timeline.width_s), y((below + count) / timeline.width_s)
            below += count
            drawn.append(
                tag(
                    "rect",
                    class_=end.value,
                    x=left,
                    y=high,
                    width=round(max(0.6, right - left - gap), 2),
                    height=round(max(0.5, low - high), 2),
                )
            )
    return drawn


def closures(paces: Sequence[PacePoint]) -> list[tuple[float, float]]:
    """Give from when to when the gate was closed (seconds); what overlaps, of several workers say, is one."""
    found: list[tuple[float, float]] = []
    for point in paces:
        begin, end = point.from_s, point.from_s + point.closed_for_s
        if point.closed_for_s <= 0:
            continue
        if found and begin <= found[-1][1]:
            begin, end = found[-1][0], max(found.pop()[1], end)
        found.append((begin, end))
    return found


def _closed(frame: Frame, closure: tuple[float, float], x: Callable[[float], float]) -> Markup:
    left, right = x(closure[0]), x(closure[1])
    width = round(max(1.0, right - left), 2)
    return tag("rect", class_="closed", x=left, y=frame.top, width=width, height=frame.base - frame.top)


def _line(
    kind: str,
    points: Sequence[tuple[float, float]],
    span_s: float,
    x: Callable[[float], float],
    y: Callable[[float], float],
) -> Markup:
    """Draw steps: each value holds until the next one."""
    path = f"M{x(points[0][0])} {y(points[0][1])}"
    for at_s, value in points[1:]:
        path += f"H{x(at_s)}V{y(value)}"
    return tag("path", class_=kind, d=f"{path}H{x(span_s)}")


# --- how long answers took ------------------------------------------------------------------------


def _latency(frame: Frame, latencies: Latencies) -> Markup:
    shortest = max(_SHORTEST_S, latencies.counted[0][0])
    edges = decades(shortest, max(latencies.longest_s, shortest * 2))
    low, high = math.log10(edges[0]), math.log10(edges[-1])
    bins: dict[int, int] = {}
    for seconds, count in latencies.counted:
        place = math.floor((math.log10(max(seconds, edges[0])) - low) * _BINS_PER_DECADE + 1e-9)
        bins[place] = bins.get(place, 0) + count
    ticks = round_steps(max(bins.values()), about=3)
    frame = _fitted(frame, ticks)

    def x(seconds: float) -> float:
        return frame.x(min(1.0, max(0.0, (math.log10(max(seconds, edges[0])) - low) / (high - low))))

    step = 1 / ((high - low) * _BINS_PER_DECADE)
    bars = []
    for place, count in sorted(bins.items()):
        left, top = frame.x(place * step), frame.y(count / ticks[-1])
        width = round(max(1.0, frame.across * step - 1), 2)
        # One answer among a million is seen too.
        height = round(max(1.5, frame.base - top), 2)
        bars.append(tag("rect", class_="answers", x=left, y=frame.base - height, width=width, height=height))
    labels = [
        tag(
            "text",
            brief(edge),
            class_="figure",
            x=min(x(edge), frame.width - 18),
            y=frame.height - 8,
            text_anchor="middle",
        )
        for edge in edges
    ]
    return together(_levels(frame, ticks), *bars, *labels, *_marks(frame, latencies, x))


def _marks(frame: Frame, latencies: Latencies, x: Callable[[float], float]) -> list[Markup]:
    """Draw the quantiles as lines; a label that would meet the one before it is left out."""
    drawn, free_from = [], 0.0
    for label, share in (("median", 0.5), ("95 %", 0.95), ("99 %", 0.99)):
        at = x(latencies.quantile(share))
        drawn.append(tag("line", class_="mark", x1=at, x2=at, y1=frame.top - 2, y2=frame.base))
        half = len(label) * _LETTER / 2
        place = min(max(at, frame.left + half), frame.width - half)
        if place - half >= free_from:
            drawn.append(
                tag("text", label, class_="figure", x=round(place, 2), y=frame.top - 6, text_anchor="middle")
            )
            free_from = place + half + 4
    return drawn


def share_bar(parts: Sequence[tuple[str, int]], *, whole: int, tall: bool = False) -> Markup:
    """Draw one lying bar of (class, count): `whole` is what fills it. It is decoration beside figures."""
    height, at, drawn = (14 if tall else 6), 0.0, []
    for kind, count in parts:
        if not count:
            continue
        # What is there is seen, be it one row of a million.
        width = max(0.4, 100 * count / max(1, whole))
        drawn.append(
            tag("rect", class_=kind, x=round(at, 3), y=0, width=round(min(width, 100 - at), 3), height=height)
        )
        at = min(100.0, at + width)
    return tag(
        "svg",
        *drawn,
        class_="share tall" if tall else "share",
        viewBox=f"0 0 100 {height}",
        preserveAspectRatio="none",
        aria_hidden="true",
        focusable="false",
    )
