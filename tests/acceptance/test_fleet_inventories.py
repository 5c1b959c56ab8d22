"""What a fleet can be given: files elsewhere, read in parts by workers, and what is copied for them first."""

from __future__ import annotations

import gzip
import json
import signal
import subprocess
import time
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from bulkconn.ledger.postgres_url import parse_place
from tests.acceptance.process import COMMAND, as_csv, check_exactly_once, postgres_rows
from tests.fakes.file_server import FileServer, Hang, Status
from tests.fakes.postgres import fresh_schema

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.acceptance.process import EmulatorProcess, Ended, Workplace

CONTENT: Final = as_csv(postgres_rows(40)).encode()
S3: Final = {
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "MARKSECRET",
    "AWS_EC2_METADATA_DISABLED": "true",
}
#: Of each place: an address, the path at which the server is asked for it, and the environment.
PLACES: Final[dict[str, tuple[str, str, dict[str, str]]]] = {
    "http": ("{url}/in/eu.csv", "/in/eu.csv", {}),
    "s3": ("s3://box/in/eu.csv", "/box/in/eu.csv", {**S3, "AWS_ENDPOINT_URL": "{url}"}),
    "gs": (
        *("gs://box/in/eu.csv", "/box/in/eu.csv"),
        {"GOOGLE_BASE_URL": "{url}", "GOOGLE_SKIP_SIGNATURE": "true"},
    ),
    "abfs": (
        *("abfs://box@acc.dfs.core.windows.net/in/eu.csv", "/acc/box/in/eu.csv"),
        {"AZURE_ENDPOINT": "{url}/acc", "AZURE_SKIP_SIGNATURE": "true"},
    ),
}


@pytest.fixture
def fleet(place: Workplace) -> Iterator[Workplace]:
    """Give a workplace whose ledger is a schema that nobody has used; secrets can be had by reference."""
    with fresh_schema() as url:
        place.env |= {"BULKCONN_LEDGER": url, "BULKCONN_RATE": "100", "BULKCONN_SETTLE_GRACE": "1"}
        place.env |= {"BULKCONN_TIMEOUT": "2", "FLEET_PW": "pa55-in-tests"}
        yield place


@pytest.fixture
def server() -> Iterator[FileServer]:
    """Serve 40 rows at a web address and in every store."""
    with FileServer({path: CONTENT for _, path, _ in PLACES.values()}) as running:
        yield running


def work(fleet: Workplace, *words: str, **variables: str) -> Ended:
    """Let a worker work until nothing is left."""
    return fleet.start("worker", "--exit-when-idle", *words, **variables).wait()


def only_run(fleet: Workplace) -> dict[str, Any]:
    """Give what `runs` says of the one run there is."""
    (view,) = json.loads(fleet.run("runs").out)
    found: dict[str, Any] = view
    return found


def shards_of(fleet: Workplace) -> list[dict[str, Any]]:
    """Give what the ledger knows of the parts."""
    where = parse_place(fleet.env["BULKCONN_LEDGER"])
    with psycopg.connect(where.url) as connection:
        found = connection.execute(
            SQL("SELECT part FROM {} ORDER BY shard_no").format(Identifier(where.schema, "shards"))
        ).fetchall()
    return [json.loads(part) for (part,) in found]


def referring_rows(count: int) -> list[dict[str, str]]:
    """Give rows whose passwords are references."""
    return [{**row, "password": "env://FLEET_PW"} for row in postgres_rows(count)]


@pytest.mark.parametrize("scheme", PLACES)
def test_worker_reads_only_its_part_of_a_file_elsewhere(
    emulator: EmulatorProcess, fleet: Workplace, server: FileServer, scheme: str
) -> None:
    """No disk is shared: `submit` fetches the whole once, a worker its shards' ranges, and the names once."""
    address, path, env = PLACES[scheme]
    fleet.env |= {name: value.format(url=server.url) for name, value in env.items()}
    url = address.format(url=server.url)
    submitted = fleet.run("submit", url, "--shard-rows", "15")
    assert submitted.code == 0, submitted.out + submitted.err
    before = len(server.asked)
    assert work(fleet).code == 0
    asked = [(unquote(one.target), one.headers["range"]) for one in server.asked[before:]]
    assert len(asked) == 3
    assert all(where == path and span.startswith("bytes=") for where, span in asked)
    exported = fleet.export()
    check_exactly_once(emulator, exported, 40)
    assert emulator.counts()["api_requests"] == 40 + 2
    assert {row["inventory_file"] for row in exported} == {url}


