"""`--metrics-port` of run and settle, read as Prometheus and a prober read it."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.request import urlopen

if TYPE_CHECKING:
    from tests.acceptance.conftest import OpenWorkplace
    from tests.acceptance.process import EmulatorProcess, Running


def port_of(running: Running) -> int:
    """Give the port that a command says it serves on."""
    running.wait_for_log("metrics.served")
    logged = [json.loads(line) for line in running.err.read_text("utf-8").splitlines()]
    (port,) = [one["port"] for one in logged if one["event"] == "metrics.served"]
    assert isinstance(port, int)
    return port


def read(port: int, path: str) -> tuple[int, str]:
    """Ask for a page; give status and text."""
    try:
        with urlopen(f"http://127.0.0.1:{port}/{path}", timeout=10) as reply:
            return reply.status, reply.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_run_serves_its_numbers_while_it_works(
    open_workplace: OpenWorkplace, emulator: EmulatorProcess
) -> None:
    """Rows, requests, pace and probes; the port is closed when the run is over."""
    workplace = open_workplace(emulator)
    workplace.inventory(400)
    running = workplace.start("run", "inventory.csv", "--rate", "50", "--metrics-port", "0")
    port = port_of(running)
    emulator.wait_for(lambda books: books["posts"] >= 30, running)
    found = {path: read(port, path) for path in ("metrics", "healthz", "readyz")}
    assert {path: status for path, (status, _) in found.items()} == dict.fromkeys(found, 200)
    lines = [line for line in found["metrics"][1].splitlines() if line[0] != "#"]
    values = {name: float(number) for name, _, number in (line.rpartition(" ") for line in lines)}
    assert values['bulkconn_rows_total{outcome="created"}'] >= 10
    assert values['bulkconn_requests_total{kind="post",result="201"}'] >= 10
    assert values['bulkconn_request_seconds_count{kind="post"}'] >= 10
    assert values["bulkconn_pace_ceiling_per_second"] == 50
    assert values["bulkconn_pace_per_second"] > 0
    assert values["bulkconn_rows_in_doubt"] == 0
    assert "db-00" not in found["metrics"][1]
    running.kill()


def test_settle_serves_metrics_too(open_workplace: OpenWorkplace, emulator: EmulatorProcess) -> None:
    """The same numbers, of what it looks up."""
    workplace = open_workplace(emulator)
    workplace.inventory(3)
    assert workplace.run("run", "inventory.csv", "--rate", "100").code == 0
    ended = workplace.run("settle", "--metrics-port", "0")
    assert ended.code == 0
    assert '"metrics.served"' in ended.err


def test_port_that_is_taken_is_refused_before_anything_is_sent(
    open_workplace: OpenWorkplace, emulator: EmulatorProcess
) -> None:
    """The message names another one."""
    workplace = open_workplace(emulator)
    workplace.inventory(3)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ended = workplace.run("run", "inventory.csv", "--metrics-port", str(taken.getsockname()[1]))
    assert ended.code == 2
    assert "fix: give another --metrics-port" in ended.err
    assert emulator.counts()["posts"] == 0
