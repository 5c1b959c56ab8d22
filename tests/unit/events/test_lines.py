"""Events keep to their schema and their page, whatever the facts hold."""

from __future__ import annotations

import dataclasses
import json
import re
from datetime import UTC, datetime, timedelta, timezone
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, get_args

import pytest
from jsonschema import Draft202012Validator

from bulkconn.core import facts
from bulkconn.core.facts import Fact, RowMoved, RunEnded, Whom
from bulkconn.core.lifecycle import State
from bulkconn.core.names import ConnectionId, EndpointKey, RunId
from bulkconn.core.outcome import Scope
from bulkconn.core.record import Move, Provenance
from bulkconn.core.report import Report, Stop, ThisRun
from bulkconn.events.lines import VERSION, as_event, as_line

SCHEMA: Final[dict[str, Any]] = json.loads((files("bulkconn.events") / "schema.json").read_text("utf-8"))
VALIDATOR: Final = Draft202012Validator(SCHEMA)
PAGE: Final = (Path(__file__).parents[3] / "docs/events.md").read_text("utf-8")
AT: Final = datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)
RUN: Final = RunId("20260102-030405-abcdef")
HOSTILE: Final = 'a\n{"v":1}\x1b[31m\u2028\u202e\udc80"\\'
ROW: Final = Whom(EndpointKey("dev/postgres/" + HOSTILE), HOSTILE, "dev", "postgres")
SUMMARY: Final = Report(RUN, "a.ledger.db", {"created": 1}, ThisRun(created=1), 1.0, 0).as_json()  # type: ignore[arg-type]  # any code


def moved(to: State, was: State = State.SENDING, **more: Any) -> RowMoved:
    """Give the fact of a move."""
    return RowMoved(ROW, Move(ROW.key, to, AT, RUN, **more), was, 1)


_FOUND: Final[dict[str, Any]] = {"connection_id": ConnectionId("c-1"), "provenance": Provenance.LOOKUP}
_TROUBLE: Final[dict[str, Any]] = {
    "error_code": "1304-400",
    "error_message": HOSTILE,
    "status": 400,
    "request_id": "r",
}
FACTS: Final[dict[str, list[Fact]]] = {
    "run.began": [facts.RunBegan("run", 3, 2, 0, 10.0), facts.RunBegan("settle", None, None, 1, 10.0)],
    "row.created": [moved(State.CREATED, connection_id=ConnectionId("c-1"), status=201)],
    "row.settled": [moved(State.CREATED, State.IN_DOUBT, **_FOUND)],
    "row.adopted": [moved(State.ADOPTED, State.PENDING, **_FOUND)],
    "row.failed": [moved(State.FAILED, **_TROUBLE)],
    "row.held": [moved(State.HELD, State.IN_DOUBT, other_ids=(ConnectionId("c-2"),), **_TROUBLE)],
    "row.in_doubt": [moved(State.IN_DOUBT, **_TROUBLE), facts.RowStaysInDoubt(ROW, "not visible")],
    "row.pending": [moved(State.PENDING, State.FAILED, **_TROUBLE), moved(State.PENDING, State.IN_DOUBT)],
    "gate.closed": [facts.GateClosed(reason, 1.5) for reason in ("throttled", "strained", "others")],
    "gate.opened": [facts.GateOpened(1.5)],
    "pace.changed": [facts.PaceChanged(9.5, 10.0, 0.0)],
    "token.renewed": [facts.TokenRenewed(2)],
    "outage.began": [facts.OutageBegan()],
    "outage.over": [facts.OutageOver(30.0)],
    "place.parked": [
        facts.PlaceParked("dev", source, "2100", Stop(HOSTILE, Scope.SANDBOX, "ask"))
        for source in (None, "postgres")
    ],
    "run.ended": [RunEnded(SUMMARY)],
}
_SILENT: Final = (facts.RowTaken, facts.RequestEnded)


@pytest.mark.parametrize(("name", "told"), FACTS.items(), ids=FACTS)
def test_event_keeps_to_the_schema_in_one_ascii_line(name: str, told: list[Fact]) -> None:
    """Hostile text neither breaks the line nor steers a terminal, and comes back as it was."""
    for fact in told:
        event = as_event(fact, AT, RUN)
        assert event is not None
        line = as_line(event)
        assert line.isascii()
        assert [byte for byte in line[:-1] if byte < ord(" ")] == []
        read = json.loads(line)
        VALIDATOR.validate(read)
        assert read == event
        assert (read["v"], read["event"], read["run_id"]) == (VERSION, name, RUN)
        assert read["at"] == "2026-01-02T03:04:05.678Z"


def test_every_kind_of_fact_is_an_event_or_silent() -> None:
    """A new fact is not forgotten."""
    told = {type(fact) for some in FACTS.values() for fact in some}
    assert told | set(_SILENT) == set(get_args(Fact))


def test_page_schema_and_program_know_the_same_events() -> None:
    """What is written is documented, and what is documented is written."""
    in_schema = {one["title"] for one in SCHEMA["oneOf"]}
    section = PAGE.partition("\n## What happens\n")[2].partition("\n## ")[0]
    in_page = {
        name
        for line in section.splitlines()
        if line.startswith("| `")
        for name in re.findall(r"`([a-z_.]+)`", line.split("|")[1])
    }
    assert in_schema == in_page == {*FACTS, "events.lost"}
    VALIDATOR.validate({"v": VERSION, "event": "events.lost", "count": 1})


def test_page_names_every_key() -> None:
    """A key of the schema that the page does not explain is a riddle."""
    keys = {key for one in SCHEMA["oneOf"] for key in one["properties"]}
    assert {key for key in keys if f"`{key}`" not in PAGE} == set()


@pytest.mark.parametrize("to", [State.SENDING, State.PENDING])
def test_row_on_its_way_is_no_event(to: State) -> None:
    """A try that certainly came to nothing is followed by the next one: no news for anybody."""
    assert as_event(moved(to), AT, RUN) is None


def test_time_of_an_event_is_utc() -> None:
    """Whatever zone a clock shows."""
    east = AT.astimezone(timezone(timedelta(hours=9)))
    event = as_event(facts.OutageBegan(), east, RUN)
    assert event is not None
    assert event["at"] == "2026-01-02T03:04:05.678Z"


def test_summary_with_many_diagnostics_is_cut() -> None:
    """A million faults of an inventory are not one line."""
    summary = {**SUMMARY, "diagnostics": [{"row": row} for row in range(250)]}
    event = as_event(RunEnded(summary), AT, None)
    assert event is not None
    VALIDATOR.validate(event)
    shown = event["summary"]
    assert (len(shown["diagnostics"]), shown["diagnostics_left_out"]) == (100, 150)


def test_schema_refuses_what_is_not_documented() -> None:
    """A key too many, or another version, is an error: the schema is no formality."""
    event = as_event(facts.GateOpened(1.0), AT, RUN)
    assert event is not None
    for spoilt in ({**event, "secret": 1}, {**event, "v": 2}, {**event, "event": "gate.ajar"}):
        assert not VALIDATOR.is_valid(spoilt)
    assert all(one["additionalProperties"] is False for one in SCHEMA["oneOf"])
    assert {one.name for one in dataclasses.fields(facts.GateOpened)} == {"seconds"}
