"""Addresses, logins and TLS modes, read from parameters and connection strings as Adobe documents them."""

from __future__ import annotations

import pytest

from bulkconn.core.reach import Answer, Cause, Result
from bulkconn.core.secret import SecretStr
from bulkconn.probe.approach import Protocol, approach_of
from bulkconn.probe.target import Address, Login, Target, read_target, split_host
from bulkconn.probe.tls import TlsMode

_BASIC = {"server": "pg.example.com", "port": "5433", "database": "d", "username": "u"}


def target_of(source: str, **params: str | bool) -> Target | Answer:
    """Read a row; passwords and connection strings are secrets."""
    secret = {"password", "connectionString"}
    return read_target(
        approach_of(source),
        {name: SecretStr(str(value)) if name in secret else value for name, value in params.items()},
    )


def login_of(source: str, **params: str) -> Login:
    """Read a row that has a login."""
    target = target_of(source, **params)
    assert isinstance(target, Target)
    assert target.login is not None
    return target.login


@pytest.mark.parametrize(
    ("text", "split"),
    [
        ("h", ("h", None)),
        (" h ", ("h", None)),
        ("h.example.com:50001", ("h.example.com", 50001)),
        ("tcp:s.database.windows.net,1433", ("s.database.windows.net", 1433)),
        ("10.0.0.7", ("10.0.0.7", None)),
        ("::1", ("::1", None)),
        ("[::1]:5432", ("::1", 5432)),
        ("https://adb-1.azuredatabricks.net/", ("adb-1.azuredatabricks.net", None)),
        ("https://u:p@x.example.com:8443/path?q#f", ("x.example.com", 8443)),
        ("bücher.example", ("bücher.example", None)),
    ],
)
def test_host_in_any_documented_form_is_split(text: str, split: tuple[str, int | None]) -> None:
    """Host and port, whatever a source calls an address."""
    assert split_host(text) == split


@pytest.mark.parametrize(
    "text",
    ["/var/run/postgresql", "a,b", "a.example.com,b.example.com", "u:p@h", "h;x", "h x", "h?x", "h/x", "h#x",
     "", "https://", "h:0", "h:99999", "[::1", "a" * 254],
)  # fmt: skip
def test_text_that_is_no_host_is_not_taken_for_one(text: str) -> None:
    """A driver would take some of these for the path of a socket, or for several hosts."""
    assert split_host(text) is None


