"""SIGSTOP for a minute in the middle of a run: token, timeouts and graces run out, and SIGCONT goes on."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import pytest

from tests.acceptance.process import check_accounted, check_exactly_once

if TYPE_CHECKING:
    from tests.acceptance.conftest import OpenWorkplace, StartEmulator

_ROWS = 400
_STOPPED_S = 60.0
#: All three run out while the process is stopped.
_TOKEN_S, _TIMEOUT_S, _GRACE_S = 40, 20, 10
_RATE = 60
#: Rows that are answered during the stop, that were created without an answer, and that were not created.
_FAULTS = ["slow:10"] * 5 + ["reset_after_create"] * 5 + ["reset_before"] * 5
_FIRST_FAULT = 120


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_run_stopped_for_a_minute_ends_exactly_once(
    start_emulator: StartEmulator, open_workplace: OpenWorkplace
) -> None:
    """Whatever ran out meanwhile, no row is sent twice, no burst follows, nobody else got at the ledger."""
    emulator = start_emulator("--latency", "0.3", "--token-lifetime", str(_TOKEN_S))
    place = open_workplace(
        emulator,
        BULKCONN_RATE=str(_RATE),
        BULKCONN_TIMEOUT=str(_TIMEOUT_S),
        BULKCONN_SETTLE_GRACE=str(_GRACE_S),
        BULKCONN_OUTPUT="json",
    )
    place.inventory(_ROWS)
    emulator.plan_faults(by_name={f"db-{row:04d}": [one] for row, one in enumerate(_FAULTS, _FIRST_FAULT)})
    running = place.start("run", "inventory.csv")
    emulator.wait_for(lambda books: books["posts"] >= _FIRST_FAULT + len(_FAULTS) + 40, running)
    running.interrupt(signal.SIGSTOP)
    stopped_at = time.monotonic()
    time.sleep(1.0)
    # Now the service has carried out what it had taken, and nothing moves any more.
    posts = emulator.counts()["posts"]
    check_accounted(emulator, place.export())
    second = place.run("run", "inventory.csv", BULKCONN_OUTPUT="text")
    assert second.code == 5, second.out
    assert f"in use by process {running.process.pid}" in second.err
    time.sleep(max(0.0, stopped_at + _STOPPED_S - time.monotonic()))
    assert emulator.counts()["posts"] == posts
    running.interrupt(signal.SIGCONT)
    ended = running.wait()
    assert ended.code == 0, (ended.out, ended.err[-2000:])
    assert "Traceback" not in ended.err
    check_exactly_once(emulator, place.export(), _ROWS)
    assert ended.report["this_run"]["settled"] >= _FAULTS.count("reset_after_create")
    assert ended.report["duration_s"] >= _STOPPED_S
    books = emulator.counts()
    assert books["token_requests"] >= 2
    # The service sees requests a little closer together than they left.
    assert books["max_per_second"] <= 1.25 * _RATE
