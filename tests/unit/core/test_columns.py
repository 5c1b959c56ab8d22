"""The spellings of a column's name."""

from __future__ import annotations

import pytest

from bulkconn.core.columns import BOOKKEEPING, Headings, identity, snake_case, spellings, twice_given


@pytest.mark.parametrize(
    ("name", "snake"),
    [
        ("sslMode", "ssl_mode"),
        ("connectionString", "connection_string"),
        ("accountURL", "account_url"),
        ("SASToken", "sas_token"),
        ("encryption_method", "encryption_method"),
        ("port", "port"),
    ],
)
def test_snake_case_of_an_api_name_divides_its_words(name: str, snake: str) -> None:
    """Words begin at a capital; a row of capitals is one word."""
    assert snake_case(name) == snake


def test_spellings_of_a_name_are_its_own_and_its_snake_case() -> None:
    """Both are accepted, with or without the underscores that one of them has."""
    assert spellings("sslMode") == {"sslmode", "ssl_mode"}
    assert spellings("encryption_method") == {"encryption_method", "encryptionmethod"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("sslMode", "SSL_MODE"),
        ("Cloud", "platform_cloud"),
        ("platformCloud", " cloud "),
        ("params.port", "Port"),
        ("X_Team", "x_team"),
    ],
)
def test_twice_given_of_two_spellings_gives_the_pair(one: str, other: str) -> None:
    """Two headers that mean the same column are found, however they are spelt."""
    assert identity(one) == identity(other)
    assert twice_given(["name", one, other]) == [(one, other)]


def test_twice_given_of_different_headers_gives_nothing() -> None:
    """`x_` columns differ by their underscores, and empty headers name nothing."""
    assert twice_given(["x_ab", "x_a_b", "", " ", "name", "server"]) == []


def test_headings_of_a_header_row_are_sorted_by_what_they_are() -> None:
    """Common columns are found in any case, bookkeeping is dropped, the rest waits for its source."""
    headers = ("NAME", "cloud", "x_Team", "SSL_Mode", "params.Name", "state", "connection_id", "", "x_\ud800")
    headings = Headings.of(headers)
    assert headings.common == {"name": "NAME", "platform_cloud": "cloud"}
    assert headings.carried == ("x_Team",)
    assert headings.others == (
        ("SSL_Mode", "ssl_mode"),
        ("params.Name", "name"),
        ("", ""),
        ("x_\ud800", "x_\ud800"),
    )
    assert headings.twice == ()


def test_bookkeeping_of_an_export_is_what_no_row_needs() -> None:
    """Of the columns that `export` begins with, the common ones are read again, the others ignored."""
    assert {
        "state",
        "connection_id",
        "etag",
        "attempts",
        "error_code",
        "error_message",
        "request_id",
        "inventory_file",
        "inventory_row",
        "updated_at",
    } == BOOKKEEPING


def test_headings_without_a_header_are_one() -> None:
    """A row that spills over into several of them is refused once, not once for each."""
    assert Headings.of(("name", "", "", "")).others == (("", ""),)
