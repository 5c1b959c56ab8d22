"""PostgreSQL, on Azure and on AWS.

Facts from Adobe's pages `sources/tutorials/api/create/databases/postgres` (the API page) and
`sources/connectors/databases/postgres` (the overview page).

Where the two pages disagree, both are accepted and sent as given, because only the organisation's own
`GET /connectionSpecs/{id}` can settle it.
"""

from __future__ import annotations

from typing import Final

from bulkconn.core.source import AuthSpec, Need, Parameter, PlatformCloud, Source, StringPart, ValueKind

_SERVER: Final = Parameter("server", "Host name or IP address of the database", example="pg.example.com")
_PORT: Final = Parameter("port", "TCP port of the database server", kind=ValueKind.PORT, example="5432")
_DATABASE: Final = Parameter("database", "Name of the database", example="sales")
_USERNAME: Final = Parameter("username", "Login name", example="adobe_reader")
_PASSWORD: Final = Parameter("password", "Password of the login", secret=True, example="env://PG_PASSWORD")

#: The API page writes `Verify Ca` and `Verify Full` and has no `Require`; the overview page has it, and
#: writes `Verify-Ca` and `Verify-Full`.
_SSL_MODES: Final = (
    "Disable",
    "Allow",
    "Prefer",
    "Require",
    "Verify-Ca",
    "Verify-Full",
    "Verify Ca",
    "Verify Full",
)

#: The API page, "Enable SSL encryption for your connection string": both properties are appended at the
#: end. Its example column once says `ValidationServerCertificate`; the property and the full example
#: say `ValidateServerCertificate`, which is used here.
_STRING_PARTS: Final = (
    StringPart("Server", "server", "Host name or IP address of the database", example="pg.example.com"),
    StringPart("Database", "database", "Name of the database", example="sales"),
    StringPart("Port", "port", "TCP port of the database server", kind=ValueKind.PORT, example="5432"),
    StringPart("UID", "username", "Login name", example="adobe_reader"),
    StringPart("Password", "password", "Password of the login", secret=True, example="env://PG_PASSWORD"),
    StringPart(
        "EncryptionMethod",
        "encryption_method",
        "SSL: 6 is RequestSSL",
        always=False,
        allowed=("0", "1", "6"),
    ),
    StringPart(
        "ValidateServerCertificate",
        "validate_server_certificate",
        "Validate the certificate",
        always=False,
        allowed=("0", "1"),
    ),
)

POSTGRESQL: Final = Source(
    slug="postgres",
    aliases=("postgresql",),
    title="PostgreSQL",
    connection_spec_id="74a1c565-4e59-48d7-9d67-7c03b8a13137",
    auths=(
        AuthSpec(
            auth="connection_string",
            spec_name="Connection String Based Authentication",
            platform_cloud=PlatformCloud.AZURE,
            parameters=(
                Parameter(
                    "connectionString",
                    "Whole connection string, password included",
                    secret=True,
                    kind=ValueKind.CONNECTION_STRING,
                    example="env://PG_CONNECTION_STRING",
                ),
            ),
            string_parts=_STRING_PARTS,
            pattern="Server={server};Database={database};Port={port};UID={username};Password={password}",
        ),
        AuthSpec(
            auth="basic",
            spec_name="Basic Authentication",
            platform_cloud=PlatformCloud.AZURE,
            parameters=(
                _SERVER,
                _PORT,
                _DATABASE,
                _USERNAME,
                _PASSWORD,
                Parameter(
                    "sslMode",
                    "How data is encrypted in transit",
                    allowed=_SSL_MODES,
                    example="Require",
                ),
            ),
        ),
        AuthSpec(
            auth="basic",
            spec_name="Basic Authentication",
            platform_cloud=PlatformCloud.AWS,
            parameters=(
                _SERVER,
                _PORT,
                _DATABASE,
                _USERNAME,
                _PASSWORD,
                Parameter(
                    "sslMode",
                    "Whether SSL is enforced; a boolean, sent as a string",
                    need=Need.UNKNOWN,
                    allowed=("true", "false"),
                    default="false",
                    example="true",
                ),
            ),
        ),
    ),
    notes=(
        "The API page's tab says 'Account key based authentication'; its body says otherwise.",
        "On AWS the API page documents sslMode as a boolean; the overview page lists modes as on Azure.",
    ),
)
