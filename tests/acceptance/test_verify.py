"""`verify` as a user meets it: what each connection is, through faults, kills and signals."""

from __future__ import annotations

import json
import signal
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.acceptance.conftest import OpenWorkplace
    from tests.acceptance.process import EmulatorProcess, Workplace

_KEYS = (
    *("run_id", "ledger", "rows", "counts", "unknown", "verified_before", "groups", "lookups"),
    *("stopped", "duration_s", "exit_code"),
)
_ROWS = 30
_FAST = {"BULKCONN_RATE": "500"}


@pytest.fixture
def place(emulator: EmulatorProcess, open_workplace: OpenWorkplace) -> Workplace:
    """Give a folder whose ledger has 30 created rows."""
    made = open_workplace(emulator, **_FAST)
    made.inventory(_ROWS)
    ended = made.run("run", "inventory.csv")
    assert ended.code == 0, ended.err
    return made


def ids(emulator: EmulatorProcess) -> dict[str, str]:
    """Give the id of every connection by its name."""
    return {one["name"]: one["id"] for one in emulator.connections()}


def alter(emulator: EmulatorProcess, which: str, **alteration: object) -> None:
    """Let somebody else change a connection."""
    emulator.ask("POST", f"connections/{ids(emulator)[which]}", alteration)


def words(place: Workplace) -> dict[str, tuple[str, str | None]]:
    """Give verdict and code of every row that the ledger has a word of, by name."""
    with closing(sqlite3.connect(place.folder / "inventory.ledger.db")) as db:
        listed = db.execute(
            "SELECT name, verdict, code FROM verifications JOIN rows ON rows.id = row_id"
        ).fetchall()
    return {name: (verdict, code) for name, verdict, code in listed}


def check_form(report: dict[str, Any], code: int) -> None:
    """Check keys, order and sums of the one JSON value."""
    assert tuple(report) == _KEYS
    assert tuple(report["counts"]) == ("ok", "unreachable", "missing", "changed")
    assert report["rows"] == sum(report["counts"].values()) + report["unknown"]
    assert report["exit_code"] == code
    for group in report["groups"]:
        assert tuple(group) == ("verdict", "code", "rows", "example", "fix")


def test_verify_of_connections_that_are_well_is_0(emulator: EmulatorProcess, place: Workplace) -> None:
    """Two requests a row, every row ok, nothing changed."""
    before = len(emulator.requests("GET"))
    ended = place.run("verify", "--output", "json")
    assert ended.code == 0, ended.err
    check_form(ended.report, 0)
    assert ended.report["counts"] == {"ok": _ROWS, "unreachable": 0, "missing": 0, "changed": 0}
    assert len(emulator.requests("GET")) - before == ended.report["lookups"] == 2 * _ROWS
    assert not emulator.requests("PATCH")


def test_verify_tells_each_kind_of_trouble(emulator: EmulatorProcess, place: Workplace) -> None:
    """Every way in which a connection may be other than it was created has its verdict and its cause."""
    alter(emulator, "db-0001", works=False)
    alter(emulator, "db-0002", test_error="login failed; Password=hunter2MARK; for user reader")
    emulator.ask("DELETE", f"connections/{ids(emulator)['db-0003']}")
    alter(emulator, "db-0004", params={"database": "MARKother"})
    alter(emulator, "db-0005", params={"sslMode": "Allow"})
    alter(emulator, "db-0006", state="disabled")
    alter(emulator, "db-0007", name="somebody's")
    alter(emulator, "db-0008", connection_spec_id="26d738e0-8963-47ea-aadf-c60de735468a")
    alter(emulator, "db-0009", params={"database": "other"}, works=False)
    ended = place.run("verify", "--output", "json")
    assert ended.code == 1, ended.err
    check_form(ended.report, 1)
    assert ended.report["counts"] == {"ok": 21, "unreachable": 2, "missing": 1, "changed": 6}
    found = words(place)
    assert {name: word for name, word in found.items() if word[0] != "ok"} == {
        "db-0001": ("unreachable", "test_failed"),
        "db-0002": ("unreachable", "1308-400"),
        "db-0003": ("missing", "not_found"),
        "db-0004": ("changed", "changed_params"),
        "db-0005": ("changed", "changed_params"),
        "db-0006": ("changed", "changed_state"),
        "db-0007": ("changed", "changed_name"),
        "db-0008": ("changed", "changed_spec"),
        "db-0009": ("changed", "changed_params"),
    }
    groups = {group["code"]: group for group in ended.report["groups"]}
    assert groups["changed_params"]["rows"] == 3
    assert "db-0004: other than sent: database" in groups["changed_params"]["example"]
    assert "login failed" in groups["1308-400"]["example"]
    for kind in ("json", "html"):
        assert place.run("report", "--format", kind, "-o", f"report.{kind}").code == 0
    told = json.loads((place.folder / "report.json").read_text("utf-8"))["verification"]
    assert (told["counts"], told["unknown"]) == (ended.report["counts"], 0)
    assert told["groups"] == ended.report["groups"]
    assert "What verify found" in (place.folder / "report.html").read_text("utf-8")
    left = [path for path in place.folder.rglob("*") if path.is_file() and b"MARK" in path.read_bytes()]
    assert left == []


