"""What a person does from first look to last: template, plan, run, export, mend, and the demo."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.cli.console import PASSWORD, ROOT, Console, check_report, postgres_rows, running_emulator

if TYPE_CHECKING:
    from pathlib import Path

BOOKKEEPING = [
    *("key", "name", "source", "platform_cloud", "sandbox", "auth", "state", "connection_id", "etag"),
    *("attempts", "error_code", "error_message", "request_id", "inventory_file", "inventory_row"),
    "updated_at",
]
REFERENCES = {"PG_PASSWORD": "x-1", "MYSQL_PASSWORD": "x-2", "REDSHIFT_PASSWORD": "x-3"}


@pytest.mark.parametrize("format_", ["csv", "json", "jsonl"])
def test_template_of_every_source_is_a_valid_inventory(tmp_path: Path, format_: str) -> None:
    """What `template` prints passes `plan --offline` once the variables are set that it names."""
    console = Console(tmp_path)
    done = console.run("template", "postgres", "mysql", "redshift", "--format", format_)
    console.write(f"my.{format_}", done.stdout)
    code, report = console.json("plan", "--offline", f"my.{format_}", **REFERENCES)
    assert report["diagnostics"] == []
    assert code == 0
    assert report["counts"]["pending"] >= 8


def test_template_for_one_cloud_and_auth_has_only_that(tmp_path: Path) -> None:
    """Flags narrow the rows down."""
    done = Console(tmp_path).run("template", "postgresql", "--platform-cloud", "aws", "--auth", "basic")
    (row,) = csv.DictReader(io.StringIO(done.stdout))
    assert (row["platform_cloud"], row["auth"]) == ("aws", "basic")


def test_demo_as_a_process_creates_sixty_and_sends_nothing_the_second_time(tmp_path: Path) -> None:
    """The first command that anybody types works without credentials, and says what it talks to."""
    done = Console(tmp_path).run("demo", "--ledger", "demo.ledger.db")
    assert done.returncode == 0
    assert "talks to the bulkconn emulator on this machine, not to Adobe" in done.stdout
    assert "  created  60\n" in done.stdout
    assert (
        "it sent nothing (0 POSTs): 60 rows were finished. The emulator holds 60 connections for 60 rows."
        in done.stdout
    )
    assert (tmp_path / "demo.ledger.db").exists()
    assert Console(tmp_path).run("demo", "--ledger", "demo.ledger.db").returncode == 2


def test_demo_with_faults_creates_sixty_all_the_same(tmp_path: Path) -> None:
    """Lost answers and resets end with every row created, once."""
    done = Console(tmp_path).run("demo", "--faults", "--rate", "100")
    assert "The emulator holds 60 connections for 60 rows." in done.stdout
    assert done.returncode == 0


def test_demo_inventory_in_the_package_is_the_one_beside_it() -> None:
    """The package brings a copy of `inventories/demo.csv`; the two must not part."""
    packaged = ROOT / "bulkconn" / "cli" / "demo.csv"
    assert packaged.read_bytes() == (ROOT / "inventories" / "demo.csv").read_bytes()


def test_export_of_failed_rows_filled_in_is_an_inventory_again(tmp_path: Path) -> None:
    """Failed rows come back as CSV with their secret columns empty; filled in, they can be run again."""
    with running_emulator("--fault", "status_400:0.5", "--seed", "7") as env:
        console = Console(tmp_path, {**env, "BULKCONN_RATE": "200"})
        console.write("eu.csv", postgres_rows(30))
        code, report = console.json("run", "eu.csv")
        failed = report["counts"]["failed"]
        assert code == 1
        assert failed
        done = console.run("export", "--state", "failed", "-o", "failed.csv")
        assert done.returncode == 0
        with (tmp_path / "failed.csv").open(newline="") as file:
            reader = csv.DictReader(file)
            rows = list(reader)
        columns = reader.fieldnames
        assert columns is not None
        assert columns[: len(BOOKKEEPING)] == BOOKKEEPING
        assert {"server", "port", "database", "username", "sslMode", "x_team", "password"} < set(columns)
        assert len(rows) == failed
        assert {row["state"] for row in rows} == {"failed"}
        assert {row["password"] for row in rows} == {""}
        with (tmp_path / "failed.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows({**row, "password": PASSWORD} for row in rows)
        words = ("failed.csv", "--ledger", "eu.ledger.db", "--retry-failed")
        code, plan = console.json("plan", *words)
        assert code == 0
        assert plan["counts"]["pending"] == failed
        code, report = console.json("run", *words)
        assert report["counts"]["created"] > 0


@pytest.mark.parametrize("format_", ["csv", "jsonl", "json"])
def test_export_in_each_format_holds_every_row_and_no_secret(tmp_path: Path, format_: str) -> None:
    """Ids, states and the inventory's own columns; never a password."""
    with running_emulator() as env:
        console = Console(tmp_path, {**env, "BULKCONN_RATE": "200"})
        console.write("eu.csv", postgres_rows(3))
        console.json("run", "eu.csv")
        text = console.run("export", "--format", format_, "--state", "created").stdout
    rows: list[dict[str, Any]]
    if format_ == "csv":
        rows = list(csv.DictReader(io.StringIO(text)))
    else:
        rows = json.loads(text) if format_ == "json" else [json.loads(line) for line in text.splitlines()]
    assert [row["name"] for row in rows] == ["db 000", "db 001", "db 002"]
    assert all(row["connection_id"] and row["x_team"] for row in rows)
    assert PASSWORD not in text


