"""How single values are kept: nothing is lost on the way into the file and back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulkconn.ledger.codec import (
    decode_cells,
    decode_ids,
    decode_time,
    encode_ids,
    encode_json,
    encode_time,
    storable,
)


@given(st.datetimes(timezones=st.just(UTC)))
def test_time_comes_back_to_the_microsecond(at: datetime) -> None:
    """A float of seconds would not do."""
    assert decode_time(encode_time(at)) == at


def test_time_of_another_zone_is_kept_in_utc() -> None:
    """The ledger knows one zone."""
    at = datetime(2026, 3, 1, 12, 0, tzinfo=timezone(timedelta(hours=2)))
    assert decode_time(encode_time(at)).isoformat() == "2026-03-01T10:00:00+00:00"


def test_time_without_a_zone_is_refused() -> None:
    """A naive time is a defect of ours."""
    with pytest.raises(TypeError):
        encode_time(datetime(2026, 3, 1))  # noqa: DTZ001 - that is what is refused


@given(st.dictionaries(st.text(st.characters(codec=None)), st.text(st.characters(codec=None))))
def test_cells_come_back_in_order_whatever_they_hold(cells: dict[str, str]) -> None:
    """Any text survives, also half a surrogate pair, and SQLite can keep the JSON."""
    text = encode_json(cells)
    text.encode()
    assert list(decode_cells(text).items()) == list(cells.items())


def test_ids_tell_none_from_empty() -> None:
    """None leaves a column as it is, an empty tuple clears it."""
    assert (encode_ids(None), encode_ids(())) == (None, "[]")
    assert (decode_ids(None), decode_ids("[]"), decode_ids('["a","b"]')) == ((), (), ("a", "b"))


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        pytest.param(None, None, id="none"),
        pytest.param("plain", "plain", id="ascii"),
        pytest.param("caf\u00e9 \U0001f600", "caf\u00e9 \U0001f600", id="unicode"),
        pytest.param("a\udc80b", "a\\udc80b", id="a lone surrogate"),
        pytest.param("a\0b", "a\\x00b", id="a NUL"),
    ],
)
def test_text_is_kept_as_it_is_unless_it_is_no_unicode(text: str | None, kept: str | None) -> None:
    """Only what no UTF-8 can hold is escaped."""
    assert storable(text) == kept
