"""JSON and exit codes of the commands as scripts meet them: processes against an emulator process."""

from __future__ import annotations

import json
import re
import signal
import time
from typing import TYPE_CHECKING

import pytest

from tests.unit.cli.console import HEADER, PASSWORD, Console, check_report, postgres_rows, running_emulator

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BAD_ROW = f"bad,postgres,azure,h,54x2,d,u,{PASSWORD},Require,t\n"


@pytest.fixture(scope="module")
def service() -> Iterator[dict[str, str]]:
    """Run one emulator for this module; each test has an organisation of its own."""
    with running_emulator("--latency", "0.02") as env:
        yield env


@pytest.fixture
def console(service: dict[str, str], tmp_path: Path, request: pytest.FixtureRequest) -> Console:
    """Give a folder and an environment that point at the emulator, in an organisation of its own."""
    org = re.sub(r"\W", "", request.node.name)[-60:]
    env = {**service, "BULKCONN_ORG_ID": f"{org}@AdobeOrg", "BULKCONN_RATE": "200"}
    return Console(tmp_path, {**env, "BULKCONN_SETTLE_GRACE": "1"})


def names_of_its_own(text: str, folder: Path) -> str:
    """Make names unique: the emulator's sandboxes are shared by all tests of this module."""
    return text.replace("db ", f"{folder.name} ")


def test_run_of_valid_rows_ends_with_0_and_all_created(console: Console) -> None:
    """Exit code 0: every row is created; the ledger is where the contract says."""
    console.write("eu.csv", names_of_its_own(postgres_rows(5), console.folder))
    code, report = console.json("run", "eu.csv")
    check_report(report, 0)
    assert code == 0
    assert report["counts"]["created"] == report["this_run"]["created"] == report["this_run"]["posts"] == 5
    assert report["ledger"] == "eu.ledger.db"
    assert (console.folder / "eu.ledger.db").exists()
    assert re.fullmatch(r"\d{8}-\d{6}-[0-9a-f]{6}", report["run_id"])


def test_run_again_over_a_finished_ledger_sends_nothing(console: Console) -> None:
    """The same command again skips what is finished."""
    console.write("eu.csv", names_of_its_own(postgres_rows(5), console.folder))
    console.json("run", "eu.csv")
    code, report = console.json("run", "eu.csv")
    assert code == 0
    assert report["this_run"]["skipped"] == 5
    assert report["this_run"]["posts"] == 0
    assert report["counts"]["created"] == 5


def test_run_with_an_edited_row_ends_with_1_and_counts_it_as_changed(console: Console) -> None:
    """Exit code 1: tried, but not all rows are as the inventory says."""
    text = names_of_its_own(postgres_rows(2), console.folder)
    console.write("eu.csv", text)
    console.json("run", "eu.csv")
    console.write("eu.csv", text.replace("h0.example.com", "elsewhere.example.com"))
    code, report = console.json("run", "eu.csv")
    check_report(report, 1)
    assert code == 1
    assert report["counts"]["changed"] == 1
    plan_code, plan = console.json("plan", "eu.csv", "--offline")
    assert (plan_code, plan["counts"]["changed"]) == (1, 1)


def test_run_without_credentials_ends_with_2_and_names_them(console: Console) -> None:
    """Exit code 2: configuration, with flag and variable in the message."""
    console.write("eu.csv", postgres_rows(1))
    code, report = console.json("run", "eu.csv", BULKCONN_CLIENT_SECRET="")
    check_report(report, 2)
    assert code == 2
    assert "BULKCONN_CLIENT_SECRET" in report["stopped"]["reason"]


