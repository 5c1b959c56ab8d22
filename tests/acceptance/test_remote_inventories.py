"""Inventories from elsewhere, as a user has them: fetched, run, and no signature anywhere."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING, Final

import pytest

from tests.acceptance.process import (
    COMMAND,
    Workplace,
    as_csv,
    bare_environment,
    check_exactly_once,
    postgres_rows,
)
from tests.fakes.file_server import Cut, FileServer, Hang, Status
from tests.servers.certificates import Certificates

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.acceptance.process import EmulatorProcess

SIGNATURE: Final = "MARKSIGNATURE"
SIGNED: Final = f"?X-Amz-Credential=a%2Fb&X-Amz-Signature={SIGNATURE}"
S3: Final = {
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "MARKSECRET",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@pytest.fixture
def server() -> Iterator[FileServer]:
    """Serve 40 rows, plain and packed."""
    content = as_csv(postgres_rows(40)).encode()
    with FileServer({"/in/eu.csv": content, "/box/in/eu.csv.gz": gzip.compress(content)}) as running:
        yield running


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Workplace]:
    """Give a workplace without a service."""
    place = Workplace(tmp_path, bare_environment())
    yield place
    place.close()


def written_in(folder: Path) -> bytes:
    """Give all that commands left in a folder, their output included."""
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_run_of_a_signed_address_keeps_the_signature_to_itself(
    place: Workplace, emulator: EmulatorProcess, server: FileServer
) -> None:
    """Ledger, reports and logs name the place, and of its query only that there is one."""
    url = f"{server.url}/in/eu.csv{SIGNED}"
    ended = place.run("run", url, "--log-level", "debug")
    assert ended.code == 0, ended.err
    assert ended.report["ledger"] == "eu.ledger.db"
    exported = place.export("eu.ledger.db")
    check_exactly_once(emulator, exported, 40)
    assert {row["inventory_file"] for row in exported} == {f"{server.url}/in/eu.csv?***"}
    assert [asked.target for asked in server.asked] == [f"/in/eu.csv{SIGNED}"]
    again = place.run("run", url, "--output", "text")
    assert (again.code, emulator.counts()["connection_count"]) == (0, 40)
    assert SIGNATURE.encode() not in written_in(place.folder)


def test_failures_of_a_signed_address_keep_the_signature_to_themselves(
    place: Workplace, server: FileServer
) -> None:
    """Neither text nor JSON of an error repeats it, whatever broke."""
    url = f"{server.url}/in/eu.csv{SIGNED}"
    for fault in (Status(403, b"MARKBODY"), Status(302, location=f"http://h/{SIGNED}"), Cut(900)):
        for output in ("json", "text"):
            server.faults[:] = [fault] * 3
            ended = place.run("plan", url, "--offline", "--output", output, BULKCONN_DEBUG="1")
            assert ended.code == 2
            said = ended.report["stopped"]["reason"] if output == "json" else ended.err
            assert f"inventory {server.url}/in/eu.csv?*** cannot be read: " in said
    content = server.files["/in/eu.csv"]
    server.files["/in/eu.csv"] = content.replace(b"5432", b"99999")
    ended = place.run("plan", url, "--offline", "--output", "text")
    assert ended.code == 3
    assert f"at {server.url}/in/eu.csv?***:2:port" in ended.err
    left = written_in(place.folder)
    assert SIGNATURE.encode() not in left
    assert b"MARKBODY" not in left


def test_plan_of_an_object_in_s3_names_the_ledger_after_it(alone: Workplace, server: FileServer) -> None:
    """Bucket, folder and packing are no part of the ledger's name."""
    ended = alone.run(
        *("plan", "s3://box/in/eu.csv.gz", "--offline", "--output", "json"),
        **S3,
        AWS_ENDPOINT_URL=server.url,
    )
    assert ended.code == 0, ended.out
    assert ended.report["ledger"] == "eu.ledger.db"
    assert ended.report["counts"]["pending"] == 40
    assert b"MARKSECRET" not in written_in(alone.folder)


