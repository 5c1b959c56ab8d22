"""What a run looks like at one moment, as lines of text that fit a terminal of any width."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from bulkconn.core.text import shown
from bulkconn.report.words import duration

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Sources and errors that have a line of their own.
SOURCES_MAX: Final = 5
ERRORS_MAX: Final = 3
_BAR_MAX: Final = 40
_SPARK_MAX: Final = 40
#: Below so many columns the bar is left out.
_NARROW: Final = 40
_SPARKS: Final = ("▁▂▃▄▅▆▇█", "_.-:=+*#")
_BARS: Final = (("━", "╌"), ("=", "-"))


@dataclass(frozen=True, slots=True)
class Moment:
    """The figures of one moment. Times in seconds; `eta_s` None: nothing to reckon it by."""

    rows: int
    done: int
    created: int
    failed: int
    in_flight: int
    in_doubt: int
    held: int
    pace_per_s: float
    ceiling_per_s: float
    gate_closed_s: float
    next_look_s: float | None
    eta_s: float | None


@dataclass(frozen=True, slots=True)
class SourceStanding:
    """How far the rows of one source are."""

    source: str
    rows: int
    done: int
    failed: int = 0


@dataclass(frozen=True, slots=True)
class View:
    """A moment and what led to it: sources, the pace of the last seconds (0: closed), the last errors."""

    moment: Moment
    sources: Sequence[SourceStanding] = ()
    paces: Sequence[float] = ()
    errors: Sequence[str] = ()


class Line(NamedTuple):
    """A line, and its style in rich's words."""

    text: str
    style: str = ""


def render_view(view: View, width: int, *, is_ascii: bool = False) -> list[Line]:
    """Give the lines of a view, none wider than `width` columns."""
    moment = view.moment
    lines = [
        Line(_headline(moment, width, is_ascii=is_ascii), "bold"),
        *(Line(text) for text in _fitted(_counts(moment), width)),
        *(Line(text) for text in _fitted(_pace(view, width, is_ascii=is_ascii), width)),
        *(Line(text, "dim") for text in _sources(view.sources, width, is_ascii=is_ascii)),
        *(Line(text, "red") for text in view.errors[-ERRORS_MAX:]),
    ]
    return [Line(_cut(line.text, width), line.style) for line in lines]


def sparkline(values: Sequence[float], ceiling: float, *, is_ascii: bool = False) -> str:
    """Draw values between 0 and `ceiling` as one character each; a blank is 0."""
    marks = _SPARKS[is_ascii]
    top = len(marks) - 1
    return "".join(
        " " if value <= 0 else marks[min(top, round(top * value / ceiling))] if ceiling > 0 else marks[top]
        for value in values
    )


def _headline(moment: Moment, width: int, *, is_ascii: bool) -> str:
    text = f"{moment.done:,} of {moment.rows:,} done"
    if moment.next_look_s is not None:
        text += f" · next look in {duration(moment.next_look_s)}"
    elif moment.eta_s is not None:
        text += f" · about {duration(moment.eta_s)} left"
    if is_ascii:
        text = text.replace(" · ", ", ")
    room = min(_BAR_MAX, width - len(text) - 2)
    if width < _NARROW or room < _NARROW // 4:
        return text
    return f"{_bar(moment.done, moment.rows, room, is_ascii=is_ascii)}  {text}"


def _counts(moment: Moment) -> list[str]:
    always = [f"{moment.created:,} created", f"{moment.failed:,} failed", f"{moment.in_flight:,} in flight"]
    held = [f"{moment.held:,} held"] if moment.held else []
    return [*always, f"{moment.in_doubt:,} in doubt", *held]


def _pace(view: View, width: int, *, is_ascii: bool) -> list[str]:
    moment = view.moment
    said = f"pace {moment.pace_per_s:.1f} of {moment.ceiling_per_s:g}/s"
    room = min(_SPARK_MAX, width - len(said) - 3)
    drawn = sparkline(view.paces[-room:] if room > 0 else (), moment.ceiling_per_s, is_ascii=is_ascii)
    parts = [f"{said} {drawn}".rstrip()]
    if moment.gate_closed_s:
        parts.append(f"gate closed for {duration(moment.gate_closed_s)}")
    if moment.next_look_s is not None:
        parts.append("only graces left (Ctrl-C leaves at once)")
    return parts


def _sources(sources: Sequence[SourceStanding], width: int, *, is_ascii: bool) -> list[str]:
    """Give the largest sources line by line; one alone says nothing that the headline does not."""
    if len(sources) <= 1:
        return []
    ordered = sorted(sources, key=lambda one: (-one.rows, one.source))
    shown_ones, others = ordered[:SOURCES_MAX], ordered[SOURCES_MAX:]
    if len(others) > 1:
        rest = SourceStanding(
            f"{len(others)} more",
            sum(one.rows for one in others),
            sum(one.done for one in others),
            sum(one.failed for one in others),
        )
        shown_ones.append(rest)
    else:
        shown_ones += others
    name_width = max(len(one.source) for one in shown_ones)
    figures = [
        f"{one.done:,} of {one.rows:,}" + (f", {one.failed:,} failed" if one.failed else "")
        for one in shown_ones
    ]
    room = min(_BAR_MAX // 2, width - name_width - max(map(len, figures)) - 4)
    return [
        f"{one.source:<{name_width}}  "
        + (f"{_bar(one.done, one.rows, room, is_ascii=is_ascii)}  " if room >= _NARROW // 5 else "")
        + figure
        for one, figure in zip(shown_ones, figures, strict=True)
    ]


def _bar(done: int, total: int, width: int, *, is_ascii: bool) -> str:
    full, empty = _BARS[is_ascii]
    filled = width if total <= 0 else min(width, width * done // total)
    return full * filled + empty * (width - filled)


def _fitted(parts: Sequence[str], width: int) -> list[str]:
    """Join parts with commas into as few lines as they need."""
    lines: list[str] = []
    for part in parts:
        if lines and len(lines[-1]) + 2 + len(part) <= width:
            lines[-1] += f", {part}"
        else:
            lines.append(part)
    return lines


def _cut(text: str, width: int) -> str:
    """Cut a text to so many columns of a terminal; wide characters take two."""
    from rich.cells import cell_len, set_cell_size  # noqa: PLC0415 - only a terminal needs it

    text = shown(text, len(text) or 1)
    return text if cell_len(text) <= width else set_cell_size(text, max(0, width - 1)).rstrip() + "…"
