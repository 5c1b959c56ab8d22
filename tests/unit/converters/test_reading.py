"""What converters make of files that are odd, wrong, or none of theirs."""

from __future__ import annotations

import json
import sys

import pytest

from bulkconn.converters.convert import Kind, convert
from bulkconn.converters.database import Malformed
from bulkconn.converters.jdbc import read_jdbc_url
from bulkconn.core.errors import UsageError


@pytest.mark.parametrize(
    ("kind", "text", "message", "line"),
    [
        ("rds", "", "the file is not JSON: Expecting value (column 1)", 1),
        ("rds", '{"a":\n[}', "the file is not JSON: Expecting value (column 2)", 2),
        ("rds", "[" * 200_000, "the file is JSON that nobody can read", None),
        ("rds", "1" * 5000, "the file is JSON that nobody can read", None),
        ("rds", "{}", "the file has none of DBInstances, DBClusters, Clusters", None),
        ("rds", '[{"a": 1}]', "the file has none of DBInstances, DBClusters, Clusters", None),
        ("rds", "7", "the file has none of DBInstances, DBClusters, Clusters", None),
        ("terraform", "[]", "the file is no state of Terraform", None),
        ("terraform", '{"version": 3, "modules": []}', "the file is no state of version 4", None),
        ("terraform", "resource {}", "the file is not JSON: Expecting value (column 1)", 1),
        ("dbeaver", "{}", 'the file has no "connections"', None),
        ("dbeaver", "[]", 'the file has no "connections"', None),
        ("dbeaver", '<?xml version="1.0"?>', "the file is not JSON: Expecting value (column 1)", 1),
        ("pgpass", "a:b\n", "a line has 2 fields", 1),
        ("pgpass", "# c\n\nh:1:d:u:p\nhush", "a line has 1 fields", 4),
        ("airflow", "", "the file has no connections", None),
        ("airflow", "[]", "the file has no connections", None),
        ("airflow", "just words", "the file has no connections", None),
        ("airflow", "a:\n  - b\n c: [", "the file is not YAML, nor JSON, nor lines of id=URI", 3),
        ("airflow", "{", "the file is not JSON: Expecting property name", 1),
        ("airflow", "a=b://c\nhush hush", "a line is not id=value", 2),
        ("airflow", "a='b://hush", "a quote is never closed", 1),
    ],
)
def test_file_that_is_none_says_so(kind: str, text: str, message: str, line: int | None) -> None:
    """The message says what is wrong and where, the fix what to give; nothing of the file is shown."""
    with pytest.raises(Malformed) as wrong:
        convert(Kind(kind), text)
    assert str(wrong.value).startswith(message)
    assert wrong.value.line == line
    assert wrong.value.fix
    assert "hush" not in f"{wrong.value}{wrong.value.fix}"


@pytest.mark.parametrize(
    ("kind", "document", "name", "reason"),
    [
        ("airflow", {"a": 7}, "a", "what stands under it is neither a URI nor an object"),
        ("airflow", {"a": "{no json hush"}, "a", "what stands under it is neither a URI nor an object"),
        ("airflow", {"a": "postgres://u:hush@[h/d"}, "a", "what stands under it is neither a URI nor an"),
        ("airflow", {"a": "postgres://u:hush@h:x/d"}, "a", "what stands under it is neither a URI nor an"),
        ("airflow", {"": {}}, "a connection without an id", "connection type unknown is none"),
        ("airflow", {"a": {"conn_type": "sqlite"}}, "a", "connection type sqlite is none"),
        ("airflow", [7], "a connection without an id", "what stands under it is neither"),
        ("rds", {"Clusters": [{}]}, "a database without an identifier", "it has no endpoint"),
        ("rds", {"DBInstances": [{}]}, "a database without an identifier", "engine unknown is none"),
        ("dbeaver", {"connections": {"a": []}}, "a", "what stands under it is no object"),
        ("dbeaver", {"connections": {"a": {}}}, "a", "driver unknown is none"),
    ],
)
def test_entry_that_is_none_is_skipped_with_its_reason(
    kind: str, document: object, name: str, reason: str
) -> None:
    """One odd entry does not spoil the others, and is counted."""
    made = convert(Kind(kind), json.dumps(document))
    assert made.rows == []
    (skipped,) = made.skipped
    assert skipped.name == name
    assert skipped.reason.startswith(reason)
    assert "hush" not in repr(made)


def test_airflow_list_as_json_is_read() -> None:
    """`airflow connections list --output json` has the id inside, and `extra` decoded."""
    listed = [
        {
            "conn_id": "pg",
            "conn_type": "postgres",
            "host": "h",
            "login": "u",
            "schema": "d",
            "port": "5432",
            "extra_dejson": {"sslmode": "require"},
        }
    ]
    (row,) = convert(Kind.AIRFLOW, json.dumps(listed)).rows
    assert (row["name"], row["server"], row["sslMode"]) == ("pg", "h", "Require")


