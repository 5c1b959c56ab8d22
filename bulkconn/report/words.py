"""Small words of reports: durations, plurals, tables of two columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_MINUTE_S: Final = 60
_HOUR_S: Final = 3600
_DAY_S: Final = 24 * _HOUR_S
#: From here on hours say little.
_DAYS_FROM_S: Final = 3 * _DAY_S
_BRIEF_S: Final = 10


def duration(seconds: float) -> str:
    """Give a duration as people say it: `0.8 s`, `42 s`, `3 min 20 s`, `2 h 05 min`, `4 days 2 h`."""
    if seconds < _BRIEF_S:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _MINUTE_S:
        return f"{whole} s"
    if whole < _HOUR_S:
        return f"{whole // _MINUTE_S} min {whole % _MINUTE_S:02} s"
    if whole < _DAYS_FROM_S:
        return f"{whole // _HOUR_S} h {whole % _HOUR_S // _MINUTE_S:02} min"
    return f"{whole // _DAY_S} days {whole % _DAY_S // _HOUR_S} h"


def plural(count: int, one: str, many: str | None = None) -> str:
    """Give a number with its noun: `1 row`, `2,000 rows`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def columns(pairs: Iterable[tuple[str, str]], *, indent: str = "  ") -> list[str]:
    """Give lines of two columns, the second one right-aligned."""
    rows = list(pairs)
    left = max((len(name) for name, _ in rows), default=0)
    right = max((len(value) for _, value in rows), default=0)
    return [f"{indent}{name:<{left}}  {value:>{right}}" for name, value in rows]


def table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Give a table under its headers, columns as wide as they must be."""
    widths = [max(map(len, column)) for column in zip(headers, *rows, strict=True)]
    lines = [headers, ["-" * width for width in widths], *rows]
    return "\n".join(
        "  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )
