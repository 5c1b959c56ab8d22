"""`rollback`: what this ledger created is deleted, nothing else, and again from any moment on."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from tests.acceptance.process import COMMAND, PATIENCE_S, check_exactly_once
from tests.fakes.postgres import fresh_schema

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.acceptance.process import EmulatorProcess, Workplace

_SPEC = "74a1c565-4e59-48d7-9d67-7c03b8a13137"
_SECRET = "pa55-in-tests"


@pytest.fixture(params=["sqlite", "postgres"])
def ledger(request: pytest.FixtureRequest) -> Iterator[str]:
    """Give the place of a ledger of each kind."""
    if request.param == "sqlite":
        yield "inventory.ledger.db"
    else:
        with fresh_schema() as url:
            yield url


def plant(emulator: EmulatorProcess, name: str) -> str:
    """Let a stranger create a connection like those of the inventory."""
    params = {"server": f"{name}.example.com", "port": "5432", "database": "sales", "username": "reader"}
    body = {"sandbox": "dev", "name": name, "connection_spec_id": _SPEC, "params": params}
    planted: dict[str, str] = emulator.ask("POST", "connections", body)
    return planted["id"]


def deleted_facts(place: Workplace) -> list[tuple[str, str]]:
    """Give the ids that the append-only attempts tell as deleted, each with its run."""
    sql = """
        SELECT attempts.connection_id, runs.run_id FROM attempts JOIN runs ON runs.id = attempts.run
        WHERE fact = 'deleted'
    """
    with closing(sqlite3.connect(place.folder / "inventory.ledger.db")) as connection:
        return list(connection.execute(sql))


def test_rollback_deletes_what_was_created_and_never_what_was_adopted(
    emulator: EmulatorProcess, place: Workplace, ledger: str
) -> None:
    """Created rows are deleted, adopted ones stay; run skips them, and --recreate creates them anew."""
    place.inventory(12)
    adopted = plant(emulator, "db-0003")
    stranger = plant(emulator, "nobody-asked-for-it")
    words = ("run", "inventory.csv", "--ledger", ledger, "--on-existing", "adopt")
    assert place.run(*words).code == 0
    before = {one["id"] for one in emulator.connections()}
    dry = place.run("rollback", "--ledger", ledger, "--dry-run")
    assert (dry.code, dry.report["rollback"]["rows"], dry.report["rollback"]["deleted"]) == (0, 11, 0)
    assert {one for row in dry.report["rollback"]["would_delete"] for one in row["connection_ids"]} == (
        before - {adopted, stranger}
    )
    assert {one["id"] for one in emulator.connections()} == before
    ended = place.run("rollback", "--ledger", ledger, "--yes")
    report = ended.report
    assert ended.code == 0, (ended.out, ended.err)
    assert report["rollback"]["deleted"] == report["counts"]["deleted"] == 11
    assert report["counts"]["adopted"] == 1
    assert {one["id"] for one in emulator.connections()} == {adopted, stranger}
    assert len(emulator.requests("DELETE")) == 11
    again = place.run("rollback", "--ledger", ledger, "--yes")
    assert (again.code, again.report["rollback"]["rows"]) == (0, 0)
    skipped = place.run(*words)
    assert (skipped.code, skipped.report["this_run"]["posts"]) == (1, 0)
    assert (skipped.report["counts"]["deleted"], skipped.report["rows"]) == (11, 12)
    (warning,) = skipped.report["diagnostics"]
    assert (warning["severity"], warning["message"]) == (
        "warning",
        "11 rows rolled back, and not created again",
    )
    assert "--recreate" in warning["fix"]
    anew = place.run(*words, "--recreate")
    assert (anew.code, anew.report["this_run"]["created"]) == (0, 11), anew.out
    assert "deleted" not in anew.report["counts"]
    assert anew.report["diagnostics"] == []
    exported = place.export(ledger)
    assert {row["connection_id"] for row in exported} == {
        one["id"] for one in emulator.connections() if one["id"] != stranger
    }
    assert not {row["connection_id"] for row in exported} & (before - {adopted})


def test_rollback_of_one_run_leaves_the_others(emulator: EmulatorProcess, place: Workplace) -> None:
    """--run takes what that run sent; the ledger says which run deleted what."""
    place.inventory(4)
    first = place.run("run", "inventory.csv").report["run_id"]
    place.inventory(9)
    second = place.run("run", "inventory.csv").report["run_id"]
    ended = place.run("rollback", "--run", second, "--yes")
    assert (ended.code, ended.report["rollback"]["deleted"]) == (0, 5)
    assert sorted(one["name"] for one in emulator.connections()) == [f"db-{n:04d}" for n in range(1, 5)]
    facts = deleted_facts(place)
    assert {run for _, run in facts} == {ended.report["run_id"]}
    assert len({one for one, _ in facts}) == 5
    unknown = place.run("rollback", "--run", "nonsense", "--yes")
    assert (unknown.code, "no run nonsense" in unknown.report["stopped"]["reason"]) == (2, True)
    assert place.run("rollback", "--run", first, "--yes").report["rollback"]["deleted"] == 4


def test_rollback_without_a_terminal_or_yes_deletes_nothing(
    emulator: EmulatorProcess, place: Workplace
) -> None:
    """A script must say that it means it."""
    place.inventory(3)
    assert place.run("run", "inventory.csv").code == 0
    for output in ("json", "text"):
        ended = place.run("rollback", BULKCONN_OUTPUT=output)
        assert ended.code == 2
        assert "3 connections of 3 rows would be deleted" in ended.out + ended.err
    assert emulator.counts()["connection_count"] == 3
    assert emulator.requests("DELETE") == []


def test_rollback_keeps_what_a_flow_uses_and_deletes_it_once_it_is_free(
    emulator: EmulatorProcess, place: Workplace
) -> None:
    """1418 is the row's own: it stays created, is reported, and the others go."""
    place.inventory(5)
    assert place.run("run", "inventory.csv").code == 0
    used = next(one for one in emulator.connections() if one["name"] == "db-0002")["id"]
    emulator.ask("POST", "uses", {"connection_id": used})
    ended = place.run("rollback", "--yes")
    told = ended.report["rollback"]
    assert (ended.code, told["deleted"], told["kept"]["in_use"]) == (1, 4, 1)
    assert told["kept_rows"][0]["connection_ids"] == [used]
    assert [one["id"] for one in emulator.connections()] == [used]
    text = place.run("rollback", "--yes", BULKCONN_OUTPUT="text")
    assert (text.code, "kept: in use" in text.out, "delete the flows" in text.out) == (1, True, True)
    emulator.ask("DELETE", f"uses/{used}")
    assert place.run("rollback", "--yes").code == 0
    assert emulator.counts()["connection_count"] == 0