def test_verify_only_failing_looks_at_those_alone(emulator: EmulatorProcess, place: Workplace) -> None:
    """After the mending only what was not ok is asked again; text names the next step."""
    alter(emulator, "db-0001", works=False)
    alter(emulator, "db-0002", works=False)
    first = place.run("verify")
    assert first.code == 1, first.err
    assert "2 connections unreachable: test_failed" in first.out
    assert "verify --ledger inventory.ledger.db --only failing" in first.out
    alter(emulator, "db-0001", works=True)
    before = len(emulator.requests("GET"))
    second = place.run("verify", "--only", "failing", "--output", "json")
    assert second.code == 1
    assert second.report["counts"] == {"ok": 1, "unreachable": 1, "missing": 0, "changed": 0}
    assert len(emulator.requests("GET")) - before == 4
    alter(emulator, "db-0002", works=True)
    assert place.run("verify", "--only", "failing", "--output", "json").report["rows"] == 1
    assert place.run("verify", "--only", "failing", "--output", "json").report["rows"] == 0


_FAULTS = (
    *("get_status_500", "get_status_429:0.2", "get_reset", "get_slow:0.3", "get_cut_body", "get_bad_json"),
    *("get_odd_shape",),
)


@pytest.mark.parametrize("fault", _FAULTS)
def test_verify_sees_through_faults(emulator: EmulatorProcess, place: Workplace, fault: str) -> None:
    """What a service says while it stumbles is taken for nothing: every row is ok in the end."""
    name, _, seconds = fault.partition(":")
    chance = {"fault": name, "probability": 0.2} | ({"seconds": float(seconds)} if seconds else {})
    emulator.plan_faults(chances=[chance])
    ended = place.run("verify", "--output", "json")
    assert ended.code == 0, (ended.report, ended.err)
    assert ended.report["counts"]["ok"] == _ROWS
    assert emulator.counts()["faults"][name] > 0


def test_verify_renews_a_revoked_token(emulator: EmulatorProcess, place: Workplace) -> None:
    """A 401 renews the token once, and no row suffers."""
    before = emulator.counts()["api_requests"]
    running = place.start("verify", "--rate", "40", "--output", "json")
    emulator.wait_for(lambda now: now["api_requests"] > before + 10, running)
    emulator.ask("POST", "revoke")
    ended = running.wait()
    assert ended.code == 0, ended.err
    assert ended.report["counts"]["ok"] == _ROWS


def test_verify_without_permission_stops_with_4(emulator: EmulatorProcess, place: Workplace) -> None:
    """A 403 is nobody's connection: the command stops, and the next one goes on."""
    emulator.plan_faults(chances=[{"fault": "get_status_403", "probability": 1}])
    ended = place.run("verify", "--output", "json")
    assert ended.code == 4
    check_form(ended.report, 4)
    assert ended.report["unknown"] == _ROWS
    assert ended.report["stopped"]["fix"]
    emulator.plan_faults()
    assert place.run("verify", "--output", "json").report["counts"]["ok"] == _ROWS