@pytest.mark.parametrize(
    "words",
    [
        ("run", "none.csv"),
        ("run",),
        ("run", "eu.csv", "--rate", "0"),
        ("run", "eu.csv", "--nonsense"),
        ("run", "-"),
        ("run", "eu.csv", "--base-url", "http://example.com"),
        ("run", "eu.csv", "--ledger", "postgresql://u:hidden@h/d?schema=A-B"),
        ("run", "eu.csv", "--on-existing", "create"),
        ("settle",),
        ("status",),
        ("status", "--ledger", "none.db"),
        ("sources", "informix"),
    ],
    ids=[
        *("no-file", "no-argument", "rate", "flag", "stdin", "http", "url", "create"),
        *("settle", "status", "ledger", "source"),
    ],
)
def test_command_used_wrongly_ends_with_2_as_json_and_as_text(
    console: Console, words: tuple[str, ...]
) -> None:
    """Exit code 2: one JSON value on stdout, or one error with its fix on stderr."""
    console.write("eu.csv", postgres_rows(1))
    code, report = console.json(*words)
    check_report(report, 2)
    assert code == 2
    assert report["stopped"]["fix"]
    assert "hidden" not in json.dumps(report)
    done = console.run(*words)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert "\n  fix: " in done.stderr
    assert not list(console.folder.glob("*.ledger.db"))


def test_run_with_a_ledger_of_another_target_ends_with_2(console: Console) -> None:
    """A ledger belongs to one organisation behind one base URL."""
    console.write("eu.csv", names_of_its_own(postgres_rows(1), console.folder))
    console.json("run", "eu.csv")
    for command in ("run", "plan"):
        code, report = console.json(command, "eu.csv", "--org-id", "other@AdobeOrg")
        assert code == 2
        assert command == "plan" or report["ledger"] == "eu.ledger.db"
        assert "belongs to organisation" in report["stopped"]["reason"]


@pytest.mark.parametrize("command", [("run",), ("plan",), ("plan", "--offline")], ids=" ".join)
def test_command_over_an_invalid_inventory_ends_with_3_and_all_diagnostics(
    console: Console, command: tuple[str, ...]
) -> None:
    """Exit code 3: all that is wrong at once, nothing sent, no ledger made, no secret shown."""
    console.write("eu.csv", postgres_rows(2) + BAD_ROW + BAD_ROW.replace("bad", "worse"))
    code, report = console.json(*command, "eu.csv")
    check_report(report, 3)
    assert code == 3
    assert [(one["row"], one["column"], one["found"]) for one in report["diagnostics"]] == [
        (4, "port", "54x2"),
        (5, "port", "54x2"),
    ]
    assert report["counts"]["invalid"] == 2
    assert report["counts"]["pending"] == 2
    assert PASSWORD not in json.dumps(report)
    assert not list(console.folder.glob("*.ledger.db"))
    text = console.run(*command, "eu.csv")
    assert text.stdout == ""
    assert "error: port is not a number\n  at eu.csv:4:port\n" in text.stderr
    assert "2 errors in 1 inventory file; nothing was sent" in text.stderr


@pytest.mark.parametrize("command", [("run",), ("plan",), ("plan", "--offline")], ids=" ".join)
def test_command_that_forbids_plaintext_secrets_ends_with_3_and_names_each_cell(
    console: Console, command: tuple[str, ...]
) -> None:
    """Exit code 3: every secret in clear by its place, none of them shown; references are fine."""
    rows = postgres_rows(2)
    console.write("eu.csv", rows.replace(PASSWORD, "env://PG_PASSWORD", 1))
    flag = "--forbid-plaintext-secrets"
    code, report = console.json(*command, "eu.csv", flag, PG_PASSWORD="x")
    check_report(report, 3)
    assert code == 3
    (one,) = report["diagnostics"]
    assert (one["file"], one["row"], one["column"], one["found"]) == ("eu.csv", 3, "password", None)
    assert PASSWORD not in json.dumps(report)
    assert not list(console.folder.glob("*.ledger.db"))
    text = console.run(*command, "eu.csv", PG_PASSWORD="x", BULKCONN_FORBID_PLAINTEXT_SECRETS="1")
    assert text.returncode == 3
    assert (
        f"error: password is a secret in clear, which {flag} refuses\n  at eu.csv:3:password\n" in text.stderr
    )
    assert PASSWORD not in text.stderr


