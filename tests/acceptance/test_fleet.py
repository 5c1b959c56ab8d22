"""Submitted runs and workers as processes: killed, terminated, late, paused; each row created once."""

from __future__ import annotations

import json
import signal
import time
import urllib.request
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from bulkconn.ledger.postgres_url import parse_place
from tests.acceptance.otlp import receiver
from tests.acceptance.process import PATIENCE_S, check_exactly_once
from tests.fakes.postgres import fresh_schema

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.acceptance.process import EmulatorProcess, Running, Workplace


@pytest.fixture
def fleet(place: Workplace) -> Iterator[Workplace]:
    """Give a workplace whose ledger is a schema that nobody has used."""
    with fresh_schema() as url:
        place.env |= {"BULKCONN_LEDGER": url, "BULKCONN_RATE": "100", "BULKCONN_SETTLE_GRACE": "1"}
        place.env |= {"BULKCONN_TIMEOUT": "2"}
        yield place


def submit(fleet: Workplace, *words: str, inventory: str = "inventory.csv") -> str:
    """Submit an inventory and give the run's id."""
    ended = fleet.run("submit", inventory, *words)
    assert ended.code == 0, (ended.out, ended.err)
    assert tuple(ended.report) == ("run_id", "ledger", "rows", "shards", "queue", "diagnostics", "exit_code")
    return str(ended.report["run_id"])


def worker(fleet: Workplace, *words: str) -> Running:
    """Start a worker that ends when nothing is left."""
    return fleet.start("worker", "--exit-when-idle", *words)


def run_view(fleet: Workplace, run_id: str) -> dict[str, Any]:
    """Give what `runs` says of a run."""
    ended = fleet.run("runs")
    (found,) = [one for one in json.loads(ended.out) if one["run_id"] == run_id]
    view: dict[str, Any] = found
    return view


def wait_until_posts(emulator: EmulatorProcess, posts: int, running: Running) -> None:
    """Wait until so many POSTs came."""
    emulator.wait_for(lambda books: books["posts"] >= posts, running)


def test_submitted_run_is_finished_by_workers(emulator: EmulatorProcess, fleet: Workplace) -> None:
    """Submitting sends nothing; a worker creates every row and ends when it is idle."""
    fleet.inventory(60)
    run_id = submit(fleet, "--shard-rows", "25")
    before = run_view(fleet, run_id)
    posts = emulator.counts()["posts"]
    ended = worker(fleet).wait()
    view = run_view(fleet, run_id)
    assert posts == 0
    assert (before["rows"], before["shards"]) == ({"pending": 60}, {"queued": 3})
    assert ended.code == 0, ended.err
    assert (view["shards"], view["is_finished"], view["workers"]) == ({"done": 3}, True, [])
    check_exactly_once(emulator, fleet.export(fleet.env["BULKCONN_LEDGER"]), 60)
    watched = fleet.run("status", "--run", run_id, "--watch")
    assert (watched.code, watched.report["run_id"], watched.report["counts"]["created"]) == (0, run_id, 60)
    again = submit(fleet)
    assert worker(fleet).wait().code == 0
    assert run_view(fleet, again)["is_finished"]
    assert emulator.counts()["posts"] == 60


def test_status_watches_a_run_until_it_is_finished(emulator: EmulatorProcess, fleet: Workplace) -> None:
    """It stays while workers work, and ends with the last row's report."""
    fleet.inventory(60)
    run_id = submit(fleet, "--shard-rows", "20")
    watching = fleet.start("status", "--run", run_id, "--watch")
    working = worker(fleet, "--rate", "20")
    wait_until_posts(emulator, 20, working)
    was_over = watching.is_over
    assert working.wait().code == 0
    watched = watching.wait()
    assert not was_over
    assert (watched.code, watched.report["counts"]["created"]) == (0, 60), watched.err


def test_small_run_submitted_after_a_large_one_is_finished_before_it(
    emulator: EmulatorProcess, fleet: Workplace
) -> None:
    """A worker takes shards of both in turn; a run of a higher priority comes before both."""
    for prefix, rows, priority in (("large", 60, "0"), ("small", 20, "0"), ("urgent", 20, "1")):
        fleet.inventory(rows, f"{prefix}.csv", prefix=prefix)
        submit(fleet, "--shard-rows", "10", "--priority", priority, inventory=f"{prefix}.csv")
    assert worker(fleet).wait().code == 0
    last = {name: max(numbers) for name, numbers in _numbers_of_posts(emulator).items()}
    assert last == {"urgent": 19, "small": 59, "large": 99}
    check_exactly_once(emulator, fleet.export(fleet.env["BULKCONN_LEDGER"]), 100)


