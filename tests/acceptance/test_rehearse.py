"""`bulkconn rehearse`, as users run it: the proof on their own inventory, and nothing else happens."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from tests.acceptance.process import ROOT, Workplace, as_csv, bare_environment, postgres_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.acceptance.conftest import StartEmulator
    from tests.acceptance.process import Ended, Running

KEYS = (
    *("run_id", "ledger", "rows", "counts", "this_run", "diagnostics", "stopped", "duration_s"),
    *("exit_code", "rehearsal"),
)
BUNDLED = sorted(str(path) for path in (ROOT / "inventories").iterdir() if path.suffix != ".md")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Workplace]:
    """Give a workplace of its own, with a folder for temporary files of its own."""
    folder, temporary = tmp_path / "work", tmp_path / "tmp"
    folder.mkdir()
    temporary.mkdir()
    workplace = Workplace(folder, {**bare_environment(), "TMPDIR": str(temporary)})
    yield workplace
    workplace.close()


def left_behind(place: Workplace) -> list[str]:
    """Give the temporary files that are there."""
    return sorted(path.name for path in Path(place.env["TMPDIR"]).rglob("*"))


def rehearsed(ended: Ended, code: int = 0) -> dict[str, Any]:
    """Give the JSON of a rehearsal, which has the documented keys in their order."""
    assert ended.code == code, (ended.out, ended.err)
    report = ended.report
    assert tuple(report) == KEYS
    assert report["rows"] == sum(report["counts"].values())
    assert report["exit_code"] == code
    assert "never talks to Adobe" in ended.err
    return report


def check_proven(report: dict[str, Any], rows: int) -> dict[str, Any]:
    """Check that every row has exactly one connection, and give what was rehearsed."""
    found: dict[str, Any] = report["rehearsal"]
    assert found["proof"] == {
        "verdict": "proven",
        "connections": rows,
        "duplicates": 0,
        "lost": 0,
        "invented": 0,
        "sent_again": 0,
        "examples": [],
    }
    assert report["counts"]["created"] == rows
    assert report["this_run"]["created"] + report["this_run"]["settled"] == rows
    return found


def test_rehearsal_without_faults_of_all_bundled_inventories_is_calm(place: Workplace) -> None:
    """Every source and format can be rehearsed; each row takes one POST, and nothing is left behind."""
    report = rehearsed(place.run("rehearse", *BUNDLED, "--faults", "none", "--output", "json"))
    rows = report["rows"]
    assert rows > 70
    found = check_proven(report, rows)
    assert (found["faults"], found["emulator"], found["faults_met"]) == ("none", None, {})
    assert (found["kills"], found["restarts"]) == (0, 0)
    assert found["requests"]["posts"] == found["forecast"]["posts"] == rows
    assert found["requests"]["lookups"] == found["forecast"]["lookups"]
    assert found["requests"]["throttled"] == 0
    assert left_behind(place) == []
    assert [path.name for path in place.folder.iterdir() if not path.name.startswith(".")] == []


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_mild_rehearsal_in_words_kills_the_worker_and_proves_the_promise(place: Workplace) -> None:
    """What a user reads: whom it talks to, the verdict, faults, kills, and what is ahead."""
    demo = str(ROOT / "inventories" / "demo.csv")
    ended = place.run("rehearse", demo, "--faults", "mild", "--seed", "7", "--rate", "20")
    assert ended.code == 0, (ended.out, ended.err)
    assert ended.err == ""
    opening, _, rest = ended.out.partition("\n\n")
    assert opening.startswith("This rehearsal never talks to Adobe: 60 rows, with dummies for all secrets")
    assert "Faults: mild, seed 7." in opening
    assert rest.startswith("proven: each row has exactly one connection, and the ledger knows its id\n")
    assert "the worker was killed 2 times and started again 2 times\n" in rest
    assert "  a calm day       68 requests, 3.4 s\n" in rest
    assert f"replay: bulkconn rehearse {demo} --faults mild --seed 7\n" in rest
    assert "faults met: " in rest
    assert left_behind(place) == []


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_storm_of_a_short_inventory_ends_exactly_once(place: Workplace) -> None:
    """Kills, resets, lost and spoilt answers, refused tokens and stops: each row has one connection."""
    place.inventory(10)
    report = rehearsed(
        place.run("rehearse", "inventory.csv", "--faults", "storm", "--seed", "11", "--output", "json")
    )
    found = check_proven(report, 10)
    assert found["kills"] >= 2
    assert found["restarts"] >= found["kills"]
    assert len(found["faults_met"]) >= 6
    assert found["requests"]["per_row"] > 1


def test_rehearsal_of_an_invalid_inventory_names_the_cell_and_sends_nothing(place: Workplace) -> None:
    """Diagnostics are those of the user's own file, as of any command, with exit code 3."""
    rows = postgres_rows(3)
    rows[1]["port"] = "54x2"
    place.write("eu.csv", as_csv(rows))
    ended = place.run("rehearse", "eu.csv")
    assert (ended.code, ended.out) == (3, "")
    assert "error: port is not a number\n  at eu.csv:3:port\n" in ended.err
    listed = place.run("rehearse", "eu.csv", "--output", "json")
    assert (listed.code, listed.report["exit_code"]) == (3, 3)
    (diagnostic,) = listed.report["diagnostics"]
    assert (diagnostic["file"], diagnostic["row"], diagnostic["column"]) == ("eu.csv", 3, "port")