def test_file_elsewhere_that_is_longer_than_a_chunk_is_cut_where_records_begin(
    fleet: Workplace, server: FileServer
) -> None:
    """Row numbers and bytes come from one copy, which is read by one after the other."""
    server.files["/in/eu.csv"] = as_csv(postgres_rows(6000)).encode()
    assert len(server.files["/in/eu.csv"]) > 2 * 256 * 1024
    submitted = fleet.run("submit", f"{server.url}/in/eu.csv", "--shard-rows", "2500")
    assert (submitted.code, submitted.report["shards"]) == (0, 3), submitted.out
    shards = shards_of(fleet)
    content = server.files["/in/eu.csv"]
    assert [one["rows"] for one in shards] == [2500, 2500, 1000]
    assert all(content[one["start"] :].startswith(b"db-") for one in shards)
    assert [sha256(content[one["start"] : one["end"]]).hexdigest() for one in shards] == [
        one["digest"] for one in shards
    ]


def test_authorization_of_a_file_elsewhere_is_the_workers_own(
    emulator: EmulatorProcess, fleet: Workplace, server: FileServer
) -> None:
    """It is in no job: each process has it from its own environment."""
    allowed = {"BULKCONN_INVENTORY_AUTHORIZATION": "Bearer MARKTOKEN"}
    assert fleet.run("submit", f"{server.url}/in/eu.csv", **allowed).code == 0
    server.faults += [Status(403)] * 2
    assert work(fleet, "--max-tries", "2").code == 0
    view = only_run(fleet)
    assert view["shards"] == {"set_aside": 1}
    assert "cannot be read here: the server refuses access (HTTP 403)" in view["errors"][0]["error"]
    assert fleet.run("resume", view["run_id"]).code == 0
    assert work(fleet, **allowed).code == 0
    assert server.asked[-1].headers["authorization"] == "Bearer MARKTOKEN"
    check_exactly_once(emulator, fleet.export(), 40)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(CONTENT.replace(b"db-0033", b"db-9933"), "changed since it was submitted", id="edited"),
        pytest.param(None, "there is no such file (HTTP 404", id="gone"),
        pytest.param(CONTENT[:300], "", id="cut short"),
    ],
)
@pytest.mark.parametrize("scheme", ["http", "s3"])
def test_file_elsewhere_that_changed_is_refused_by_the_worker(
    emulator: EmulatorProcess,
    fleet: Workplace,
    server: FileServer,
    content: bytes | None,
    reason: str,
    scheme: str,
) -> None:
    """Its shard says so, and nothing of it is sent."""
    fleet.env |= {**S3, "AWS_ENDPOINT_URL": server.url}
    url = f"{server.url}/in/eu.csv" if scheme == "http" else "s3://box/in/eu.csv"
    assert fleet.run("submit", url).code == 0
    for path in server.files:
        server.files[path] = content or b""
    if content is None:
        server.files.clear()
    assert work(fleet).code == 0
    view = only_run(fleet)
    assert view["shards"] == {"changed": 1}
    assert reason in view["errors"][0]["error"]
    assert emulator.counts()["posts"] == 0


def test_worker_ends_while_its_part_is_on_its_way(
    emulator: EmulatorProcess, fleet: Workplace, server: FileServer
) -> None:
    """A server that is silent does not hold a worker; the shard goes back, as if never tried."""
    assert fleet.run("submit", f"{server.url}/in/eu.csv").code == 0
    server.faults += [Hang(10)] * 3
    running = fleet.start("worker", "--exit-when-idle")
    running.wait_for_log("shard.begun")
    time.sleep(0.5)
    running.interrupt(signal.SIGTERM)
    ended = running.wait(25)
    assert ended.code == 143, ended.err
    assert only_run(fleet)["shards"] == {"queued": 1}
    server.faults.clear()
    assert work(fleet).code == 0
    check_exactly_once(emulator, fleet.export(), 40)


