"""`plan -o` and `run --plan`: exactly that, or nothing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.acceptance.process import check_exactly_once

if TYPE_CHECKING:
    from tests.acceptance.process import EmulatorProcess, Workplace


@pytest.fixture
def place(shared_or_not: Workplace) -> Workplace:
    """Give a workplace for a ledger of each kind."""
    return shared_or_not


def test_plan_is_executed_with_its_own_inventories_and_settings(
    emulator: EmulatorProcess, place: Workplace
) -> None:
    """Nothing needs to be said twice, and no secret is in the file."""
    place.inventory(5)
    planned = place.run("plan", "inventory.csv", "-o", "plan.json", "--on-existing", "adopt", "--marker")
    text = (place.folder / "plan.json").read_text("utf-8")
    assert planned.code == 0
    assert json.loads(text)["settings"]["on_existing"] == "adopt"
    for secret in ("pa55-in-tests", emulator.env["BULKCONN_CLIENT_SECRET"]):
        assert secret not in text
    ended = place.run("run", "--plan", "plan.json")
    assert (ended.code, ended.report["this_run"]["created"]) == (0, 5), (ended.out, ended.err)
    assert ended.report["ledger"] == place.env.get("BULKCONN_LEDGER", "inventory.ledger.db")
    assert all("[bulkconn:" in (one["description"] or "") for one in emulator.connections())
    check_exactly_once(emulator, place.export(), 5)
    spent = place.run("run", "--plan", "plan.json")
    assert (spent.code, "there is a ledger by now" in spent.report["stopped"]["reason"]) == (2, True)
    assert emulator.counts()["posts"] == 5


def test_plan_is_refused_once_inventory_or_ledger_moved_on(
    emulator: EmulatorProcess, place: Workplace
) -> None:
    """A byte of the file, a row of the ledger, a guard: nothing is sent."""
    place.inventory(3)
    assert place.run("run", "inventory.csv").code == 0
    place.inventory(5)
    assert place.run("plan", "inventory.csv", "-o", "plan.json").code == 0
    text = (place.folder / "inventory.csv").read_bytes()
    place.write("inventory.csv", text + b"\n")
    edited = place.run("run", "--plan", "plan.json")
    place.write("inventory.csv", text)
    guarded = place.run("run", "--plan", "plan.json", "--max-create", "1")
    assert place.run("rollback", "--yes", "--state", "created").code == 0
    moved = place.run("run", "--plan", "plan.json")
    assert [one.code for one in (edited, guarded, moved)] == [2, 2, 2]
    assert "is not what inventory.csv was" in edited.report["stopped"]["reason"]
    assert "more than --max-create 1" in guarded.report["stopped"]["reason"]
    assert "the ledger moved on" in moved.report["stopped"]["reason"]
    assert emulator.counts()["posts"] == 3


def test_plan_that_cannot_be_used_is_an_error_of_usage(place: Workplace) -> None:
    """No file, no plan, no inventory: what to do is said."""
    place.inventory(2)
    place.write("other.json", "{}")
    for words in (("--plan", "nothing.json"), ("--plan", "other.json"), ()):
        ended = place.run("run", *words)
        assert (ended.code, bool(ended.report["stopped"]["fix"])) == (2, True), words
    place.write("broken.csv", "name,source\nx,nosuch\n")
    assert place.run("plan", "broken.csv", "-o", "plan.json").code == 3
    assert not (place.folder / "plan.json").exists()
    assert place.run("plan", "inventory.csv", "-o", "no/such/folder/plan.json").code == 2