def test_rehearsal_that_skips_invalid_rows_ends_as_the_run_would(place: Workplace) -> None:
    """The valid rows are proven, and the exit code says that some were left out."""
    rows = postgres_rows(3)
    rows[1]["port"] = "54x2"
    place.write("eu.csv", as_csv(rows))
    words = ("--skip-invalid", "--faults", "none", "--output", "json")
    report = rehearsed(place.run("rehearse", "eu.csv", *words), code=1)
    check_proven(report, 2)
    assert report["counts"]["invalid"] == 1


def test_rehearsal_of_the_first_rows_forecasts_all(place: Workplace) -> None:
    """A sample is enough to try, and the real run is reckoned for the whole inventory."""
    place.inventory(50)
    words = ("--rows", "5", "--faults", "none", "--rate", "5", "--output", "json")
    found = check_proven(rehearsed(place.run("rehearse", "inventory.csv", *words)), 5)
    assert (found["forecast"]["posts"], found["forecast"]["rate_per_s"]) == (50, 5)


def test_rehearsal_of_a_sandbox_on_two_clouds_warns_and_does_not_finish(place: Workplace) -> None:
    """A sandbox is on one cloud: the rows of the other one are not created, nothing is doubled or lost."""
    rows = postgres_rows(5)
    rows[3] |= {"platform_cloud": "aws", "sslMode": "true", "auth": "basic"}
    place.write("eu.csv", as_csv(rows))
    report = rehearsed(place.run("rehearse", "eu.csv", "--faults", "none", "--output", "json"), code=1)
    assert report["rehearsal"]["proof"]["verdict"] == "unfinished"
    assert report["counts"]["created"] == 4
    (warning,) = report["diagnostics"]
    assert (warning["severity"], warning["row"], warning["found"]) == ("warning", 5, "aws")
    assert "sandbox dev is on azure in most rows" in warning["message"]


def test_rehearsal_touches_no_setting_credential_or_ledger_of_the_user(place: Workplace) -> None:
    """Whatever environment and files say of Adobe, proxies and ledgers: it goes on as if they were not."""
    place.inventory(3)
    place.write("bulkconn.toml", 'base-url = "https://platform.adobe.io/data/foundation/flowservice"\n')
    place.write(".env", "BULKCONN_ORG_ID=REAL@AdobeOrg\n")
    place.write("inventory.ledger.db", "not a ledger")
    dead = "http://127.0.0.1:9"
    ended = place.run(
        *("rehearse", "inventory.csv", "--faults", "none"),
        BULKCONN_BASE_URL="https://platform.adobe.io/data/foundation/flowservice",
        BULKCONN_ACCESS_TOKEN="a-real-token",
        BULKCONN_LEDGER="inventory.ledger.db",
        HTTP_PROXY=dead,
        http_proxy=dead,
        HTTPS_PROXY=dead,
        ALL_PROXY=dead,
    )
    assert ended.code == 0, (ended.out, ended.err)
    assert (place.folder / "inventory.ledger.db").read_text() == "not a ledger"


