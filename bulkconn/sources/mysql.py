"""MySQL, on Azure and on AWS.

Facts from Adobe's pages `sources/tutorials/api/create/databases/mysql` (the API page) and
`sources/connectors/databases/mysql` (the overview page).
"""

from __future__ import annotations

from typing import Final

from bulkconn.core.source import AuthSpec, Need, Parameter, PlatformCloud, Source, StringPart, ValueKind

_SERVER: Final = Parameter("server", "Host name or IP address of the database", example="mysql.example.com")
#: Shown in every body of the API page, named in no table of either page: so it may be left out.
_PORT: Final = Parameter(
    "port", "TCP port of the database server", need=Need.UNKNOWN, kind=ValueKind.PORT, example="3306"
)
_DATABASE: Final = Parameter("database", "Name of the database", example="shop")
_USERNAME: Final = Parameter("username", "Login name", example="adobe_reader")
_PASSWORD: Final = Parameter("password", "Password of the login", secret=True, example="env://MYSQL_PASSWORD")

#: From the overview page, which mixes styles; the API page only shows `DISABLED`.
_SSL_MODES: Final = ("DISABLED", "PREFERRED", "REQUIRED", "Verify-Ca", "Verify Identity")

_STRING_PARTS: Final = (
    StringPart("Server", "server", "Host name or IP address of the database", example="mysql.example.com"),
    StringPart("Port", "port", "TCP port of the database server", kind=ValueKind.PORT, example="3306"),
    StringPart("Database", "database", "Name of the database", example="shop"),
    StringPart("UID", "username", "Login name", example="adobe_reader"),
    StringPart("PWD", "password", "Password of the login", secret=True, example="env://MYSQL_PASSWORD"),
)

MYSQL: Final = Source(
    slug="mysql",
    title="MySQL",
    connection_spec_id="26d738e0-8963-47ea-aadf-c60de735468a",
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
                    example="env://MYSQL_CONNECTION_STRING",
                ),
            ),
            string_parts=_STRING_PARTS,
            pattern="Server={server};Port={port};Database={database};UID={username};PWD={password}",
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
                    example="REQUIRED",
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
    notes=("`port` is in the documented bodies but in no table of parameters: it may be left out.",),
)
