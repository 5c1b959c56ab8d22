"""`bulkconn check` as a process, against real servers: what it says, where it goes, and how it ends."""

from __future__ import annotations

import base64
import csv
import io
import json
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import pytest

from bulkconn.core.reach import ROW_KEYS
from tests.acceptance.process import Workplace, as_csv, bare_environment
from tests.fakes.strange_servers import silent_server
from tests.servers.fixtures import PASSWORD, WRONG_PASSWORD
from tests.servers.private import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.acceptance.process import Ended
    from tests.servers.mariadb import MariaDb
    from tests.servers.postgresql import Postgres

_COMMON: Final = {"platform_cloud": "azure", "sandbox": "dev"}


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Workplace]:
    """Give a folder, and an environment without credentials of Adobe's."""
    env = {**bare_environment(), "BULKCONN_LOG_LEVEL": "debug", "PG_PASSWORD": PASSWORD}
    place = Workplace(tmp_path, env)
    yield place
    place.close()


def row(called: str, at: int, /, **cells: str) -> dict[str, str]:
    """Give a PostgreSQL row that is right, with changes."""
    login = {"server": "localhost", "port": str(at), "database": "sales", "username": "reader"}
    return {
        "name": called,
        "source": "postgres",
        "auth": "basic",
        **_COMMON,
        **login,
        "password": PASSWORD,
        "sslMode": "Require",
        **cells,
    }


def mixed(postgres: Postgres, mariadb: MariaDb) -> list[dict[str, str]]:
    """Give rows of every kind: twelve, of which four are right."""
    my = {"source": "mysql", "port": str(mariadb.port), "sslMode": "REQUIRED"}
    built = {"auth": "connection_string", "sslMode": ""}
    blank = dict.fromkeys(("server", "port", "database", "username", "password"), "")
    whole = (
        f"Server=localhost;Database=sales;Port={postgres.port};UID=reader;Password={{}};EncryptionMethod=1"
    )
    right, wrong = (
        {**built, **blank, "connectionString": whole.format(one)} for one in (PASSWORD, WRONG_PASSWORD)
    )
    return [
        row("pg", postgres.port),
        row("pg by reference", postgres.port, password="env://PG_PASSWORD", database="only_tls"),
        row("pg string", 0, **right),
        row("my", 0, **my),
        row("pg wrong", postgres.port, password=WRONG_PASSWORD),
        row("pg string wrong", 0, **wrong),
        row("my wrong", 0, **my, password=WRONG_PASSWORD),
        row("pg no database", postgres.port, database="nowhere"),
        row("my no database", 0, **my, username="all_seeing", database="nowhere"),
        row("pg unknown authority", postgres.port, sslMode="Verify-Full"),
        row("no such host", postgres.port, server="nonexistent.invalid"),
        row("nobody listens", free_port()),
    ]


_EXPECTED: Final = {
    "pg": None,
    "pg by reference": None,
    "pg string": None,
    "my": None,
    "pg wrong": "wrong_password",
    "pg string wrong": "wrong_password",
    "my wrong": "wrong_password",
    "pg no database": "no_such_database",
    "my no database": "no_such_database",
    "pg unknown authority": "tls",
    "no such host": "dns",
    "nobody listens": "refused",
}


def read_rows(text: str) -> list[dict[str, str]]:
    """Read a CSV."""
    return list(csv.DictReader(io.StringIO(text)))


def test_check_of_right_rows_ends_with_0_and_says_what_it_does_not_prove(
    place: Workplace, postgres: Postgres
) -> None:
    """A green check names this machine, Adobe's network and the allow list."""
    place.write("eu.csv", as_csv([row("a", postgres.port), row("b", postgres.port, database="only_tls")]))
    ended = place.run("check", "eu.csv")
    assert ended.code == 0, ended.err
    assert "check: 2 rows in " in ended.out
    assert "logins: 2 with TLS\n" in ended.out
    assert "from this machine, not from Adobe's network" in ended.out
    assert "ip-address-allow-list" in ended.out


def test_check_of_mixed_rows_groups_causes_in_json_and_ends_with_1(
    place: Workplace, postgres: Postgres, mariadb: MariaDb
) -> None:
    """Each row has its cause, whichever way its login is given; JSON is one value on stdout."""
    place.write("eu.csv", as_csv(mixed(postgres, mariadb)))
    ended = place.run("check", "eu.csv", "--output", "json", "-o", "rows.csv")
    report = ended.report
    assert (ended.code, report["exit_code"]) == (1, 1)
    assert report["counts"] == {"ok": 4, "failed": 8, "not_checked": 0, "invalid": 0}
    rows = read_rows((place.folder / "rows.csv").read_text("utf-8"))
    assert {one["name"]: one["cause"] or None for one in rows} == _EXPECTED
    assert [one["name"] for one in rows] == list(_EXPECTED)
    assert {one["encrypted"] for one in rows if one["result"] == "ok"} == {"true"}
    groups = {(one["cause"], one["port"]): one["rows"] for one in report["groups"]}
    assert groups[("wrong_password", postgres.port)] == 2
    assert groups[("wrong_password", mariadb.port)] == 1
    assert report["causes"]["wrong_password"] == 3
    assert all(one["fix"] for one in report["groups"])


