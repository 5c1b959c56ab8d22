"""The bytes of an inventory: read twice, and known to be the same both times."""

from __future__ import annotations

import os
import shutil
import stat
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from bulkconn.core.errors import InventoryChanged, UsageError
from bulkconn.core.location import parse_location
from bulkconn.inventory.faults import display_name
from bulkconn.inventory.fetching import fetch_inventory, new_spool, unspooled

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

    from bulkconn.core.location import Location
    from bulkconn.inventory.network import Network

#: The path that means standard input.
STDIN: Final = "-"
_CHUNK_BYTES: Final = 256 * 1024


class HashedBytes:
    """The chunks of a file as it is stored, hashed as they pass."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw
        self._hash = sha256()

    def __iter__(self) -> Self:
        """Give itself."""
        return self

    def __next__(self) -> bytes:
        """Give the next chunk, never an empty one. Raises `OSError` where the disk does."""
        chunk = self._raw.read(_CHUNK_BYTES)
        if not chunk:
            raise StopIteration
        self._hash.update(chunk)
        return chunk

    def digest(self) -> bytes:
        """Read to the end and give the SHA-256 of all that there was."""
        for _ in self:
            pass
        return self._hash.digest()


class InventoryFile:
    """One inventory: a regular file, or a spooled copy of something that can be read only once.

    `name` is how diagnostics, ledger and reports name it.
    """

    def __init__(self, location: Location, *, path: Path | None, spool: BinaryIO | None = None) -> None:
        self.location = location
        self.name = display_name(location.shown)
        self._path = path
        self._spool = spool
        self._digest: bytes | None = None
        self._signature: tuple[int, ...] | None = None

    @property
    def sha256(self) -> str:
        """Give the digest of the file as it lies, in hexadecimal; empty before it was read to its end."""
        return "" if self._digest is None else self._digest.hex()

    @classmethod
    def open(
        cls, path: str | os.PathLike[str], *, stdin: BinaryIO | None = None, network: Network | None = None
    ) -> Self:
        """Take the file at a path or URL; `-` is `stdin`. What can be read only once is copied now.

        Without a `network` there are no URLs, only paths.

        Raises:
            UsageError: it cannot be read.
        """
        location = parse_location(os.fspath(path))
        if path == STDIN and stdin is not None:
            return cls.of_stdin(stdin)
        if location.scheme and network is not None:
            return cls.from_afar(location, network)
        return cls.at(location)

    @classmethod
    def at(cls, location: Location) -> Self:
        """Take the file at a local path. A pipe is spooled, since it cannot be read twice.

        Raises:
            UsageError: there is none, it is a folder, or it may not be read.
        """
        try:
            with Path(location.target).open("rb") as file:
                if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    return cls(location, path=Path(location.target))
                return cls(location, path=None, spool=_spooled(file))
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise UsageError(
                f"inventory {display_name(location.shown)} cannot be read: {reason}",
                fix="name a file that exists and may be read",
            ) from error

    @classmethod
    def from_afar(cls, location: Location, network: Network) -> Self:
        """Fetch a copy of what lies at a URL.

        Raises:
            UsageError: it cannot be fetched.
        """
        return cls(location, path=None, spool=fetch_inventory(location, network))

    @classmethod
    def of_stdin(cls, stdin: BinaryIO) -> Self:
        """Spool standard input to an unlinked temporary file that nobody else may read."""
        return cls(parse_location("-"), path=None, spool=_spooled(stdin))

    @property
    def copy(self) -> BinaryIO | None:
        """The spooled copy; None where the file itself is read."""
        return self._spool

    @contextmanager
    def reading(self) -> Iterator[HashedBytes]:
        """Read the file once. Its content is remembered the first time, and compared after that.

        Raises:
            InventoryChanged: it is no longer what it was when it was first read.
        """
        self.verify_unchanged()
        with self._opened() as raw:
            signature = _signature(raw)
            stream = HashedBytes(raw)
            yield stream
            self._compare(stream.digest())
            self._signature = signature

    def verify_unchanged(self) -> None:
        """Do nothing if the file is what it was when it was first read, or was not read yet.

        Cheap as long as its size and times are the same; otherwise its content is read and compared.

        Raises:
            InventoryChanged: its content differs, or it is gone.
        """
        if self._digest is None or self._path is None:
            return
        with self._opened() as raw:
            signature = _signature(raw)
            if signature != self._signature:
                self._compare(HashedBytes(raw).digest())
                self._signature = signature

    def close(self) -> None:
        """Let go of a spooled copy."""
        if self._spool is not None:
            self._spool.close()

    @contextmanager
    def _opened(self) -> Iterator[BinaryIO]:
        if self._spool is not None:
            self._spool.seek(0)
            yield self._spool
            return
        assert self._path is not None  # noqa: S101 - a file has a path or a spool, see the two constructors
        try:
            file = self._path.open("rb", buffering=0)
        except OSError as error:
            raise self._changed(f"can no longer be read: {error.strerror}") from error
        with file:
            yield file

    def _compare(self, digest: bytes) -> None:
        if self._digest is None:
            self._digest = digest
        elif self._digest != digest:
            raise self._changed("changed while it was in use")

    def _changed(self, what: str) -> InventoryChanged:
        return InventoryChanged(
            f"inventory {self.name} {what}",
            fix="let it rest, then run the same command; rows already created are skipped",
        )


def _signature(raw: BinaryIO) -> tuple[int, ...]:
    facts = os.fstat(raw.fileno())
    return facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns


def _spooled(stream: BinaryIO) -> BinaryIO:
    spool = new_spool()
    try:
        shutil.copyfileobj(stream, spool, _CHUNK_BYTES)
    except OSError as error:
        spool.close()
        raise unspooled(error) from error
    return spool