def test_rollback_keeps_what_the_service_refuses_to_delete(
    emulator: EmulatorProcess, place: Workplace
) -> None:
    """1416: not in this state. The row stays created, its code is told, and the same command tries again."""
    place.inventory(4)
    assert place.run("run", "inventory.csv").code == 0
    emulator.plan_faults(queue=["delete_status_400"])
    ended = place.run("rollback", "--yes")
    told = ended.report["rollback"]
    assert (ended.code, told["deleted"], told["kept"]["refused"]) == (1, 3, 1)
    assert told["kept_rows"][0]["code"] == "1416-400"
    assert ended.report["counts"]["created"] == 1
    assert place.run("rollback", "--yes").code == 0
    assert emulator.counts()["connection_count"] == 0


def test_rollback_killed_midway_goes_on_where_it_was(emulator: EmulatorProcess, place: Workplace) -> None:
    """Kill -9, several times: what was deleted and not recorded is found gone; nothing else is touched."""
    place.inventory(150)
    assert place.run("run", "inventory.csv").code == 0
    emulator.plan_faults(chances=["delete_reset_after:0.1", "delete_status_504_after:0.1"])
    for share in (110, 60):
        running = place.start("rollback", "--yes", BULKCONN_RATE="150")
        emulator.wait_for(lambda books, share=share: books["connection_count"] <= share, running)  # type: ignore[misc]  # a default
        running.kill()
    left = emulator.counts()["connection_count"]
    assert 0 < left < 150
    ended = place.run("rollback", "--yes")
    assert ended.code == 0, (ended.out, ended.err)
    assert ended.report["counts"]["deleted"] == 150
    assert emulator.counts()["connection_count"] == 0
    facts = deleted_facts(place)
    assert len(facts) == len({one for one, _ in facts}) == 150
    emulator.plan_faults()
    anew = place.run("run", "inventory.csv", "--recreate")
    assert anew.code == 0, (anew.out, anew.err)
    check_exactly_once(emulator, place.export(), 150)


