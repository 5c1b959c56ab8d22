"""The live view as text: what matters is there, and nothing is wider than the terminal."""

from __future__ import annotations

import dataclasses
from typing import Any, Final

import pytest
from rich.cells import cell_len

from bulkconn.report.live import Moment, SourceStanding, View, render_view, sparkline

MOMENT: Final = Moment(
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
SOURCES: Final = tuple(
    SourceStanding(f"source-{number}", 100 * number, 40 * number, number - 1) for number in range(1, 9)
)
HOSTILE: Final = "04:05:06 [red]x[/]\x1b[2J\u202e\n数据库数据库数据库 failed: " + "y" * 4000


def text(view: View, width: int = 80, *, is_ascii: bool = False) -> str:
    """Give a view's lines as one text."""
    return "\n".join(line.text for line in render_view(view, width, is_ascii=is_ascii))


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        ({}, "300 of 1,200 done · about 1 min 30 s left"),
        ({}, "290 created, 10 failed, 20 in flight, 2 in doubt"),
        ({}, "pace 7.5 of 10/s"),
        ({"held": 3}, "3 held"),
        ({"gate_closed_s": 4.2}, "gate closed for 4.2 s"),
        ({"next_look_s": 30.0}, "next look in 30 s"),
        ({"next_look_s": 30.0}, "only graces left (Ctrl-C leaves at once)"),
    ],
    ids=["done", "counts", "pace", "held", "closed", "countdown", "graces"],
)
def test_moment_of_a_run_shows_what_matters(change: dict[str, Any], shown: str) -> None:
    """Counts, pace against ceiling, the gate, what is left."""
    assert shown in text(View(dataclasses.replace(MOMENT, **change)))


def test_moment_with_nothing_pending_shows_no_estimate() -> None:
    """Without rows to send there is nothing to reckon."""
    assert "left" not in text(View(dataclasses.replace(MOMENT, eta_s=None)))


@pytest.mark.parametrize("width", [1, 10, 30, 60, 80, 200])
@pytest.mark.parametrize("is_ascii", [False, True])
def test_no_line_is_wider_than_the_terminal(width: int, is_ascii: bool) -> None:
    """Also with wide characters, many sources, closed gates, and a message of four thousand letters."""
    busy = dataclasses.replace(MOMENT, gate_closed_s=75.0, held=7, rows=1_000_000, done=123_456)
    view = View(busy, SOURCES, [10.0] * 60, [HOSTILE] * 5)
    lines = render_view(view, width, is_ascii=is_ascii)
    assert [line.text for line in lines if cell_len(line.text) > width] == []


@pytest.mark.parametrize("width", [60, 80, 200])
def test_view_is_calm(width: int) -> None:
    """A dozen lines and a few: one headline, counts, pace, sources, three errors."""
    lines = render_view(View(MOMENT, SOURCES, [10.0] * 60, [HOSTILE] * 5), width)
    assert len(lines) <= 13
    assert len([line for line in lines if line.style == "red"]) == 3


def test_hostile_text_is_shown_and_steers_nothing() -> None:
    """Escapes, line breaks and turned writing are spelt out; brackets are brackets."""
    (line,) = [one for one in render_view(View(MOMENT, errors=[HOSTILE]), 200) if one.style == "red"]
    assert line.text.isprintable()
    assert "[red]x[/]\\x1b[2J\\u202e\\n数据库" in line.text
    assert line.text.endswith("…")


def test_sources_beyond_the_largest_share_a_line() -> None:
    """The largest first; a run of one source needs no line for it."""
    shown = [line.text for line in render_view(View(MOMENT, SOURCES), 80) if line.style == "dim"]
    assert [one.split()[0] for one in shown] == [
        "source-8",
        "source-7",
        "source-6",
        "source-5",
        "source-4",
        "3",
    ]
    assert "3 more" in shown[-1]
    assert "240 of 600, 3 failed" in shown[-1]
    assert "320 of 800, 7 failed" in shown[0]
    assert [line for line in render_view(View(MOMENT, SOURCES[:1]), 80) if line.style == "dim"] == []


def test_sparkline_is_pace_against_ceiling() -> None:
    """Full at the ceiling, blank while the gate is closed; with ASCII alone where there is no more."""
    paces = [0.0, 0.1, 5.0, 10.0, 12.0]
    assert sparkline(paces, 10.0) == " ▁▅██"
    assert sparkline(paces, 10.0, is_ascii=True) == " _=##"


def test_ascii_view_is_ascii() -> None:
    """A terminal that knows no more gets no more."""
    assert text(View(MOMENT, SOURCES, [3.0] * 9), is_ascii=True).isascii()
