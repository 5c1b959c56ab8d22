"""Finds rows that share a key, or a name in one sandbox and connection spec, among any number of rows.

A million names would fill the memory, so they lie in a temporary SQLite database on disk, of which a
few megabytes are cached. Its index holds hashes, which keeps it small; what two rows of one hash really
say is compared, so the answer is exact.
"""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from bulkconn.core.custom import CUSTOM
from bulkconn.core.errors import UsageError
from bulkconn.core.names import default_key

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


#: Rows re-read at a time when keys begin to count.
_FETCHED: Final = 2_000


class Earlier(NamedTuple):
    """The row that said it first. `is_key` tells whether the key is the same, or else the name."""

    is_key: bool
    file: str
    row: int


class Duplicates:
    """Remembers every endpoint it is shown. `hashed` is an argument so that a test can make it collide.

    A key that is made of sandbox, source and name can only repeat another such key if the name is
    repeated too, but for custom sources, whose names differ by connection spec. So as long as all keys
    are of that kind, names alone are compared, at half the cost.
    """

    def __init__(self, hashed: Callable[[str], int] = hash) -> None:
        self._hashed = hashed
        self._count = 0
        self._compares_keys = False
        with _translated():
            # The empty name asks for a temporary file, unlinked by SQLite itself.
            self._database = sqlite3.connect("", isolation_level=None)
            self._database.executescript(_SETTINGS)

    def find(self, endpoints: Sequence[Endpoint]) -> dict[int, tuple[Earlier, ...]]:
        """Remember endpoints, and give for their indexes which earlier rows they repeat.

        Raises:
            UsageError: the temporary database cannot be written.
        """
        first, self._count = self._count, self._count + len(endpoints)
        with _translated():
            if not self._compares_keys and any(
                endpoint.source == CUSTOM
                or endpoint.key != default_key(endpoint.sandbox, endpoint.source, endpoint.name)
                for endpoint in endpoints
            ):
                self._compare_keys()
            places, claims = [], []
            for place, endpoint in enumerate(endpoints, first):
                # Neither part holds a control character, so the line end divides them for certain.
                name = f"{endpoint.sandbox}\n{endpoint.connection_spec_id}\n{endpoint.loose_name}"
                places.append((place, endpoint.file, endpoint.row, endpoint.key, name))
                claims.append((self._hashed(name), 2 * place))
                if self._compares_keys:
                    claims.append((self._hashed(endpoint.key), 2 * place + 1))
            self._database.executemany("insert into place values (?, ?, ?, ?, ?)", places)
            # In the order of the index, neighbours share its pages; of equal hashes the earlier row wins.
            claims.sort()
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

    def _compare_keys(self) -> None:
        """Enter the keys of all earlier rows, which need not be compared among themselves."""
        self._compares_keys = True
        earlier = self._database.execute("select id, key from place order by id")
        while rows := earlier.fetchmany(_FETCHED):
            claims = sorted((self._hashed(key), 2 * place + 1) for place, key in rows)
            inserted = self._database.executemany("insert or ignore into claim values (?, ?)", claims)
            if inserted.rowcount < len(claims):
                self._found(0, claims)

    def _found(self, first: int, claims: list[tuple[int, int]]) -> dict[int, tuple[Earlier, ...]]:
        """Look at claims whose hash may have been taken already, in the order of their rows."""
        found: dict[int, tuple[Earlier, ...]] = {}
        for hashed, claim in claims:
            holder = self._one("select id from claim where hash = ?", hashed)
            if holder == claim:
                continue
            text = self._text(claim)
            if self._text(holder) != text:
                # Two texts of one hash: the later one is kept by its text.
                self._database.execute("insert or ignore into clash values (?, ?)", (text, claim))
                holder = self._one("select id from clash where text = ?", text)
                if holder == claim:
                    continue
            file, row = self._database.execute(
                "select file, row from place where id = ?", (holder // 2,)
            ).fetchone()
            index = claim // 2 - first
            is_key = claim % 2 == 1
            found[index] = (*found.get(index, ()), Earlier(is_key, file, row))
        return found

    def _text(self, claim: int) -> str:
        key, name = self._database.execute(
            "select key, name from place where id = ?", (claim // 2,)
        ).fetchone()
        # A key cannot hold a line end and a name's claim always does: the two never are the same.
        return str(key if claim % 2 else name)

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