@pytest.mark.parametrize(
    "fault",
    ["delete_reset", "delete_reset_after", "delete_status_500", "delete_status_504_after",
     "delete_status_202", "delete_slow:0.2"],
)  # fmt: skip
def test_rollback_through_a_fault_ends_with_everything_deleted(
    fault: str, emulator: EmulatorProcess, place: Workplace
) -> None:
    """An answer that was lost is asked for by id, and the DELETE repeated: never twice the wrong thing."""
    place.inventory(6)
    stranger = plant(emulator, "somebody-elses")
    assert place.run("run", "inventory.csv").code == 0
    emulator.plan_faults(queue=[fault, "delete_ok", fault, fault])
    ended = place.run("rollback", "--yes")
    assert ended.code == 0, (ended.out, ended.err)
    assert ended.report["rollback"]["deleted"] == 6
    assert [one["id"] for one in emulator.connections()] == [stranger]


def test_rollback_at_a_service_that_says_404_without_a_shape_stops_and_deletes_no_row(
    emulator: EmulatorProcess, place: Workplace
) -> None:
    """A wrong path answers 404 too: that is no proof that a connection is gone."""
    place.inventory(3)
    assert place.run("run", "inventory.csv").code == 0
    emulator.plan_faults(chances=["delete_status_404_plain:1"])
    ended = place.run("rollback", "--yes")
    assert (ended.code, ended.report["rollback"]["deleted"]) == (4, 0)
    assert ended.report["counts"]["created"] == 3
    assert ended.report["rollback"]["left"] == 3
    assert emulator.counts()["connection_count"] == 3


def test_rollback_through_an_outage_stops_and_the_same_command_goes_on(
    emulator: EmulatorProcess, place: Workplace
) -> None:
    """A service that answers nobody uses up no row: --max-wait ends the command, and nothing is lost."""
    place.inventory(30)
    assert place.run("run", "inventory.csv").code == 0
    emulator.plan_faults(queue=["delete_ok"] * 5, chances=["delete_status_500:1", "get_status_500:1"])
    ended = place.run("rollback", "--yes", "--max-wait", "3")
    told = ended.report["rollback"]
    assert (ended.code, told["deleted"], told["left"]) == (4, 5, 25), (ended.out, ended.err)
    assert sum(told["kept"].values()) == 0
    assert "no definitive answer" in ended.report["stopped"]["reason"]
    emulator.plan_faults()
    again = place.run("rollback", "--yes")
    assert (again.code, again.report["rollback"]["deleted"]) == (0, 25)
    assert emulator.counts()["connection_count"] == 0