def test_server_without_ranges_is_refused_or_a_copy_is_made(
    emulator: EmulatorProcess, fleet: Workplace, server: FileServer
) -> None:
    """Before anything is recorded; the remedy is an option."""
    server.has_ranges = False
    server.files["/in/eu.csv"] = as_csv(referring_rows(40)).encode()
    url = f"{server.url}/in/eu.csv"
    refused = fleet.run("submit", url)
    assert refused.code == 2
    assert "the server gives no parts of a file" in refused.report["stopped"]["reason"]
    assert "--stage-to FOLDER" in refused.report["stopped"]["fix"]
    check_copied(emulator, fleet, url, 40)


@pytest.mark.parametrize("kind", ["signed", "json", "gzip", "s3 gzip"])
def test_what_cannot_be_read_in_parts_is_copied_with_references_only(
    emulator: EmulatorProcess, fleet: Workplace, server: FileServer, kind: str
) -> None:
    """Rows keep the places that the user knows; no signature is in ledger, logs or files."""
    fleet.env |= {**S3, "AWS_ENDPOINT_URL": server.url}
    rows = referring_rows(40)
    server.files |= {
        "/in/eu.csv": as_csv(rows).encode(),
        "/in/eu.json": json.dumps(rows).encode(),
        "/in/eu.csv.gz": gzip.compress(as_csv(rows).encode()),
        "/box/in/eu.csv.gz": gzip.compress(as_csv(rows).encode()),
    }
    url = {
        "signed": f"{server.url}/in/eu.csv?sig=MARKSIGNATURE",
        "json": f"{server.url}/in/eu.json",
        "gzip": f"{server.url}/in/eu.csv.gz",
        "s3 gzip": "s3://box/in/eu.csv.gz",
    }[kind]
    refused = fleet.run("submit", url)
    assert (refused.code, len(json.loads(fleet.run("runs").out))) == (2, 0)
    exported = check_copied(emulator, fleet, url, 40)
    assert {row["inventory_file"] for row in exported} == {
        url.replace("MARKSIGNATURE", "***").replace("sig=", "")
    }
    first = 1 if kind == "json" else 2
    assert [int(row["inventory_row"]) for row in exported] == list(range(first, first + 40))
    left = b"".join(path.read_bytes() for path in fleet.folder.rglob("*") if path.is_file())
    assert b"MARKSIGNATURE" not in left


def test_local_file_is_copied_beside_itself(emulator: EmulatorProcess, fleet: Workplace) -> None:
    """Workers find the copy there; it is said in the log. A submission keeps one copy, until it ends."""
    path = fleet.write("eu.csv.gz", gzip.compress(as_csv(referring_rows(12)).encode()))
    submitted = fleet.run("submit", "eu.csv.gz", "--shard-rows", "5")
    assert submitted.code == 0, submitted.err
    assert '"inventory.staged"' in submitted.err
    (copy,) = fleet.folder.glob("eu.staged-*.jsonl")
    assert copy.name.startswith(f"eu.staged-{submitted.report['run_id']}-")
    assert "pa55-in-tests" not in copy.read_text()
    assert [fleet.run("submit", "eu.csv.gz", *words).code for words in ((), ("--join",))] == [2, 0]
    assert list(fleet.folder.glob("eu.staged-*.jsonl")) == [copy]
    path.unlink()
    worked = work(fleet)
    assert worked.code == 0
    assert '"inventory.copy_deleted"' in worked.err
    assert not copy.exists()
    check_exactly_once(emulator, fleet.export(), 12)


