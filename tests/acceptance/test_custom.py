"""`source=custom` on real processes: created, refused, resumed and exported, its values in no artefact."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.acceptance.process import as_csv, postgres_rows
from tests.fakes.postgres import fresh_schema

if TYPE_CHECKING:
    from tests.acceptance.conftest import OpenWorkplace
    from tests.acceptance.process import EmulatorProcess, Workplace

ID = "0a1b2c3d-0000-4000-8000-00000000000f"
OTHER = "0a1b2c3d-0000-4000-8000-0000000000aa"
AUTH = "Own Authentication"
_MARKS = {"host": "MARKHOST.example.com", "pin": "MARKPIN-47110815-0333", "Region_Name": "MARKREGION"}
_SCHEMA = {
    "type": "object",
    "properties": {
        "host": {"type": "string"},
        "pin": {"type": "string", "format": "password"},
        "regionName": {"type": "string"},
        "port": {"type": "integer"},
        "useTls": {"type": "boolean"},
    },
    "required": ["host", "pin"],
}


def offer(emulator: EmulatorProcess, schema: object = None, spec_id: str = ID) -> None:
    """Let the service know the custom spec; without a schema it takes any parameters."""
    listed = [{"name": AUTH, "type": "own", "spec": schema or {"type": "object", "properties": {}}}]
    emulator.ask("POST", "specs", {"document": {"id": spec_id, "version": "1.0", "authSpec": listed}})


def custom_row(name: str, **cells: str) -> dict[str, str]:
    """Give a row that describes its source."""
    common = {"name": name, "source": "custom", "platform_cloud": "azure", "sandbox": "dev"}
    return {**common, "connection_spec_id": ID, "auth_spec_name": AUTH, **_MARKS, **cells}


def leaks(place: Workplace, *ended: Any, but: tuple[str, ...] = ()) -> set[tuple[str, str]]:
    """Give which marks stand where: in any file of the folder but the inventories, or in any output."""
    contents = {
        str(path.relative_to(place.folder)): path.read_bytes()
        for path in place.folder.rglob("*")
        if path.is_file() and path.name not in but
    }
    contents |= {f"output {nth}": (one.out + one.err).encode() for nth, one in enumerate(ended)}
    return {
        (where, mark)
        for where, content in contents.items()
        for mark in ("MARK", "47110815-0333")
        if mark.encode() in content
    }


@pytest.fixture
def place(emulator: EmulatorProcess, open_workplace: OpenWorkplace) -> Workplace:
    """Give a workplace that logs everything."""
    return open_workplace(
        emulator,
        BULKCONN_RATE="300",
        BULKCONN_SETTLE_GRACE="1",
        BULKCONN_OUTPUT="json",
        BULKCONN_LOG_LEVEL="debug",
        BULKCONN_LEDGER="own.ledger.db",
    )


def test_custom_rows_are_created_resumed_and_exported_without_their_values(
    place: Workplace, emulator: EmulatorProcess
) -> None:
    """Beside rows of the catalogue; a doubt is settled, a refusal exported, filled in and run again."""
    offer(emulator)
    rows: list[dict[str, str]] = [custom_row(f"own {number}") for number in range(6)]
    rows.append(custom_row("echo"))
    rows.append(custom_row("doubt", secret_columns="pin", **{"params.key": "env://OWN_KEY"}))
    columns = dict.fromkeys(name for row in [*rows, *postgres_rows(2)] for name in row)
    table = [dict.fromkeys(columns, "") | row for row in [*rows, *postgres_rows(2)]]
    place.write("own.csv", as_csv(table))
    emulator.plan_faults(by_name={"echo": ["echo"], "doubt": ["reset_after_create"]})
    planned = place.run("plan", "own.csv", OWN_KEY="MARKKEY")
    assert (planned.code, planned.report["counts"]["pending"]) == (0, 10)
    ran = place.run("run", "own.csv", "--events", "events.jsonl", OWN_KEY="MARKKEY")
    assert (ran.code, ran.report["counts"]["created"], ran.report["counts"]["failed"]) == (1, 9, 1)
    again = place.run("run", "own.csv", OWN_KEY="MARKKEY")
    assert (again.report["this_run"]["posts"], again.report["counts"]["created"]) == (0, 9)
    text = place.run("run", "own.csv", "--output", "text", OWN_KEY="MARKKEY")
    named = {one["name"]: one for one in emulator.connections()}
    assert len(named) == 9
    assert set(named["own 0"]["auth"]["params"]) == {"host", "Region_Name", "pin"}
    assert set(named["doubt"]["auth"]["params"]) == {*_MARKS, "key"}
    assert emulator.counts()["duplicates"] == []
    exported = place.run("export", "--state", "failed", "--format", "csv", "-o", "failed.csv")
    (failed,) = csv.DictReader(io.StringIO((place.folder / "failed.csv").read_text("utf-8")))
    assert (failed["connection_spec_id"], failed["auth_spec_name"]) == (ID, AUTH)
    assert failed["connection_spec_version"] == "1.0"
    assert failed["secret_columns"].split(",") == ["host", "pin", "Region_Name"]
    assert {failed[name] for name in _MARKS} == {""}
    status = place.run("status")
    assert leaks(place, planned, ran, again, text, exported, status, but=("own.csv",)) == set()
    place.write("failed.csv", as_csv([{**failed, **_MARKS}]))
    last = place.run("run", "failed.csv", "--retry-failed")
    assert (last.code, last.report["counts"]["created"]) == (0, 1)
    assert leaks(place, last, but=("own.csv", "failed.csv")) == set()


def test_service_tells_which_values_of_a_custom_source_are_no_secrets_and_of_which_type(
    place: Workplace, emulator: EmulatorProcess
) -> None:
    """Its spelling and types are sent; a created row looks edited neither with nor without asking."""
    offer(emulator, _SCHEMA)
    row: dict[str, Any] = custom_row("one", port="5432", use_tls="TRUE", host="plain.example.com")
    row["secret_columns"] = ["Region_Name"]
    place.write("own.json", json.dumps([row]))
    ran = place.run("run", "own.json", "--check-specs")
    assert (ran.code, ran.report["counts"]["created"]) == (0, 1), ran.out
    (connection,) = emulator.connections()
    assert connection["auth"]["params"] == {
        "host": "plain.example.com",
        "regionName": _MARKS["Region_Name"],
        "port": 5432,
        "useTls": True,
    }
    (exported,) = place.export()
    assert (exported["host"], exported["port"], exported["useTls"]) == ("plain.example.com", "5432", "TRUE")
    assert exported["secret_columns"] == "regionName,pin"
    for flags in ((), ("--check-specs",)):
        assert place.run("plan", "own.json", *flags).report["counts"]["created"] == 1
    assert leaks(place, ran, but=("own.json",)) == set()
    place.write("own.json", json.dumps([{**row, "auth_spec_name": "Own", "name": "two"}]))
    (error, *_) = place.run("plan", "own.json", "--check-specs").report["diagnostics"]
    assert (error["column"], error["found"], error["allowed"]) == ("auth_spec_name", "Own", AUTH)


def test_custom_rows_of_two_specs_are_set_aside_each_for_itself_and_need_two_keys(
    place: Workplace, emulator: EmulatorProcess
) -> None:
    """One name may stand for two specs; a spec that is not offered keeps no other waiting."""
    offer(emulator)
    rows = [custom_row("same"), custom_row("same", connection_spec_id=OTHER), custom_row("third")]
    place.write("own.csv", as_csv(rows))
    refused = place.run("plan", "own.csv")
    assert refused.code == 3
    error = next(one for one in refused.report["diagnostics"] if one["severity"] == "error")
    assert (error["column"], error["found"]) == ("name", "dev/custom/same")
    assert error["fix"].startswith("give one of the two custom rows a key of its own")
    rows[1]["key"] = "mine"
    place.write("own.csv", as_csv([{**rows[0], "key": ""}, rows[1], {**rows[2], "key": ""}]))
    ran = place.run("run", "own.csv")
    assert (ran.code, ran.report["counts"]["created"], ran.report["counts"]["pending"]) == (4, 2, 1)
    offer(emulator, spec_id=OTHER)
    assert place.run("run", "own.csv").report["counts"]["created"] == 3


def test_custom_source_is_shown_templated_and_rehearsed(place: Workplace, emulator: EmulatorProcess) -> None:
    """`sources` lists it, the example of its screen is valid, and dummies stand for its values."""
    listed = json.loads(place.run("sources").out)
    assert (listed[-1]["source"], listed[-1]["connection_spec_id"]) == ("custom", None)
    screen = place.run("sources", "custom", "--output", "text").out
    example = screen.partition("as CSV:\n")[2]
    for text in (example, place.run("template", "custom").out):
        place.write("example.csv", text)
        planned = place.run("plan", "example.csv", "--offline", CUSTOM_PASSWORD="p")
        assert (planned.code, planned.report["counts"]["pending"]) == (0, 2), planned.out
    place.write("own.csv", as_csv([custom_row(f"own {number}") for number in range(4)]))
    rehearsed = place.run("rehearse", "own.csv", "--faults", "none", "--seed", "1")
    assert rehearsed.code == 0, rehearsed.out + rehearsed.err
    assert leaks(place, rehearsed, but=("own.csv",)) == set()


def test_values_of_custom_sources_count_as_secrets_where_secrets_in_clear_are_refused(
    place: Workplace, emulator: EmulatorProcess
) -> None:
    """References are taken in any column; so is what the service says is none."""
    offer(emulator, _SCHEMA)
    place.write("own.csv", as_csv([custom_row("one", pin="env://PIN", Region_Name="env://REGION")]))
    refused = place.run("plan", "own.csv", "--forbid-plaintext-secrets", PIN="p", REGION="r")
    assert (refused.code, leaks(place, refused, but=("own.csv",))) == (3, set())
    planned = place.run("plan", "own.csv", "--forbid-plaintext-secrets", "--check-specs", PIN="p", REGION="r")
    assert planned.code == 0, planned.out


def test_existing_connection_of_a_custom_row_is_adopted_only_where_something_shows_it(
    place: Workplace, emulator: EmulatorProcess
) -> None:
    """An equal name and spec are no proof where the service shows no server."""
    offer(emulator)
    for name, params in (
        ("bare", {"pin": "x"}),
        ("equal", {"host": _MARKS["host"]}),
        ("other", {"host": "o"}),
    ):
        planted = {"sandbox": "dev", "name": name, "connection_spec_id": ID, "auth_spec_name": AUTH}
        emulator.ask("POST", "connections", {**planted, "params": params})
    place.write("own.csv", as_csv([custom_row(name) for name in ("bare", "equal", "other")]))
    ran = place.run("run", "own.csv", "--on-existing", "adopt")
    assert (ran.code, ran.report["counts"]["adopted"], ran.report["counts"]["held"]) == (1, 1, 2)
    states = {row["name"]: row["state"] for row in place.export("own.ledger.db")}
    assert states == {"bare": "held", "equal": "adopted", "other": "held"}
    assert leaks(place, ran, but=("own.csv",)) == set()


def test_check_tries_only_what_a_custom_row_says_and_shows_no_address(place: Workplace) -> None:
    """Without host and port nobody can know where it is; with them a connection is tried."""
    there = {"host": "127.0.0.1", "port": "1"}
    rows = [{"port": "", **custom_row("unknown"), "host": ""}, {**custom_row("known"), **there}]
    place.write("own.csv", as_csv([{**rows[0]}, {name: rows[1][name] for name in rows[0]}]))
    ended = place.run("check", "own.csv")
    assert ended.code == 1, ended.out
    causes = {cause: rows for cause, rows in ended.report["causes"].items() if rows}
    assert (ended.report["counts"]["not_checked"], causes) == (1, {"refused": 1, "no_address": 1})
    assert "127.0.0.1" not in ended.out + ended.err
    assert leaks(place, ended, but=("own.csv",)) == set()


def test_fleet_creates_custom_rows_and_its_ledger_holds_none_of_their_values(
    place: Workplace, emulator: EmulatorProcess
) -> None:
    """Shards carry places in the file, not cells."""
    offer(emulator)
    place.write("own.csv", as_csv([custom_row(f"own {number}") for number in range(8)]))
    with fresh_schema() as url:
        place.env |= {"BULKCONN_LEDGER": url}
        submitted = place.run("submit", "own.csv", "--shard-rows", "4")
        assert submitted.code == 0, submitted.err
        worked = place.start("worker", "--exit-when-idle").wait()
        assert worked.code == 0, worked.err
        exported = place.export(url)
    assert [row["state"] for row in exported] == ["created"] * 8
    assert "MARK" not in repr(exported)
    assert emulator.counts()["posts"] == 8
    assert leaks(place, submitted, worked, but=("own.csv",)) == set()
