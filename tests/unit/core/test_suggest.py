"""Guesses for mistyped words."""

from __future__ import annotations

import pytest

from bulkconn.core.suggest import nearest

_MODES = ("Disable", "Verify-Ca", "Verify Ca", "Verify-Full")


@pytest.mark.parametrize(
    ("word", "guess"),
    [
        pytest.param("disable", "Disable", id="case"),
        pytest.param("VERIFY_FULL", "Verify-Full", id="case and dash"),
        pytest.param("verifyca", "Verify-Ca", id="the first of two alike"),
        pytest.param("Disabel", "Disable", id="letters in the wrong order"),
        pytest.param("banana", None, id="nothing alike"),
        pytest.param("disable" * 100, None, id="too long to be a typing error"),
    ],
)
def test_nearest_of_a_word_gives_what_it_may_mean(word: str, guess: str | None) -> None:
    """Case, blanks, dashes and slips of the hand do not hide what was meant."""
    assert nearest(word, _MODES) == guess