def test_rollback_obeys_rate_and_429_and_renews_its_token(start_emulator: Any, open_workplace: Any) -> None:
    """DELETEs pass the one gate: pace, closed gate and a revoked token are as in a run."""
    emulator = start_emulator("--rate-limit", "20")
    place = open_workplace(emulator, BULKCONN_RATE="60", BULKCONN_OUTPUT="json")
    place.inventory(40)
    assert place.run("run", "inventory.csv", BULKCONN_RATE="15").code == 0
    running = place.start("rollback", "--yes")
    emulator.wait_for(lambda books: books["connection_count"] < 35, running)
    emulator.ask("POST", "revoke")
    ended = running.wait()
    assert ended.code == 0, (ended.out, ended.err)
    assert ended.report["rollback"]["deleted"] == 40
    assert ended.report["this_run"]["throttled"] > 0
    assert emulator.counts()["token_requests"] >= 3
    assert emulator.counts()["connection_count"] == 0


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)], ids=["SIGTERM", "SIGINT"]
)
def test_rollback_ended_by_a_signal_records_what_it_did_and_goes_on(
    number: signal.Signals, code: int, emulator: EmulatorProcess, place: Workplace
) -> None:
    """What is in flight is finished and recorded, the rest stays created."""
    place.inventory(120)
    assert place.run("run", "inventory.csv").code == 0
    running = place.start("rollback", "--yes", BULKCONN_RATE="60")
    emulator.wait_for(lambda books: books["connection_count"] <= 100, running)
    running.interrupt(number)
    ended = running.wait()
    report = ended.report
    assert (ended.code, report["exit_code"]) == (code, code)
    assert "the same command again" in report["stopped"]["fix"]
    assert report["counts"]["created"] == emulator.counts()["connection_count"] > 0
    assert report["counts"]["deleted"] == report["rollback"]["deleted"]
    assert place.run("rollback", "--yes").code == 0
    assert emulator.counts()["connection_count"] == 0


def test_rollback_asks_for_permission_and_leaves_all_if_it_has_none(
    emulator: EmulatorProcess, place: Workplace
) -> None:
    """A token that is refused again stops the command with exit 4; a wrong target is exit 2."""
    place.inventory(3)
    assert place.run("run", "inventory.csv").code == 0
    refused = place.run("rollback", "--yes", BULKCONN_ACCESS_TOKEN="no-such-token")
    assert (refused.code, refused.report["rollback"]["left"]) == (4, 3)
    other = place.run("rollback", "--yes", "--org-id", "OTHER@AdobeOrg")
    assert other.code == 2
    assert emulator.counts()["connection_count"] == 3


def test_rollback_of_a_held_row_deletes_only_what_is_certainly_ours(
    emulator: EmulatorProcess, place: Workplace
) -> None:
    """A twin that no answer of ours vouches for is left alone, and so is its row, with both ids told."""
    place.inventory(4)
    emulator.plan_faults(by_name={"db-0002": ["slow_create:3"]})
    run = place.run("run", "inventory.csv", "--timeout", "1", "--settle-grace", "0.1", "--max-resends", "3")
    until = time.monotonic() + PATIENCE_S
    while emulator.counts()["connection_count"] < 5:
        assert time.monotonic() < until
    settled = place.run("settle")
    rows = {row["name"]: row for row in place.export()}
    ids = {one["id"] for one in emulator.connections() if one["name"] == "db-0002"}
    assert rows["db-0002"]["state"] == "held", (run.out, settled.out)
    assert len(ids) > 1
    ended = place.run("rollback", "--yes")
    told = ended.report["rollback"]
    assert (ended.code, told["deleted"], told["kept"]["not_certainly_ours"]) == (1, 3, 1)
    assert {one["id"] for one in emulator.connections()} == ids
    assert {row["name"]: row["state"] for row in place.export()}["db-0002"] == "held"


