"""Finds rows that share a key, or a name in one sandbox and connection spec, among any number of rows.

A million names would fill the memory, so they lie in a temporary SQLite database on disk, of which a
few megabytes are cached. Its index holds hashes, which keeps it small; what two rows of one hash really
say is compared, so the answer is exact.
"""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from bulkconn.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from bulkconn.core.endpoint import Endpoint

# What is lost with the process need not be journalled; eight megabytes keep a million rows fast enough.
_SETTINGS: Final = """
pragma journal_mode = off;
pragma synchronous = off;
pragma locking_mode = exclusive;
pragma cache_size = -8192;
create table place (id integer primary key, file text, row integer, key text, name text);
create table claim (hash integer primary key, id integer not null);
create table clash (text text primary key, id integer not null) without rowid;
begin;
"""


class Earlier(NamedTuple):
    """The row that said it first. `is_key` tells whether the key is the same, or else the name."""

    is_key: bool
    file: str
    row: int


class Duplicates:
    """Remembers every endpoint it is shown. `hashed` is an argument so that a test can make it collide."""

    def __init__(self, hashed: Callable[[str], int] = hash) -> None:
        self._hashed = hashed
        self._count = 0
        with _translated():
            # The empty name asks for a temporary file, unlinked by SQLite itself.
            self._database = sqlite3.connect("", isolation_level=None)
            self._database.executescript(_SETTINGS)

    def find(self, endpoints: Sequence[Endpoint]) -> dict[int, tuple[Earlier, ...]]:
        """Remember endpoints, and give for their indexes which earlier rows they repeat.

        Raises:
            UsageError: the temporary database cannot be written.
        """
        places, claims = [], []
        for place, endpoint in enumerate(endpoints, self._count):
            # Neither part holds a control character, so the line end divides them for certain.
            name = f"{endpoint.sandbox}\n{endpoint.connection_spec_id}\n{endpoint.loose_name}"
            places.append((place, endpoint.file, endpoint.row, endpoint.key, name))
            claims.append((self._hashed(endpoint.key), 2 * place))
            claims.append((self._hashed(name), 2 * place + 1))
        first, self._count = self._count, self._count + len(places)
        # In the order of the index, neighbours share its pages; of equal hashes the earlier row wins.
        claims.sort()
        with _translated():
            self._database.executemany("insert into place values (?, ?, ?, ?, ?)", places)
            inserted = self._database.executemany("insert or ignore into claim values (?, ?)", claims)
            if inserted.rowcount == len(claims):
                return {}
            return self._found(first, sorted(claims, key=lambda claim: claim[1]))

    def close(self) -> None:
        """Let the temporary database go."""
        self._database.close()

    def __enter__(self) -> Self:
        """Give itself."""
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Close."""
        self.close()

    def _found(self, first: int, claims: list[tuple[int, int]]) -> dict[int, tuple[Earlier, ...]]:
        found: dict[int, tuple[Earlier, ...]] = {}
        for hashed, claim in claims:
            holder = self._one("select id from claim where hash = ?", hashed)
            if holder == claim:
                continue
            text = self._text(claim)
            if self._text(holder) != text:
                # Two texts of one hash: the second is kept by its text.
                self._database.execute("insert or ignore into clash values (?, ?)", (text, claim))
                holder = self._one("select id from clash where text = ?", text)
                if holder == claim:
                    continue
            file, row = self._database.execute(
                "select file, row from place where id = ?", (holder // 2,)
            ).fetchone()
            index = claim // 2 - first
            found[index] = (*found.get(index, ()), Earlier(claim % 2 == 0, file, row))
        return found

    def _text(self, claim: int) -> str:
        key, name = self._database.execute(
            "select key, name from place where id = ?", (claim // 2,)
        ).fetchone()
        # A key cannot hold a line end and a name's claim always does: the two never are the same.
        return str(name if claim % 2 else key)

    def _one(self, query: str, value: str | int) -> int:
        return int(self._database.execute(query, (value,)).fetchone()[0])


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise UsageError(
            f"the temporary database for finding repeated rows failed: {error}",
            fix="free space for temporary files, or let TMPDIR name another folder, then try again",
        ) from error
