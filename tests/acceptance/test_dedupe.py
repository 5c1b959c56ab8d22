"""`dedupe`: names with several connections, said and resolved; never the ledger's own, never one in use."""

from __future__ import annotations

import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from tests.acceptance.process import COMMAND, PATIENCE_S, check_exactly_once
from tests.acceptance.test_rollback import plant

if TYPE_CHECKING:
    from tests.acceptance.process import EmulatorProcess, Workplace


@pytest.fixture
def place(shared_or_not: Workplace) -> Workplace:
    """Give a workplace for a ledger of each kind."""
    return shared_or_not


def ids_of(emulator: EmulatorProcess) -> set[str]:
    """Give the ids of everything that exists."""
    return {one["id"] for one in emulator.connections()}


def test_dedupe_deletes_spare_ones_and_keeps_owned_used_and_foreign_ones(
    emulator: EmulatorProcess, place: Workplace
) -> None:
    """Of each name the ledger's own stays, and whatever somebody built on, or that no row stands for."""
    place.inventory(6)
    assert place.run("run", "inventory.csv").code == 0
    assert place.run("dedupe", "inventory.csv", "--yes").report["dedupe"]["names"] == 0
    before = ids_of(emulator)
    spare = [plant(emulator, "db-0001"), plant(emulator, "DB-0001 "), plant(emulator, "db-0002")]
    with_flow, with_source = plant(emulator, "db-0003"), plant(emulator, "db-0004")
    emulator.ask("POST", "uses", {"connection_id": with_flow, "flows": 3})
    emulator.ask("POST", "uses", {"connection_id": with_source, "flows": 0})
    theirs = [plant(emulator, "not-in-the-inventory"), plant(emulator, "not-in-the-inventory")]
    dry = place.run("dedupe", "inventory.csv", "--dry-run")
    assert "dedupe" in dry.report, (dry.out, dry.err)
    told = dry.report["dedupe"]
    assert (dry.code, told["names"], told["connections"]["spare"]) == (1, 4, 3)
    assert told["connections"]["in_use"] == 2
    flows = {one["connection_id"]: one["flows"] for d in told["doubles"] for one in d["connections"]}
    assert (flows[with_flow], flows[with_source], flows[spare[0]]) == (3, 0, 0)
    refused = place.run("dedupe", "inventory.csv")
    assert (refused.code, "nobody to ask" in refused.report["stopped"]["reason"]) == (2, True)
    assert emulator.requests("DELETE") == []
    ended = place.run("dedupe", "inventory.csv", "--yes", "--log-level", "debug")
    assert (ended.code, ended.report["dedupe"]["connections"]["deleted"]) == (1, 3), ended.err
    assert ids_of(emulator) == before | {with_flow, with_source, *theirs}
    assert "pa55-in-tests" not in ended.out + ended.err + dry.out
    assert {row["state"] for row in place.export()} == {"created"}


def test_dedupe_asks_one_by_one_on_a_terminal(emulator: EmulatorProcess, place: Workplace) -> None:
    """Each spare connection has a question of its own."""
    place.inventory(2)
    assert place.run("run", "inventory.csv").code == 0
    own = ids_of(emulator)
    first, second = plant(emulator, "db-0001"), plant(emulator, "db-0002")
    done = subprocess.run(
        ["script", "-qec", " ".join([*COMMAND, "dedupe", "inventory.csv"]), "/dev/null"],
        cwd=place.folder, env={**place.env, "BULKCONN_OUTPUT": "text"}, input="n\ny\n",
        capture_output=True, text=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout
    assert done.stdout.count("Delete ") == 2
    assert len(ids_of(emulator)) == 3
    assert ids_of(emulator) > own
    assert len(ids_of(emulator) & {first, second}) == 1


def test_dedupe_lets_a_held_row_be_created_again_once_it_is_alone(
    emulator: EmulatorProcess, place: Workplace
) -> None:
    """A late twin held its row; the one that the ledger does not own goes, and the row is done."""
    place.inventory(4)
    emulator.plan_faults(by_name={"db-0002": ["slow_create:3"]})
    words = ("--timeout", "1", "--settle-grace", "0.1", "--max-resends", "3")
    place.run("run", "inventory.csv", *words)
    until = time.monotonic() + PATIENCE_S
    while emulator.counts()["connection_count"] < 5:
        assert time.monotonic() < until
    place.run("settle")
    held = {row["name"]: row for row in place.export()}["db-0002"]
    assert (held["state"], bool(held["connection_id"])) == ("held", True)
    ended = place.run("dedupe", "inventory.csv", "--yes")
    assert ended.code == 0, (ended.out, ended.err)
    assert ended.report["dedupe"]["rows_created"] == 1
    assert ended.report["counts"] == {**ended.report["counts"], "created": 4, "held": 0}
    check_exactly_once(emulator, place.export(), 4)
    again = place.run("run", "inventory.csv")
    assert (again.code, again.report["this_run"]["posts"]) == (0, 0)


def test_dedupe_of_a_name_that_the_ledger_does_not_own_deletes_nothing(
    emulator: EmulatorProcess, place: Workplace
) -> None:
    """Strangers that stand in a row's way are a human's to judge."""
    place.inventory(2)
    strangers = {plant(emulator, "db-0001"), plant(emulator, "db-0001")}
    assert place.run("run", "inventory.csv").code == 1
    before = ids_of(emulator)
    assert strangers < before
    ended = place.run("dedupe", "inventory.csv", "--yes")
    assert (ended.code, ended.report["dedupe"]["connections"]["no_owner"]) == (1, 2)
    assert ids_of(emulator) == before


def test_dedupe_killed_midway_and_with_lost_answers_goes_on(
    emulator: EmulatorProcess, place: Workplace
) -> None:
    """A DELETE whose answer was lost is asked for by id; after kill -9 the same command does the rest."""
    place.inventory(25)
    assert place.run("run", "inventory.csv").code == 0
    own = ids_of(emulator)
    for number in range(1, 26):
        plant(emulator, f"db-{number:04d}")
    emulator.plan_faults(chances=["delete_status_504_after:0.3", "delete_status_500:0.2", "get_reset:0.05"])
    running = place.start("dedupe", "inventory.csv", "--yes", BULKCONN_RATE="40")
    emulator.wait_for(lambda books: books["connection_count"] <= 40, running)
    running.kill()
    ended = place.run_once_free("dedupe", "inventory.csv", "--yes")
    assert ended.code == 0, (ended.out, ended.err)
    assert ids_of(emulator) == own
    check_exactly_once(emulator, place.export(), 25)


def test_dedupe_that_cannot_look_deletes_nothing(emulator: EmulatorProcess, place: Workplace) -> None:
    """A listing that fails, a ledger that is not there, an invalid inventory: exit 4, 2 and 3."""
    place.inventory(2)
    assert place.run("dedupe", "inventory.csv", "--yes").code == 2
    assert place.run("run", "inventory.csv").code == 0
    plant(emulator, "db-0001")
    emulator.plan_faults(chances=["get_status_500:1"])
    ended = place.run("dedupe", "inventory.csv", "--yes", "--max-wait", "1")
    assert (ended.code, ended.report["stopped"] is not None) == (4, True)
    emulator.plan_faults()
    place.write("broken.csv", "name,source\nx,nosuch\n")
    place.env.setdefault("BULKCONN_LEDGER", "inventory.ledger.db")
    broken = place.run("dedupe", "broken.csv", "--yes")
    assert (broken.code, bool(broken.report["diagnostics"])) == (3, True)
    assert emulator.requests("DELETE") == []