def test_rollback_warns_of_rows_in_doubt_that_may_have_a_connection(
    emulator: EmulatorProcess, place: Workplace
) -> None:
    """What nobody knows cannot be deleted: the command says so and does not call itself done."""
    place.inventory(4)
    emulator.plan_faults(by_name={"db-0004": ["slow:30"]})
    running = place.start("run", "inventory.csv")
    emulator.wait_for(lambda books: books["connection_count"] == 4, running)
    running.wait_for_log("run.started")
    until = time.monotonic() + PATIENCE_S
    while [row["state"] for row in place.export()].count("created") < 3:
        assert time.monotonic() < until
    running.kill()
    ended = place.run("rollback", "--yes")
    told = ended.report["rollback"]
    assert (ended.code, told["deleted"], told["in_doubt"]) == (1, 3, 1)
    assert [one["name"] for one in emulator.connections()] == ["db-0004"]
    assert place.run("settle").code == 0
    again = place.run("rollback", "--yes")
    assert (again.code, again.report["rollback"]["deleted"]) == (0, 1)
    assert emulator.counts()["connection_count"] == 0


def test_rollback_holds_no_secret_in_anything_it_writes(emulator: EmulatorProcess, place: Workplace) -> None:
    """Reports, logs, ledger: none has the password, the client secret or a token."""
    place.inventory(5)
    assert place.run("run", "inventory.csv").code == 0
    emulator.plan_faults(chances=["delete_status_400:0.5", "delete_status_500:0.3"])
    outs = [place.run("rollback", "--dry-run"), place.run("rollback", "--yes", "--log-level", "debug")]
    outs.append(place.run("rollback", "--dry-run", BULKCONN_OUTPUT="text"))
    secrets = (_SECRET, emulator.env["BULKCONN_CLIENT_SECRET"])
    for ended in outs:
        assert not [one for one in secrets if one in ended.out + ended.err]
        assert "Bearer" not in ended.out + ended.err
    for path in place.folder.glob("inventory.ledger.db*"):
        assert not [one for one in secrets if one.encode() in path.read_bytes()]


def test_rollback_asks_on_a_terminal_and_takes_no_for_an_answer(
    emulator: EmulatorProcess, place: Workplace
) -> None:
    """On a terminal the list is shown and a question asked; nothing but yes deletes."""
    place.inventory(3)
    assert place.run("run", "inventory.csv").code == 0
    env = {**place.env, "BULKCONN_OUTPUT": "text"}
    said = {}
    for answer in ("n", "y"):
        command = ["script", "-qec", " ".join([*COMMAND, "rollback"]), "/dev/null"]
        done = subprocess.run(
            command, cwd=place.folder, env=env, input=f"{answer}\n", capture_output=True, text=True,
            timeout=60, check=False,
        )  # fmt: skip
        said[answer] = (done.returncode, done.stdout, emulator.counts()["connection_count"])
    assert (said["n"][0], said["n"][2]) == (2, 3), said
    assert "db-0001" in said["n"][1]
    assert "Delete 3 connections of 3 rows" in said["n"][1]
    assert (said["y"][0], said["y"][2]) == (0, 0), said


def test_plan_counts_rows_that_would_be_recreated(place: Workplace) -> None:
    """`plan` says of deleted rows what a run would do, with --recreate and without."""
    place.inventory(3)
    assert place.run("run", "inventory.csv").code == 0
    assert place.run("rollback", "--yes").code == 0
    kept = place.run("plan", "inventory.csv", "--offline")
    anew = place.run("plan", "inventory.csv", "--offline", "--recreate")
    assert (kept.report["counts"]["deleted"], kept.report["counts"]["pending"]) == (3, 0)
    assert (kept.code, anew.code, len(kept.report["diagnostics"])) == (1, 0, 1)
    text = place.run("run", "inventory.csv", BULKCONN_OUTPUT="text")
    assert (text.code, "warning: 3 rows rolled back, and not created again" in text.err) == (1, True)
    assert (anew.report["counts"].get("deleted", 0), anew.report["counts"]["pending"]) == (0, 3)
    status = place.run("status", BULKCONN_OUTPUT="json")
    assert json.loads(status.out)["counts"]["deleted"] == 3
