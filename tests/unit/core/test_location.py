"""Where an inventory lies, what of that is shown, and what it is called."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulkconn.core.location import parse_location


@pytest.mark.parametrize(
    ("text", "scheme", "shown", "name"),
    [
        ("in/eu.csv", "", "in/eu.csv", "eu.csv"),
        ("-", "", "-", "-"),
        ("in/eu/", "", "in/eu/", "eu"),
        ("in/a#b.csv", "", "in/a#b.csv", "a#b.csv"),
        ("s3://bucket/in/eu.csv", "s3", "s3://bucket/in/eu.csv", "eu.csv"),
        ("S3://bucket/a%20b.csv", "s3", "s3://bucket/a%20b.csv", "a%20b.csv"),
        ("s3://bucket", "s3", "s3://bucket", ""),
        ("gs://b/a#1.csv", "gs", "gs://b/a#1.csv", "a#1.csv"),
        ("abfs://box@acc.dfs.core.windows.net/eu.csv", "abfs", None, "eu.csv"),
        ("https://h:8443/@me/a%20b.csv", "https", "https://h:8443/@me/a%20b.csv", "a b.csv"),
        ("https://[::1]/eu.csv", "https", "https://[::1]/eu.csv", "eu.csv"),
        ("https://h/eu.csv#top", "https", "https://h/eu.csv", "eu.csv"),
        ("https://h/x%2F..%2Feu.csv", "https", "https://h/x%2F..%2Feu.csv", "eu.csv"),
        ("https://h/eu%00.csv", "https", "https://h/eu%00.csv", ""),
    ],
)
def test_location_of_a_place_without_secrets_is_shown_as_given(
    text: str, scheme: str, shown: str | None, name: str
) -> None:
    """Paths and keys are taken to the letter; only a web address has percent signs that mean something."""
    location = parse_location(text)
    assert (location.scheme, location.name) == (scheme, name)
    assert location.shown == (shown or text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://h/eu.csv?X-Amz-Signature=hush&a=1", "https://h/eu.csv?***"),
        ("https://h/eu.csv?hush#hush", "https://h/eu.csv?***"),
        ("https://me:hush@h/eu.csv", "https://***@h/eu.csv"),
        ("https://hush@h/eu.csv", "https://***@h/eu.csv"),
        ("https://me:hu/sh@h/eu.csv", "https://***@h/eu.csv"),
        ("https://me:hush@h:1/@a/eu.csv", "https://***@a/eu.csv"),
        ("abfs://box:hush@acc.x/eu.csv?sig=hush", "abfs://***@acc.x/eu.csv?***"),
        ("ftp://me:hush@h/eu.csv", "ftp://***@h/eu.csv"),
        ("s3://hush:hush@bucket/eu.csv", "s3://***@bucket/eu.csv"),
    ],
)
def test_location_with_a_secret_is_shown_without_it(text: str, shown: str) -> None:
    """Neither text nor repr shows a query, a user or a password; the file's name stays."""
    location = parse_location(text)
    assert location.shown == shown
    assert location.stem == "eu"
    assert "hush" not in repr(location)
    assert location.given == text


@pytest.mark.parametrize(
    ("name", "stem", "suffix"),
    [
        ("eu.csv", "eu", ".csv"),
        ("eu.CSV.GZ", "eu", ".csv"),
        ("eu.v2.jsonl.zst", "eu.v2", ".jsonl"),
        ("eu.gz", "eu", ""),
        ("eu", "eu", ""),
        (".csv", ".csv", ""),
        (".gz", ".gz", ""),
        ("eu.", "eu.", ""),
    ],
)
@pytest.mark.parametrize("folder", ["", "in/", "s3://bucket/", "https://h/a.b/"])
def test_location_of_a_packed_file_has_the_suffix_below(
    folder: str, name: str, stem: str, suffix: str
) -> None:
    """How a file is packed says nothing of what is in it."""
    location = parse_location(folder + name)
    assert (location.stem, location.suffix) == (stem, suffix)


@pytest.mark.parametrize(
    ("text", "target", "shown", "sheet"),
    [
        ("in/book.xlsx#EU west", "in/book.xlsx", "in/book.xlsx#EU west", "EU west"),
        ("in/Book.XLSX#a#b", "in/Book.XLSX#a#b", "in/Book.XLSX#a#b", None),
        ("in/book.xlsx#", "in/book.xlsx#", "in/book.xlsx#", None),
        ("s3://b/book.xlsx#EU", "s3://b/book.xlsx", "s3://b/book.xlsx#EU", "EU"),
        ("https://h/book.xlsx?s=1#EU", "https://h/book.xlsx?s=1", "https://h/book.xlsx?***#EU", "EU"),
    ],
)
def test_location_of_a_workbook_may_name_a_sheet(
    text: str, target: str, shown: str, sheet: str | None
) -> None:
    """Only behind `.xlsx` a `#` names a sheet."""
    location = parse_location(text)
    assert (location.target, location.shown, location.sheet) == (target, shown, sheet)


@given(st.text(alphabet="ab./-_ ", min_size=1))
def test_location_of_a_path_has_the_stem_that_pathlib_gives(path: str) -> None:
    """A ledger keeps the name that it had before there were URLs."""
    known = PurePosixPath(path)
    if known.name and known.suffix != ".gz" and path.rstrip("/").rpartition("/")[2] == known.name:
        assert parse_location(path).stem == known.stem
        assert parse_location(path).suffix == known.suffix


@given(st.text(), st.sampled_from(["", "https://", "s3://h/", "abfs://a@", "://"]))
def test_location_of_any_text_is_one(text: str, start: str) -> None:
    """No text raises, and what is sent nowhere else stays whole."""
    location = parse_location(start + text)
    assert location.given == start + text
    assert "/" not in location.name
