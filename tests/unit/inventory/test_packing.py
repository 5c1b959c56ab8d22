"""Packed inventories: joined, mislabelled, damaged, cut, and bombs."""

from __future__ import annotations

import gzip
import io
import sys
import tracemalloc
import zlib
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
import zstandard

from bulkconn.core.diagnostics import Diagnostic
from bulkconn.core.errors import UsageError
from bulkconn.inventory.inventory import Inventory
from bulkconn.inventory.packing import unpacked
from tests.unit.inventory.reading import fault_of, items_of, rows_of

if TYPE_CHECKING:
    from collections.abc import Callable

_CSV = b"name,source\none,mysql\n"
_MANY = b"name,source\n" + b"".join(b"db %06d,mysql\n" % number for number in range(30_000))


def _zstd(content: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=True).compress(content)


PACKERS = pytest.mark.parametrize("pack", [gzip.compress, _zstd], ids=["gzip", "zstd"])


@PACKERS
@pytest.mark.parametrize(
    ("content", "suffix"),
    [
        pytest.param(_CSV, ".csv.gz", id="csv"),
        pytest.param(b'[{"name": "one"}]', ".json.zst", id="json"),
        pytest.param(b'{"name": "one"}\n', ".jsonl.gz", id="jsonl"),
        pytest.param(_CSV, "", id="no suffix"),
        pytest.param(_CSV, ".csv", id="packed without saying so"),
        pytest.param(_CSV.decode().encode("utf-16"), ".csv.gz", id="utf-16"),
    ],
)
def test_rows_of_a_packed_file_are_those_below(
    pack: Callable[[bytes], bytes], content: bytes, suffix: str
) -> None:
    """How a file begins tells how it is packed; the suffix below tells its format."""
    (one,) = rows_of(pack(content), suffix)
    assert one.cells["name"] == "one"
    assert one.file.endswith(f"a{suffix}")


def test_rows_of_a_plain_file_named_as_packed_are_read() -> None:
    """A suffix that promises too much does no harm."""
    assert len(rows_of(_CSV, ".csv.gz")) == 1


@PACKERS
def test_rows_of_packed_files_that_were_joined_are_all_read(pack: Callable[[bytes], bytes]) -> None:
    """`cat a.gz b.gz` is a packed file too, also padded with zeros as tapes do."""
    half = len(_MANY) // 2
    content = pack(_MANY[:half]) + b"\0" * 700 + pack(_MANY[half:]) + b"\0" * 9
    assert len(rows_of(content, ".csv")) == 30_000


@PACKERS
def test_rows_of_a_packed_file_are_numbered_and_repeat(pack: Callable[[bytes], bytes]) -> None:
    """Rows count as in the file below, and the second pass gives the same."""
    with_fault = _CSV + b"two\nthree,mysql\n"
    assert [(item.row, isinstance(item, Diagnostic)) for item in items_of(pack(with_fault))] == [
        (2, False),
        (3, True),
        (4, False),
    ]


@PACKERS
@pytest.mark.parametrize("kept", [0.5, 0.99], ids=["half", "almost all"])
def test_rows_of_a_packed_file_that_is_cut_end_with_a_fault(
    pack: Callable[[bytes], bytes], kept: float
) -> None:
    """A download that broke off never looks like a shorter inventory."""
    packed = pack(_MANY)
    content = packed[: int(len(packed) * kept)]
    last = items_of(content)[-1]
    assert isinstance(last, Diagnostic)
    assert f"file is cut short after {len(content):,} bytes" in last.message
    assert last.fix.startswith("get a whole copy of it")


@PACKERS
def test_rows_of_a_packed_file_without_its_last_bytes_end_with_a_fault(
    pack: Callable[[bytes], bytes],
) -> None:
    """All data is there and only the checksum is not: still cut."""
    assert "is cut short" in fault_of(pack(b"name,source\n")[:-2]).message


@PACKERS
def test_rows_of_a_packed_file_with_a_wrong_checksum_end_with_a_fault(
    pack: Callable[[bytes], bytes],
) -> None:
    """What was unpacked up to there cannot be trusted, so the whole file is given up."""
    packed = bytearray(pack(_CSV))
    packed[-3 if pack is _zstd else -6] ^= 0xFF
    (*_, last) = items_of(bytes(packed))
    assert isinstance(last, Diagnostic)
    assert "file is damaged before byte" in last.message


def test_rows_of_a_packed_file_followed_by_something_else_end_with_a_fault() -> None:
    """What follows the packed part is neither dropped nor read."""
    last = items_of(gzip.compress(_CSV) + b"two,mysql\n")[-1]
    assert isinstance(last, Diagnostic)
    assert "gzip file is damaged" in last.message


def test_rows_of_a_packed_file_that_wants_too_much_memory_are_refused() -> None:
    """A frame may ask for a window of gigabytes; nobody has to give it."""
    greedy = zstandard.ZstdCompressionParameters.from_level(3, window_log=30, enable_ldm=True)
    packer = zstandard.ZstdCompressor(compression_params=greedy).compressobj()
    assert "too much memory" in fault_of(packer.compress(_CSV) + packer.flush()).message


@PACKERS
def test_unpacked_bomb_stays_small_in_memory(pack: Callable[[bytes], bytes]) -> None:
    """Half a gibibyte of nothing passes in pieces of a few megabytes."""
    bomb = b"".join(pack(b"\n" * 2**24) for _ in range(32))
    raw = io.BytesIO(bomb)
    tracemalloc.start()
    try:
        total = sum(len(piece) for piece in unpacked(iter(lambda: raw.read(65536), b""), "a"))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert total == 2**29
    assert peak < 80 * 2**20


def test_unpacked_never_gives_an_empty_chunk() -> None:
    """An empty chunk means the end to every reader, so none comes before it."""
    packed = gzip.compress(b"") + gzip.compress(_CSV) + gzip.compress(b"")
    bounds = [*range(0, len(packed), 3), len(packed)]
    chunks = (packed[start:end] for start, end in pairwise(bounds))
    assert list(unpacked(chunks, "a")) == [_CSV]
    assert list(unpacked(iter(()), "a")) == []


def test_rows_of_a_zstd_file_without_the_extra_say_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is missing is named with the command that gets it."""
    monkeypatch.setitem(sys.modules, "zstandard", None)
    stdin = io.BytesIO(_zstd(_CSV))
    with Inventory.open(["-"], stdin=stdin) as inventory, pytest.raises(UsageError) as refused:
        list(inventory.rows())
    assert str(refused.value) == "- is packed with Zstandard, and what reads that is not installed"
    assert "pip install 'bulkconn[zstd]'" in refused.value.fix


def test_rows_of_a_raw_deflate_stream_are_no_inventory() -> None:
    """Only what begins like a packed file is unpacked."""
    assert "header row has no column" in fault_of(zlib.compress(b"x")[:4].hex().encode()).message