@pytest.mark.parametrize("format_", ["csv", "jsonl", "json"])
def test_rows_go_to_stdout_in_each_format_and_the_report_to_stderr(
    format_: str, place: Workplace, postgres: Postgres
) -> None:
    """Rows and nothing else are on stdout, so that they can be piped."""
    rows = [row("a", postgres.port), row("b", postgres.port, database="nowhere")]
    place.write("eu.csv", as_csv(rows))
    ended = place.run("check", "eu.csv", "--format", format_)
    read: list[dict[str, Any]] = []
    if format_ == "csv":
        read = list(read_rows(ended.out))
    elif format_ == "json":
        read = json.loads(ended.out)
    else:
        read = [json.loads(line) for line in ended.out.splitlines()]
    assert ended.code == 1
    assert [tuple(one) for one in read] == [ROW_KEYS, ROW_KEYS]
    assert [one["result"] for one in read] == ["ok", "failed"]
    assert "1 row failed: no such database\n" in ended.err


def test_check_of_an_invalid_inventory_tries_nothing(place: Workplace, postgres: Postgres) -> None:
    """Exit code 3 as with `plan`; with --skip-invalid the rest is checked, and the code is 1."""
    place.write("eu.csv", as_csv([row("a", postgres.port), row("b", postgres.port, port="54x2")]))
    ended = place.run("check", "eu.csv", "--output", "json")
    assert (ended.code, ended.report["counts"]) == (3, _counts(not_checked=1, invalid=1))
    assert ended.report["diagnostics"][0]["column"] == "port"
    text = place.run("check", "eu.csv")
    assert (text.code, text.out) == (3, "")
    assert "error: port is not a number" in text.err
    skipped = place.run("check", "eu.csv", "--skip-invalid", "--output", "json")
    assert (skipped.code, skipped.report["counts"]) == (1, _counts(ok=1, invalid=1))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--output", "json", "--format", "csv"), "would both go to stdout"),
        (("--concurrency", "0"), "--concurrency"),
        (("--timeout", "0"), "--timeout"),
        (("-o", "no/such/folder/x.csv"), "cannot write"),
    ],
    ids=["stdout", "concurrency", "timeout", "folder"],
)
def test_check_with_wrong_flags_ends_with_2(words: tuple[str, ...], message: str, place: Workplace) -> None:
    """Usage is told before anything is tried, also as JSON."""
    place.write("eu.csv", as_csv([row("a", 1)]))
    ended = place.run("check", "eu.csv", *words)
    assert ended.code == 2
    said = ended.report["stopped"]["reason"] if "json" in words else ended.err
    assert message in said


@pytest.fixture
def locking(mariadb: MariaDb) -> Iterator[MariaDb]:
    """Let a server lock whoever is refused four times in a row."""
    mariadb.run(
        "set global max_password_errors = 4",
        f"create or replace user spared identified by '{PASSWORD}'",
        "grant select on sales.* to spared",
    )
    yield mariadb
    mariadb.run("set global max_password_errors = 4294967295", "flush privileges")


def test_account_that_locks_after_four_refusals_is_not_locked_by_a_check(
    place: Workplace, locking: MariaDb
) -> None:
    """Forty rows with one wrong password: three are refused, the others are told so without a try."""
    cells = {"source": "mysql", "sslMode": "PREFERRED", "username": "spared"}
    wrong = [
        row(f"w{number}", locking.port, **cells, password=WRONG_PASSWORD, database=f"d{number}")
        for number in range(40)
    ]
    place.write("wrong.csv", as_csv(wrong))
    place.write("right.csv", as_csv([row("right", locking.port, **cells)]))
    report = place.run("check", "wrong.csv", "--output", "json").report
    (group,) = report["groups"]
    assert (group["cause"], group["rows"], group["not_tried"]) == ("wrong_password", 40, 37)
    assert report["probes"] == 3
    assert place.run("check", "right.csv").code == 0
    # The account does lock: six refusals, of two checks, are too many.
    for _ in range(2):
        place.run("check", "wrong.csv")
    (locked,) = place.run("check", "right.csv", "--output", "json").report["groups"]
    assert (locked["cause"], locked["code"], locked["message"]) == (
        "not_permitted",
        "4150",
        "the account is locked",
    )


