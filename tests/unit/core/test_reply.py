"""Listings that serve many doubts."""

from __future__ import annotations

import pytest

from bulkconn.core.names import ConnectionId, loose_name
from bulkconn.core.reply import ListedConnection, Listing

MARKER = "[bulkconn:ledger/0123]"


def listed(name: str, connection_id: str, description: str | None = None) -> ListedConnection:
    """Give an item of a listing."""
    return ListedConnection(ConnectionId(connection_id), name, "spec", description=description)


LISTING = Listing(
    (
        listed("Orders", "1"),
        listed("Shop", "2", "copied [bulkconn:other/1] then " + MARKER),
        listed(" orders", "3", MARKER),
        listed("Orders EU", "4", f"{MARKER}x"),
        listed("STRASSE", "5", "[bulkconn:"),
        listed("straße", "6"),
    )
)


@pytest.mark.parametrize(
    ("name", "marker", "ids"),
    [
        ("Orders", None, "13"),
        ("ORDERS", MARKER, "1324"),
        ("nowhere", MARKER, "234"),
        ("nowhere", "[bulkconn:other/1]", "2"),
        ("nowhere", "[bulkconn:ledger/01]", ""),
        ("nowhere", None, ""),
        ("Strasse", None, "56"),
    ],
)
def test_near_of_a_listing_is_what_is_alike_by_name_or_bears_the_marker(
    name: str, marker: str | None, ids: str
) -> None:
    """Each once, however often it is asked: what reading the whole listing would find."""
    for _ in range(2):
        assert "".join(item.connection_id for item in LISTING.near(loose_name(name), marker)) == ids


def test_near_of_an_empty_listing_is_nothing() -> None:
    """A complete listing without items says "not there"."""
    assert Listing(()).near("orders", MARKER) == ()


def test_listings_compare_by_what_they_list() -> None:
    """Having been asked before makes no difference."""
    other = Listing(LISTING.items)
    assert LISTING.near("orders")
    assert other == LISTING