def test_run_that_skips_invalid_rows_creates_the_others_and_ends_with_1(console: Console) -> None:
    """`--skip-invalid` goes on without them, and counts them."""
    console.write("eu.csv", names_of_its_own(postgres_rows(2), console.folder) + BAD_ROW)
    code, report = console.json("run", "eu.csv", "--skip-invalid")
    check_report(report, 1)
    assert code == 1
    assert report["counts"]["created"] == 2
    assert report["counts"]["invalid"] == 1


def test_run_that_skips_invalid_rows_refuses_a_file_that_is_cut_short(console: Console) -> None:
    """Behind a fault of the file there may be rows that nobody has seen."""
    console.write("eu.jsonl", '{"name": "x"')
    console.write("eu.csv", postgres_rows(1) + 'open,"quote\n')
    code, report = console.json("run", "eu.csv", "--skip-invalid")
    assert code == 3
    assert "read to its end" in report["stopped"]["fix"]


def test_run_with_a_name_that_the_ledger_has_under_another_key_names_both_places(console: Console) -> None:
    """One name cannot stand for two rows, not even over two runs."""
    text = names_of_its_own(postgres_rows(1), console.folder)
    console.write("eu.csv", text)
    console.json("run", "eu.csv")
    keyed = text.replace(HEADER, f"{HEADER},key").replace("team-0", "team-0,my-key")
    console.write("again.csv", keyed)
    code, report = console.json("run", "again.csv", "--ledger", "eu.ledger.db")
    assert code == 3
    (diagnostic,) = report["diagnostics"]
    assert (diagnostic["file"], diagnostic["row"], diagnostic["column"]) == ("again.csv", 2, "name")
    assert "eu.csv:2" in diagnostic["message"]


def test_run_with_a_refused_token_ends_with_4_and_goes_on_when_mended(console: Console) -> None:
    """Exit code 4: rows stay pending for a reason that is not theirs; the same command again creates them."""
    console.write("eu.csv", names_of_its_own(postgres_rows(3), console.folder))
    code, report = console.json("run", "eu.csv", BULKCONN_ACCESS_TOKEN="no-such-token")
    check_report(report, 4)
    assert code == 4
    assert report["counts"]["pending"] == 3
    assert report["stopped"]["scope"] == "run"
    assert "no-such-token" not in json.dumps(report)
    assert console.json("run", "eu.csv")[0] == 0


def test_commands_over_a_ledger_in_use_end_with_5_or_only_read(console: Console) -> None:
    """Exit code 5: one process holds a ledger; `status` and `export` read it all the same."""
    console.write("eu.csv", names_of_its_own(postgres_rows(400), console.folder))
    process = console.start("run", "eu.csv", "--rate", "20")
    try:
        wait_for_ledger(console)
        code, report = console.json("run", "eu.csv")
        check_report(report, 5)
        assert code == 5
        assert "in use by process" in report["stopped"]["reason"]
        code, status = console.json("status")
        check_report(status, 0)
        assert code == 0
        assert status["rows"] > 0
        assert console.run("export").returncode == 0
    finally:
        process.terminate()
        process.communicate(timeout=30)


def test_status_over_a_damaged_ledger_ends_with_5(console: Console) -> None:
    """Exit code 5: what cannot be read is not guessed at."""
    console.write("eu.ledger.db", "no database at all, but long enough to be read as one")
    code, report = console.json("status")
    check_report(report, 5)
    assert code == 5


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_run_that_is_interrupted_reports_its_signal_and_can_go_on(
    console: Console, number: signal.Signals, code: int
) -> None:
    """Exit codes 130 and 143, also inside the JSON; the ledger is whole, the same command goes on."""
    console.write("eu.csv", names_of_its_own(postgres_rows(100), console.folder))
    process = console.start("run", "eu.csv", "--rate", "5", "--output", "json")
    wait_for_ledger(console, created=1)
    process.send_signal(number)
    out, _ = process.communicate(timeout=30)
    report = json.loads(out)
    check_report(report, code)
    assert process.returncode == code
    assert report["stopped"]["fix"]
    assert 0 < report["counts"]["created"] < 100
    code, report = console.json("run", "eu.csv")
    assert code == 0
    assert report["counts"]["created"] == 100


