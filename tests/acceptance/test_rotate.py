"""`rotate` as a user meets it: new credentials for what exists, through faults, kills and signals."""

from __future__ import annotations

import json
import signal
import sqlite3
from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from tests.acceptance.process import as_csv, postgres_rows

if TYPE_CHECKING:
    from tests.acceptance.conftest import OpenWorkplace
    from tests.acceptance.process import EmulatorProcess, Workplace

_KEYS = (
    *("run_id", "ledger", "rows", "counts", "this_run", "groups", "verification", "diagnostics"),
    *("stopped", "duration_s", "exit_code"),
)
_COUNTS = ("rotated", "failed", "refused", "left", "pending", "invalid")
_ROWS = 20
_WORDS = ("rotate", "inventory.csv", "--output", "json")


@pytest.fixture
def place(emulator: EmulatorProcess, open_workplace: OpenWorkplace) -> Workplace:
    """Give a folder whose ledger has 20 created rows, and whose inventory has another user by now."""
    made = open_workplace(emulator, BULKCONN_RATE="500")
    made.inventory(_ROWS)
    ended = made.run("run", "inventory.csv")
    assert ended.code == 0, ended.err
    write_rows(made, [changed(row) for row in postgres_rows(_ROWS)])
    return made


def changed(row: dict[str, str], **cells: str) -> dict[str, str]:
    """Give a row with other credentials."""
    return {**row, "username": "writer", "password": "MARKnew/+pa55", **cells}


def write_rows(place: Workplace, rows: list[dict[str, str]]) -> None:
    """Write the inventory anew."""
    place.write("inventory.csv", as_csv(rows))


def users(emulator: EmulatorProcess) -> Counter[str]:
    """Count the users of all connections, as the service has them."""
    return Counter(one["auth"]["params"]["username"] for one in emulator.connections())


def check_form(report: dict[str, Any], code: int) -> None:
    """Check keys, order and sums of the one JSON value."""
    assert tuple(report) == _KEYS
    assert tuple(report["counts"]) == _COUNTS
    assert tuple(report["this_run"]) == ("patches", "lookups", "skipped", "throttled")
    assert report["rows"] == sum(report["counts"].values())
    assert report["exit_code"] == code


def check_ledger(emulator: EmulatorProcess, place: Workplace) -> None:
    """Check that the ledger has the present etag of every connection, and the row's new content."""
    etags = {one["name"]: one["etag"] for one in emulator.connections()}
    exported = place.export()
    assert {row["name"]: row["etag"] for row in exported} == etags
    assert {row["username"] for row in exported} == {"writer"}


def test_rotate_replaces_every_connections_parameters(emulator: EmulatorProcess, place: Workplace) -> None:
    """One PATCH a row with the ledger's etag; afterwards no row counts as changed, and no secret stays."""
    ended = place.run(*_WORDS)
    assert ended.code == 0, (ended.out, ended.err)
    check_form(ended.report, 0)
    assert ended.report["counts"]["rotated"] == _ROWS
    assert ended.report["this_run"] == {"patches": _ROWS, "lookups": 0, "skipped": 0, "throttled": 0}
    assert users(emulator) == {"writer": _ROWS}
    assert len(emulator.requests("PATCH")) == _ROWS
    check_ledger(emulator, place)
    again = place.run("run", "inventory.csv", "--output", "json")
    assert (again.code, again.report["counts"]["created"]) == (0, _ROWS)
    left = [
        path.name
        for path in place.folder.rglob("*")
        if path.is_file() and path.name != "inventory.csv" and b"MARK" in path.read_bytes()
    ]
    assert left == []
    # Finished: the next one begins anew.
    assert place.run(*_WORDS).report["this_run"]["patches"] == _ROWS


def test_rotate_with_verify_tells_whether_the_new_credentials_work(
    emulator: EmulatorProcess, place: Workplace
) -> None:
    """Rotated rows are looked at and tested; one that does not work is exit code 1."""
    (first, *_) = emulator.connections()
    emulator.ask("POST", f"connections/{first['id']}", {"works": False})
    ended = place.run(*_WORDS, "--verify")
    assert ended.code == 1, ended.err
    check_form(ended.report, 1)
    counts = {"ok": _ROWS - 1, "unreachable": 1, "missing": 0, "changed": 0}
    assert ended.report["verification"]["counts"] == counts
    assert ended.report["verification"]["groups"][0]["code"] == "test_failed"
    emulator.ask("POST", f"connections/{first['id']}", {"works": True})
    text = place.run("rotate", "inventory.csv", "--verify")
    assert text.code == 0, text.out
    assert "verified:" in text.out