def test_copy_stays_as_long_as_resume_may_need_it_and_goes_with_cancel(fleet: Workplace) -> None:
    """A shard that changed may be brought back; a run that was given up is not."""
    fleet.write("eu.csv.gz", gzip.compress(as_csv(referring_rows(12)).encode()))
    run_id = fleet.run("submit", "eu.csv.gz", "--shard-rows", "5").report["run_id"]
    (copy,) = fleet.folder.glob("eu.staged-*.jsonl")
    content = copy.read_bytes()
    copy.write_bytes(content.replace(b"db-0001", b"db-9991"))
    assert work(fleet).code == 0
    assert only_run(fleet)["shards"] == {"changed": 1, "done": 2}
    assert copy.exists()
    cancelled = fleet.run("cancel", run_id)
    assert (cancelled.code, copy.exists()) == (0, False)
    assert f"its copy {copy} was deleted" in cancelled.err
    again = fleet.run("cancel", run_id)
    assert f"its copy {copy} is not on this machine" in again.err


def test_copy_of_a_run_that_is_cancelled_under_a_worker_goes_with_its_last_shard(
    emulator: EmulatorProcess, fleet: Workplace
) -> None:
    """Workers may still read it while `cancel` says so."""
    fleet.env["BULKCONN_RATE"] = "5"
    fleet.write("eu.csv.gz", gzip.compress(as_csv(referring_rows(60)).encode()))
    run_id = fleet.run("submit", "eu.csv.gz", "--shard-rows", "30").report["run_id"]
    (copy,) = fleet.folder.glob("eu.staged-*.jsonl")
    running = fleet.start("worker", "--exit-when-idle")
    running.wait_for_log("shard.begun")
    cancelled = fleet.run("cancel", run_id)
    assert (cancelled.code, "its copy" in cancelled.err) == (0, False)
    assert running.wait().code == 0
    assert only_run(fleet)["shards"] == {"cancelled": 2}
    assert not copy.exists()


def test_file_with_secrets_in_clear_is_not_copied(emulator: EmulatorProcess, fleet: Workplace) -> None:
    """A copy that others may read would give them away."""
    fleet.write("eu.csv.gz", gzip.compress(as_csv(postgres_rows(3)).encode()))
    refused = fleet.run("submit", "eu.csv.gz")
    assert refused.code == 2
    assert (
        "a copy for them would hold the secret of eu.csv.gz:2 in clear" in refused.report["stopped"]["reason"]
    )
    assert "env://NAME" in refused.report["stopped"]["fix"]
    assert not list(fleet.folder.glob("*.jsonl"))
    assert json.loads(fleet.run("runs").out) == []


def test_standard_input_is_copied_where_the_user_says(
    emulator: EmulatorProcess, fleet: Workplace, tmp_path: Path
) -> None:
    """It lies beside nothing."""
    shared = tmp_path / "shared"
    shared.mkdir()
    text = as_csv(referring_rows(7))
    for words, code in ((("submit", "-"), 2), (("submit", "-", "--stage-to", str(shared)), 0)):
        done = subprocess.run(
            [*COMMAND, *words],
            input=text, text=True, capture_output=True, cwd=fleet.folder, env=fleet.env, check=False,
        )  # fmt: skip
        assert done.returncode == code, done.stderr
    (copy,) = shared.iterdir()
    assert copy.name.startswith("stdin.staged-")
    assert work(fleet).code == 0
    assert not copy.exists()
    check_exactly_once(emulator, fleet.export(), 7)


def check_copied(emulator: EmulatorProcess, fleet: Workplace, url: str, rows: int) -> list[dict[str, str]]:
    """Check that a copy is made where the user says, and that workers read nothing else; gives the export."""
    shared = fleet.folder / "shared"
    shared.mkdir()
    submitted = fleet.run("submit", url, "--shard-rows", "15", "--stage-to", str(shared))
    assert submitted.code == 0, submitted.out + submitted.err
    assert submitted.report["shards"] == 3
    (copy,) = shared.iterdir()
    assert "pa55-in-tests" not in copy.read_text()
    assert work(fleet, AWS_ENDPOINT_URL="http://127.0.0.1:1").code == 0
    assert list(shared.iterdir()) == []
    exported = fleet.export()
    check_exactly_once(emulator, exported, rows)
    return exported
