"""`explore` as a user meets it: the tables of every connection, as a file."""

from __future__ import annotations

import csv
import io
import json
import signal
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.acceptance.conftest import OpenWorkplace
    from tests.acceptance.process import EmulatorProcess, Workplace

_COLUMNS = [
    *("key", "name", "source", "sandbox", "connection_id"),
    *("table", "path", "type", "can_preview", "can_fetch_schema"),
    *("error_code", "error_message"),
]
_ROWS = 20


@pytest.fixture
def place(emulator: EmulatorProcess, open_workplace: OpenWorkplace) -> Workplace:
    """Give a folder whose ledger has 20 created rows."""
    made = open_workplace(emulator, BULKCONN_RATE="500")
    made.inventory(_ROWS)
    ended = made.run("run", "inventory.csv")
    assert ended.code == 0, ended.err
    return made


def test_explore_writes_the_tables_of_every_connection(emulator: EmulatorProcess, place: Workplace) -> None:
    """One request a connection, one row a table; hostile names come as they are."""
    first, second, *_ = emulator.connections()
    hostile = 'a,"b"\n=c ü'
    emulator.ask("POST", f"connections/{first['id']}", {"tables": [hostile]})
    emulator.ask("POST", f"connections/{second['id']}", {"tables": []})
    before = len(emulator.requests("GET"))
    ended = place.run("explore")
    assert ended.code == 0, ended.err
    rows = list(csv.DictReader(io.StringIO(ended.out, newline="")))
    assert list(rows[0]) == _COLUMNS
    assert len(emulator.requests("GET")) - before == _ROWS
    assert len(rows) == 2 * (_ROWS - 2) + 1
    tables = {row["name"]: row["table"] for row in rows if row["connection_id"] == first["id"]}
    assert tables == {first["name"]: hostile}
    assert second["id"] not in {row["connection_id"] for row in rows}
    assert "37 tables of 20 connections" in ended.err


@pytest.mark.parametrize("name", ["tables.json", "tables.jsonl"])
def test_explore_writes_json_where_the_name_says_so(place: Workplace, name: str) -> None:
    """The form follows the file's name, and types are kept."""
    ended = place.run("explore", "-o", name)
    assert (ended.code, ended.out) == (0, "")
    text = (place.folder / name).read_text("utf-8")
    rows = json.loads(text) if name.endswith("json") else [json.loads(line) for line in text.splitlines()]
    assert len(rows) == 2 * _ROWS
    assert list(rows[0]) == _COLUMNS
    assert {row["can_preview"] for row in rows} == {True}
    assert {row["table"] for row in rows} == {"public.customers", "public.orders"}


def test_explore_tells_which_connections_failed(emulator: EmulatorProcess, place: Workplace) -> None:
    """Exit code 1, a row with the error for each, and no secret in it."""
    first, second, *_ = emulator.connections()
    emulator.ask("POST", f"connections/{first['id']}", {"test_error": "no login; Password=MARK x"})
    emulator.ask("DELETE", f"connections/{second['id']}")
    ended = place.run("explore", "-o", "tables.csv")
    assert ended.code == 1
    assert "2 connections failed" in ended.err
    text = (place.folder / "tables.csv").read_text("utf-8")
    assert "MARK" not in text + ended.err
    failed = {row["name"]: row for row in csv.DictReader(io.StringIO(text)) if row["error_code"]}
    assert failed[first["name"]]["error_code"] == "1308-400"
    assert failed[first["name"]]["error_message"] == "no login; Password=***"
    assert failed[second["name"]]["error_code"] == "not_found"
    assert {row["table"] for row in failed.values()} == {""}


@pytest.mark.parametrize("fault", ["get_status_500", "get_reset", "get_cut_body", "get_status_429"])
def test_explore_sees_through_faults(emulator: EmulatorProcess, place: Workplace, fault: str) -> None:
    """A service that stumbles is asked again."""
    emulator.plan_faults(chances=[{"fault": fault, "probability": 0.2}])
    ended = place.run("explore", "-o", "tables.jsonl")
    assert ended.code == 0, ended.err
    assert len((place.folder / "tables.jsonl").read_text("utf-8").splitlines()) == 2 * _ROWS
    assert emulator.counts()["faults"][fault] > 0


def test_explore_that_is_interrupted_says_that_it_is_not_whole(
    emulator: EmulatorProcess, place: Workplace
) -> None:
    """Exit code 143; what was learnt is written, and what is missing is told."""
    before = emulator.counts()["api_requests"]
    running = place.start("explore", "-o", "tables.csv", "--rate", "10", "--concurrency", "2")
    emulator.wait_for(lambda now: now["api_requests"] > before + 4, running)
    running.interrupt(signal.SIGTERM)
    ended = running.wait()
    assert ended.code == 143, ended.err
    assert "not complete" in ended.err
    assert "terminated (SIGTERM)" in ended.err
    rows = list(csv.DictReader(io.StringIO((place.folder / "tables.csv").read_text("utf-8"))))
    assert 0 < len(rows) < 2 * _ROWS


def test_explore_without_permission_stops_with_4(emulator: EmulatorProcess, place: Workplace) -> None:
    """A 403 is nobody's connection."""
    emulator.plan_faults(chances=[{"fault": "get_status_403", "probability": 1}])
    ended = place.run("explore")
    assert ended.code == 4
    assert "stopped:" in ended.err
    assert "  fix: " in ended.err
