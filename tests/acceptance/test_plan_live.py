"""`plan --live`, its exit codes, and the guard of `run`: what would change is known before it does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.acceptance.process import as_csv, postgres_rows

if TYPE_CHECKING:
    from tests.acceptance.process import EmulatorProcess, Workplace

_SPEC = "74a1c565-4e59-48d7-9d67-7c03b8a13137"


def test_live_plan_tells_create_adopt_changed_orphan_and_unchanged(
    emulator: EmulatorProcess, place: Workplace
) -> None:
    """Each row is in one place; an orphan is told only while its connection is there."""
    place.inventory(6)
    assert place.run("run", "inventory.csv").code == 0
    clean = place.run("plan", "inventory.csv", "--live", "--detailed-exitcode")
    assert (clean.code, clean.report["diff"]["unchanged"]) == (0, 6), clean.out
    by_name = {one["name"]: one["id"] for one in emulator.connections()}
    emulator.ask("DELETE", f"connections/{by_name['db-0002']}")
    params = {"server": "db-0008.example.com", "database": "sales", "username": "reader"}
    stranger = emulator.ask(
        "POST", "connections",
        {"sandbox": "dev", "name": "db-0008", "connection_spec_id": _SPEC, "params": params},
    )["id"]  # fmt: skip
    rows = [row for row in postgres_rows(8) if row["name"] not in {"db-0001", "db-0002"}]
    rows[0]["database"] = "edited"
    place.write("inventory.csv", as_csv(rows))
    posts = emulator.counts()["posts"]
    words = ("plan", "inventory.csv", "--live", "--on-existing", "adopt")
    ended = place.run(*words, "--detailed-exitcode")
    diff = ended.report["diff"]
    assert ended.code == 2
    assert {name: diff[name] for name in ("create", "adopt", "changed", "orphan", "unchanged")} == {
        "create": 1, "adopt": 1, "changed": 1, "orphan": 1, "unchanged": 3,
    }  # fmt: skip
    assert {(one["change"], one["name"], one["connection_id"]) for one in diff["rows"]} == {
        ("create", "db-0007", None),
        ("adopt", "db-0008", stranger),
        ("changed", "db-0003", by_name["db-0003"]),
        ("orphan", "db-0001", by_name["db-0001"]),
    }
    text = place.run(*words, BULKCONN_OUTPUT="text")
    assert text.code == 1
    assert f"- db-0001 in dev ({by_name['db-0001']})" in text.out
    assert "pa55-in-tests" not in text.out + text.err + ended.out
    assert emulator.counts()["posts"] == posts


def test_live_plan_without_a_ledger_or_credentials_says_what_it_can(
    emulator: EmulatorProcess, place: Workplace
) -> None:
    """Without a ledger there are no orphans; without credentials, or offline, it is an error of usage."""
    place.inventory(2)
    first = place.run("plan", "inventory.csv", "--live", "--detailed-exitcode")
    assert (first.code, first.report["diff"]["create"]) == (2, 2)
    assert place.run("plan", "inventory.csv", "--live", "--offline").code == 2
    assert place.run("plan", "inventory.csv", "--live", BULKCONN_CLIENT_ID="").code == 2
    # With the flag 2 says that something would change, so wrong usage is 1 there.
    assert place.run("plan", "inventory.csv", "--live", "--offline", "--detailed-exitcode").code == 1
    assert place.run("plan", "inventory.csv", "--detailed-exitcode", "--no-such-flag").code == 1
    broken = place.run("plan", "inventory.csv", "--detailed-exitcode", BULKCONN_PLATFORM_CLOUD="")
    assert broken.code == 2
    assert emulator.counts()["posts"] == 0


def test_live_plan_that_cannot_list_a_sandbox_says_so(emulator: EmulatorProcess, place: Workplace) -> None:
    """Orphans that nobody looked for are not "none"."""
    place.inventory(3)
    assert place.run("run", "inventory.csv").code == 0
    place.inventory(2)
    emulator.plan_faults(chances=["get_status_500:1"])
    ended = place.run("plan", "inventory.csv", "--live", "--max-wait", "1", "--detailed-exitcode")
    assert ended.code == 4
    assert ended.report["diff"]["orphan"] == 0
    assert ended.report["stopped"] is not None


def test_run_that_would_create_more_than_allowed_sends_nothing(
    emulator: EmulatorProcess, place: Workplace
) -> None:
    """--max-create refuses before the first request, and makes no ledger."""
    place.inventory(5)
    refused = place.run("run", "inventory.csv", "--max-create", "4")
    assert refused.code == 2
    assert "would create 5 connections, more than --max-create 4" in refused.report["stopped"]["reason"]
    assert emulator.counts()["api_requests"] == 0
    assert not (place.folder / "inventory.ledger.db").exists()
    assert place.run("run", "inventory.csv", "--max-create", "5").code == 0
    assert place.run("run", "inventory.csv", BULKCONN_MAX_CREATE="0").code == 0
    place.inventory(6)
    assert place.run("run", "inventory.csv", BULKCONN_MAX_CREATE="0").code == 2
    assert emulator.counts()["posts"] == 5
