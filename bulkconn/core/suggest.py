"""Guesses what a mistyped word was meant to be."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Words longer than this are no typing errors of ours, and comparing them takes long.
_LONGEST = 64


def nearest(word: str, candidates: Iterable[str]) -> str | None:
    """Give the candidate that is most like a word, or None when none is like it.

    Case, blanks, `-` and `_` do not count: `verify ca` means `Verify-Ca`.
    """
    if len(word) > _LONGEST:
        return None
    plain: dict[str, str] = {}
    for candidate in candidates:
        plain.setdefault(_plain(candidate), candidate)
    wanted = _plain(word)
    if wanted in plain:
        return plain[wanted]
    close = get_close_matches(wanted, plain, n=1, cutoff=0.6)
    return plain[close[0]] if close else None


def _plain(word: str) -> str:
    return "".join(char for char in word.lower() if char.isalnum())