def test_plan_of_an_address_that_wants_authorization_sends_it(alone: Workplace, server: FileServer) -> None:
    """The header comes from the environment and goes nowhere else."""
    url = f"{server.url}/in/eu.csv"
    ended = alone.run("plan", url, "--offline", BULKCONN_INVENTORY_AUTHORIZATION="Bearer MARKTOKEN")
    assert ended.code == 0, ended.err
    assert server.asked[0].headers["authorization"] == "Bearer MARKTOKEN"
    ended = alone.run("plan", url, "--offline", BULKCONN_INVENTORY_AUTHORIZATION="Bearer\nMARKTOKEN")
    assert ended.code == 2
    assert "BULKCONN_INVENTORY_AUTHORIZATION holds characters that no header can carry" in ended.err
    assert b"MARKTOKEN" not in written_in(alone.folder)


def test_plan_over_tls_trusts_whom_the_environment_names(alone: Workplace) -> None:
    """A network's own authority is named as for every program."""
    certificates = Certificates.make(alone.folder, "127.0.0.1")
    with FileServer({"/eu.csv": as_csv(postgres_rows(3)).encode()}, tls=certificates.server_side()) as server:
        url = f"{server.url}/eu.csv"
        assert alone.run("plan", url, "--offline").code == 2
        ended = alone.run("plan", url, "--offline", SSL_CERT_FILE=str(certificates.authority))
    assert ended.code == 0, ended.err


@pytest.mark.parametrize(
    ("command", "scheme", "number", "code"),
    [
        ("plan", "http", signal.SIGINT, 130),
        ("plan", "s3", signal.SIGTERM, 143),
        ("run", "http", signal.SIGTERM, 143),
        ("run", "s3", signal.SIGINT, 130),
    ],
)
def test_signal_while_an_inventory_is_fetched_ends_the_command_at_once(
    alone: Workplace, server: FileServer, command: str, scheme: str, number: signal.Signals, code: int
) -> None:
    """Nobody has to wait for a server that is silent, and nothing is left behind."""
    server.faults += [Hang(100)] * 3
    url = f"{server.url}/in/eu.csv" if scheme == "http" else "s3://box/in/eu.csv.gz"
    temporary = alone.folder / "tmp"
    temporary.mkdir()
    credentials = {"CLIENT_ID": "c", "ORG_ID": "o@AdobeOrg", "ACCESS_TOKEN": "t"}
    running = alone.start(
        *(command, url),
        **{f"BULKCONN_{name}": value for name, value in credentials.items()},
        **S3,
        AWS_ENDPOINT_URL=server.url,
        TMPDIR=str(temporary),
    )
    assert server.arrived.wait(60)
    time.sleep(0.2)
    running.interrupt(number)
    ended = running.wait(20)
    assert ended.code == code, ended.err
    assert ended.err.splitlines()[0] == f"error: {'interrupted' if code == 130 else 'terminated'}"
    assert not list(temporary.iterdir())
    assert not list(alone.folder.glob("*.ledger.db"))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signal_while_standard_input_is_copied_ends_the_command_at_once(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    """A pipe that nobody closes holds no command."""
    process = subprocess.Popen(
        [*COMMAND, "plan", "-", "--offline", "--ledger", "a.ledger.db"],
        cwd=tmp_path,
        env=bare_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin is not None
    os.write(process.stdin.fileno(), b"name,source\n")
    time.sleep(2)
    process.send_signal(number)
    # Not `communicate`, which would close the pipe first.
    assert process.wait(20) == code
    process.communicate()


def test_inventories_of_all_kinds_are_one_stream(alone: Workplace, server: FileServer) -> None:
    """A file, a packed object and a web address in one command; rows are told apart by their places."""
    near = alone.write("near.csv", as_csv(postgres_rows(2, prefix="near")))
    ended = alone.run(
        *("plan", str(near), "s3://box/in/eu.csv.gz", f"{server.url}/in/eu.csv{SIGNED}"),
        *("--offline", "--output", "json"),
        **S3,
        AWS_ENDPOINT_URL=server.url,
    )
    assert ended.code == 3
    found = json.loads(ended.out)["diagnostics"]
    assert len(found) == 40
    assert found[0]["file"] == f"{server.url}/in/eu.csv?***"
    assert "taken in sandbox dev for postgres by s3://box/in/eu.csv.gz:2" in found[0]["message"]
