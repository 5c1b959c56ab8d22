"""Files, encodings, standard input, and files that change."""

from __future__ import annotations

import io
import os
import shutil
import stat
import threading
from typing import TYPE_CHECKING, Any

import pytest

from bulkconn.core.diagnostics import Diagnostic
from bulkconn.core.endpoint import InventoryRow
from bulkconn.core.errors import InventoryChanged, UsageError
from bulkconn.inventory import files
from bulkconn.inventory.formats import InventoryFormat
from bulkconn.inventory.inventory import Inventory
from tests.unit.inventory.reading import fault_of, items_of, rows_of

if TYPE_CHECKING:
    from pathlib import Path

_CSV = "name,source\none,mysql\n"


def _names(inventory: Inventory) -> list[str]:
    return [item.cells["name"] for item in inventory.rows() if isinstance(item, InventoryRow)]


@pytest.mark.parametrize(
    ("content", "suffix", "form"),
    [
        pytest.param(_CSV, ".csv", None, id="csv by its name"),
        pytest.param(_CSV.replace(",", "\t"), ".TSV", None, id="tsv by its name"),
        pytest.param(_CSV, "", None, id="csv by its beginning"),
        pytest.param('[{"name": "one", "source": "mysql"}]', "", None, id="json by its beginning"),
        pytest.param(' {"connections":\n[{"name": "one"}]}', ".txt", None, id="json of many lines"),
        pytest.param('{"connections": [{"name": "one"}]}', "", None, id="json in one line"),
        pytest.param('{"name": "one"}\n{"name": "two"}', "", None, id="jsonl by its beginning"),
        pytest.param('{"name": "one"}', ".ndjson", None, id="jsonl by its name"),
        pytest.param('{"name": "one"}', ".csv", InventoryFormat.JSONL, id="what the user says"),
    ],
)
def test_rows_of_a_file_in_any_format_are_read(
    content: str, suffix: str, form: InventoryFormat | None
) -> None:
    """The format is what the user says, else what the name says, else what the beginning says."""
    first = items_of(content, suffix, form=form)[0]
    assert isinstance(first, InventoryRow)
    assert first.cells["name"] == "one"


@pytest.mark.parametrize(
    ("encoding", "said"),
    [
        ("utf-8", None),
        ("utf-8-sig", None),
        ("utf-8-sig", "UTF8"),
        ("utf-16", None),
        ("utf-32", None),
        ("utf-16-le", "utf-16-le"),
        ("cp1252", "cp1252"),
        ("cp1252", "latin-1"),
    ],
)
@pytest.mark.parametrize("suffix", [".csv", ".json", ".jsonl"])
def test_rows_of_a_file_in_any_encoding_are_read(encoding: str, said: str | None, suffix: str) -> None:
    """A byte order mark tells the encoding, or the user does."""
    text = "name,source\nBüro,mysql\n" if suffix == ".csv" else '{"name": "Büro"}'
    text = f"[{text}]" if suffix == ".json" else text
    (one,) = rows_of(text.encode(encoding), suffix, encoding=said)
    assert one.cells["name"] == "Büro"


