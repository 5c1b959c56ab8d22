"""Says which rows share a key or a name, exactly, once it is known that some may.

A million names would fill the memory, so they lie in a temporary SQLite database on disk, of which a
few megabytes are cached. Its index holds hashes, which keeps it small; what two rows of one hash really
say is compared, so the answer is exact.
"""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NamedTuple

from bulkconn.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

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


class Claim(NamedTuple):
    """What a row claims for itself: its key, and its name in its sandbox and spec (which has line ends)."""

    file: str
    row: int
    key: str
    name: str


class Claims:
    """Remembers every claim that it is shown. `hashed` is an argument so that a test can make it collide.

    Names alone are compared until `compare_keys` is called.
    """

    def __init__(self, hashed: Callable[[str], int]) -> None:
        self._hashed = hashed
        self._count = 0
        self._compares_keys = False
        with translated():
            # The empty name asks for a temporary file, unlinked by SQLite itself.
            self._database = sqlite3.connect("", isolation_level=None)
            self._database.executescript(_SETTINGS)

    def find(self, rows: Sequence[Claim]) -> dict[int, tuple[Earlier, ...]]:
        """Remember rows, and give for their indexes which earlier rows they repeat.

        Raises:
            UsageError: the temporary database cannot be written.
        """
        first, self._count = self._count, self._count + len(rows)
        with translated():
            places, claims = [], []
            for place, row in enumerate(rows, first):
                places.append((place, *row))
                claims.append((self._hashed(row.name), 2 * place))
                if self._compares_keys:
                    claims.append((self._hashed(row.key), 2 * place + 1))
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

    def compare_keys(self) -> None:
        """Compare keys from now on. Those of earlier rows need not be compared among themselves.

        Raises:
            UsageError: the temporary database cannot be written.
        """
        self._compares_keys = True
        with translated():
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
def translated() -> Iterator[None]:
    """Turn what temporary files may raise into a `UsageError`."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise UsageError(
            f"the temporary database for finding repeated rows failed: {error}",
            fix="free space for temporary files, or let TMPDIR name another folder, then try again",
        ) from error
