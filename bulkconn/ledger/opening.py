"""From a path to a `SqliteStore`: made new, opened for a run, or opened only to be read.

A new ledger is built under another name and moved into place when it is whole, so that a ledger file
with nothing in it is never ours: it lost what it held, and is refused rather than begun again.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit

from bulkconn.core.errors import LedgerError, UsageError
from bulkconn.ledger.faults import DAMAGED_FIX, damaged, explain
from bulkconn.ledger.lock import LedgerLock
from bulkconn.ledger.network import check_local
from bulkconn.ledger.store import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from bulkconn.core.names import LedgerId
    from bulkconn.core.record import Target

_HEADER: Final = b"SQLite format 3\x00"
#: Above this SQLite's whole check would take longer than a user expects a command to start.
_CHECK_LIMIT_BYTES: Final = 50_000_000
#: Seconds to wait for a reader that recovers the log; a second *writer* is kept out by the lock.
_BUSY_S: Final = 10.0


def open_store(path: Path, target: Target, *, now: datetime, new_ledger_id: LedgerId) -> SqliteStore:
    """Lock and open a ledger for a run, or make it. Closing the store lets go of the lock.

    Raises:
        UsageError: it belongs to another target, or the folder does not exist.
        LedgerError: it is locked, damaged, unwritable, no ledger, or from a newer bulkconn.
    """
    # Two names of one file (a link) must meet at one lock.
    path = path.resolve()
    if not path.parent.is_dir():
        raise UsageError(
            f"the folder {path.parent} for the ledger does not exist",
            fix="make it, or give --ledger another path",
        )
    check_local(path.parent)
    lock = LedgerLock(path, now=now)
    try:
        if not path.exists():
            _create(path, target, now=now, new_ledger_id=new_ledger_id)
        _check_header(path)
        connection = _connect(path)
    except BaseException:
        lock.release()
        raise
    store = SqliteStore(connection, name=str(path), check_file=_watch_file(path), on_close=lock.release)
    try:
        _check_pages(store, path)
        info = store.prepare(target, new_ledger_id=new_ledger_id, now=now)
        check_target(info.target, target, path.name)
    except BaseException:
        store.close()
        raise
    return store


def open_read_only(path: Path) -> SqliteStore:
    """Open a ledger to read it, also while a run holds it and after one was killed.

    Raises:
        UsageError: there is none.
        LedgerError: it is damaged, unreadable, no ledger, or from another version.
    """
    if not path.exists():
        raise UsageError(
            f"no ledger at {path}",
            fix="give --ledger the path that `bulkconn run` used; it is printed at the end of a run",
        )
    _check_header(path)
    log = path.resolve().with_name(f"{path.resolve().name}-wal")
    # Without a log nobody is writing, so a folder where SQLite may not put its index will do as well.
    can_be_locked = log.exists() or os.access(log.parent, os.W_OK)
    store = SqliteStore(_connect(path, mode="ro" if can_be_locked else "ro&immutable=1"), name=str(path))
    try:
        store.attach()
    except BaseException:
        store.close()
        raise
    return store


def check_target(have: Target, want: Target, name: str) -> None:
    """Refuse a ledger of another target: what it knows says nothing about this one.

    Raises:
        UsageError: naming both.
    """
    if _comparable(have) != _comparable(want):
        raise UsageError(
            f"ledger {name} belongs to organisation {have.org_id} at {have.base_url}, "
            f"not to {want.org_id} at {want.base_url}",
            fix="give --ledger another path for this target, or mend --base-url or --org-id",
        )


def _comparable(target: Target) -> tuple[str, str, str, str]:
    url = urlsplit(target.base_url.strip())
    return url.scheme.lower(), url.netloc.lower(), url.path.rstrip("/"), target.org_id.strip()


def _create(path: Path, target: Target, *, now: datetime, new_ledger_id: LedgerId) -> None:
    log = path.with_name(f"{path.name}-wal")
    if log.exists() and log.stat().st_size > 0:  # readers leave empty ones
        raise LedgerError(
            f"ledger {path} is gone, but {log.name} beside it is still there: it was moved or deleted alone",
            fix=f"put {path.name} back; only if it is truly worthless, delete {log.name} too and run again",
        )
    draft = path.with_name(f"{path.name}.new")
    try:
        for leftover in (draft, *(draft.with_name(draft.name + end) for end in ("-wal", "-shm"))):
            leftover.unlink(missing_ok=True)
        # SQLite gives its log the mode of the file; an umask would be the whole process's.
        os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        with closing(SqliteStore(_connect(draft), name=str(path))) as store:
            store.prepare(target, new_ledger_id=new_ledger_id, now=now)
        draft.rename(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise LedgerError(
            f"cannot make ledger {path}: {error.strerror}",
            fix="give this user write access to the folder, or give --ledger another path",
        ) from error


def _sync_folder(folder: Path) -> None:
    # Without this a power cut could take the new name away again, with all that was committed under it.
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _check_header(path: Path) -> None:
    try:
        with path.open("rb") as file:
            header = file.read(len(_HEADER))
    except OSError as error:
        raise LedgerError(
            f"cannot read ledger {path}: {error.strerror}",
            fix="give this user access to the file, or give --ledger another path",
        ) from error
    if not header:
        raise LedgerError(
            f"ledger {path} is empty (0 bytes); bulkconn never leaves one so, it lost what it held",
            fix="restore a copy of it; only if no run ever used it, delete it and run again",
        )
    if header != _HEADER:
        raise LedgerError(
            f"{path} is no bulkconn ledger: it does not begin like a SQLite file",
            fix=f"give --ledger another path; if it was a ledger: {DAMAGED_FIX}",
        )


def _connect(path: Path, *, mode: str = "rw") -> sqlite3.Connection:
    # The thread check is off because one owned thread uses the connection, whoever opened it.
    try:
        connection = sqlite3.connect(
            f"file:{quote(str(path.absolute()))}?mode={mode}",
            uri=True,
            isolation_level=None,
            timeout=_BUSY_S,
            check_same_thread=False,
        )
    except sqlite3.Error as error:
        raise explain(error, str(path)) from error
    try:
        _set_up(connection, read_only=mode != "rw")
    except sqlite3.Error as error:
        connection.close()
        raise explain(error, str(path)) from error
    return connection


def _set_up(connection: sqlite3.Connection, *, read_only: bool) -> None:
    # A cache of 32 MiB made writing no cheaper, and a run's memory grow for longer.
    pragmas = ["cache_size = -16384", "cell_size_check = ON", "trusted_schema = OFF", "foreign_keys = ON"]
    if read_only:
        pragmas.append("query_only = ON")
    else:
        # FULL syncs the log at every commit; the two fullfsync are what that takes on macOS.
        pragmas += ["journal_mode = WAL", "synchronous = FULL", "fullfsync = ON", "checkpoint_fullfsync = ON"]
        pragmas.append("wal_autocheckpoint = 4000")
    for pragma in pragmas:
        connection.execute(f"PRAGMA {pragma}")


def _check_pages(store: SqliteStore, path: Path) -> None:
    if path.stat().st_size >= _CHECK_LIMIT_BYTES:
        return
    with store.translated():
        (verdict,) = store.connection.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise damaged(store.name, verdict)


def _watch_file(path: Path) -> Callable[[], None]:
    """Give a check that the path still leads to the file that is open.

    SQLite would go on writing to a file that was moved or deleted, and ids would vanish with it.
    """
    opened = path.stat()

    def check() -> None:
        try:
            now = path.stat()
            is_same = (now.st_dev, now.st_ino) == (opened.st_dev, opened.st_ino)
        except OSError:
            is_same = False
        if not is_same:
            raise LedgerError(
                f"ledger {path} was moved, deleted or replaced while a run held it",
                fix="put it back with its -wal and -shm files, then run the same command again",
            )

    return check
