"""Events on real files, pipes and a full device: whole lines, and never in a run's way."""

from __future__ import annotations

import json
import os
import stat
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from bulkconn.core.errors import UsageError
from bulkconn.core.facts import GateOpened, PaceChanged
from bulkconn.core.names import RunId
from bulkconn.events.writer import EventWriter, open_events

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

AT = datetime(2026, 1, 1, tzinfo=UTC)
RUN = RunId("r")


def write(place: str, facts: Iterable[Any]) -> list[str]:
    """Write facts as events; give what was complained of."""
    complaints: list[str] = []
    writer = EventWriter(open_events(place), complaints.append)
    for fact in facts:
        writer.hear(fact, AT, RUN)
    writer.close()
    return complaints


def test_events_are_appended_to_a_private_file(tmp_path: Path) -> None:
    """Two runs share a file; names of databases are nobody else's business."""
    place = tmp_path / "events.jsonl"
    assert write(str(place), [GateOpened(1.0)]) == write(str(place), [GateOpened(2.0)]) == []
    assert [json.loads(line)["seconds"] for line in place.read_text().splitlines()] == [1.0, 2.0]
    assert stat.S_IMODE(place.stat().st_mode) == 0o600


def test_line_that_a_killed_run_left_is_ended(tmp_path: Path) -> None:
    """Only the torn line is lost."""
    place = tmp_path / "events.jsonl"
    place.write_text('{"v":1,"eve')
    write(str(place), [GateOpened(1.0)])
    torn, whole = place.read_text().splitlines()
    assert (torn, json.loads(whole)["event"]) == ('{"v":1,"eve', "gate.opened")


def test_full_disk_is_told_once() -> None:
    """A hundred lines that cannot be written are one complaint."""
    assert write("/dev/full", [GateOpened(float(one)) for one in range(100)]) == ["No space left on device"]


def test_pace_that_did_not_change_is_told_once(tmp_path: Path) -> None:
    """The gate tells of itself."""
    place = tmp_path / "events.jsonl"
    write(str(place), [PaceChanged(rate, 10.0, 0.0) for rate in (10.0, 10.0, 5.0, 5.0, 10.0)])
    assert [json.loads(line)["rate_per_s"] for line in place.read_text().splitlines()] == [10.0, 5.0, 10.0]


def test_reader_that_is_too_slow_loses_events_and_is_told(tmp_path: Path) -> None:
    """Telling never waits for a reader; once he reads on he learns how many he missed."""
    place = tmp_path / "pipe"
    os.mkfifo(place)
    reader = os.open(place, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(reader, True)
    complaints: list[str] = []
    writer = EventWriter(open_events(str(place)), complaints.append)
    # More than pipe and queue hold together; it returns although nobody reads.
    for one in range(25_000):
        writer.hear(GateOpened(float(one)), AT, RUN)
    assert complaints == ["its reader is too slow"]
    found: list[dict[str, Any]] = []

    def read() -> None:
        with os.fdopen(reader, encoding="ascii") as lines:
            found.extend(json.loads(line) for line in lines)

    thread = threading.Thread(target=read)
    thread.start()
    writer.close()
    thread.join(20)
    lost = sum(one["count"] for one in found if one["event"] == "events.lost")
    written = [one["seconds"] for one in found if one["event"] == "gate.opened"]
    assert lost > 0
    assert lost + len(written) == 25_000
    assert written == sorted(written)


def test_reader_that_goes_away_is_a_complaint(tmp_path: Path) -> None:
    """The run goes on alone."""
    place = tmp_path / "pipe"
    os.mkfifo(place)
    reader = os.open(place, os.O_RDONLY | os.O_NONBLOCK)
    complaints: list[str] = []
    writer = EventWriter(open_events(str(place)), complaints.append)
    os.close(reader)
    writer.hear(GateOpened(1.0), AT, RUN)
    writer.close()
    assert complaints == ["Broken pipe"]


@pytest.mark.parametrize(
    ("name", "why"), [("nowhere/events", "No such file"), ("", "Is a directory"), ("pipe", "nobody reads it")]
)
def test_place_that_cannot_be_written_is_refused_at_once(tmp_path: Path, name: str, why: str) -> None:
    """Before anything is sent."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match=why) as caught:
        open_events(str(tmp_path / name))
    assert "--events" in caught.value.fix
