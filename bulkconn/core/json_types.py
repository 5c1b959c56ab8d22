"""Texts that mean a boolean or a number, where a schema asks for one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection

_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?(?:[eE][+-]?[0-9]+)?", re.ASCII)
#: Longest number that is read: no schema of a connection means a longer one.
_DIGITS: Final = 40
#: The types that a text can be read as, and a value of each.
_SAMPLES: Final = {"boolean": False, "integer": 0, "number": 0}


def read_as(text: str, types: Collection[str]) -> bool | int | float | None:
    """Give the boolean or number that a text says; None where it says none of these JSON types."""
    if "boolean" in types and text in {"true", "false"}:
        return text == "true"
    match = _NUMBER.fullmatch(text) if len(text) <= _DIGITS else None
    if match is None:
        return None
    if "integer" in types and match[1] is None and text.lstrip("-").isdecimal():
        return int(text)
    return float(text) if "number" in types else None


def read_loosely(text: str, types: Collection[str]) -> bool | int | float | None:
    """Do the same for what people and spreadsheets write: `TRUE`, blanks at the ends."""
    return read_as(text.strip().lower(), types)


def sample_of(types: Collection[str]) -> bool | int | None:
    """Give a value of one of these types, for one that is not known yet; None where texts are none."""
    return next((value for name, value in _SAMPLES.items() if name in types), None)
