"""How names are compared, and the key of a row that names none."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulkconn.core.names import default_key, loose_name


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("Sales DB", "sales db", id="case"),
        pytest.param("  sales\t", "sales", id="blanks at the ends"),
        pytest.param("Straße", "STRASSE", id="full case folding"),
        pytest.param("caf\u00e9", "cafe\u0301", id="composed and decomposed"),
        pytest.param("\u00c5NGSTR\u00d6M", "\u212bngstro\u0308m", id="a letter with a twin sign"),
        pytest.param("\u0345\u03b1", "\u0399\u03b1", id="folding that needs composing again"),
        pytest.param("\u00a0sales\u00a0", "sales", id="blanks that are not ASCII"),
        pytest.param("\u01f0", "J\u030c", id="folding that takes a letter apart"),
    ],
)
def test_loose_name_of_names_too_alike_is_the_same(one: str, other: str) -> None:
    """Case, blanks at the ends and Unicode form do not tell names apart."""
    assert loose_name(one) == loose_name(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("sales db", "salesdb", id="a blank inside"),
        pytest.param("sales-1", "sales-2", id="a digit"),
        pytest.param("cafe", "caf\u00e9", id="an accent"),
    ],
)
def test_loose_name_of_names_that_differ_differs(one: str, other: str) -> None:
    """Likeness ends where the letters differ."""
    assert loose_name(one) != loose_name(other)


@given(st.text())
def test_loose_name_of_a_loose_name_is_itself(name: str) -> None:
    """Comparing what was compared already changes nothing."""
    assert loose_name(loose_name(name)) == loose_name(name)


@given(st.text(st.characters(max_codepoint=127)))
def test_loose_name_of_plain_letters_takes_the_short_way_to_the_same(name: str) -> None:
    """The fast path for ASCII is no other rule."""
    assert loose_name(name) == unicodedata.normalize("NFC", name.casefold()).strip()


@given(st.text())
def test_loose_name_ignores_composition(name: str) -> None:
    """Composed and decomposed forms of any text are too alike."""
    assert loose_name(unicodedata.normalize("NFD", name)) == loose_name(unicodedata.normalize("NFC", name))


def test_default_key_joins_sandbox_source_and_name() -> None:
    """The identity across runs of a row without a key of its own."""
    assert default_key("prod", "postgresql", "Sales DB") == "prod/postgresql/Sales DB"
