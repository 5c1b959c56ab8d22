"""Which files are accepted as ledgers, and what the reader is told of all others."""

from __future__ import annotations

import os
import sqlite3
import stat
import tempfile
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bulkconn.core.errors import BulkconnError, ExitCode, LedgerError, LedgerTooNew, UsageError
from bulkconn.core.names import EndpointKey, LedgerId
from bulkconn.core.record import Target
from bulkconn.ledger import opening, queries
from bulkconn.ledger.opening import open_read_only, open_store
from tests.integration.ledger.building import START, TARGET, created, endpoint, fill, intent, open_ledger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give the path of a ledger to be."""
    return tmp_path / "o.ledger.db"


async def make_ledger(path: Path, rows: int = 300) -> None:
    """Leave a closed ledger with some created rows."""
    ledger = await open_ledger(path)
    made = [endpoint(f"r{number:04}") for number in range(rows)]
    await fill(ledger, *made)
    for row in made:
        await ledger.commit([intent(row), created(row)])
    await ledger.close()


def read_bytes(path: Path) -> bytes:
    """Give the whole file."""
    return path.read_bytes()


def rename(path: Path, name: str) -> Path:
    """Give a file another name in its folder."""
    return path.rename(path.with_name(name))


def open_again(path: Path) -> None:
    """Open for a run, and close."""
    open_store(path, TARGET, now=START, new_ledger_id=LedgerId("L2")).close()


@contextmanager
def as_nobody() -> Iterator[Path]:
    """Give a folder to a user without rights beyond it, and be that user for a while."""
    if os.geteuid() == 0:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            os.chown(folder, 65534, 65534)
            os.seteuid(65534)
            try:
                yield folder
            finally:
                folder.chmod(0o700)
                os.seteuid(0)
    else:
        with tempfile.TemporaryDirectory() as name:
            yield Path(name)
            Path(name).chmod(0o700)


async def test_ledger_made_new_is_private_whole_and_alone(path: Path) -> None:
    """A new ledger and all files beside it are for their owner only, whatever the umask."""
    before = os.umask(0)
    try:
        ledger = await open_ledger(path)
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
        await ledger.close()
    finally:
        os.umask(before)
    assert modes == dict.fromkeys(
        ["o.ledger.db", "o.ledger.db-shm", "o.ledger.db-wal", "o.ledger.db.lock"], 0o600
    )
    assert sorted(file.name for file in path.parent.iterdir()) == ["o.ledger.db", "o.ledger.db.lock"]


async def test_ledger_opened_again_keeps_id_target_and_rows(path: Path) -> None:
    """Identity is given once, when a ledger is made."""
    await make_ledger(path, rows=1)
    with open_store(path, TARGET, now=START, new_ledger_id=LedgerId("L2")) as store:
        assert (store.info.ledger_id, store.info.target) == ("L1", TARGET)
        assert sum(store.read(queries.read_summary).counts.values()) == 1


@pytest.mark.parametrize(
    "target",
    [
        pytest.param(Target(f"{TARGET.base_url}/", TARGET.org_id), id="a slash at the end"),
        pytest.param(Target(TARGET.base_url.replace("platform", "PLATFORM"), TARGET.org_id), id="host case"),
    ],
)
async def test_ledger_of_a_target_written_otherwise_is_the_same(path: Path, target: Target) -> None:
    """Spelling does not make another target."""
    await make_ledger(path, rows=0)
    await (await open_ledger(path, target=target)).close()


@pytest.mark.parametrize(
    "target",
    [
        pytest.param(Target(TARGET.base_url, "OTHER@AdobeOrg"), id="organisation"),
        pytest.param(Target("https://other.test/flowservice", TARGET.org_id), id="host"),
        pytest.param(Target(TARGET.base_url.upper(), TARGET.org_id), id="path case"),
    ],
)
async def test_ledger_of_another_target_is_refused_naming_both(path: Path, target: Target) -> None:
    """What a ledger knows says nothing about another target."""
    await make_ledger(path, rows=0)
    with pytest.raises(UsageError) as refused:
        await open_ledger(path, target=target)
    assert refused.value.exit_code == ExitCode.USAGE
    for text in (TARGET.org_id, TARGET.base_url, target.org_id, target.base_url):
        assert text in str(refused.value)
    await (await open_ledger(path)).close()


def _cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def _cut_to_one_page(path: Path) -> None:
    os.truncate(path, 4096)


def _empty(path: Path) -> None:
    os.truncate(path, 0)


def _overwrite(path: Path, first: int, last: int, filling: bytes = b"\0") -> None:
    with path.open("r+b") as file:
        file.seek(first)
        file.write(filling * (last - first))


def _zero_header(path: Path) -> None:
    _overwrite(path, 0, 100)


def _zero_inside(path: Path) -> None:
    _overwrite(path, 81920, 102400)


def _noise_inside(path: Path) -> None:
    _overwrite(path, 81920, 106496, b"\xa5")


def _text(path: Path) -> None:
    path.write_text("name,source\nsales,postgresql\n", encoding="utf-8")


@pytest.mark.parametrize(
    "spoil", [_cut, _cut_to_one_page, _empty, _zero_header, _zero_inside, _noise_inside, _text]
)
async def test_ledger_damaged_is_refused_and_left_as_it_is(path: Path, spoil: Callable[[Path], None]) -> None:
    """Damage is exit 5 with a remedy that never begins with throwing ids away."""
    await make_ledger(path)
    spoil(path)
    before = read_bytes(path)
    with pytest.raises(LedgerError) as refused:
        open_again(path)
    assert refused.value.exit_code == ExitCode.LEDGER
    assert "copy" in refused.value.fix
    assert read_bytes(path) == before


async def test_ledger_damaged_where_nobody_looks_at_first_breaks_when_it_is_read(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large ledger is not read whole at the start: damage that shows later stops everything."""
    await make_ledger(path)
    _noise_inside(path)
    monkeypatch.setattr(opening, "_CHECK_LIMIT_BYTES", 0)
    with open_store(path, TARGET, now=START, new_ledger_id=LedgerId("L2")) as store:
        keys = [endpoint(f"r{number:04}").key for number in range(300)]
        with pytest.raises(LedgerError, match="damaged"):
            store.read(lambda db: queries.read_records(db, keys))
        with pytest.raises(LedgerError, match="damaged"):
            store.apply([])