def test_secrets_of_a_run_with_debug_logs_are_in_no_artefact(tmp_path: Path) -> None:
    """Neither stdout, stderr, ledger, log, export nor status holds a password, client secret or token."""
    with running_emulator("--fault", "echo:0.3", "--fault", "reset_after_create:0.2") as env:
        secret = "cs-9Vunlikely"
        settings = {**env, "BULKCONN_CLIENT_SECRET": secret, "BULKCONN_RATE": "200"}
        console = Console(tmp_path, {**settings, "BULKCONN_SETTLE_GRACE": "1", "BULKCONN_LOG_LEVEL": "debug"})
        console.write("eu.csv", postgres_rows(20))
        done = [
            console.run(*words)
            for words in (
                ("plan", "eu.csv"),
                ("run", "eu.csv"),
                ("run", "eu.csv", "--output", "json", "--log-format", "console"),
                ("settle",),
                ("status",),
                ("export",),
            )
        ]
    artefacts = [text.encode() for one in done for text in (one.stdout, one.stderr)]
    artefacts += [path.read_bytes() for path in tmp_path.iterdir() if path.name != "eu.csv"]
    assert any(b"attempt" in artefact for artefact in artefacts)
    for artefact in artefacts:
        assert PASSWORD.encode() not in artefact
        assert secret.encode() not in artefact
        assert b"Bearer " not in artefact


def test_settle_after_lost_answers_ends_with_0_and_sends_nothing(tmp_path: Path) -> None:
    """What is in doubt is looked up; nothing is in doubt afterwards."""
    with running_emulator("--fault", "reset_after_create:1") as env:
        console = Console(tmp_path, {**env, "BULKCONN_RATE": "200"})
        console.write("eu.csv", postgres_rows(3))
        console.json("run", "eu.csv", "--settle-grace", "never")
        code, report = console.json("settle")
    check_report(report, 0)
    assert code == 0
    assert report["this_run"]["posts"] == 0
    assert report["counts"]["created"] == 3


def test_export_to_a_reader_that_leaves_ends_quietly(tmp_path: Path) -> None:
    """`bulkconn export | head -1` is no fault."""
    with running_emulator() as env:
        console = Console(tmp_path, {**env, "BULKCONN_RATE": "400"})
        console.write("eu.csv", postgres_rows(600))
        assert console.json("run", "eu.csv")[0] == 0
        process = console.start("export")
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith("key,name,")
        process.stdout.close()
        assert process.wait(20) == 0
        assert process.stderr.read() == ""
        process.stderr.close()
