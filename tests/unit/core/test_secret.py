"""Which secret cells are references."""

from __future__ import annotations

import pytest

from bulkconn.core.secret import REFERENCE_SCHEMES, SecretRef, parse_reference


@pytest.mark.parametrize("scheme", REFERENCE_SCHEMES)
def test_parse_reference_of_a_known_scheme_gives_it(scheme: str) -> None:
    """Every scheme of the list makes a reference, in any case, blanks around it left out."""
    found = parse_reference(f" {scheme.upper()}://a/b#c ")
    assert found == SecretRef(f"{scheme.upper()}://a/b#c")
    assert found.scheme == scheme
    assert found.path == "a/b#c"


@pytest.mark.parametrize("text", ["abc://x", "env:/X", "env:X", "://", "", "p@ss"])
def test_parse_reference_of_other_text_gives_none(text: str) -> None:
    """A password that merely looks like an address stays a password."""
    assert parse_reference(text) is None