@pytest.mark.parametrize("before", [0, 70_000, 300_000])
@pytest.mark.parametrize("suffix", [".csv", ".json", ".jsonl"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["no mark", "mark"])
def test_rows_of_a_file_in_another_encoding_name_the_byte(before: int, suffix: str, mark: bytes) -> None:
    """The first byte that does not fit is named, wherever it is, with the remedy."""
    start = {".csv": b"name,source,x_note\n", ".json": b'[{"name": "', ".jsonl": b'{"name": "'}[suffix]
    content = mark + start + b"x" * before + "Büro".encode("cp1252")
    one = fault_of(content, suffix)
    assert one.message == f"the file is not UTF-8 at byte {len(mark) + len(start) + before + 1}"
    assert "--encoding cp1252" in one.fix
    assert (one.row, one.column) == (None, None)


@pytest.mark.parametrize("encoding", ["utf-16", "ascii", "utf-7", "shift_jis"])
def test_rows_of_a_file_in_no_such_encoding_say_so(encoding: str) -> None:
    """A wrong `--encoding` is a diagnostic, whatever kind of exception the codec has."""
    one = items_of(b"name,source\n\xff\xfe\x80\xc3,+////\n\x81", encoding=encoding)[-1]
    assert isinstance(one, Diagnostic)
    assert one.message.startswith((f"the file is not {encoding}", "the header row", "the row has"))


def test_rows_of_utf_16_without_a_mark_hint_at_it() -> None:
    """Every second byte of such a file is a NUL, which is what the reader sees."""
    one = fault_of(_CSV.encode("utf-16-le"))
    assert one.message == "the header row holds a NUL character"
    assert "--encoding utf-16" in one.fix


def test_rows_of_several_files_are_one_stream(tmp_path: Path) -> None:
    """Each row knows its file and its place in it; a fault of one file does not end the next."""
    paths = [tmp_path / "a.csv", tmp_path / "b.csv", tmp_path / "c.jsonl"]
    paths[0].write_text(_CSV)
    paths[1].write_text("")
    paths[2].write_text('{"name": "three"}')
    with Inventory.open(paths) as inventory:
        items = list(inventory.rows())
        assert [(item.file, item.row) for item in items] == [
            (str(paths[0]), 2),
            (str(paths[1]), None),
            (str(paths[2]), 1),
        ]
        assert inventory.cut_short == [items[1]]
        assert inventory.names == tuple(str(path) for path in paths)
        assert list(inventory.rows()) == items
        assert len(inventory.cut_short) == 1


def test_rows_of_standard_input_can_be_read_twice() -> None:
    """It is spooled when the inventory is opened, and shown as the user wrote it."""
    with Inventory.open(["-"], stdin=io.BytesIO(_CSV.encode())) as inventory:
        assert inventory.names == ("-",)
        assert _names(inventory) == _names(inventory) == ["one"]
        inventory.verify_unchanged()
        spool = inventory._files[0]._spool
        assert spool is not None
        facts = os.fstat(spool.fileno())
        assert stat.S_IMODE(facts.st_mode) == 0o600
        assert facts.st_nlink == 0


def test_rows_of_a_pipe_can_be_read_twice(tmp_path: Path) -> None:
    """What can be read only once is spooled, whatever its name."""
    path = tmp_path / "pipe.csv"
    os.mkfifo(path)
    writer = threading.Thread(target=lambda: path.write_text(_CSV))
    writer.start()
    with Inventory.open([path]) as inventory:
        writer.join()
        assert _names(inventory) == _names(inventory) == ["one"]


def test_open_of_bytes_in_a_name_shows_them_escaped(tmp_path: Path) -> None:
    """A name that is no UTF-8 can be printed."""
    path = os.fsdecode(os.fsencode(tmp_path) + b"/\xff.csv")
    with open(path, "w", encoding="utf-8") as file:  # noqa: PTH123 - the name is the point
        file.write(_CSV)
    with Inventory.open([path]) as inventory:
        assert inventory.names[0].endswith("\\udcff.csv")
        assert _names(inventory) == ["one"]


@pytest.mark.parametrize(
    ("paths", "options", "message"),
    [
        pytest.param([], {}, "no inventory is named", id="none"),
        pytest.param(
            ["-", "-"], {"stdin": io.BytesIO()}, "standard input can be read only once", id="stdin twice"
        ),
        pytest.param(
            ["no-such.csv"], {}, "no-such.csv cannot be read: No such file or directory", id="no file"
        ),
        pytest.param(["."], {}, "inventory . cannot be read: Is a directory", id="folder"),
        pytest.param(["a\0b"], {}, "cannot be read", id="impossible name"),
        pytest.param(["-"], {}, "inventory - cannot be read", id="stdin that is not given"),
        pytest.param(
            ["."], {"encoding": "klingon"}, "'klingon' is not the name of an encoding", id="encoding"
        ),
        pytest.param(["."], {"encoding": "base64"}, "'base64' is not the name of an encoding", id="no text"),
        pytest.param(
            ["-", "no-such.csv"], {"stdin": io.BytesIO()}, "no-such.csv cannot be read", id="a second file"
        ),
    ],
)
def test_open_of_what_cannot_be_read_raises(paths: list[str], options: dict[str, Any], message: str) -> None:
    """A file that is not there is wrong usage, told before anything is read."""
    with pytest.raises(UsageError) as raised:
        Inventory.open(paths, **options)
    assert message in str(raised.value)
    assert raised.value.fix


def test_open_of_standard_input_without_space_to_spool_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk is told with its remedy."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfileobj", full)
    with pytest.raises(UsageError, match=r"cannot be copied to .*: No space left") as raised:
        Inventory.open(["-"], stdin=io.BytesIO(b"x"))
    assert "TMPDIR" in raised.value.fix