def test_rehearsal_that_is_kept_leaves_a_ledger_and_rows_with_dummies(place: Workplace) -> None:
    """Somebody who wants to look has what the other commands read, and no secret in it."""
    place.inventory(3)
    words = ("--faults", "none", "--output", "json")
    report = rehearsed(place.run("rehearse", "inventory.csv", "--keep", "kept", *words))
    ledger = place.folder / "kept" / "rehearsal.ledger.db"
    assert report["ledger"] == str(ledger)
    assert {one["connection_id"] != "" for one in place.export(ledger)} == {True}
    kept = (place.folder / "kept" / "rehearsal.jsonl").read_text()
    assert "pa55-in-tests" not in kept
    assert kept.count("bulkconn-rehearsal-dummy") == 3
    assert oct((place.folder / "kept").stat().st_mode & 0o777) == "0o700"
    again = place.run("rehearse", "inventory.csv", "--keep", "kept")
    assert (again.code, again.out) == (2, "")
    assert "error: --keep kept holds something already\n  fix: " in again.err


# --- an emulator by URL -----------------------------------------------------------------------------


def test_rehearsal_at_an_emulators_url_needs_its_sandboxes_and_an_empty_one(
    place: Workplace, start_emulator: StartEmulator
) -> None:
    """What is missing is said with the command that mends it; what happened before is not mixed in."""
    place.write("eu.csv", as_csv([{**row, "sandbox": "eu-1"} for row in postgres_rows(4)]))
    other = start_emulator()
    refused = place.run("rehearse", "eu.csv", "--emulator", other.origin)
    assert refused.code == 2
    assert "1 of the inventory's 1 sandboxes are missing at the emulator" in refused.err
    assert "fix: start it with `bulkconn emulator --sandbox eu-1:azure`" in refused.err
    assert other.counts()["posts"] == 0
    emulator = start_emulator("--sandbox", "eu-1:azure")
    words = ("--emulator", emulator.origin, "--faults", "none", "--output", "json")
    report = rehearsed(place.run("rehearse", "eu.csv", *words))
    assert check_proven(report, 4)["emulator"] == emulator.origin
    assert emulator.counts()["connection_count"] == 4
    again = place.run("rehearse", "eu.csv", "--emulator", emulator.env["BULKCONN_BASE_URL"])
    assert again.code == 2
    assert "has 4 connections already" in again.err


def test_rehearsal_finds_a_connection_that_no_row_made(
    place: Workplace, start_emulator: StartEmulator
) -> None:
    """The proof is no formality: a twin that appears meanwhile breaks it, and is shown by its id."""
    place.inventory(120)
    emulator = start_emulator("--latency", "0.02")
    running = place.start(
        *("rehearse", "inventory.csv", "--emulator", emulator.origin, "--faults", "none"),
        *("--output", "json"),
    )
    emulator.wait_for(lambda books: books["connection_count"] >= 3, running)
    first = emulator.connections()[0]
    twin = emulator.ask(
        "POST",
        "connections",
        {"sandbox": "dev", "name": first["name"], "connection_spec_id": first["connectionSpec"]["id"]},
    )
    report = rehearsed(running.wait(), code=1)
    proof = report["rehearsal"]["proof"]
    assert (proof["verdict"], proof["duplicates"], proof["lost"]) == ("broken", 1, 1)
    assert twin["id"] in proof["examples"][0]