def test_rotate_refreshes_an_etag_that_somebody_else_made_stale(
    emulator: EmulatorProcess, place: Workplace
) -> None:
    """A 412 asks for the present etag, and the PATCH is sent once more."""
    for one in emulator.connections()[:5]:
        emulator.ask("POST", f"connections/{one['id']}", {"params": {"database": "other"}})
    ended = place.run(*_WORDS)
    assert ended.code == 0, ended.err
    assert ended.report["this_run"] == {"patches": _ROWS + 5, "lookups": 5, "skipped": 0, "throttled": 0}
    assert users(emulator) == {"writer": _ROWS}
    check_ledger(emulator, place)


def test_rotate_gives_a_connection_up_that_changes_again(emulator: EmulatorProcess, place: Workplace) -> None:
    """Tried again once and no more: somebody else is at it."""
    emulator.plan_faults(chances=[{"fault": "patch_overtaken", "probability": 1}])
    ended = place.run(*_WORDS)
    assert ended.code == 1
    assert ended.report["counts"]["failed"] == _ROWS
    assert ended.report["this_run"]["patches"] == 2 * _ROWS
    (group,) = ended.report["groups"]
    assert (group["code"], group["rows"]) == ("stale", _ROWS)
    assert users(emulator) == {"reader": _ROWS}


_FAULTS = (
    *("patch_reset_before", "patch_reset_after", "patch_status_500_before", "patch_status_500_after"),
    *("patch_status_429:0.2", "patch_slow:0.3", "patch_cut_body", "patch_bad_json"),
)


@pytest.mark.parametrize("fault", _FAULTS)
def test_rotate_ends_well_through_faults(emulator: EmulatorProcess, place: Workplace, fault: str) -> None:
    """An answer that is lost is followed by the same PATCH under a fresh etag: twice is as good as once."""
    name, _, seconds = fault.partition(":")
    chance = {"fault": name, "probability": 0.25} | ({"seconds": float(seconds)} if seconds else {})
    emulator.plan_faults(chances=[chance])
    ended = place.run(*_WORDS)
    assert ended.code == 0, (ended.out, ended.err)
    assert ended.report["counts"]["rotated"] == _ROWS
    assert emulator.counts()["faults"][name] > 0
    assert users(emulator) == {"writer": _ROWS}
    # An answer that says 200 and no etag leaves it to be asked for next time.
    emulator.plan_faults()
    assert place.run(*_WORDS, "--restart").code == 0
    check_ledger(emulator, place)


def test_rotate_renews_a_revoked_token(emulator: EmulatorProcess, place: Workplace) -> None:
    """A 401 to a PATCH renews the token, and the row is sent again."""
    emulator.plan_faults(queue=["patch_ok"] * 5 + ["patch_revoke_token"])
    ended = place.run(*_WORDS)
    assert ended.code == 0, ended.err
    assert users(emulator) == {"writer": _ROWS}


def test_rotate_shows_no_secret_that_a_gateway_echoes(emulator: EmulatorProcess, place: Workplace) -> None:
    """A 400 that repeats the body fails its rows, with the secrets taken out."""
    emulator.plan_faults(chances=[{"fault": "patch_echo", "probability": 1}])
    ended = place.run(*_WORDS, "--log-level", "debug")
    assert ended.code == 1
    assert ended.report["counts"]["failed"] == _ROWS
    assert "/auth/params" in ended.report["groups"][0]["example"]
    for path in place.folder.rglob("*"):
        if path.is_file() and path.name != "inventory.csv":
            assert b"MARK" not in path.read_bytes(), path


@pytest.mark.parametrize("end", ["kill", "term"])
def test_rotate_that_was_cut_off_is_gone_on_with(
    emulator: EmulatorProcess, place: Workplace, end: str
) -> None:
    """What was rotated is not sent again, and what was on its way is."""
    running = place.start(*_WORDS, "--rate", "10", "--concurrency", "4")
    emulator.wait_for(lambda _: len(emulator.requests("PATCH")) > 5, running)
    if end == "kill":
        running.kill()
    else:
        running.interrupt(signal.SIGTERM)
        ended = running.wait()
        assert ended.code == 143
        check_form(ended.report, 143)
        assert ended.report["counts"]["pending"] > 0
    with closing(sqlite3.connect(place.folder / "inventory.ledger.db")) as db:
        ((done,),) = db.execute("SELECT count(*) FROM rotations WHERE outcome = 'rotated'").fetchall()
    assert 0 < done < _ROWS
    ended = place.run(*_WORDS)
    assert ended.code == 0, (ended.out, ended.err)
    assert ended.report["counts"]["rotated"] == _ROWS
    assert ended.report["this_run"]["skipped"] == done
    assert ended.report["this_run"]["patches"] < _ROWS
    assert users(emulator) == {"writer": _ROWS}
    check_ledger(emulator, place)
    assert place.run(*_WORDS).report["this_run"]["skipped"] == 0


