"""`--ledger postgresql://...`: the commands as processes over a ledger in a database."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from bulkconn.ledger.postgres_url import parse_place
from tests.acceptance.process import PATIENCE_S, check_exactly_once
from tests.fakes.postgres import fresh_schema

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.acceptance.process import EmulatorProcess, Ended, Workplace


@pytest.fixture
def url() -> Iterator[str]:
    """Give the URL of a ledger that is not there yet."""
    with fresh_schema() as url:
        yield url


def run_once_free(place: Workplace, *words: str) -> Ended:
    """Run a command again as soon as the lease of a process that was killed has run out."""
    until = time.monotonic() + PATIENCE_S
    while True:
        ended = place.run(*words)
        if ended.code != 5:
            return ended
        assert "is held by" in ended.report["stopped"]["reason"]
        assert "ends by itself" in ended.report["stopped"]["fix"]
        assert time.monotonic() < until
        time.sleep(1.0)


def test_run_killed_and_resumed_over_postgres_creates_each_once(
    emulator: EmulatorProcess, place: Workplace, url: str
) -> None:
    """After SIGKILL the next run waits for the lease, settles what was cut off, and ends the work."""
    place.inventory(150)
    words = ("run", "inventory.csv", "--ledger", url)
    first = place.start(*words, BULKCONN_RATE="100")
    emulator.wait_for(lambda books: books["connection_count"] >= 60, first)
    first.kill()
    ended = run_once_free(place, *words, "--settle-grace", "1", "--timeout", "2")
    again = place.run(*words)
    assert ended.code == 0, (ended.out, ended.err)
    assert (again.code, again.report["this_run"]["posts"]) == (0, 0)
    assert again.report["ledger"] == url
    check_exactly_once(emulator, place.export(url), 150)


def test_second_process_is_turned_away_and_readers_are_not(
    emulator: EmulatorProcess, place: Workplace, url: str
) -> None:
    """A held ledger can be read by everybody and worked on by one."""
    place.inventory(80)
    words = ("run", "inventory.csv", "--ledger", url)
    holder = place.start(*words, BULKCONN_RATE="1")
    emulator.wait_for(lambda books: books["posts"] >= 2, holder)
    second, settle = place.run(*words), place.run("settle", "--ledger", url)
    status = place.run("status", "--ledger", url)
    planned = place.run("plan", "inventory.csv", "--offline", "--ledger", url)
    assert not holder.is_over
    assert (second.code, settle.code) == (5, 5)
    assert f"process {holder.process.pid}" in second.report["stopped"]["reason"]
    assert (status.code, status.report["rows"]) == (0, status.report["rows"])
    assert status.report["counts"]["created"] >= 1
    assert planned.report["rows"] == 80
    holder.interrupt(signal.SIGTERM)
    assert holder.wait().code == 143
    assert place.run(*words).code == 0
    check_exactly_once(emulator, place.export(url), 80)


def test_connections_are_looked_after_over_postgres(
    emulator: EmulatorProcess, place: Workplace, url: str
) -> None:
    """A verification that was killed is gone on with; credentials are rotated; tables are told."""
    place.inventory(40)
    assert place.run("run", "inventory.csv", "--ledger", url, BULKCONN_RATE="500").code == 0
    words = ("verify", "--ledger", url, "--output", "json", "--timeout", "2")
    before = emulator.counts()["api_requests"]
    first = place.start(*words, "--rate", "40", "--concurrency", "4")
    emulator.wait_for(lambda books: books["api_requests"] >= before + 30, first)
    first.kill()
    verified = run_once_free(place, *words, "--rate", "500")
    assert verified.code == 0, (verified.out, verified.err)
    assert verified.report["counts"]["ok"] == 40
    assert 0 < verified.report["verified_before"] < 40
    rotated = place.run("rotate", "inventory.csv", "--verify", "--ledger", url, "--output", "json")
    assert rotated.code == 0, (rotated.out, rotated.err)
    assert rotated.report["counts"]["rotated"] == rotated.report["verification"]["counts"]["ok"] == 40
    etags = {one["name"]: one["etag"] for one in emulator.connections()}
    assert {row["name"]: row["etag"] for row in place.export(url)} == etags
    explored = place.run("explore", "--ledger", url)
    assert (explored.code, len(explored.out.splitlines())) == (0, 81)


def test_no_secret_is_in_a_dump_of_the_database(
    emulator: EmulatorProcess, place: Workplace, url: str
) -> None:
    """What `pg_dump` writes holds ids and no password."""
    dump = shutil.which("pg_dump")
    if dump is None:
        pytest.skip("pg_dump is not installed")
    place.inventory(20)
    assert place.run("run", "inventory.csv", "--ledger", url).code == 0
    where = parse_place(url)
    dumped = subprocess.run(
        [dump, "--schema", where.schema, where.url], capture_output=True, text=True, check=False
    )
    if dumped.returncode:
        pytest.skip(f"pg_dump cannot read this server: {dumped.stderr.splitlines()[0]}")
    assert emulator.connections()[0]["id"] in dumped.stdout
    assert "pa55-in-tests" not in dumped.stdout
    assert emulator.env["BULKCONN_CLIENT_SECRET"] not in dumped.stdout


def test_database_that_is_not_there_is_exit_5_with_a_remedy(place: Workplace) -> None:
    """Nothing is sent without a ledger, and the password of the URL is not shown."""
    place.inventory(3)
    ended = place.run("run", "inventory.csv", "--ledger", "postgresql://u:hidden-pw@127.0.0.1:1/d")
    assert (ended.code, ended.report["exit_code"]) == (5, 5)
    assert ended.report["ledger"] == "postgresql://u:***@127.0.0.1:1/d"
    assert "see that the server runs" in ended.report["stopped"]["fix"]
    assert "hidden-pw" not in ended.out + ended.err


def test_driver_that_is_not_installed_is_named_with_its_extra(place: Workplace) -> None:
    """The message says what to install."""
    place.inventory(3)
    place.write("psycopg.py", "raise ImportError('not here')\n")
    path = f"{place.folder}:{place.env['PYTHONPATH']}"
    ended = place.start("status", "--ledger", "postgresql://h/d", PYTHONPATH=path).wait()
    assert ended.code == 2
    assert "pip install 'bulkconn[fleet]'" in ended.report["stopped"]["fix"]
