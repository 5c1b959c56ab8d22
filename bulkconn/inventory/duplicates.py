"""Finds rows that share a key, or a name in one sandbox and connection spec, among any number of rows.

Hardly ever does one. So of each name five bytes of its hash are kept in memory, which tell for certain that
it is new; what the rows say goes to a temporary file, in case it is ever needed. Where a name may have been
there before, `Claims` is shown all of them, and says from then on what is really the same.
"""

from __future__ import annotations

from itertools import islice
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Final, Self

from bulkconn.core.custom import CUSTOM
from bulkconn.core.names import default_key
from bulkconn.inventory.claims import Claim, Claims, Earlier, translated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from bulkconn.core.endpoint import Endpoint

__all__ = ["Duplicates", "Earlier"]

#: A hash's lowest bits choose one of so many buckets, its next five bytes are kept there. Among ten million
#: names two that differ are taken for the same in one file of two hundred, and that costs seconds only.
_BUCKETS: Final = 2**15
_MARK_BYTES: Final = 5
_MARK: Final = 2 ** (8 * _MARK_BYTES) - 1
#: Lines of the temporary file for each row: file, row, key, and the three of its name.
_LINES: Final = 6
#: Rows of it that are shown to `Claims` at a time.
_SHOWN: Final = 2_000


class Duplicates:
    """Remembers every endpoint it is shown. `hashed` is an argument so that a test can make it collide.

    A key that is made of sandbox, source and name can only repeat another such key if the name is
    repeated too, but for custom sources, whose names differ by connection spec. So as long as all keys
    are of that kind, names alone are compared, at half the cost.
    """

    def __init__(self, hashed: Callable[[str], int] = hash) -> None:
        self._hashed = hashed
        self._compares_keys = False
        self._buckets: list[bytearray | None] = [None] * _BUCKETS
        self._files: dict[str, int] = {}
        self._claims: Claims | None = None
        with translated():
            self._said = TemporaryFile("w+", encoding="utf-8", newline="\n")  # noqa: SIM115 - open until `close`

    def find(self, endpoints: Sequence[Endpoint]) -> dict[int, tuple[Earlier, ...]]:
        """Remember endpoints, and give for their indexes which earlier rows they repeat.

        Raises:
            UsageError: a temporary file cannot be written.
        """
        names = [
            # Neither part holds a control character, so the line end divides them for certain.
            f"{one.sandbox}\n{one.connection_spec_id}\n{one.loose_name}"
            for one in endpoints
        ]
        if not self._compares_keys and any(
            one.source == CUSTOM or one.key != default_key(one.sandbox, one.source, one.name)
            for one in endpoints
        ):
            self._compare_keys()
        if self._claims is None:
            if self._mark(names) and (not self._compares_keys or self._mark([one.key for one in endpoints])):
                self._write(endpoints, names)
                return {}
            self._claims = self._exactly()
        return self._claims.find(
            [Claim(one.file, one.row, one.key, name) for one, name in zip(endpoints, names, strict=True)]
        )

    def close(self) -> None:
        """Let the temporary files go."""
        self._said.close()
        if self._claims is not None:
            self._claims.close()

    def __enter__(self) -> Self:
        """Give itself."""
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Close."""
        self.close()

    def _mark(self, texts: Iterable[str]) -> bool:
        """Keep marks of texts, and say whether all are new for certain; what follows a doubt gets none."""
        buckets, hashed_of = self._buckets, self._hashed
        for text in texts:
            hashed = hashed_of(text)
            mark = (hashed // _BUCKETS & _MARK).to_bytes(_MARK_BYTES, "little")
            bucket = buckets[hashed % _BUCKETS]
            if bucket is None:
                buckets[hashed % _BUCKETS] = bytearray(mark)
            elif mark in bucket:
                return False
            else:
                bucket += mark
        return True

    def _compare_keys(self) -> None:
        """Compare keys from now on, also with those of all rows before."""
        self._compares_keys = True
        if self._claims is not None:
            self._claims.compare_keys()
        elif not all(self._mark([row.key for row in rows]) for rows in self._written()):
            self._claims = self._exactly()

    def _exactly(self) -> Claims:
        """Give who can tell what is really the same, after having been shown every row so far."""
        claims = Claims(self._hashed)
        if self._compares_keys:
            claims.compare_keys()
        for rows in self._written():
            claims.find(rows)
        return claims

    def _write(self, endpoints: Sequence[Endpoint], names: Sequence[str]) -> None:
        files = self._files
        lines = [
            f"{files.setdefault(one.file, len(files))}\n{one.row}\n{one.key}\n{name}\n"
            for one, name in zip(endpoints, names, strict=True)
        ]
        with translated():
            self._said.writelines(lines)

    def _written(self) -> Iterator[list[Claim]]:
        files = list(self._files)
        with translated():
            self._said.seek(0)
        while True:
            with translated():
                lines = [line[:-1] for line in islice(self._said, _SHOWN * _LINES)]
            if not lines:
                return
            file, row, key, *name = (lines[part::_LINES] for part in range(_LINES))
            yield [
                Claim(files[int(of)], int(number), own, "\n".join(parts))
                for of, number, own, *parts in zip(file, row, key, *name, strict=True)
            ]
