"""Rows and validators for the tests of this folder, over a source that no page documents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bulkconn.core.endpoint import Endpoint, InventoryRow
from bulkconn.core.source import (
    AuthSpec,
    Caution,
    Fit,
    Need,
    Parameter,
    PlatformCloud,
    Source,
    StringPart,
    ValueKind,
)
from bulkconn.core.validation import Invalid, RowDefaults, Validated, Validator

if TYPE_CHECKING:
    from bulkconn.core.diagnostics import Diagnostic

_STRING = Parameter("connectionString", "All", secret=True, kind=ValueKind.CONNECTION_STRING)
_BASIC = (
    Parameter("server", "Host"),
    Parameter("port", "Port", kind=ValueKind.PORT),
    Parameter("username", "Login"),
    Parameter("password", "Password", secret=True),
    Parameter("sslMode", "TLS", need=Need.OPTIONAL, allowed=("Off", "Verify-Ca"), default="Off"),
    Parameter("comment", "Free text", need=Need.OPTIONAL),
)
STRING_PARTS = (
    StringPart("Server", "server", "Host"),
    StringPart("Database", "database", "Database"),
    StringPart("Port", "port", "Port", kind=ValueKind.PORT),
    StringPart("UID", "username", "Login"),
    StringPart("Password", "password", "Password", secret=True),
    StringPart("Mode", "encryption_mode", "TLS", always=False, allowed=("0", "1")),
)
PATTERN = "Server={server};Database={database};Port={port};UID={username};Password={password}"

#: Both ways on Azure, one on AWS.
ACME = Source(
    slug="acme",
    aliases=("acme-db",),
    title="Acme",
    connection_spec_id="00000000-0000-4000-8000-000000000001",
    auths=(
        AuthSpec("connection_string", "String", PlatformCloud.AZURE, (_STRING,), STRING_PARTS, PATTERN),
        AuthSpec("basic", "Basic", PlatformCloud.AZURE, _BASIC),
        AuthSpec("basic", "Basic", PlatformCloud.AWS, (*_BASIC, Parameter("schema", "Schema"))),
    ),
)
#: On Azure only: a string without a documented pattern, and two ways that are neither basic nor string.
ODD = Source(
    slug="odd",
    title="Odd",
    connection_spec_id="00000000-0000-4000-8000-000000000002",
    auths=(
        AuthSpec("token", "Token", PlatformCloud.AZURE, (Parameter("token", "Token", secret=True),)),
        AuthSpec("key_pair", "KeyPair", PlatformCloud.AZURE, (Parameter("privateKey", "Key", secret=True),)),
    ),
)
#: One auth spec, a connection string of no documented pattern.
ONLY = Source(
    slug="only",
    title="Only",
    connection_spec_id="00000000-0000-4000-8000-000000000003",
    auths=(AuthSpec("connection_string", "String", PlatformCloud.AZURE, (_STRING,)),),
)
#: A string that can be built, and no basic authentication to fall back on.
BUILT = Source(
    slug="built",
    title="Built",
    connection_spec_id="00000000-0000-4000-8000-000000000004",
    auths=(AuthSpec("connection_string", "String", PlatformCloud.AZURE, (_STRING,), STRING_PARTS, PATTERN),),
)
#: Everything that few sources have: needs that no page explains, a boolean, Base64, `auth.type`, cautions,
#: and a pattern whose values must fit places of their own.
RARE = Source(
    slug="rare",
    title="Rare",
    connection_spec_id="00000000-0000-4000-8000-000000000005",
    auths=(
        AuthSpec(
            "key_pair",
            "Key",
            PlatformCloud.AZURE,
            (
                Parameter("account", "Account", need=Need.UNKNOWN),
                Parameter("key", "Key", need=Need.UNKNOWN, secret=True, kind=ValueKind.BASE64),
                Parameter("useTls", "TLS", need=Need.UNKNOWN, kind=ValueKind.BOOLEAN),
            ),
            auth_type="OAuth2.0",
            cautions=(Caution("keys end in May", "use a string"),),
        ),
        AuthSpec(
            "connection_string",
            "String",
            PlatformCloud.AZURE,
            (_STRING,),
            (
                StringPart(
                    "Data Source", "server", "Name", fit=Fit("[a-z]+", "small letters"), also=("Host",)
                ),
                StringPart("Login", "username", "Login"),
                StringPart(
                    "Login",
                    "password",
                    "Password",
                    secret=True,
                    fit=Fit(r"[^\\]*", "text without backslashes"),
                ),
            ),
            'Data Source=tcp:{server}.example.com;Fixed=1;Login=[{"user":"{username}","pass":"{password}"}];',
        ),
    ),
    cautions=(Caution("the source is deprecated", "look for another"),),
    absent="a page of 2025 had it",
)
SOURCES = (ACME, ODD, ONLY, BUILT)

WHOLE = "Server=h;Database=d;Port=1;UID=u;Password=p"
_COMMON = {"name": "one", "source": "acme", "platform_cloud": "azure", "sandbox": "dev"}
PARTS = {"server": "h", "database": "d", "port": "1", "username": "u", "password": "p"}
BASIC = {"server": "h", "port": "1", "username": "u", "password": "p"}


def row_of(**cells: str | None) -> InventoryRow:
    """Give a row of the common columns and these; None leaves a column out."""
    return InventoryRow(
        "a.csv", 7, {name: cell for name, cell in {**_COMMON, **cells}.items() if cell is not None}
    )


def basic_row(**cells: str | None) -> InventoryRow:
    """Give a row that is complete for basic authentication, with changes."""
    return row_of(**{**BASIC, **cells})


def string_row(**cells: str | None) -> InventoryRow:
    """Give a row whose connection string is built from parts, with changes."""
    return row_of(**{"auth": "connection_string", **PARTS, **cells})


def validator(sandbox: str | None = None, cloud: PlatformCloud | None = None) -> Validator:
    """Give a validator over the sources above."""
    return Validator(SOURCES, defaults=RowDefaults(sandbox, cloud))


def validated(row: InventoryRow) -> Validated:
    """Give what a valid row becomes."""
    result = validator().validate(row)
    assert isinstance(result, Validated), result
    return result


def endpoint_of(row: InventoryRow) -> Endpoint:
    """Give the endpoint of a valid row that leaves nothing to look at."""
    result = validated(row)
    assert result.warnings == ()
    return result.endpoint


def refused(row: InventoryRow) -> tuple[Diagnostic, ...]:
    """Give everything that is wrong with a row, at the place that all these rows have."""
    result = validator().validate(row)
    assert isinstance(result, Invalid), result
    assert {(one.file, one.row) for one in result.diagnostics} == {("a.csv", 7)}
    assert all("rows already created are skipped" in one.fix for one in result.diagnostics)
    return result.diagnostics


def refusal(row: InventoryRow) -> Diagnostic:
    """Give the only thing that is wrong with a row."""
    (one,) = refused(row)
    return one
