"""The little that a ledger needs of a database driver: `sqlite3` has it as it is, psycopg by an adapter.

Statements are written once, with `?` for values, in the SQL that SQLite and PostgreSQL share.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Cursor(Protocol):
    """The result of a statement."""

    @property
    def rowcount(self) -> int:
        """Count the rows that a statement changed."""
        ...

    def fetchone(self) -> Any:  # noqa: ANN401 - a row's values are of many types
        """Give the next row, or None."""
        ...

    def fetchall(self) -> list[Any]:
        """Give all rows that are left."""
        ...

    def __iter__(self) -> Iterator[Any]:
        """Give one row after another."""
        ...


class Database(Protocol):
    """An open connection."""

    def execute(self, sql: str, values: Sequence[Any] = ..., /) -> Cursor:
        """Run one statement, `?` standing for the values in their order."""
        ...

    def executemany(self, sql: str, values: Sequence[Sequence[Any]], /) -> Cursor:
        """Run one statement for each of these values; `rowcount` is of all of them together."""
        ...