def test_worker_of_one_queue_leaves_others_alone(emulator: EmulatorProcess, fleet: Workplace) -> None:
    """It ends when nothing of its own is left; whoever serves both takes the rest."""
    for name in ("near", "far"):
        fleet.inventory(10, f"{name}.csv", prefix=name)
        submit(fleet, "--queue", name, inventory=f"{name}.csv")
    assert worker(fleet, "--queues", "near").wait().code == 0
    assert set(_numbers_of_posts(emulator)) == {"near"}
    assert worker(fleet, "--queues", "near,far").wait().code == 0
    check_exactly_once(emulator, fleet.export(fleet.env["BULKCONN_LEDGER"]), 20)


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_run_with_three_workers_leaves_a_run_with_one_its_part(
    emulator: EmulatorProcess, fleet: Workplace
) -> None:
    """As long as both have work each has about half of the pace."""
    fleet.env["BULKCONN_RATE"] = "40"
    workers = []
    for name, count in (("single", 1), ("many", 3)):
        fleet.inventory(240, f"{name}.csv", prefix=name)
        submit(fleet, "--shard-rows", "80", "--queue", name, inventory=f"{name}.csv")
        workers += [worker(fleet, "--queues", name) for _ in range(count)]
    assert [one.wait(200).code for one in workers] == [0] * 4
    numbers = _numbers_of_posts(emulator)
    begin = max(min(one) for one in numbers.values())
    end = min(max(one) for one in numbers.values())
    single = sum(begin <= number <= end for number in numbers["single"])
    # A fourth without fairness; less than a half, for a single worker wants nothing between two shards.
    assert single / (end - begin + 1) > 0.3
    check_exactly_once(emulator, fleet.export(fleet.env["BULKCONN_LEDGER"]), 480)


def _numbers_of_posts(emulator: EmulatorProcess) -> dict[str, list[int]]:
    """Give the places among all POSTs of those of each inventory, by its prefix."""
    found: dict[str, list[int]] = {}
    for number, one in enumerate(emulator.connections()):
        found.setdefault(one["name"].partition("-")[0], []).append(number)
    return found


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_workers_killed_terminated_and_late_create_each_once(
    emulator: EmulatorProcess, fleet: Workplace
) -> None:
    """What one leaves behind another takes up; nothing is doubled or lost."""
    fleet.env["BULKCONN_RATE"] = "60"
    fleet.inventory(1500)
    run_id = submit(fleet, "--shard-rows", "50")
    first, second = worker(fleet), worker(fleet)
    wait_until_posts(emulator, 200, first)
    first.kill()
    wait_until_posts(emulator, 400, second)
    late = worker(fleet)
    wait_until_posts(emulator, 600, second)
    second.interrupt(signal.SIGTERM)
    began_s = time.monotonic()
    terminated = second.wait()
    assert terminated.code == 143
    assert time.monotonic() - began_s < 25
    assert late.wait(200).code == 0, late.err.read_text()
    assert run_view(fleet, run_id)["shards"] == {"done": 30}
    check_exactly_once(emulator, fleet.export(fleet.env["BULKCONN_LEDGER"]), 1500)


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_worker_killed_alone_is_replaced_within_half_a_minute(
    emulator: EmulatorProcess, fleet: Workplace
) -> None:
    """Its lease runs out, its job is swept up, and its rows on the way are settled first."""
    fleet.inventory(80)
    submit(fleet, "--shard-rows", "80")
    first = worker(fleet, "--rate", "20")
    wait_until_posts(emulator, 30, first)
    other = worker(fleet)
    first.kill()
    killed_s = time.monotonic()
    posts = emulator.counts()["posts"]
    emulator.wait_for(lambda books: books["posts"] > posts, other)
    assert time.monotonic() - killed_s < 30
    assert other.wait(150).code == 0
    check_exactly_once(emulator, fleet.export(fleet.env["BULKCONN_LEDGER"]), 80)


def test_run_paused_is_left_alone_until_it_is_resumed(emulator: EmulatorProcess, fleet: Workplace) -> None:
    """What is in flight is finished; then nothing is sent until somebody says so."""
    fleet.inventory(120)
    run_id = submit(fleet, "--shard-rows", "20")
    first = worker(fleet, "--rate", "15")
    wait_until_posts(emulator, 10, first)
    assert fleet.run("pause", run_id).code == 0
    assert first.wait().code == 0
    posts = emulator.counts()["posts"]
    idle = worker(fleet).wait()
    view = run_view(fleet, run_id)
    assert (idle.code, emulator.counts()["posts"]) == (0, posts)
    assert posts < 120
    assert (view["state"], view["is_finished"]) == ("paused", False)
    assert fleet.run("resume", run_id).code == 0
    assert worker(fleet).wait().code == 0
    check_exactly_once(emulator, fleet.export(fleet.env["BULKCONN_LEDGER"]), 120)


def test_run_cancelled_keeps_what_was_created_and_can_be_submitted_again(
    emulator: EmulatorProcess, fleet: Workplace
) -> None:
    """Nothing created is undone or sent again."""
    fleet.inventory(120)
    run_id = submit(fleet, "--shard-rows", "20")
    first = worker(fleet, "--rate", "15")
    wait_until_posts(emulator, 10, first)
    assert fleet.run("cancel", run_id).code == 0
    assert first.wait().code == 0
    assert run_view(fleet, run_id)["is_finished"]
    assert fleet.run("resume", run_id).code == 2
    submit(fleet)
    assert worker(fleet).wait().code == 0
    check_exactly_once(emulator, fleet.export(fleet.env["BULKCONN_LEDGER"]), 120)


def test_rows_of_an_unfinished_run_are_refused_elsewhere(fleet: Workplace, emulator: EmulatorProcess) -> None:
    """A row belongs to one run at a time, also for `bulkconn run`."""
    fleet.inventory(10)
    run_id = submit(fleet)
    again = fleet.run("submit", "inventory.csv")
    plain = fleet.run("run", "inventory.csv")
    assert (again.code, plain.code) == (2, 2)
    assert f"run {run_id} is not finished" in again.report["stopped"]["reason"]
    assert f"bulkconn cancel {run_id}" in plain.report["stopped"]["fix"]
    assert emulator.counts()["posts"] == 0


def test_submit_joins_a_run_that_is_not_finished(fleet: Workplace, emulator: EmulatorProcess) -> None:
    """A container that is started again submits nothing twice, and does not fail."""
    fleet.inventory(10)
    run_id = submit(fleet, "--shard-rows", "4")
    again = fleet.run("submit", "inventory.csv", "--join", "--shard-rows", "2")
    assert (again.code, again.report["run_id"]) == (0, run_id)
    assert (again.report["rows"], again.report["shards"], again.report["queue"]) == (10, 3, "default")
    assert len(json.loads(fleet.run("runs").out)) == 1
    assert emulator.counts()["posts"] == 0


def test_inventory_changed_since_submit_is_refused_by_the_worker(
    emulator: EmulatorProcess, fleet: Workplace
) -> None:
    """The shards whose bytes changed say so; the others are done."""
    path = fleet.inventory(40)
    run_id = submit(fleet, "--shard-rows", "20")
    path.write_bytes(path.read_bytes().replace(b"db-0033.example.com", b"db-0033.example.org"))
    assert worker(fleet).wait().code == 0
    view = run_view(fleet, run_id)
    assert view["shards"] == {"done": 1, "changed": 1}
    assert "changed since it was submitted" in view["errors"][0]["error"]
    assert emulator.counts()["posts"] == 20