@pytest.mark.parametrize(
    ("params", "tls"),
    [
        ({"sslMode": "Disable"}, TlsMode.DISABLE),
        ({"sslMode": "Allow"}, TlsMode.ALLOW),
        ({"sslMode": "Prefer"}, TlsMode.PREFER),
        ({"sslMode": "Require"}, TlsMode.REQUIRE),
        ({"sslMode": "Verify-Ca"}, TlsMode.VERIFY_CA),
        ({"sslMode": "Verify Ca"}, TlsMode.VERIFY_CA),
        ({"sslMode": "Verify-Full"}, TlsMode.VERIFY_FULL),
        ({"sslMode": "DISABLED"}, TlsMode.DISABLE),
        ({"sslMode": "PREFERRED"}, TlsMode.PREFER),
        ({"sslMode": "REQUIRED"}, TlsMode.REQUIRE),
        ({"sslMode": "Verify Identity"}, TlsMode.VERIFY_FULL),
        ({"sslMode": "true"}, TlsMode.REQUIRE),
        ({"sslMode": "false"}, TlsMode.PREFER),
        ({}, TlsMode.PREFER),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_login_of_columns_has_the_tls_mode_of_its_row(params: dict[str, str], tls: TlsMode) -> None:
    """Every value that a page documents is honoured."""
    assert login_of("postgres", **_BASIC, password="p;=' {", **params) == Login(
        "u", SecretStr("p;=' {"), "d", tls
    )


@pytest.mark.parametrize(
    ("source", "text", "address", "login"),
    [
        (
            "postgres",
            "Server=h;Database=d;Port=5433;UID=u;Password=p=;EncryptionMethod=1;ValidateServerCertificate=1",
            Address("h", 5433),
            ("u", "p=", "d", TlsMode.VERIFY_CA),
        ),
        ("postgres", "Server=h;Database=d;UID=u;Password=p;EncryptionMethod=1",
         Address("h", 5432), ("u", "p", "d", TlsMode.REQUIRE)),
        ("postgres", "Server=h;Database=d;UID=u;Password=p;EncryptionMethod=0;ValidateServerCertificate=1",
         Address("h", 5432), ("u", "p", "d", TlsMode.DISABLE)),
        ("postgres", "Server=h;Database=d;UID=u;Password=p;EncryptionMethod=6",
         Address("h", 5432), ("u", "p", "d", TlsMode.PREFER)),
        ("mysql", "Server=h; Port=3307; Database=d; Uid=u; Pwd= p ; SslMode=Preferred;",
         Address("h", 3307), ("u", "p", "d", TlsMode.PREFER)),
        ("mariadb", "Server=h;Database=d;UID=u;PWD=p",
         Address("h", 3306), ("u", "p", "d", TlsMode.PREFER)),
    ],
)  # fmt: skip
def test_login_of_a_connection_string_is_read_by_its_documented_keys(
    source: str, text: str, address: Address, login: tuple[str, str, str, TlsMode]
) -> None:
    """The key's case and the blanks around a value do not matter."""
    username, password, database, tls = login
    assert target_of(source, connectionString=text) == Target(
        approach_of(source).protocol, address, Login(username, SecretStr(password), database, tls)
    )


@pytest.mark.parametrize(
    ("source", "params", "protocol", "address"),
    [
        ("oracle", {"connectionString": "Host=o;Port=1522;Sid=x;User Id=u;Password=p"},
         Protocol.TCP, Address("o", 1522)),
        ("oracle", {"server": "o", "port": "1521", "database": "x"}, Protocol.TCP, Address("o", 1521)),
        ("sql-server", {"connectionString": "Data Source=s;Initial Catalog=d;User ID=u;Password=p;"},
         Protocol.TCP, Address("s", 1433)),
        ("synapse-analytics",
         {"connectionString": "Server=tcp:s.database.windows.net,1433;Database=d;User ID=u@s;Password=p;"
          "Trusted_Connection=False;Encrypt=True;Connection Timeout=30"},
         Protocol.TCP, Address("s.database.windows.net", 1433)),
        ("greenplum", {"connectionString": "HOST=g;PORT=5433;DB=d;UID=u;PWD=p"},
         Protocol.TCP, Address("g", 5433)),
        ("hp-vertica", {"connectionString": "Server=v;Port=5433;Database=d;UID=u;PWD=p"},
         Protocol.TCP, Address("v", 5433)),
        ("teradata-vantage", {"connectionString": "DBCName=t;Uid=u;Pwd=p"},
         Protocol.TCP, Address("t", 1025)),
        ("couchbase",
         {"connectionString": 'Server=c; Port=8093;AuthMech=1;CredString=[{"user": "u", "pass":"p"}];'},
         Protocol.TCP, Address("c", 8093)),
        ("ibm-db2", {"server": "d:50001", "database": "x"}, Protocol.TCP, Address("d", 50001)),
        ("ibm-db2", {"server": "d", "database": "x"}, Protocol.TCP, Address("d", 50000)),
        ("cassandra", {"host": "c", "port": "9042"}, Protocol.TCP, Address("c", 9042)),
        ("phoenix", {"host": "p", "port": "443", "enableSsl": True}, Protocol.TLS, Address("p", 443)),
        ("phoenix", {"host": "p", "port": "8765", "enableSsl": "false"}, Protocol.TCP, Address("p", 8765)),
        ("hive", {"host": "x.azurehdinsight.net"}, Protocol.TLS, Address("x.azurehdinsight.net", 443)),
        ("spark", {"host": "x.azurehdinsight.net"}, Protocol.TLS, Address("x.azurehdinsight.net", 443)),
        ("snowflake", {"account": "acme-cj1"}, Protocol.TLS, Address("acme-cj1.snowflakecomputing.com", 443)),
        ("snowflake", {"host": "acme.snowflakecomputing.com", "port": "443"},
         Protocol.TLS, Address("acme.snowflakecomputing.com", 443)),
        ("snowflake", {"connectionString": "jdbc:snowflake://a.snowflakecomputing.com/?user=u&password=p"},
         Protocol.TLS, Address("a.snowflakecomputing.com", 443)),
        ("snowflake-streaming", {"account": "x-y.snowflakecomputing.com"},
         Protocol.TLS, Address("x-y.snowflakecomputing.com", 443)),
        ("databricks", {"domain": "https://adb-1.azuredatabricks.net"},
         Protocol.TLS, Address("adb-1.azuredatabricks.net", 443)),
        ("data-explorer", {"endpoint": "https://x.westeurope.kusto.windows.net"},
         Protocol.TLS, Address("x.westeurope.kusto.windows.net", 443)),
        ("ats", {"connectionString": "DefaultEndpointsProtocol=https;AccountName=acme;AccountKey=a/b=="},
         Protocol.TLS, Address("acme.table.core.windows.net", 443)),
        ("bigquery", {"projectId": "p"}, Protocol.TLS, Address("bigquery.googleapis.com", 443)),
        ("custom", {"host": "x.example.com", "port": "99"}, Protocol.TCP, Address("x.example.com", 99)),
    ],
)  # fmt: skip
def test_address_of_a_source_without_a_login_is_read(
    source: str, params: dict[str, str | bool], protocol: Protocol, address: Address
) -> None:
    """A connection, or a TLS handshake where the server begins with one."""
    assert target_of(source, **params) == Target(protocol, address)


@pytest.mark.parametrize(
    ("source", "params", "result", "cause", "code"),
    [
        ("postgres", {"connectionString": "hunter2"}, Result.FAILED, Cause.UNREADABLE, "unreadable"),
        ("postgres", {"connectionString": "Server=h;Database=d;UID=u;Password='hunter2'"},
         Result.FAILED, Cause.UNREADABLE, "unreadable"),
        ("postgres", {"connectionString": "Server=h;Database=d;UID=u"},
         Result.FAILED, Cause.UNREADABLE, "unreadable"),
        ("postgres", {"connectionString": "Server=h;Port=x;Database=d;UID=u;Password=hunter2"},
         Result.FAILED, Cause.UNREADABLE, "unreadable"),
        ("postgres", {"connectionString": "Server=/tmp;Database=d;UID=u;Password=hunter2"},
         Result.FAILED, Cause.UNREADABLE, "unreadable"),
        ("postgres", {"connectionString": "Server=h;Database=d;UID=u;Password=hunter2;EncryptionMethod=9"},
         Result.FAILED, Cause.UNREADABLE, "unreadable"),
        ("mariadb", {**_BASIC, "password": "hunter2", "sslMode": "hunter2"},
         Result.FAILED, Cause.UNREADABLE, "unreadable"),
        ("sql-server", {"connectionString": "Data Source=h\\SQLEXPRESS;Password=hunter2"},
         Result.NOT_CHECKED, Cause.NO_ADDRESS, "named_instance"),
        ("couchbase", {"connectionString": "Server=h;Password=hunter2"},
         Result.NOT_CHECKED, Cause.NO_ADDRESS, "no_port"),
        ("hive", {"connectionString": "Password=hunter2"},
         Result.NOT_CHECKED, Cause.NO_ADDRESS, "no_host"),
        ("custom", {"password": "hunter2"}, Result.NOT_CHECKED, Cause.NO_ADDRESS, "no_host"),
        ("snowflake", {"account": " "}, Result.NOT_CHECKED, Cause.NO_ADDRESS, "no_host"),
    ],
)  # fmt: skip
def test_row_that_does_not_say_where_to_is_answered_without_a_probe(
    source: str, params: dict[str, str | bool], result: Result, cause: Cause, code: str
) -> None:
    """And without repeating what stands there."""
    answer = target_of(source, **params)
    assert isinstance(answer, Answer)
    assert (answer.result, answer.cause, answer.code) == (result, cause, code)
    assert "hunter2" not in repr(answer)


def test_address_of_a_secret_cell_is_not_shown() -> None:
    """Cells of a source that nobody documented may be secret, whatever they are called."""
    params: dict[str, str | bool | SecretStr] = {"host": "h", "port": "99"}
    shown, hidden = (
        read_target(approach_of("custom"), given) for given in (params, {**params, "host": SecretStr("h")})
    )
    assert isinstance(shown, Target)
    assert isinstance(hidden, Target)
    assert (shown.is_shown, hidden.is_shown) == (True, False)
    assert shown.address == hidden.address


def test_target_shows_no_password() -> None:
    """Not in a log, nor in an exception."""
    assert "hunter2" not in repr(target_of("postgres", **_BASIC, password="hunter2"))
