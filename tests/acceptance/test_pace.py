"""A service that takes 20 requests a second: how many are refused at a right and at a wrong `--rate`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.acceptance.process import check_exactly_once

if TYPE_CHECKING:
    from tests.acceptance.conftest import OpenWorkplace, StartEmulator

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.mark.parametrize(
    ("rows", "rate", "share"), [(500, 20, 0.02), (400, 200, 0.25)], ids=["rate-20", "rate-200"]
)
def test_run_at_a_server_limit_of_20_per_second_is_rarely_refused(
    rows: int, rate: int, share: float, start_emulator: StartEmulator, open_workplace: OpenWorkplace
) -> None:
    """No row fails, and few requests are answered 429; how long it takes is printed, not asserted."""
    emulator = start_emulator("--rate-limit", "20", "--latency", "0.02")
    place = open_workplace(emulator, BULKCONN_RATE=str(rate), BULKCONN_OUTPUT="json")
    place.inventory(rows)
    ended = place.start("run", "inventory.csv").wait(200)
    assert ended.code == 0, ended.err[-2000:]
    books = emulator.counts()
    refused = books["answers"].get("429", 0)
    print(  # noqa: T201 - a figure for whoever asks with -s or -rP
        f"{rows} rows at --rate {rate}: {ended.report['duration_s']:.1f} s, "
        f"{refused} of {books['api_requests']} requests answered 429"
    )
    assert refused < share * books["api_requests"]
    assert ended.report["counts"]["failed"] == 0
    check_exactly_once(emulator, place.export(), rows)