def test_shard_that_no_worker_ever_finished_is_set_aside_and_others_go_on(
    emulator: EmulatorProcess, fleet: Workplace
) -> None:
    """A shard that kills its workers does not stop the run; resuming tries it again."""
    fleet.inventory(40)
    run_id = submit(fleet, "--shard-rows", "20")
    where = parse_place(fleet.env["BULKCONN_LEDGER"])
    with psycopg.connect(where.url, autocommit=True) as connection:
        connection.execute(SQL("SET search_path = {}").format(Identifier(where.schema)))
        connection.execute("UPDATE shards SET tries = 3 WHERE shard_no = 1")
    assert worker(fleet, "--max-tries", "3").wait().code == 0
    view = run_view(fleet, run_id)
    assert view["shards"] == {"done": 1, "set_aside": 1}
    assert view["errors"] == [{"shard": 1, "error": "3 workers began it and none finished it"}]
    assert fleet.run("resume", run_id).code == 0
    assert worker(fleet).wait().code == 0
    check_exactly_once(emulator, fleet.export(fleet.env["BULKCONN_LEDGER"]), 40)


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_shard_whose_workers_are_killed_each_time_is_set_aside(
    emulator: EmulatorProcess, fleet: Workplace
) -> None:
    """Two workers die over it, the third leaves it alone; resuming finishes it."""
    fleet.inventory(60)
    run_id = submit(fleet, "--shard-rows", "60")
    for _ in range(2):
        before = emulator.counts()["posts"]
        victim = worker(fleet, "--rate", "5", "--max-tries", "2")
        wait_until_posts(emulator, before + 4, victim)
        victim.kill()
    assert worker(fleet, "--max-tries", "2").wait().code == 0
    view = run_view(fleet, run_id)
    assert view["shards"] == {"set_aside": 1}
    assert view["errors"] == [{"shard": 1, "error": "2 workers began it and none finished it"}]
    assert fleet.run("resume", run_id).code == 0
    assert worker(fleet).wait().code == 0
    check_exactly_once(emulator, fleet.export(fleet.env["BULKCONN_LEDGER"]), 60)


def test_shard_that_breaks_is_tried_again_and_then_set_aside(
    emulator: EmulatorProcess, fleet: Workplace
) -> None:
    """A worker that cannot read what was submitted says why; nothing is sent."""
    fleet.inventory(5)
    run_id = submit(fleet)
    where = parse_place(fleet.env["BULKCONN_LEDGER"])
    with psycopg.connect(where.url, autocommit=True) as connection:
        connection.execute(SQL("SET search_path = {}").format(Identifier(where.schema)))
        # As if the submitting version knew a cloud that this worker does not.
        connection.execute("UPDATE submissions SET settings = replace(settings, '\"hold\"', '\"hope\"')")
    assert worker(fleet, "--max-tries", "2").wait().code == 0
    view = run_view(fleet, run_id)
    assert view["shards"] == {"set_aside": 1}
    assert "was submitted with settings that this version does not know" in view["errors"][0]["error"]
    assert emulator.counts()["posts"] == 0


def test_invalid_inventory_is_not_submitted(fleet: Workplace) -> None:
    """All faults at once, exit 3, nothing recorded."""
    fleet.write("bad.csv", "name,source,platform_cloud,sandbox\na,postgres,azure,dev\n")
    ended = fleet.run("submit", "bad.csv")
    assert ended.code == 3
    assert ended.report["diagnostics"]
    assert json.loads(fleet.run("runs").out) == []


def test_worker_whose_credentials_are_refused_stops_and_gives_its_shard_back(
    emulator: EmulatorProcess, fleet: Workplace
) -> None:
    """The reason is not the shard's: exit 4, and the next worker goes on."""
    fleet.inventory(10)
    run_id = submit(fleet)
    ended = fleet.start("worker", "--exit-when-idle", BULKCONN_ACCESS_TOKEN="wrong").wait()
    view = run_view(fleet, run_id)
    assert ended.code == 4, ended.err
    assert "fix: " in ended.err
    assert view["shards"] == {"queued": 1}
    assert worker(fleet).wait().code == 0
    check_exactly_once(emulator, fleet.export(fleet.env["BULKCONN_LEDGER"]), 10)


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_database_that_breaks_all_connections_midway_costs_nothing(
    emulator: EmulatorProcess, fleet: Workplace
) -> None:
    """Ledger, queue and pace make their connections anew; nothing is doubled or lost."""
    fleet.inventory(300)
    submit(fleet, "--shard-rows", "30")
    running = worker(fleet, "--rate", "40")
    for posts in (60, 120, 180):
        wait_until_posts(emulator, posts, running)
        with psycopg.connect(parse_place(fleet.env["BULKCONN_LEDGER"]).url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
                "AND datname = current_database() AND query LIKE ANY (ARRAY['%rows%', '%procrastinate%', "
                "'%leases%', '%bulkconn_pace%', '%COMMIT%'])"
            )
    assert running.wait(150).code == 0, running.err.read_text()
    check_exactly_once(emulator, fleet.export(fleet.env["BULKCONN_LEDGER"]), 300)