def test_verify_of_a_service_that_is_down_stops_after_max_wait(
    emulator: EmulatorProcess, place: Workplace
) -> None:
    """An outage makes nothing missing or unreachable; the same command goes on once it is over."""
    emulator.plan_faults(chances=[{"fault": "get_status_500", "probability": 1}])
    ended = place.run("verify", "--max-wait", "3", "--output", "json")
    assert ended.code == 4
    check_form(ended.report, 4)
    assert ended.report["unknown"] == _ROWS
    assert "no definitive answer for 3 s" in ended.report["stopped"]["reason"]
    emulator.plan_faults()
    assert place.run("verify", "--output", "json").report["counts"]["ok"] == _ROWS


def test_verify_takes_another_404_for_nothing(emulator: EmulatorProcess, place: Workplace) -> None:
    """A 404 that is not the service's own says nothing about a connection."""
    emulator.plan_faults(chances=[{"fault": "get_status_404_plain", "probability": 1}])
    ended = place.run("verify", "--output", "json")
    assert ended.code == 4
    assert ended.report["counts"]["missing"] == 0
    assert words(place) == {}


@pytest.mark.parametrize("end", ["kill", "term"])
def test_verify_that_was_cut_off_is_gone_on_with(
    emulator: EmulatorProcess, place: Workplace, end: str
) -> None:
    """What was verified is not asked again; the report is that of the whole round."""
    alter(emulator, "db-0001", works=False)
    before = emulator.counts()["api_requests"]
    running = place.start("verify", "--rate", "30", "--concurrency", "4", "--output", "json")
    emulator.wait_for(lambda now: now["api_requests"] > before + 20, running)
    if end == "kill":
        running.kill()
    else:
        running.interrupt(signal.SIGTERM)
        ended = running.wait()
        assert ended.code == 143
        check_form(ended.report, 143)
        assert ended.report["unknown"] > 0
        assert ended.report["stopped"]["reason"] == "terminated (SIGTERM)"
    done = len(words(place))
    assert 0 < done < _ROWS
    before = len(emulator.requests("GET"))
    ended = place.run("verify", "--output", "json")
    assert ended.code == 1
    assert ended.report["counts"] == {"ok": _ROWS - 1, "unreachable": 1, "missing": 0, "changed": 0}
    assert ended.report["verified_before"] == done
    assert len(emulator.requests("GET")) - before == 2 * (_ROWS - done)
    # That round is finished: the next one begins anew, as --restart does.
    assert place.run("verify", "--output", "json").report["lookups"] == 2 * _ROWS


def test_verify_restart_asks_for_every_row(emulator: EmulatorProcess, place: Workplace) -> None:
    """With --restart nothing of an unfinished verification counts."""
    before = emulator.counts()["api_requests"]
    running = place.start("verify", "--rate", "30", "--concurrency", "4")
    emulator.wait_for(lambda now: now["api_requests"] > before + 20, running)
    running.kill()
    assert place.run("verify", "--restart", "--output", "json").report["lookups"] == 2 * _ROWS


def test_verify_of_a_ledger_that_is_held_is_5(emulator: EmulatorProcess, place: Workplace) -> None:
    """One process holds a ledger; the JSON has the command's own keys."""
    running = place.start("verify", "--rate", "5", "--log-format", "json")
    running.wait_for_log("verification.begun")
    ended = place.run("verify", "--output", "json")
    running.kill()
    assert ended.code == 5
    check_form(ended.report, 5)
    assert emulator.counts()["posts"] == _ROWS


def test_verify_without_a_ledger_is_2(emulator: EmulatorProcess, open_workplace: OpenWorkplace) -> None:
    """There is nothing to verify, and nothing is made."""
    place = open_workplace(emulator)
    ended = place.run("verify", "--ledger", "none.ledger.db", "--output", "json")
    assert ended.code == 2
    check_form(ended.report, 2)
    assert not (place.folder / "none.ledger.db").exists()
