"""How databases become rows: names, variables, ports, encryption, and secrets that are none."""

from __future__ import annotations

from typing import Any

import pytest

from bulkconn.converters import engines
from bulkconn.converters.database import Database, Skipped, Tls
from bulkconn.converters.rows import Conversion, Secrets, write_rows
from bulkconn.core.secret import SecretStr
from bulkconn.core.source import PlatformCloud
from bulkconn.sources import find_source

FACTS = {"server": "h.example.com", "database": "d", "username": "u"}


def database(**more: Any) -> Database:
    """Give a database of PostgreSQL, but for what is said otherwise."""
    facts = FACTS | more.pop("facts", {})
    return Database(**{"name": "a", "source": "postgres", "origin": "test", "facts": facts} | more)


def made_of(
    *found: Database | Skipped,
    cloud: PlatformCloud | None = PlatformCloud.AZURE,
    secrets: Secrets = Secrets.REFERENCES,
) -> Conversion:
    """Write rows of databases."""
    return write_rows(found, cloud=cloud, secrets=secrets)


def test_rows_of_like_names_are_told_apart() -> None:
    """Case and blanks do not tell names apart, so a number does."""
    names = [" Orders ", "orders", "ORDERS", "orders (2)", "\x00\x1b", "", "Straße", "STRASSE"]
    made = made_of(*(database(name=name) for name in names))
    assert [row["name"] for row in made.rows] == [
        *("Orders", "orders (2)", "ORDERS (3)", "orders (2) (2)", "postgres", "postgres (2)"),
        *("Straße", "STRASSE (2)"),
    ]


def test_variables_of_like_names_are_told_apart() -> None:
    """Names that differ only in what no variable can hold get a number."""
    made = made_of(*(database(name=name) for name in ("a-b", "a b", "1", "日本", "中国")))
    assert list(made.variables) == [
        *("BULKCONN_A_B_PASSWORD", "BULKCONN_A_B_2_PASSWORD", "BULKCONN_1_PASSWORD"),
        *("BULKCONN_DATABASE_PASSWORD", "BULKCONN_DATABASE_2_PASSWORD"),
    ]


@pytest.mark.parametrize(
    ("source", "cloud", "tls", "written"),
    [
        ("postgres", "azure", Tls.DISABLE, "Disable"),
        ("postgres", "azure", Tls.ALLOW, "Allow"),
        ("postgres", "azure", Tls.PREFER, "Prefer"),
        ("postgres", "azure", Tls.REQUIRE, "Require"),
        ("postgres", "azure", Tls.VERIFY_CA, "Verify-Ca"),
        ("postgres", "azure", Tls.VERIFY_FULL, "Verify-Full"),
        ("postgres", "aws", Tls.PREFER, "false"),
        ("postgres", "aws", Tls.VERIFY_FULL, "true"),
        ("mysql", "azure", Tls.DISABLE, "DISABLED"),
        ("mysql", "azure", Tls.ALLOW, "PREFERRED"),
        ("mysql", "azure", Tls.VERIFY_FULL, "Verify Identity"),
        ("mysql", "aws", Tls.REQUIRE, "true"),
        ("mariadb", "azure", Tls.REQUIRE, None),
        ("redshift", "azure", Tls.REQUIRE, None),
    ],
)
def test_rows_spell_encryption_as_their_source_does(
    source: str, cloud: str, tls: Tls, written: str | None
) -> None:
    """The mode is that of the tool, in the words of the source on that cloud."""
    (row,) = made_of(database(source=source, tls=tls), cloud=PlatformCloud(cloud)).rows
    assert row.get("sslMode") == written


@pytest.mark.parametrize(
    ("source", "port", "cells"),
    [
        ("postgres", "", {"server": "h.example.com", "port": "5432", "auth": "basic"}),
        ("postgres", "6432", {"server": "h.example.com", "port": "6432", "auth": "basic"}),
        ("sql-server", "1433", {"server": "h.example.com", "port": None}),
        ("sql-server", "14330", {"server": "h.example.com,14330", "port": None}),
        ("ibm-db2", "50001", {"server": "h.example.com:50001", "port": None}),
        ("mariadb", "3306", {"port": None, "auth": "basic"}),
        ("mariadb", "3307", {"port": "3307", "auth": "connection_string"}),
        ("cassandra", "", {"host": "h.example.com", "port": "9042"}),
    ],
)
def test_rows_have_the_port_where_their_source_wants_it(
    source: str, port: str, cells: dict[str, str | None]
) -> None:
    """In its column, behind the host, or nowhere where it is the usual one."""
    (row,) = made_of(database(source=source, facts={"port": port})).rows
    assert {name: row.get(name) for name in cells} == cells


def test_port_without_a_place_is_told() -> None:
    """Teradata's string has no port, so whoever has another one must know."""
    made = made_of(database(source="teradata-vantage", facts={"port": "1026"}))
    assert ("a", "teradata-vantage has no column for database, port") in made.remarks


def test_gaps_are_required_cells_that_nobody_knew() -> None:
    """They are empty in the row, and named; secrets are told elsewhere."""
    made = made_of(database(facts={"database": "", "username": ""}))
    assert [(gap.name, gap.column) for gap in made.gaps] == [("a", "database"), ("a", "username")]
    assert (made.rows[0]["database"], made.rows[0]["username"]) == ("", "")


def test_secret_is_where_the_tool_keeps_it_before_any_variable() -> None:
    """A reference that the tool itself knows is the best one."""
    kept = database(reference="aws-sm://arn#password", password=SecretStr("hush"))
    assert made_of(kept).rows[0]["password"] == "aws-sm://arn#password"
    assert made_of(kept, secrets=Secrets.PLAINTEXT).rows[0]["password"] == "hush"
    assert made_of(kept, secrets=Secrets.EMPTY).rows[0]["password"] == ""


@pytest.mark.parametrize("password", ["env://HOME", "vault://a#b", "a\x00b", "a\ud800"])
def test_secret_that_no_cell_can_hold_becomes_a_reference(password: str) -> None:
    """A password that looks like a reference would be looked up, and another would not be sent."""
    made = made_of(database(password=SecretStr(password)), secrets=Secrets.PLAINTEXT)
    assert made.rows[0]["password"] == "env://BULKCONN_A_PASSWORD"
    assert made.plaintext == 0


def test_skipped_names_are_fit_to_be_shown() -> None:
    """What no name can hold is no part of a message either."""
    assert made_of(Skipped("a\x1b[2Jb", "why")).skipped == [Skipped("a [2Jb", "why")]


def test_source_without_user_and_password_is_skipped() -> None:
    """Databricks takes a token, which no converter gives."""
    (skipped,) = made_of(database(source="databricks")).skipped
    assert skipped.reason.startswith("databricks takes no user and password on azure")
    assert made_of(database(source="oracle"), cloud=PlatformCloud.AWS).rows[0]["auth"] == "basic"


def test_sources_of_all_converters_are_in_the_catalogue() -> None:
    """No converter names a source that was renamed or taken away."""
    named = {*engines._AIRFLOW.values(), *(slug for _, slug in (*engines._AWS, *engines._DBEAVER) if slug)}
    for slug in named:
        source = find_source(slug)
        assert source is not None
        assert source.slug == slug
    assert set(engines.DEFAULT_PORTS) <= {*named, "postgres"}