def test_run_that_is_interrupted_twice_is_cut_and_can_go_on(tmp_path: Path) -> None:
    """A second signal does not wait for the drain; what was on its way is in doubt, and settled later."""
    with running_emulator("--fault", "slow:1:15") as env:
        console = Console(tmp_path, {**env, "BULKCONN_RATE": "100", "BULKCONN_SETTLE_GRACE": "1"})
        console.write("eu.csv", postgres_rows(3))
        process = console.start("run", "eu.csv", "--output", "json")
        wait_for_ledger(console, in_doubt=3)
        process.terminate()
        time.sleep(0.5)
        process.terminate()
        began = time.monotonic()
        out, err = process.communicate(timeout=30)
        assert time.monotonic() - began < 10
        assert process.returncode == 143
        check_report(json.loads(out), 143)
        assert "Traceback" not in err
        code, status = console.json("status")
        assert status["counts"]["in_doubt"] == 3
        time.sleep(15)
        code, report = console.json("settle")
        check_report(report, 0)
        assert code == 0
        assert report["this_run"]["settled"] == report["counts"]["created"] == 3


def test_plan_of_valid_rows_ends_with_0_counts_them_as_pending_and_makes_no_ledger(console: Console) -> None:
    """A plan sends nothing and leaves nothing behind."""
    console.write("eu.csv", names_of_its_own(postgres_rows(3), console.folder))
    code, report = console.json("plan", "eu.csv")
    check_report(report, 0)
    assert code == 0
    assert report["counts"]["pending"] == 3
    assert report["this_run"]["posts"] == 0
    assert not list(console.folder.glob("*.ledger.db"))
    text = console.run("plan", "eu.csv").stdout
    assert "3 rows of postgres in sandbox dev: would be created" in text
    assert "none exists already" in text


def test_plan_over_names_that_exist_says_which_rows_would_be_held(console: Console) -> None:
    """Given credentials, a plan looks at the names in the sandboxes."""
    console.write("eu.csv", names_of_its_own(postgres_rows(2), console.folder))
    console.json("run", "eu.csv")
    code, report = console.json("plan", "eu.csv", "--ledger", "new.ledger.db")
    check_report(report, 1)
    assert code == 1
    assert [one["severity"] for one in report["diagnostics"]] == ["warning", "warning"]
    assert (report["counts"]["held"], report["counts"]["pending"]) == (2, 0)
    _, adopting = console.json("plan", "eu.csv", "--ledger", "new.ledger.db", "--on-existing", "adopt")
    assert adopting["counts"]["adopted"] == 2
    code, report = console.json("run", "eu.csv", "--ledger", "new.ledger.db")
    assert (code, report["counts"]["held"]) == (1, 2)


def test_plan_without_credentials_says_that_names_were_not_looked_at(console: Console) -> None:
    """`plan` works without credentials, and says what it could not do."""
    console.write("eu.csv", postgres_rows(1))
    done = console.run("plan", "eu.csv", BULKCONN_CLIENT_SECRET="", BULKCONN_CLIENT_ID="")
    assert done.returncode == 0
    assert "names in the sandboxes were not looked at (missing: " in done.stdout


def test_run_from_standard_input_needs_a_ledger_and_then_works(console: Console) -> None:
    """`-` is standard input; its ledger must be named."""
    text = names_of_its_own(postgres_rows(2), console.folder)
    done = console.run("run", "-", "--ledger", "in.ledger.db", "--output", "json", stdin=text)
    report = json.loads(done.stdout)
    assert done.returncode == 0
    assert report["counts"]["created"] == 2


def wait_for_ledger(console: Console, *, in_doubt: int = 0, created: int = 0) -> None:
    """Wait until a run has made its ledger and written rows to it, and so many are on their way, or done."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if list(console.folder.glob("*.ledger.db")):
            code, report = console.json("status")
            wanted = {"in_doubt": in_doubt, "created": created}
            if (
                code == 0
                and report["rows"]
                and all(report["counts"][name] >= wanted[name] for name in wanted)
            ):
                return
        time.sleep(0.1)
    raise AssertionError("the run made no ledger")