def test_rotate_leaves_and_refuses_what_is_not_to_be_rotated(
    emulator: EmulatorProcess, place: Workplace
) -> None:
    """Rows without a connection are left, rows that became another are refused; each is named."""
    rows = [changed(row, key=f"dev/postgres/{row['name']}") for row in postgres_rows(_ROWS + 1)]
    rows[0]["name"] = "another name"
    rows[1] |= {"auth": "connection_string", "sslMode": ""}
    write_rows(place, rows)
    ended = place.run(*_WORDS)
    assert ended.code == 1, ended.err
    check_form(ended.report, 1)
    counts = {"rotated": _ROWS - 2, "failed": 0, "refused": 2, "left": 1, "pending": 0, "invalid": 0}
    assert ended.report["counts"] == counts
    said = {one["found"].rpartition("/")[2]: one for one in ended.report["diagnostics"]}
    assert "another name" in said["db-0001"]["message"]
    assert "another auth" in said["db-0002"]["message"]
    assert said["db-0021"]["message"] == "left: the ledger does not know this row"
    assert said["db-0021"]["row"] == _ROWS + 2
    assert users(emulator) == {"writer": _ROWS - 2, "reader": 2}
    text = place.run("rotate", "inventory.csv")
    assert "refused: this row was created with another name" in text.out


def test_rotate_of_adopted_rows_wants_to_be_asked_for(
    emulator: EmulatorProcess, place: Workplace, open_workplace: OpenWorkplace
) -> None:
    """Somebody else created them and may rest on their credentials."""
    other = open_workplace(emulator, "other", BULKCONN_RATE="500")
    other.inventory(_ROWS)
    assert other.run("run", "inventory.csv", "--on-existing", "adopt").code == 0
    write_rows(other, [changed(row) for row in postgres_rows(_ROWS)])
    ended = other.run(*_WORDS)
    assert ended.code == 1
    assert ended.report["counts"]["left"] == _ROWS
    assert "--adopted" in ended.report["diagnostics"][0]["fix"]
    assert users(emulator) == {"reader": _ROWS}
    assert other.run(*_WORDS, "--adopted").report["counts"]["rotated"] == _ROWS
    assert users(emulator) == {"writer": _ROWS}


def test_rotate_of_a_deleted_connection_fails_its_row_alone(
    emulator: EmulatorProcess, place: Workplace
) -> None:
    """A 404 in the documented shape is that row's; another 404 stops the command."""
    (first, *_) = emulator.connections()
    emulator.ask("DELETE", f"connections/{first['id']}")
    ended = place.run(*_WORDS)
    assert ended.code == 1
    assert ended.report["counts"] == dict.fromkeys(_COUNTS, 0) | {"rotated": _ROWS - 1, "failed": 1}
    assert ended.report["groups"][0]["code"] == "gone"


def test_rotate_resolves_references_just_before_it_sends(emulator: EmulatorProcess, place: Workplace) -> None:
    """A secret that cannot be had is found before anything is sent."""
    write_rows(place, [changed(row, password="env://NEW_PASSWORD") for row in postgres_rows(_ROWS)])
    refused = place.run(*_WORDS)
    assert refused.code == 3
    check_form(refused.report, 3)
    assert users(emulator) == {"reader": _ROWS}
    assert place.run(*_WORDS, NEW_PASSWORD="MARKfrom-env").code == 0
    assert users(emulator) == {"writer": _ROWS}


def test_rotate_of_an_invalid_inventory_sends_nothing(emulator: EmulatorProcess, place: Workplace) -> None:
    """Exit code 3, all faults at once; --skip-invalid goes on with the others."""
    rows = [changed(row) for row in postgres_rows(_ROWS)]
    rows[3]["port"] = "x"
    write_rows(place, rows)
    ended = place.run(*_WORDS)
    assert ended.code == 3
    check_form(ended.report, 3)
    assert ended.report["counts"]["invalid"] == 1
    assert users(emulator) == {"reader": _ROWS}
    text = place.run("rotate", "inventory.csv")
    assert (text.code, "is not a port" in text.err or "port" in text.err) == (3, True)
    skipped = place.run(*_WORDS, "--skip-invalid")
    assert skipped.code == 1
    assert users(emulator) == {"writer": _ROWS - 1, "reader": 1}


def test_rotate_without_permission_stops_with_4(emulator: EmulatorProcess, place: Workplace) -> None:
    """Rows stay pending for what is not theirs, and the same command goes on."""
    place.env["BULKCONN_ACCESS_TOKEN"] = "worthless"
    ended = place.run(*_WORDS)
    assert ended.code == 4
    check_form(ended.report, 4)
    assert ended.report["counts"]["pending"] == _ROWS
    del place.env["BULKCONN_ACCESS_TOKEN"]
    assert json.loads(place.run(*_WORDS).out)["counts"]["rotated"] == _ROWS
