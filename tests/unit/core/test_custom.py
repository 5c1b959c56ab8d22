"""The columns by which a row describes its own source, and how custom rows are told apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulkconn.core.columns import OWN_COLUMNS, Headings
from bulkconn.core.custom import (
    CUSTOM,
    SHOWN,
    cell_name,
    is_custom,
    join_names,
    place_label,
    split_names,
)


def test_shown_source_lists_exactly_the_columns_that_headings_know() -> None:
    """What `bulkconn sources custom` prints is what a row is read by."""
    for auth in SHOWN.auths:
        assert tuple(one.name for one in auth.parameters) == OWN_COLUMNS


def test_custom_is_known_by_its_name_in_any_case() -> None:
    """A missing cell means no source at all."""
    assert [is_custom(text) for text in (" Custom ", CUSTOM, "customs", "", None)] == [
        *(True, True),
        *(False, False, False),
    ]


def test_place_label_tells_custom_sources_apart_by_connection_spec() -> None:
    """A service that refuses one of them does not refuse the others."""
    assert place_label(CUSTOM, "1") == "custom 1"
    assert place_label("postgres", "1") == "postgres"


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("host", "host"),
        *((one, f"params.{one}") for one in ("key", "Auth", "state", "x_a", "params.a", "secretColumns")),
    ],
)
def test_cell_name_is_read_as_a_parameter_again(name: str, cell: str) -> None:
    """A name that means another column by itself is nested."""
    assert cell_name(name) == cell
    headings = Headings.of((cell,))
    assert len(headings.others) == 1
    assert not headings.own
    assert not headings.carried


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", []),
        ("a", ["a"]),
        (" a  b\tc ", ["a", "b", "c"]),
        ("a, b,,c", ["a", "b", "c"]),
        ("a b,", ["a b"]),
    ],
)
def test_split_names_takes_commas_or_blanks(text: str, names: list[str]) -> None:
    """With a comma, blanks belong to names."""
    assert split_names(text) == names


@given(st.lists(st.text("ab c", min_size=1).map(str.strip).filter(bool)))
def test_join_names_of_any_names_is_split_into_them(names: list[str]) -> None:
    """What an export writes is read as it was meant."""
    assert split_names(join_names(names)) == names
