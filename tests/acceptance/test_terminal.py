"""A run as people watch it: on a real pseudo terminal, at three widths, against the emulator."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

import pytest

from tests.acceptance.process import as_csv, postgres_rows
from tests.acceptance.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.acceptance.conftest import OpenWorkplace
    from tests.acceptance.process import EmulatorProcess, Workplace

    Watch = Callable[..., Terminal]

_RUN = ("run", "inventory.csv", "--settle-grace", "2")


@pytest.fixture
def workplace(open_workplace: OpenWorkplace, emulator: EmulatorProcess) -> Workplace:
    """Give a workplace with two sources, one of whose rows will be refused."""
    workplace = open_workplace(emulator)
    rows = postgres_rows(160)
    for row in rows[::2]:
        row["source"] = "mysql"
        row["sslMode"] = "REQUIRED"
    rows[10]["name"] = "orders [bold]数据库[/] \u202eevil"
    workplace.write("inventory.csv", as_csv(rows))
    emulator.plan_faults(by_name={rows[10]["name"]: ["status_400"]})
    return workplace


@pytest.fixture
def watch(workplace: Workplace) -> Iterator[Watch]:
    """Give a function that starts a command on a terminal of so many columns."""
    started: list[Terminal] = []

    def begin(columns: int, *words: str, **variables: str) -> Terminal:
        made = Terminal(columns, *words, cwd=workplace.folder, env={**workplace.env, **variables})
        started.append(made)
        return made

    yield begin
    for one in started:
        one.close()


def has_all(lines: list[str]) -> bool:
    """Tell whether the screen shows a run in full swing."""
    text = "\n".join(lines)
    return all(word in text for word in ("mysql", "postgres", "pace ", "█", "failed:"))


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_view_fits_and_shows_sources_pace_and_errors(watch: Watch, columns: int) -> None:
    """Every line of the view is a line of the screen: nothing wraps, at any width."""
    terminal = watch(columns, *_RUN, "--rate", "20")
    lines = terminal.wait_for(has_all)
    (head,) = [line for line in lines if "of 160 done" in line]
    assert "left" in head
    assert [line.split()[0] for line in lines[lines.index(head) :] if " of 80" in line] == [
        "mysql",
        "postgres",
    ]
    (error,) = [line for line in lines if " failed: " in line]
    assert "[bold]数据库[/]" in error.replace("数 据 库 ", "数据库")
    assert "\u202e" not in error
    assert len(lines[lines.index(head) :]) <= 9
    assert max(map(len, lines)) < columns
    # Only the view is on the screen, once: a line that wrapped would have left remains of earlier frames.
    assert lines.index(head) == 0
    assert len([line for line in lines if "pace " in line]) == 1
    terminal.process.send_signal(signal.SIGINT)
    assert terminal.end() == 130


def test_view_makes_room_for_the_summary(watch: Watch) -> None:
    """At the end the view is gone, and the summary stands alone."""
    terminal = watch(80, *_RUN, "--rate", "200")
    assert terminal.end() == 1
    lines = terminal.shown()
    assert "160 rows" in lines[0]
    assert not [line for line in lines if "pace " in line or "━" in line]


def test_no_color_is_respected(watch: Watch) -> None:
    """NO_COLOR: lines move, but no colour is set; without it there is one."""
    plain = watch(80, *_RUN, "--rate", "20", NO_COLOR="1")
    plain.wait_for(has_all)
    assert b"\x1b[31m" not in plain.raw
    plain.process.send_signal(signal.SIGINT)
    plain.end()


def test_error_is_red_where_colours_are_welcome(watch: Watch) -> None:
    """The counterpart: on an ordinary terminal the last errors are red."""
    terminal = watch(80, *_RUN, "--rate", "20")
    terminal.wait_for(has_all)
    assert b"\x1b[31m" in terminal.raw


def test_closed_gate_shows_and_counts_into_what_is_left(watch: Watch, emulator: EmulatorProcess) -> None:
    """A Retry-After of half a minute: the view says so, and that nothing ends before."""
    terminal = watch(80, *_RUN, "--rate", "20")
    terminal.wait_for(has_all)
    emulator.plan_faults(queue=["status_429:30"])
    lines = terminal.wait_for(lambda lines: any("gate closed for" in line for line in lines))
    (head,) = [line for line in lines if "of 160 done" in line]
    assert any(f"about {seconds} s left" in head for seconds in range(25, 60))


def test_log_that_is_asked_for_comes_beside_the_view(watch: Watch) -> None:
    """Left out, the log says nothing that the view shows; a level that is given is meant."""
    terminal = watch(80, *_RUN, "--rate", "20", "--log-level", "info")
    terminal.wait_for(has_all)
    assert b"row.failed" in terminal.raw


def test_warning_that_no_view_shows_is_not_lost(watch: Watch) -> None:
    """A hook that is not there is told, also on a terminal."""
    terminal = watch(80, *_RUN, "--rate", "200", "--notify", "http://127.0.0.1:9/s3cret")
    assert terminal.end() == 1
    assert any("notify.failed" in line for line in terminal.shown())
    assert b"row.failed" not in terminal.raw
    assert b"s3cret" not in terminal.raw


def test_dumb_terminal_gets_log_lines(watch: Watch) -> None:
    """No cursor to move: no view."""
    terminal = watch(80, *_RUN, "--rate", "200", TERM="dumb")
    assert terminal.end() == 1
    assert b"\x1b[2K" not in terminal.raw
    assert b"pace " not in terminal.raw
    assert b"row.failed" in terminal.raw


def test_log_has_plain_lines_and_no_view(workplace: Workplace) -> None:
    """Where stderr is no terminal nothing is drawn."""
    ended: Any = workplace.run("run", "inventory.csv", "--settle-grace", "2", "--rate", "200")
    assert ended.code == 1
    assert "\x1b[" not in ended.err
    assert "━" not in ended.err
