"""The names of inventory columns: which spellings mean the same, and what every row may have.

A parameter answers to the API's own name (`sslMode`) and its snake_case (`ssl_mode`), in any case.
JSON rows may nest parameters under `params`; a nested name can only be a parameter.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from bulkconn.core.text import has_control

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: Columns that every source has.
COMMON: Final = ("name", "source", "platform_cloud", "auth", "sandbox", "description", "key")

_COMMON_BY_SPELLING: Final[Mapping[str, str]] = MappingProxyType(
    {
        **{name: name for name in COMMON},
        "platformcloud": "platform_cloud",
        "cloud": "platform_cloud",
    }
)

#: Columns by which a row of `source=custom` describes its source.
OWN_COLUMNS: Final = ("connection_spec_id", "auth_spec_name", "connection_spec_version", "secret_columns")
_OWN_BY_SPELLING: Final[Mapping[str, str]] = MappingProxyType(
    {spelling: name for name in OWN_COLUMNS for spelling in (name, name.replace("_", ""))}
)

#: What `export` begins its rows with; the ones that are no common columns are read and ignored.
EXPORT_COLUMNS: Final = (
    "key",
    "name",
    "source",
    "platform_cloud",
    "sandbox",
    "auth",
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
)
BOOKKEEPING: Final = frozenset(EXPORT_COLUMNS) - frozenset(COMMON)

#: What a reader puts before the names that a JSON row nests under `params`.
NESTED: Final = "params."
#: Columns of this prefix are carried to ledger and exports, and never sent.
CARRIED: Final = "x_"

_WORD_START: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def snake_case(name: str) -> str:
    """Give `ssl_mode` for `sslMode`."""
    return _WORD_START.sub("_", name).lower()


def spellings(name: str) -> frozenset[str]:
    """Give the lower-case spellings that a parameter's column answers to."""
    snake = snake_case(name)
    return frozenset({name.lower(), snake, snake.replace("_", "")})


def identity(header: str) -> str:
    """Give the form in which two headers that mean the same column are equal."""
    lower = header.strip().lower()
    if lower.startswith(CARRIED):
        return lower
    plain = lower.removeprefix(NESTED)
    if plain != lower and plain in _COMMON_BY_SPELLING:
        # A nested name can only be a parameter, so it never means a common column.
        return lower
    return _COMMON_BY_SPELLING.get(plain, plain).replace("_", "")


def twice_given(headers: Iterable[str]) -> list[tuple[str, str]]:
    """Give the pairs of headers that mean the same column, the earlier one first.

    Empty headers name nothing and are no pairs.
    """
    first: dict[str, str] = {}
    pairs = []
    for header in headers:
        if not header.strip():
            continue
        same = identity(header)
        if same in first:
            pairs.append((first[same], header))
        else:
            first[same] = header
    return pairs


@dataclass(frozen=True, slots=True)
class Headings:
    """The headers of a row, sorted by what they are.

    `common` maps a common column to its header. `carried` are the `x_` headers. `others` are what only
    the row's auth spec can know: (header, lower-case name). Of them `own` are those by which a custom
    source is described: headers by column. `twice` are pairs that mean the same.
    """

    common: Mapping[str, str]
    carried: tuple[str, ...]
    others: tuple[tuple[str, str], ...]
    twice: tuple[tuple[str, str], ...]
    own: Mapping[str, str]

    @classmethod
    def of(cls, headers: tuple[str, ...]) -> Headings:
        """Sort the headers of a file, or of one JSON row."""
        common: dict[str, str] = {}
        carried: list[str] = []
        own: dict[str, str] = {}
        others: list[tuple[str, str]] = []
        for header in headers:
            lower = header.strip().lower()
            if lower.startswith(NESTED):
                others.append((header, lower.removeprefix(NESTED)))
            elif lower in _COMMON_BY_SPELLING:
                common.setdefault(_COMMON_BY_SPELLING[lower], header)
            elif lower.startswith(CARRIED) and not has_control(header.strip()):
                carried.append(header)
            elif lower not in BOOKKEEPING:
                others.append((header, lower))
                if lower in _OWN_BY_SPELLING:
                    own.setdefault(_OWN_BY_SPELLING[lower], header)
        # Several columns may have no header; one refusal is enough for all.
        distinct = tuple(dict.fromkeys(others))
        return cls(
            MappingProxyType(common),
            tuple(carried),
            distinct,
            tuple(twice_given(headers)),
            MappingProxyType(own),
        )