def test_hundreds_of_rows_on_a_dead_host_are_one_group(place: Workplace) -> None:
    """After like failures in a row a server is taken at its word."""
    port = free_port()
    place.write("dead.csv", as_csv([row(f"r{number}", port, database=f"d{number}") for number in range(500)]))
    ended = place.run("check", "dead.csv")
    assert ended.code == 1
    assert ended.out.count("rows failed: refused\n") == ended.out.count("  fix: ") == 1
    assert f"    500 rows at localhost:{port}, 49" in ended.out


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)], ids=["SIGTERM", "SIGINT"]
)
def test_check_ended_by_a_signal_tells_what_is_known(
    number: signal.Signals, code: int, place: Workplace, postgres: Postgres
) -> None:
    """Rows that were answered are written and counted; the rest counts as not checked."""
    with silent_server() as port:
        rows = [row("good", postgres.port), *(row(f"s{one}", port, username=f"u{one}") for one in range(40))]
        place.write("eu.csv", as_csv(rows))
        running = place.start("check", "eu.csv", "--timeout", "60", "--output", "json", "-o", "rows.csv")
        _wait_for(running.err, '"row.checked"')
        running.interrupt(number)
        ended = running.wait(30)
    report = ended.report
    assert (ended.code, report["exit_code"]) == (code, code)
    assert report["counts"] == _counts(ok=1, not_checked=40)
    assert report["stopped"]["fix"] == "nothing was changed anywhere: the same command begins anew"
    assert [one["name"] for one in read_rows((place.folder / "rows.csv").read_text("utf-8"))] == ["good"]
    assert "Traceback" not in ended.err


def test_server_that_is_silent_fails_after_the_timeout(place: Workplace) -> None:
    """No driver's own timeout is relied upon."""
    with silent_server() as port:
        rows = [row("pg", port), row("my", port, source="mysql", sslMode="REQUIRED")]
        place.write("eu.csv", as_csv(rows))
        report = place.run("check", "eu.csv", "--timeout", "0.3", "--output", "json").report
    assert [one["cause"] for one in report["not_ok"]] == ["timeout", "timeout"]
    assert {one["code"] for one in report["not_ok"]} == {"silent"}


def test_check_whose_secret_store_is_down_ends_with_4_and_tells_what_is_known(
    place: Workplace, postgres: Postgres
) -> None:
    """No row is to blame for that; the others are answered, and the same command mends it."""
    rows = [row("good", postgres.port), row("bad", postgres.port, password="vault://secret/pg#password")]
    place.write("eu.csv", as_csv(rows))
    vault = {"VAULT_ADDR": f"http://127.0.0.1:{free_port()}", "VAULT_TOKEN": "t-MARKTOKEN"}
    ended = place.run("check", "eu.csv", "--max-wait", "0.1", "--output", "json", **vault)
    report = ended.report
    assert (ended.code, report["exit_code"]) == (4, 4)
    assert report["counts"] == _counts(ok=1, not_checked=1)
    assert "Vault" in report["stopped"]["reason"]
    assert report["stopped"]["fix"]
    assert "MARKTOKEN" not in ended.out + ended.err


def test_check_whose_reader_leaves_ends_quietly(place: Workplace) -> None:
    """`bulkconn check --format csv | head -1` is no fault."""
    place.write("eu.csv", as_csv([row(f"r{number}", 20000 + number) for number in range(2000)]))
    command = f"{sys.executable} -m bulkconn check eu.csv --format csv --log-level error | head -1"
    done = subprocess.run(
        ["sh", "-c", command], cwd=place.folder, env=place.env, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("key,name,source")
    assert "Traceback" not in done.stderr
    assert "not checked" in done.stderr


@pytest.mark.slow
def test_no_output_of_a_check_holds_a_secret(place: Workplace, postgres: Postgres, mariadb: MariaDb) -> None:
    """Neither right nor wrong passwords, in any encoding, at debug level, in reports, rows or logs."""
    place.write("eu.csv", as_csv(mixed(postgres, mariadb)))
    seen: list[str] = []
    for words in (
        (),
        ("--output", "json", "-o", "rows.csv"),
        ("-o", "rows.jsonl"),
        ("--format", "json"),
        ("--log-format", "console"),
    ):
        ended: Ended = place.run("check", "eu.csv", *words, BULKCONN_DEBUG="1")
        assert ended.code == 1, ended.err
        seen += [ended.out, ended.err]
    seen += [(place.folder / name).read_text("utf-8") for name in ("rows.csv", "rows.jsonl")]
    marks = ["MARKRIGHT", "MARKWRONG"]
    for secret in (PASSWORD, WRONG_PASSWORD):
        marks += [quote(secret), json.dumps(secret)[1:-1]]
        marks += [base64.b64encode(b"\0" * at + secret.encode()).decode()[4:-4] for at in range(3)]
    assert all(len(text) > 100 for text in seen)
    assert not [mark for mark in marks for text in seen if mark in text]


def _counts(**given: int) -> dict[str, int]:
    return {name: given.get(name, 0) for name in ("ok", "failed", "not_checked", "invalid")}


def _wait_for(path: Path, text: str) -> None:
    until = time.monotonic() + 30
    while text not in path.read_text("utf-8"):
        assert time.monotonic() < until, f"{text} never came"
        time.sleep(0.01)