def test_no_secret_is_in_a_job_or_in_the_database(fleet: Workplace) -> None:
    """Jobs carry the id of a shard, shards a byte range."""
    fleet.inventory(10)
    submit(fleet)
    where = parse_place(fleet.env["BULKCONN_LEDGER"])
    with psycopg.connect(where.url) as connection:
        tables = connection.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = %s", (where.schema,)
        ).fetchall()
        text = ""
        for (table,) in tables:
            rows = connection.execute(
                SQL("SELECT t::text FROM {} t").format(Identifier(where.schema, table))
            ).fetchall()
            text += f"{table}: {rows}\n"
    assert "procrastinate_jobs: [" in text
    assert "db-0001.example.com" in text
    assert "pa55-in-tests" not in text


def test_worker_serves_metrics_and_answers_probes(emulator: EmulatorProcess, fleet: Workplace) -> None:
    """Rows, requests, times, pace, gate, doubts, queue and lease are there, and nothing of an inventory."""
    fleet.inventory(40)
    submit(fleet, "--shard-rows", "10")
    running = worker(fleet, "--rate", "8", "--metrics-port", "0")
    running.wait_for_log("metrics.served")
    logged = [json.loads(line) for line in running.err.read_text().splitlines()]
    (port,) = [one["port"] for one in logged if one["event"] == "metrics.served"]
    wait_until_posts(emulator, 12, running)
    found = {path: read(port, path) for path in ("metrics", "healthz", "readyz")}
    values = dict(line.rsplit(" ", 1) for line in found["metrics"].splitlines() if line[0] != "#")
    assert (found["healthz"], found["readyz"]) == ("alive\n", "ready\n")
    assert float(values['bulkconn_rows_total{outcome="created"}']) >= 10
    assert float(values['bulkconn_requests_total{kind="post",result="201"}']) >= 10
    assert float(values['bulkconn_request_seconds_bucket{kind="post",le="60.0"}']) >= 10
    assert float(values["bulkconn_pace_ceiling_per_second"]) == 8
    assert float(values['bulkconn_queue_shards{state="queued"}']) >= 1
    assert float(values["bulkconn_lease_age_seconds"]) < 15
    for name in ("bulkconn_pace_per_second", "bulkconn_gate_closed_seconds_total", "bulkconn_rows_in_doubt"):
        assert name in values
    assert "db-00" not in found["metrics"]
    assert running.wait().code == 0


def test_worker_sends_a_span_a_row(emulator: EmulatorProcess, fleet: Workplace) -> None:
    """Rows of several shards, each once, linked to the one span of their run in this worker."""
    fleet.inventory(20)
    run_id = submit(fleet, "--shard-rows", "5")
    with receiver() as collector:
        fleet.env["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.url
        assert worker(fleet, "--otel").wait().code == 0
    spans = collector.spans()
    rows = [span for span in spans if span.name == "row"]
    (run,) = [span for span in spans if span.name == "bulkconn run"]
    assert len(rows) == len({span.trace_id for span in rows}) == 20
    assert {span.links[0].span_id for span in rows} == {run.span_id}
    assert {one.value.string_value for one in run.attributes if one.key == "bulkconn.run_id"} == {run_id}


def test_metrics_port_that_is_taken_is_refused_before_anything_is_sent(
    emulator: EmulatorProcess, fleet: Workplace
) -> None:
    """The remedy names the option."""
    fleet.inventory(3)
    submit(fleet)
    taken = emulator.origin.rpartition(":")[2]
    ended = worker(fleet, "--metrics-port", taken).wait()
    assert ended.code == 2
    assert "fix: give another --metrics-port" in ended.err
    assert emulator.counts()["posts"] == 0


def read(port: int, path: str) -> str:
    """Read what a worker serves."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=10) as reply:
        text: str = reply.read().decode()
        return text


def test_ledger_file_is_no_place_for_a_fleet(place: Workplace) -> None:
    """The remedy names what is."""
    place.inventory(3)
    ended = place.run("submit", "inventory.csv", "--ledger", "eu.ledger.db")
    assert ended.code == 2
    assert "postgresql://" in ended.report["stopped"]["fix"]


def test_processes_are_gone_with_their_workers(fleet: Workplace, emulator: EmulatorProcess) -> None:
    """A worker holds no lease and no connection once it has ended."""
    fleet.inventory(5)
    submit(fleet)
    ended = worker(fleet).wait(PATIENCE_S)
    assert ended.code == 0
    assert emulator.counts()["posts"] == 5
    plain = fleet.run("run", "inventory.csv")
    assert (plain.code, plain.report["this_run"]["posts"]) == (0, 0)
