"""The limit per second, the latency, and the count of the busiest second."""

from __future__ import annotations

import asyncio
import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import pytest

from bulkconn.emulator.limits import BusiestSecond, SlidingLimit
from bulkconn.emulator.settings import RetryAfterForm
from bulkconn.emulator.weather import retry_after_header

if TYPE_CHECKING:
    from tests.integration.emulator.conftest import Start


def test_limit_admits_its_number_in_every_window() -> None:
    """The window slides: a place is free one second after it was taken, and refusals take none."""
    limit = SlidingLimit(2)
    assert [limit.admit(now) for now in (10.0, 10.4)] == [None, None]
    assert limit.admit(10.5) == pytest.approx(0.5)
    assert limit.admit(10.9) == pytest.approx(0.1)
    assert limit.admit(11.0) is None
    assert limit.admit(11.1) == pytest.approx(0.3)


def test_busiest_second_is_the_worst_window_ever() -> None:
    """The count remembers the worst window, wherever it began."""
    busiest = BusiestSecond()
    for now in (1.0, 1.9, 1.95, 2.1, 5.0):
        busiest.count(now)
    assert busiest.most == 3


async def test_rate_limit_refuses_the_rest_with_retry_after(start: Start) -> None:
    """Requests beyond the limit get the gateway's 429, lookups count too, and the books know the peak."""
    client = await start(rate_limit_per_s=5)
    answers = await asyncio.gather(
        *(client.create(f"n{number}") for number in range(6)), *(client.listing() for _ in range(2))
    )
    refused = [answer for answer in answers if answer.status == 429]
    assert len(refused) == 3
    for answer in refused:
        assert answer.json == {"error_code": "429050", "message": "Too many requests"}
        assert answer.headers["Retry-After"] == "1"
    assert client.books.max_per_second == 8
    assert client.books.answers()[429] == 3
    assert sum(client.books.answers().values()) == 8
    await asyncio.sleep(1.05)
    assert (await client.create("later")).status == 201


async def test_rate_limit_leaves_token_and_admin_alone(start: Start) -> None:
    """Only API requests are limited."""
    client = await start(rate_limit_per_s=1)
    await client.listing()
    url = f"{client.emulator.ims_url}/ims/token/v3"
    form = {"grant_type": "client_credentials", "client_id": "a", "client_secret": "b", "scope": "c"}
    for _ in range(3):
        assert (await client.raw("POST", url, data=form)).status == 200
        assert (await client.admin("GET", "/books")).status == 200
    assert (await client.listing()).status == 429


@pytest.mark.parametrize("seconds", [0.01, 1.0, 2.5, 30.0])
def test_retry_after_as_date_is_never_too_early(seconds: float) -> None:
    """A date has whole seconds only, so it is rounded up."""
    before = time.time()
    header = retry_after_header(RetryAfterForm.DATE, seconds)["Retry-After"]
    moment = parsedate_to_datetime(header).timestamp()
    assert header.endswith("GMT")
    assert before + seconds <= moment <= time.time() + seconds + 1


@pytest.mark.parametrize(
    ("form", "seconds", "expected"),
    [
        pytest.param(RetryAfterForm.SECONDS, 0.01, {"Retry-After": "1"}, id="at-least-1"),
        pytest.param(RetryAfterForm.SECONDS, 2.1, {"Retry-After": "3"}, id="rounded-up"),
        pytest.param(RetryAfterForm.NONE, 5.0, {}, id="none"),
    ],
)
def test_retry_after_in_seconds_is_rounded_up(
    form: RetryAfterForm, seconds: float, expected: dict[str, str]
) -> None:
    """Whole seconds, at least one; or no header at all."""
    assert retry_after_header(form, seconds) == expected


async def test_latency_is_half_before_and_half_after_the_effect(start: Start) -> None:
    """A connection begins to exist in the middle of its request."""
    client = await start(latency_s=0.6)
    began = time.monotonic()
    pending = asyncio.create_task(client.create("shop"))
    await asyncio.sleep(0.1)
    assert client.books.connection_count == 0
    await asyncio.sleep(0.35)
    assert client.books.connection_count == 1
    assert not pending.done()
    assert (await pending).status == 201
    assert time.monotonic() - began >= 0.6


async def test_jitter_adds_up_to_its_bound(start: Start) -> None:
    """The jitter is drawn anew for each request."""
    client = await start(jitter_s=0.1)
    drawn = [client.emulator._service.draw_latency_s() for _ in range(100)]
    assert 0 <= min(drawn) < 0.02
    assert 0.08 < max(drawn) <= 0.1
    assert (await client.listing()).status == 200