def test_rows_of_a_disk_that_fails_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A read error in the middle of a file is a fault of that file."""
    path = tmp_path / "a.csv"
    path.write_text(_CSV)

    def failing(self: files.HashedBytes) -> bytes:
        raise OSError(5, "Input/output error")

    with Inventory.open([path]) as inventory:
        monkeypatch.setattr(files.HashedBytes, "__next__", failing)
        items = inventory.rows()
        one = next(items)
        assert isinstance(one, Diagnostic)
        assert one.message == "the file cannot be read: Input/output error"


# --- changes ------------------------------------------------------------------------------------------


def test_verify_unchanged_of_a_file_that_only_looks_new_does_nothing(tmp_path: Path) -> None:
    """A file that is touched, or replaced by its equal, is the same."""
    path = tmp_path / "a.csv"
    path.write_text(_CSV)
    with Inventory.open([path]) as inventory:
        inventory.verify_unchanged()
        assert _names(inventory) == ["one"]
        os.utime(path, (1, 1))
        inventory.verify_unchanged()
        path.unlink()
        path.write_text(_CSV)
        assert _names(inventory) == ["one"]


@pytest.mark.parametrize("content", [_CSV.replace("one", "two"), _CSV + "two,mysql\n", ""])
def test_verify_unchanged_of_another_content_raises(tmp_path: Path, content: str) -> None:
    """Even of the same length."""
    path = tmp_path / "a.csv"
    path.write_text(_CSV)
    with Inventory.open([path]) as inventory:
        assert _names(inventory) == ["one"]
        path.write_text(content)
        with pytest.raises(InventoryChanged, match=r"a\.csv changed while it was in use"):
            inventory.verify_unchanged()
        with pytest.raises(InventoryChanged):
            next(inventory.rows())


def test_verify_unchanged_of_a_file_that_is_gone_raises(tmp_path: Path) -> None:
    """It cannot be known any more."""
    path = tmp_path / "a.csv"
    path.write_text(_CSV)
    with Inventory.open([path]) as inventory:
        assert _names(inventory) == ["one"]
        path.unlink()
        with pytest.raises(InventoryChanged, match="can no longer be read: No such file") as raised:
            inventory.verify_unchanged()
        assert "rows already created are skipped" in raised.value.fix


def test_rows_of_a_file_that_changes_while_it_is_read_again_raise(tmp_path: Path) -> None:
    """The content is compared when the second reading ends, whatever its times say."""
    path = tmp_path / "a.csv"
    path.write_text(_CSV)
    with Inventory.open([path]) as inventory:
        assert _names(inventory) == ["one"]
        second = inventory.rows()
        next(second)
        with path.open("a") as file:
            file.write("two,mysql\n" * 100_000)
        with pytest.raises(InventoryChanged):
            list(second)


def test_rows_of_a_reading_that_was_broken_off_are_not_compared(tmp_path: Path) -> None:
    """Only a whole reading is remembered."""
    path = tmp_path / "a.csv"
    path.write_text(_CSV)
    with Inventory.open([path]) as inventory:
        items = inventory.rows()
        next(items)
        items.close()  # type: ignore[attr-defined] # a generator, as its user sees an iterator
        path.write_text(_CSV.replace("one", "two"))
        assert _names(inventory) == ["two"]
