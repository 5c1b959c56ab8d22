"""kill -9 at any moment: the same command goes on, nothing is doubled, no id is lost."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from http.client import HTTPConnection
from random import Random
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

import pytest

from tests.acceptance.middleman import Exchange, Middleman
from tests.acceptance.process import check_exactly_once

if TYPE_CHECKING:
    from tests.acceptance.conftest import OpenWorkplace, StartEmulator
    from tests.acceptance.process import EmulatorProcess, Running, Workplace

_ROWS = 600
_KILLS = 10
#: Faults that hide what happened, and some that slow a run down.
_FAULTS = {
    "reset_before": 0.03,
    "reset_after_create": 0.05,
    "slow": 0.01,
    "cut_body": 0.03,
    "bad_json": 0.01,
    "no_id": 0.01,
    "location_only": 0.02,
    "body_only": 0.02,
    "status_500_before": 0.01,
    "status_504_after": 0.01,
    "status_429": 0.003,
    "get_cut_body": 0.05,
    "get_odd_shape": 0.02,
}


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_run_killed_ten_times_by_progress_ends_exactly_once(
    seed: int, emulator: EmulatorProcess, place: Workplace
) -> None:
    """Ten kills, each after a random number of POSTs more, and the last run finishes all 600 rows."""
    place.inventory(_ROWS)
    dice = Random(seed)
    for posts in sorted(dice.sample(range(5, _ROWS - 20), _KILLS)):
        running = place.start("run", "inventory.csv")
        emulator.wait_for(lambda books, posts=posts: books["posts"] >= posts, running)  # type: ignore[misc]
        # Requests leave in bursts of a tenth of a second: this meets them before, within and after one.
        time.sleep(dice.uniform(0.0, 0.05))
        assert not running.is_over, running.wait().err
        running.kill()
    _finish(emulator, place)


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize("seed", [3, 4])
def test_run_killed_ten_times_amid_faults_ends_exactly_once(
    seed: int, emulator: EmulatorProcess, place: Workplace
) -> None:
    """Ten kills at random times, also while it settles, amid faults that hide what was created."""
    place.inventory(_ROWS)
    emulator.plan_faults(chances=_FAULTS)
    dice = Random(seed)
    for _ in range(_KILLS):
        running = place.start("run", "inventory.csv")
        time.sleep(dice.uniform(0.3, 1.2))
        assert not running.is_over, running.wait().err
        running.kill()
    _finish(emulator, place)


@pytest.mark.slow
def test_run_killed_right_after_each_201_loses_no_id(
    start_emulator: StartEmulator, open_workplace: OpenWorkplace
) -> None:
    """The process dies with the 201 in its socket, a dozen times: every id is found again."""
    emulator = start_emulator()
    kills = 12
    victim: list[Running] = []

    def kill_at_201(exchange: Exchange) -> None:
        is_created = exchange.method == "POST" and exchange.status == 201
        if is_created and victim:
            os.kill(victim.pop().process.pid, signal.SIGKILL)

    with Middleman(emulator.origin, after=kill_at_201) as middleman:
        place = open_workplace(
            emulator, **middleman.env, BULKCONN_RATE="300", BULKCONN_SETTLE_GRACE="1", BULKCONN_OUTPUT="json"
        )
        place.inventory(300)
        for _ in range(kills):
            running = place.start("run", "inventory.csv")
            victim.append(running)
            assert running.wait().code == -signal.SIGKILL
        _finish(emulator, place, rows=300)


def test_post_whose_client_dies_before_the_answer_takes_effect(start_emulator: StartEmulator) -> None:
    """A service that has a whole request goes on with it: that is what makes kill -9 dangerous."""
    emulator = start_emulator("--latency", "0.4")
    address = urlsplit(emulator.origin)
    body = json.dumps(
        {
            "name": "orphan",
            "auth": {
                "specName": "Basic Authentication",
                "params": {
                    "server": "db.example.com",
                    "port": "5432",
                    "database": "sales",
                    "username": "reader",
                    "password": "pa55-in-tests",
                    "sslMode": "Require",
                },
            },
            "connectionSpec": {"id": "74a1c565-4e59-48d7-9d67-7c03b8a13137", "version": "1.0"},
        }
    )
    headers = {
        "Authorization": f"Bearer {_token(emulator)}",
        "x-api-key": "client",
        "x-gw-ims-org-id": "EMULATOR@AdobeOrg",
        "x-sandbox-name": "dev",
        "Content-Type": "application/json",
    }
    http = HTTPConnection(address.hostname or "", address.port)
    http.request("POST", f"{address.path}/data/foundation/flowservice/connections", body, headers)
    time.sleep(0.1)
    http.close()
    until = time.monotonic() + 3
    while emulator.counts()["connection_count"] == 0 and time.monotonic() < until:
        time.sleep(0.05)
    assert emulator.counts()["connection_count"] == 1


def _token(emulator: EmulatorProcess) -> str:
    address = urlsplit(emulator.origin)
    form = urlencode(
        {
            "grant_type": "client_credentials",
            "client_id": emulator.env["BULKCONN_CLIENT_ID"],
            "client_secret": emulator.env["BULKCONN_CLIENT_SECRET"],
            "scope": emulator.env["BULKCONN_SCOPES"],
        }
    )
    with contextlib.closing(HTTPConnection(address.hostname or "", address.port)) as http:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        http.request("POST", "/ims/token/v3", form, headers)
        token: str = json.loads(http.getresponse().read())["access_token"]
        return token


def _finish(emulator: EmulatorProcess, place: Workplace, rows: int = _ROWS) -> None:
    """Run to the end, compare ledger and service, and run once more: nothing is sent."""
    ended = place.run("run", "inventory.csv")
    assert ended.code == 0, (ended.out, ended.err[-2000:])
    check_exactly_once(emulator, place.export(), rows)
    posts = emulator.counts()["posts"]
    again = place.run("run", "inventory.csv")
    assert (again.code, again.report["this_run"]["skipped"]) == (0, rows)
    assert emulator.counts()["posts"] == posts
