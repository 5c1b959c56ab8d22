"""Parts of an inventory: together they are the whole, each with its own bytes, header and row numbers."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulkconn.core.endpoint import InventoryRow
from bulkconn.core.errors import InventoryChanged
from bulkconn.core.location import parse_location
from bulkconn.inventory.files import InventoryFile
from bulkconn.inventory.inventory import Inventory
from bulkconn.inventory.network import Network
from bulkconn.inventory.slice_rows import InventorySlice, read_part
from bulkconn.inventory.slices import NotInParts, Slice, cut

if TYPE_CHECKING:
    from pathlib import Path

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)


def whole(path: Path) -> list[InventoryRow]:
    """Read the file as `run` does."""
    with Inventory.open([path]) as inventory:
        return [row for row in inventory.rows() if isinstance(row, InventoryRow)]


def parts(path: Path, rows_a_slice: int) -> list[Slice]:
    """Cut the file where its records begin."""
    return cut(InventoryFile.open(path), [row.row for row in whole(path)], rows_a_slice=rows_a_slice)


def reading(part: Slice) -> list[InventoryRow]:
    """Read a slice as a worker does, on a machine without a network."""
    network = Network(lambda _: None, lambda _: False)
    content = asyncio.run(read_part(part, network))
    return [row for row in InventorySlice(part, content).rows() if isinstance(row, InventoryRow)]


def joined(slices: list[Slice]) -> list[InventoryRow]:
    """Read the slices one after another, as workers that know only what travels."""
    found = []
    for part in slices:
        travelled = Slice.from_json(json.loads(json.dumps(part.as_json())))
        found += reading(travelled)
    return found


@given(
    rows=st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=12),
    rows_a_slice=st.integers(1, 5),
    delimiter=st.sampled_from(",;\t|"),
    line_end=st.sampled_from(["\n", "\r\n", "\r"]),
    mark=st.sampled_from(["", "\ufeff"]),
)
def test_slices_of_a_csv_file_are_the_whole(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[str, str]],
    rows_a_slice: int,
    delimiter: str,
    line_end: str,
    mark: str,
) -> None:
    """Quoted newlines, every line end and a byte order mark: rows and their numbers stay what they are."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator=line_end, quoting=csv.QUOTE_ALL)
    writer.writerow(["name", "source", "x_note\nof two lines"])
    writer.writerows([f"db{number}", *row] for number, row in enumerate(rows))
    path = tmp_path_factory.mktemp("slices") / "a.csv"
    path.write_bytes((mark + text.getvalue()).encode())
    slices = parts(path, rows_a_slice)
    assert joined(slices) == whole(path)
    assert sum(part.rows for part in slices) == len(rows)
    assert all(part.rows <= rows_a_slice for part in slices)
    assert slices[-1].end == path.stat().st_size


@given(
    rows=st.lists(st.dictionaries(TEXT, TEXT, max_size=3), min_size=1, max_size=9),
    rows_a_slice=st.integers(1, 4),
    blanks=st.integers(0, 2),
)
def test_slices_of_a_jsonl_file_are_the_whole(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, str]], rows_a_slice: int, blanks: int
) -> None:
    """Blank lines between objects belong to the slice before."""
    path = tmp_path_factory.mktemp("slices") / "a.jsonl"
    lines = [json.dumps({"name": f"db{n}", **row}, ensure_ascii=False) for n, row in enumerate(rows)]
    path.write_text(("\n" * (blanks + 1)).join(lines), encoding="utf-8", newline="")
    assert joined(parts(path, rows_a_slice)) == whole(path)


def test_slice_whose_bytes_changed_is_refused(tmp_path: Path) -> None:
    """Other slices of the file are what they were."""
    path = tmp_path / "a.csv"
    path.write_text("name,source\na,mysql\nb,mysql\nc,mysql\nd,mysql\n")
    first, second = parts(path, 2)
    path.write_text("name,source\na,mysql\nb,mysql\nc,mysql\nX,mysql\n")
    assert len(reading(first)) == 2
    with pytest.raises(InventoryChanged, match="lines from 4, changed since it was submitted"):
        reading(second)


def test_slice_of_a_file_that_is_gone_says_so(tmp_path: Path) -> None:
    """A worker without the shared disk is told what it lacks."""
    path = tmp_path / "a.csv"
    path.write_text("name,source\na,mysql\n")
    (part,) = parts(path, 9)
    path.unlink()
    with pytest.raises(InventoryChanged, match="cannot be read here: No such file"):
        reading(part)


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        pytest.param("a.json", b'[{"name": "a"}]', "neither plain CSV nor JSONL", id="json"),
        pytest.param("a.csv.gz", b"\x1f\x8b", "neither plain CSV nor JSONL", id="packed"),
        pytest.param("b.csv", b"\x1f\x8b", "neither plain CSV nor JSONL", id="packed without saying so"),
        pytest.param("a.xlsx", b"PK\x03\x04", "neither plain CSV nor JSONL", id="workbook"),
        pytest.param("a.csv", "name,source\n".encode("utf-16"), "its encoding is utf-16", id="utf-16"),
    ],
)
def test_file_that_cannot_be_read_in_parts_is_refused(
    tmp_path: Path, name: str, content: bytes, why: str
) -> None:
    """The remedy names what workers can read."""
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(NotInParts, match=why) as caught:
        cut(InventoryFile.open(path), [2], rows_a_slice=10)
    assert "save it as UTF-8 CSV or JSONL" in caught.value.fix
    assert "--stage-to" in caught.value.fix


def test_standard_input_is_refused(tmp_path: Path) -> None:
    """No worker can read it."""
    file = InventoryFile.of_stdin(io.BytesIO(b"name,source\na,mysql\n"))
    with pytest.raises(NotInParts, match="standard input can be read only once"):
        cut(file, [2], rows_a_slice=10)
    file.close()


def test_address_with_a_signature_is_refused_without_showing_it() -> None:
    """A job never carries a secret."""
    network = Network(lambda _: None, lambda _: False)
    file = InventoryFile(parse_location("https://h/a.csv?sig=hush"), path=None, spool=io.BytesIO(b"name\n"))
    with pytest.raises(NotInParts, match="jobs never carry secrets") as caught:
        cut(file, [2], rows_a_slice=10, network=network)
    assert "hush" not in str(caught.value)