@pytest.mark.parametrize("value", ["state = 'exploded'", "cells = '{'", "updated_at = 1000000000000000000"])
async def test_ledger_with_a_value_of_no_meaning_is_damaged(path: Path, value: str) -> None:
    """A word that this format does not have is damage too, not a traceback."""
    await make_ledger(path, rows=1)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"UPDATE rows SET {value}")  # noqa: S608 - the values above
        connection.commit()
    with open_read_only(path) as store, pytest.raises(LedgerError, match="damaged"):
        store.read(lambda db: queries.read_records(db, [EndpointKey("prod/postgresql/r0000")]))


async def test_ledger_without_a_target_is_damaged(path: Path) -> None:
    """A ledger that does not say whose it is cannot be read as anybody's."""
    await make_ledger(path, rows=1)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DELETE FROM meta")
        connection.commit()
    with pytest.raises(LedgerError, match="which target"):
        open_read_only(path)


@pytest.mark.parametrize("open_it", [open_again, open_read_only], ids=["run", "read"])
async def test_ledger_of_a_newer_format_is_refused(path: Path, open_it: Callable[[Path], object]) -> None:
    """An older program must not touch what it may misread."""
    await make_ledger(path, rows=1)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(LedgerTooNew, match="format 99, this bulkconn knows up to 4") as refused:
        open_it(path)
    assert "install the newer bulkconn" in refused.value.fix