def test_airflow_id_with_several_connections_is_several_rows() -> None:
    """The local filesystem backend allows a list under an id."""
    made = convert(Kind.AIRFLOW, json.dumps({"pg": ["postgres://u@h1/d", {"conn_type": "postgres"}]}))
    assert [row["name"] for row in made.rows] == ["pg", "pg (2)"]


@pytest.mark.parametrize(
    ("extra", "account"),
    [
        ({"account": "acme", "region": "eu-west-1"}, "acme.eu-west-1"),
        ({"account": "acme.eu-west-1", "region": "eu-west-1"}, "acme.eu-west-1"),
        ({}, "host"),
    ],
)
def test_airflow_snowflake_account_has_its_region(extra: dict[str, str], account: str) -> None:
    """The region is a part of the account's name where it is told apart."""
    connection = {"conn_type": "snowflake", "host": "host.snowflakecomputing.com", "extra": extra}
    (row,) = convert(Kind.AIRFLOW, json.dumps({"a": connection})).rows
    assert row["account"] == account


def test_airflow_mysql_with_certificates_requires_encryption() -> None:
    """An `ssl` object means that the client encrypts."""
    connection = {"conn_type": "mysql", "host": "h", "extra": {"ssl": {"ca": "/ca.pem"}}}
    (row,) = convert(Kind.AIRFLOW, json.dumps({"a": connection})).rows
    assert row["sslMode"] == "REQUIRED"


def test_airflow_yaml_without_the_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """JSON needs nothing, which is the other way out."""
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(UsageError, match="the file is YAML") as refused:
        convert(Kind.AIRFLOW, "pg:\n  conn_type: postgres\n")
    assert "pip install 'bulkconn[yaml]'" in refused.value.fix
    assert "as JSON" in refused.value.fix


@pytest.mark.parametrize(
    ("url", "facts"),
    [
        ("jdbc:postgresql://h:1/d?x=y", {"server": "h", "port": "1", "database": "d"}),
        ("jdbc:mysql:aws://h/d%20b", {"server": "h", "database": "d b"}),
        ("jdbc:mariadb://h", {"server": "h"}),
        ("jdbc:postgresql://h1:1,h2:2/d", {}),
        ("jdbc:postgresql:d", {}),
        ("jdbc:sqlserver://h\\inst:1;databaseName=d;x", {"server": "h", "port": "1", "database": "d"}),
        ("jdbc:sqlserver://h;database=d", {"server": "h", "database": "d"}),
        ("jdbc:sqlserver://", {}),
        ("jdbc:oracle:thin:@//h:1/s?x", {"server": "h", "port": "1", "database": "s"}),
        ("jdbc:oracle:thin:@h:1:s", {"server": "h", "port": "1", "database": "s"}),
        ("jdbc:oracle:thin:@(DESCRIPTION=(ADDRESS=(HOST=h)))", {}),
        (
            "jdbc:snowflake://a.snowflakecomputing.com/?db=D&warehouse=W&schema=S&role=R",
            {
                "account": "a",
                "server": "a.snowflakecomputing.com",
                "database": "D",
                "warehouse": "W",
                "schema": "S",
                "role": "R",
            },
        ),
        ("https://h/d", {}),
        ("", {}),
    ],
)
def test_jdbc_url_names_its_places(url: str, facts: dict[str, str]) -> None:
    """Each driver writes its URL in a way of its own; one of several hosts names none."""
    assert read_jdbc_url(url) == facts


@pytest.mark.parametrize(
    ("handlers", "properties", "written"),
    [
        ({}, {}, "Prefer"),
        ({}, {"sslmode": "verify-full"}, "Verify-Full"),
        ({"postgre_ssl": {"enabled": True, "properties": {}}}, {}, "Require"),
        ({"postgre_ssl": {"enabled": False, "properties": {"sslMode": "disable"}}}, {}, "Prefer"),
        ({"ssl": {"enabled": True, "properties": {"ssl.verify.server": "true"}}}, {}, "Verify-Ca"),
        ({"ssl": {"enabled": True, "properties": 7}}, {"sslMode": "allow"}, "Allow"),
    ],
)
def test_dbeaver_encryption_is_that_of_its_handlers(
    handlers: dict[str, object], properties: dict[str, str], written: str
) -> None:
    """A handler that is switched off says nothing."""
    configuration = {"host": "h", "handlers": handlers, "properties": properties}
    document = {"connections": {"a": {"driver": "postgres-jdbc", "configuration": configuration}}}
    (row,) = convert(Kind.DBEAVER, json.dumps(document)).rows
    assert row["sslMode"] == written


def test_terraform_modules_without_end_are_left() -> None:
    """Nesting beyond reason is no reason to fail."""
    module: dict[str, object] = {}
    for _ in range(300):
        module = {"child_modules": [module]}
    assert convert(Kind.TERRAFORM, json.dumps({"values": {"root_module": module}})).rows == []