@pytest.mark.slow
def test_rehearsal_of_a_bulkconn_with_a_defect_finds_it(place: Workplace) -> None:
    """Were a lost answer taken for "not sent", the twins would show: the proof rests on nothing of ours.

    A kill may meet the very rows whose answers are lost, and settle them; not in three rehearsals.
    """
    shutil.copytree(ROOT / "bulkconn", place.folder / "bulkconn")
    path = place.folder / "bulkconn" / "core" / "classify.py"
    sound = 'Outcome(OutcomeKind.IN_DOUBT, code="no_answer"'
    text = path.read_text("utf-8")
    assert sound in text
    path.write_text(text.replace(sound, sound.replace("IN_DOUBT", "NOT_SENT")), "utf-8")
    place.inventory(40)
    for seed in ("5", "6", "7"):
        ended = place.run(
            *("rehearse", "inventory.csv", "--faults", "mild", "--seed", seed, "--output", "json"),
            PYTHONPATH=str(place.folder),
        )
        proof = json.loads(ended.out)["rehearsal"]["proof"]
        if proof["verdict"] == "broken":
            break
    assert (ended.code, proof["verdict"]) == (1, "broken")
    assert proof["duplicates"] > 0
    assert proof["examples"]


class _NoEmulator(BaseHTTPRequestHandler):
    """Answers everything with a page, as some other server does."""

    seen: ClassVar[list[tuple[str, str, str]]] = []

    def do_GET(self) -> None:
        """Answer."""
        self.seen.append((self.command, self.path, self.headers.get("Authorization", "")))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"emulator": "no"}')

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_rehearsal_at_a_url_that_is_no_emulator_sends_one_question_and_refuses(place: Workplace) -> None:
    """No row, no credential and no second request reaches a server that does not know the answer."""
    place.inventory(3)
    _NoEmulator.seen.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _NoEmulator)
    Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        ended = place.run("rehearse", "inventory.csv", "--emulator", url)
    finally:
        server.shutdown()
        server.server_close()
    assert (ended.code, ended.out) == (2, "")
    assert f"error: {url} is no emulator of bulkconn; nothing was sent to it\n  fix: " in ended.err
    assert _NoEmulator.seen == [("GET", "/emulator", "")]
    gone = place.run("rehearse", "inventory.csv", "--emulator", url)
    assert gone.code == 2
    assert f"error: no emulator answers at {url}" in gone.err


@pytest.mark.parametrize(
    "url",
    [
        "https://platform.adobe.io/data/foundation/flowservice",
        "https://PLATFORM.ADOBE.IO.",
        "https://ims-na1.adobelogin.com",
        "http://adobe.io",
    ],
)
def test_rehearsal_at_adobe_is_refused_before_anything_is_sent(place: Workplace, url: str) -> None:
    """Whatever way it is written: a rehearsal never talks to Adobe."""
    place.inventory(1)
    ended = place.run("rehearse", "inventory.csv", "--emulator", url)
    assert (ended.code, ended.out) == (2, "")
    assert "a rehearsal never talks to Adobe\n  fix: " in ended.err


# --- signals ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)]
)
def test_rehearsal_that_is_interrupted_leaves_no_process_and_no_file(
    place: Workplace, number: signal.Signals, code: int
) -> None:
    """The worker ends with the rehearsal, and its folder goes."""
    place.inventory(3000)
    running = place.start("rehearse", "inventory.csv", "--faults", "none")
    worker = wait_for_worker(running, place)
    assert left_behind(place)
    running.interrupt(number)
    ended = running.wait()
    assert ended.code == code
    assert "fix: nothing is left behind, and no ledger of yours was touched" in ended.err
    assert not Path(f"/proc/{worker}").exists()
    assert left_behind(place) == []


def wait_for_worker(running: Running, place: Workplace) -> int:
    """Wait until the worker has a ledger, and give its process id."""
    until = time.monotonic() + 60
    while not any(name.endswith(".ledger.db") for name in left_behind(place)):
        assert not running.is_over, running.wait()
        assert time.monotonic() < until, left_behind(place)
        time.sleep(0.02)
    (worker,) = children_of(running.process.pid)
    return worker


def children_of(pid: int) -> list[int]:
    """Give the processes that a process started."""
    if not Path("/proc/self/task").exists():
        pytest.skip("without /proc nobody knows the children of a process")
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += [int(child) for child in (task / "children").read_text().split()]
    return found


