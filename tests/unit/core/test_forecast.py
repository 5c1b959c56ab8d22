"""What the real run will take."""

from __future__ import annotations

import pytest

from bulkconn.core.forecast import forecast
from bulkconn.core.settings import PaceSettings


def test_forecast_of_a_calm_day_counts_posts_and_two_lookups_a_sandbox() -> None:
    """A first run counts and lists each sandbox once, and sends each row once."""
    found = forecast({"dev": 900, "prod": 100}, PaceSettings(10, 20), requests_per_row=1.0, wait_s=0)
    assert (found.posts, found.lookups, found.requests) == (1000, 4, 1004)
    assert found.eta_s == pytest.approx(1004 * 1.01 / 10)
    assert found.answer_s == 2.0
    # Counted once a sandbox, then at most a query a row.
    assert found.lookups_at_most == 1002
    assert found.rough_requests == 1004
    assert found.rough_eta_s == pytest.approx(found.eta_s)


def test_forecast_of_a_rough_day_takes_what_the_rehearsal_took_and_a_grace() -> None:
    """Requests a row are those that were counted; rows in doubt wait out the real grace."""
    found = forecast({"dev": 200}, PaceSettings(20, 20), requests_per_row=1.755, wait_s=120)
    assert found.rough_requests == 351
    assert found.rough_eta_s == pytest.approx(351 * 1.01 / 20 + 120)
    assert found.requests == 202


def test_forecast_of_a_single_row_in_an_empty_sandbox_expects_its_listing() -> None:
    """The listing's one page is never more than the most."""
    found = forecast({"dev": 1}, PaceSettings(), requests_per_row=1, wait_s=0)
    assert found.lookups == found.lookups_at_most == 2


def test_forecast_as_json_has_the_documented_keys_in_order() -> None:
    """Scripts rest on these keys."""
    found = forecast({"dev": 10}, PaceSettings(3, 20), requests_per_row=2, wait_s=1).as_json()
    assert list(found.items()) == [
        ("rate_per_s", 3),
        ("posts", 10),
        ("lookups", 2),
        ("lookups_at_most", 11),
        ("requests", 12),
        ("eta_s", 4.0),
        ("answer_s", 6.667),
        ("rough_requests", 20),
        ("rough_eta_s", 7.7),
    ]
