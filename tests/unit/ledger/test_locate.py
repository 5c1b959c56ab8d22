"""Which ledger a command means."""

from __future__ import annotations

from pathlib import Path

import pytest

from bulkconn.core.errors import UsageError
from bulkconn.ledger.locate import locate_ledger
from bulkconn.ledger.postgres_url import PostgresPlace, mask_url

HERE = Path("folder")


@pytest.mark.parametrize(
    ("given", "inventories", "expected"),
    [
        pytest.param(None, ["inventories/eu.csv", "us.csv"], "folder/eu.ledger.db", id="first inventory"),
        pytest.param(None, ["data.v2.jsonl"], "folder/data.v2.ledger.db", id="dots in the stem"),
        pytest.param(None, ["s3://bucket/in/eu.csv.gz"], "folder/eu.ledger.db", id="object, packed"),
        pytest.param(None, ["https://h/eu.csv?sig=hush"], "folder/eu.ledger.db", id="signed URL"),
        pytest.param(None, ["book.xlsx#EU"], "folder/book.ledger.db", id="sheet"),
        pytest.param("my.db", ["eu.csv"], "folder/my.db", id="given"),
        pytest.param("/abs/my.db", [], "/abs/my.db", id="given absolute"),
        pytest.param("my.db", ["-"], "folder/my.db", id="given with standard input"),
    ],
)
def test_ledger_is_the_one_given_or_named_after_the_first_inventory(
    given: str | None, inventories: list[str], expected: str
) -> None:
    """`--ledger` wins, else the first inventory's stem names it."""
    assert locate_ledger(given, inventories, HERE) == Path(expected)


@pytest.mark.parametrize(
    ("given", "inventories", "message"),
    [
        pytest.param(None, ["-"], "standard input gives the ledger no name", id="standard input"),
        pytest.param(
            None, ["https://h?sig=hush"], r"https://h\?\*\*\* gives the ledger no name", id="URL of no file"
        ),
        pytest.param("s3://bucket/l", [], "no ledger can live at s3://bucket/l", id="other scheme"),
    ],
)
def test_ledger_that_cannot_be_meant_is_a_usage_error(
    given: str | None, inventories: list[str], message: str
) -> None:
    """The message says why and what to do."""
    with pytest.raises(UsageError, match=message) as refused:
        locate_ledger(given, inventories, HERE)
    assert "--ledger" in refused.value.fix
    assert "hush" not in str(refused.value)


@pytest.mark.parametrize(
    ("given", "schema", "url"),
    [
        pytest.param("postgresql://me@db/l", "bulkconn", "postgresql://me@db/l", id="default schema"),
        pytest.param("postgres://db/l?schema=team_a", "team_a", "postgres://db/l", id="schema"),
        pytest.param(
            "postgresql://db/l?sslmode=require&schema=b&connect_timeout=3",
            "b",
            "postgresql://db/l?sslmode=require&connect_timeout=3",
            id="among other parameters",
        ),
    ],
)
def test_ledger_in_postgresql_is_a_schema_of_a_database(given: str, schema: str, url: str) -> None:
    """The schema is ours to read, the rest of the URL is the driver's."""
    place = locate_ledger(given, [], HERE)
    assert isinstance(place, PostgresPlace)
    assert (place.schema, place.url, str(place)) == (schema, url, given)


def test_ledger_in_postgresql_shows_no_password() -> None:
    """Neither its text nor its repr holds what was given for the driver alone."""
    place = locate_ledger("postgresql://me:hush@db/l?schema=a", [], HERE)
    assert "hush" not in f"{place} {place!r}"
    assert str(place) == "postgresql://me:***@db/l?schema=a"


def test_only_ledger_of_the_folder_is_meant_without_an_inventory(tmp_path: Path) -> None:
    """`status` needs no flag where there is no choice; lock and log files are no ledgers."""
    with pytest.raises(UsageError, match="there is no ledger"):
        locate_ledger(None, [], tmp_path)
    (tmp_path / "eu.ledger.db").touch()
    (tmp_path / "eu.ledger.db.lock").touch()
    (tmp_path / "eu.ledger.db-wal").touch()
    assert locate_ledger(None, [], tmp_path) == tmp_path / "eu.ledger.db"
    (tmp_path / "us.ledger.db").touch()
    with pytest.raises(UsageError, match=r"several ledgers in .*: eu\.ledger\.db, us\.ledger\.db"):
        locate_ledger(None, [], tmp_path)


def test_tilde_of_a_given_ledger_is_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """A setting from the environment or a file was expanded by no shell."""
    monkeypatch.setenv("HOME", "/home/zoe")
    assert locate_ledger("~/my.db", [], HERE) == Path("/home/zoe/my.db")


@pytest.mark.parametrize(
    ("ledger", "shown"),
    [
        pytest.param("my.db", "my.db", id="a path"),
        pytest.param("a:b@c.db", "a:b@c.db", id="a path like credentials"),
        pytest.param("postgresql://db/l", "postgresql://db/l", id="no credentials"),
        pytest.param("postgresql://me@db/l", "postgresql://me@db/l", id="no password"),
        pytest.param("postgresql://me:hush@db:5432/l", "postgresql://me:***@db:5432/l", id="password"),
        pytest.param("postgresql://me:hu/sh@db/l", "postgresql://me:***@db/l", id="a slash in it"),
        pytest.param("postgresql://me:hu@sh@db/l", "postgresql://me:***@db/l", id="an at in it"),
        pytest.param("postgresql://me:hu#sh@[::1]/l", "postgresql://me:***@[::1]/l", id="a hash in it"),
        pytest.param("pg://db/l?PassWord=hush&x=1", "pg://db/l?PassWord=***&x=1", id="parameter"),
        pytest.param("pg://db?x=1&sslpassword=hush", "pg://db?x=1&sslpassword=***", id="last"),
    ],
)
def test_mask_url_hides_the_password_and_nothing_else(ledger: str, shown: str) -> None:
    """What is shown says which ledger it is and holds no secret."""
    assert mask_url(ledger) == shown
