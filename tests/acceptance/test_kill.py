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
from tests.acceptance.process import check_accounted, check_exactly_once

if TYPE_CHECKING:
    from tests.acceptance.conftest import OpenWorkplace, StartEmulator
    from tests.acceptance.process import EmulatorProcess, Running, Workplace

_ROWS = 2_000
_KILLS = 50
#: After how many kills the books are compared with the ledger.
_CHECK_EVERY = 10
#: Faults that hide what happened.
_HIDING = [
    "reset_before:0.03",
    "reset_after_create:0.05",
    "slow:0.01",
    "cut_body:0.03",
    "bad_json:0.01",
    "no_id:0.01",
    "location_only:0.02",
    "body_only:0.02",
    "get_cut_body:0.05",
    "get_odd_shape:0.02",
]
#: What the service is like between two kills, by chance. All within the assumption: what takes effect late,
#: after its client was killed, does so before the grace is over.
_WEATHERS = {
    "fair": [],
    "hiding": _HIDING,
    "late": ["slow_create:0.2:1", "slow:0.05:1", "get_slow:0.1:0.5"],
    "strained": [
        "status_500_before:0.01",
        "status_504_after:0.01",
        "status_429:0.01",
        "storm_429:0.005:0.5",
        "status_503:0.01",
        "outage:0.003:0.5",
        "revoke_token:0.01",
        "token_status_500:0.2",
        "refuse:0.02",
    ],
    "blind": ["garbage:0.1", "no_id:0.1", "get_status_500:0.1", "get_reset:0.1", "get_repeat_token:0.05"],
}


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("seed", [1])
def test_run_killed_at_fifty_random_moments_ends_exactly_once(
    seed: int, start_emulator: StartEmulator, open_workplace: OpenWorkplace
) -> None:
    """Fifty kills, at a random time or progress, in changing weather: the same command finishes all rows."""
    emulator = start_emulator("--latency", "0.02", "--visibility-lag", "0.3", "--seed", str(seed))
    place = open_workplace(
        emulator,
        BULKCONN_RATE="120",
        BULKCONN_SETTLE_GRACE="3",
        BULKCONN_MAX_RESENDS="20",
        BULKCONN_OUTPUT="json",
    )
    place.inventory(_ROWS)
    dice = Random(seed)
    kills = 0
    while kills < _KILLS:
        weather = dice.choice(list(_WEATHERS))
        emulator.plan_faults(chances=_WEATHERS[weather])
        running = place.start("run", "inventory.csv")
        moment = _wait_for_a_random_moment(dice, emulator, running)
        if running.is_over:
            # A service that hides too much parks the run: the same command goes on.
            assert running.wait().code == 4, running.wait()
        else:
            running.kill()
            kills += 1
        books = emulator.counts()
        # Shown when the test fails; the seed is in its name.
        print(f"kill {kills}, {weather}, {moment}: {books['posts']} POSTs, {books['connection_count']} exist")  # noqa: T201
        assert books["duplicates"] == []
        if kills % _CHECK_EVERY == 0:
            check_accounted(emulator, place.export())
    emulator.plan_faults(chances=_HIDING)
    _finish(emulator, place)


def _wait_for_a_random_moment(dice: Random, emulator: EmulatorProcess, running: Running) -> str:
    """Let the run start, work or settle for a random time, or make random progress."""
    posts, kind = emulator.counts()["posts"], dice.randrange(4)
    if kind == 0:
        seconds = dice.uniform(0.0, 0.6)
        time.sleep(seconds)
        return f"{seconds:.3f} s after its start"
    running.wait_for_log("run.started")
    if kind == 1:
        seconds = dice.uniform(0.0, 1.0)
        time.sleep(seconds)
        return f"{seconds:.3f} s after its first look"
    progress = dice.randrange(1, 40)
    emulator.wait_for(lambda books: books["posts"] >= posts + progress, running)
    # Requests leave in bursts of a tenth of a second: this meets them before, within and after one.
    time.sleep(dice.uniform(0.0, 0.05))
    return f"after {progress} POSTs"


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
    ended = place.run("run", "inventory.csv", BULKCONN_RATE="300")
    assert ended.code == 0, (ended.out, ended.err[-2000:])
    check_exactly_once(emulator, place.export(), rows)
    posts = emulator.counts()["posts"]
    again = place.run("run", "inventory.csv")
    assert (again.code, again.report["this_run"]["skipped"]) == (0, rows)
    assert emulator.counts()["posts"] == posts