# --- secrets ----------------------------------------------------------------------------------------

#: Each is given in a way of its own.
_SECRETS = {
    "literal": "MARK-literal-1",
    "whole": "MARK-whole-2",
    "environment": "MARK-environment-3",
    "file": "MARK-file-4",
    "client": "MARK-client-5",
}


def _secret_rows(place: Workplace) -> list[dict[str, str]]:
    whole = f"Server=h;Database=d;Port=5432;UID=u;Password={_SECRETS['whole']};AccountKey={_SECRETS['whole']}"
    rows = postgres_rows(6)
    rows[0]["password"] = _SECRETS["literal"]
    rows[1] = {
        **{name: rows[1][name] for name in ("name", "source", "platform_cloud", "sandbox")},
        "auth": "connection_string",
        "connectionString": whole,
    }
    rows[2]["password"] = "env://PG_PASSWORD"
    rows[3]["password"] = f"file://{place.folder}/password.txt"
    # What these name is nowhere: whoever looked would find that out.
    rows[4]["password"] = "env://NOT_SET_ANYWHERE"
    rows[5]["password"] = "vault://kv/nowhere#password"
    return rows


def test_rehearsal_lets_no_secret_of_the_inventory_out(
    place: Workplace, start_emulator: StartEmulator
) -> None:
    """Files, command lines, environments of children, output, and what the emulator got: dummies alone."""
    place.write("password.txt", _SECRETS["file"])
    place.write("all.csv", as_csv(_secret_rows(place)))
    emulator = start_emulator("--latency", "0.05")
    running = place.start(
        *("rehearse", "all.csv", "--emulator", emulator.origin, "--faults", "mild", "--log-level", "debug"),
        PG_PASSWORD=_SECRETS["environment"],
        BULKCONN_CLIENT_SECRET=_SECRETS["client"],
    )
    seen: dict[str, bytes] = {}
    while not running.is_over:
        seen |= _look_around(running, place)
        time.sleep(0.02)
    ended = running.wait()
    assert ended.code == 0, (ended.out, ended.err)
    seen |= {"out": ended.out.encode(), "err": ended.err.encode()}
    seen |= {route: json.dumps(emulator.ask("GET", route)).encode() for route in ("books", "requests")}
    assert {name for name in seen if name.startswith("environ ")}
    assert any(name.startswith("rehearsal.ledger.db") for name in seen)
    assert any(b"bulkconn-rehearsal-dummy" in content for name, content in seen.items() if "jsonl" in name)
    leaks = {
        f"{secret} in {name}" for name, content in seen.items() for secret in _SECRETS.values()
        if secret.encode() in content
    }  # fmt: skip
    assert leaks == set()


def _look_around(running: Running, place: Workplace) -> dict[str, bytes]:
    """Read what other users, and a copy of the disk, could see at this moment."""
    seen: dict[str, bytes] = {}
    own = running.process.pid
    paths = [path for path in Path(place.env["TMPDIR"]).rglob("*") if path.is_file()]
    try:
        pids = children_of(own)
    except OSError:
        pids = []
    paths += [Path(f"/proc/{pid}/{name}") for pid in pids for name in ("environ", "cmdline")]
    for path in [*paths, Path(f"/proc/{own}/cmdline")]:
        try:
            content = path.read_bytes()
        except OSError:
            continue
        # The same name at another moment is another artefact.
        name = f"{path.name} {path.parent.name}"
        seen[f"{path.name} {abs(hash(content))}" if path.suffix else name] = content
    return seen


def test_rehearsal_looks_for_no_secret(place: Workplace) -> None:
    """No store is asked: a reference to a pipe would wait for its other end for ever."""
    os.mkfifo(place.folder / "pipe")
    rows = postgres_rows(2)
    rows[0]["password"] = f"file://{place.folder}/pipe"
    place.write("eu.csv", as_csv(rows))
    check_proven(rehearsed(place.run("rehearse", "eu.csv", "--faults", "none", "--output", "json")), 2)