@pytest.mark.parametrize("open_it", [open_again, open_read_only], ids=["run", "read"])
def test_sqlite_file_of_another_program_is_refused(path: Path, open_it: Callable[[Path], object]) -> None:
    """A foreign database is neither read nor changed."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE music (title TEXT)")
        connection.commit()
    with pytest.raises(LedgerError, match="not a bulkconn ledger"):
        open_it(path)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("music",)]


async def test_ledger_gone_while_its_log_stayed_is_not_begun_again(path: Path) -> None:
    """The log of a ledger that was moved away holds ids: a new one beside it would swallow or lose them."""
    path.with_name("o.ledger.db-wal").write_bytes(b"x")
    with pytest.raises(LedgerError, match=r"is gone, but o\.ledger\.db-wal"):
        open_again(path)


async def test_empty_log_left_by_a_reader_does_not_disturb(path: Path) -> None:
    """A reader may not remove its files; when the ledger is gone they hold nothing."""
    path.with_name("o.ledger.db-wal").write_bytes(b"")
    open_again(path)
    assert sorted(file.name for file in path.parent.iterdir()) == ["o.ledger.db", "o.ledger.db.lock"]


async def test_draft_left_by_a_killed_process_does_not_disturb(path: Path) -> None:
    """A process killed while it made the ledger leaves nothing that stands in the way."""
    path.with_name("o.ledger.db.new").write_bytes(b"half")
    path.with_name("o.ledger.db.new-wal").write_bytes(b"half")
    open_again(path)
    assert sorted(file.name for file in path.parent.iterdir()) == ["o.ledger.db", "o.ledger.db.lock"]


async def test_ledger_moved_away_under_a_run_stops_it(path: Path) -> None:
    """Ids written to a file that was deleted would be gone with it: nothing more is written."""
    ledger = await open_ledger(path)
    await fill(ledger, endpoint())
    moved = rename(path, "moved.db")
    with pytest.raises(LedgerError, match="moved, deleted or replaced"):
        await ledger.commit([intent(endpoint())])
    rename(moved, path.name)
    with pytest.raises(LedgerError, match="moved, deleted or replaced"):
        await ledger.commit([intent(endpoint())])
    await ledger.close()


def test_ledger_in_a_folder_that_does_not_exist_is_a_usage_error(tmp_path: Path) -> None:
    """A wrong path is the user's to mend."""
    with pytest.raises(UsageError, match="does not exist"):
        open_again(tmp_path / "nowhere" / "o.ledger.db")


def test_no_ledger_to_read_is_a_usage_error(path: Path) -> None:
    """`status` and `export` make no ledger."""
    with pytest.raises(UsageError, match="no ledger at"):
        open_read_only(path)
    assert not path.exists()


def test_folder_that_cannot_be_written_refuses_a_new_ledger() -> None:
    """Nothing is begun that could not be recorded."""
    with as_nobody() as folder:
        folder.chmod(0o500)
        with pytest.raises(LedgerError, match="Permission denied") as refused:
            open_again(folder / "o.ledger.db")
    assert "write access" in refused.value.fix


def test_ledger_that_cannot_be_written_is_refused_for_a_run_but_read() -> None:
    """A write-protected ledger can be looked at, not used."""
    with as_nobody() as folder:
        path = folder / "o.ledger.db"
        open_again(path)
        path.chmod(0o400)
        with pytest.raises(LedgerError, match="cannot be written"):
            open_again(path)
        folder.chmod(0o500)
        with open_read_only(path) as store:
            assert store.info.ledger_id == "L2"
        folder.chmod(0o700)
        path.chmod(0o000)
        for open_it in (open_again, open_read_only):
            with pytest.raises(LedgerError, match="Permission denied"):
                open_it(path)


async def test_reader_cannot_write(path: Path) -> None:
    """Reading commands are kept from writing by SQLite itself."""
    await make_ledger(path, rows=1)
    with open_read_only(path) as store, pytest.raises(LedgerError, match="cannot be written"):
        store.apply([[created(endpoint("r0000"))]])


async def test_every_refusal_lets_go_of_the_lock(path: Path) -> None:
    """After a refusal the next try meets no lock of ours."""
    await make_ledger(path, rows=0)
    for _ in range(2):
        with pytest.raises(BulkconnError, match="belongs to"):
            await open_ledger(path, target=Target("https://x.test", "X"))
    await (await open_ledger(path)).close()
