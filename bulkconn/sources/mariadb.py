"""MariaDB, on Azure.

Facts from Adobe's pages `sources/tutorials/api/create/databases/mariadb` and
`sources/connectors/databases/mariadb`.
"""

from __future__ import annotations

from typing import Final

from bulkconn.core.source import AuthSpec, Need, Parameter, PlatformCloud, Source, StringPart, ValueKind

MARIADB: Final = Source(
    slug="mariadb",
    aliases=("maria-db",),
    title="MariaDB",
    connection_spec_id="3000eb99-cd47-43f3-827c-43caf170f015",
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
                    example="env://MARIADB_CONNECTION_STRING",
                ),
            ),
            string_parts=(
                StringPart("Server", "server", "Host name or IP address", example="mariadb.example.com"),
                StringPart("Port", "port", "TCP port", kind=ValueKind.PORT, example="3306"),
                StringPart("Database", "database", "Name of the database", example="shop"),
                StringPart("UID", "username", "Login name", example="adobe_reader"),
                StringPart(
                    "PWD", "password", "Password of the login", secret=True, example="env://MARIADB_PASSWORD"
                ),
            ),
            pattern="Server={server};Port={port};Database={database};UID={username};PWD={password}",
        ),
        AuthSpec(
            auth="basic",
            spec_name="Basic Authentication",
            platform_cloud=PlatformCloud.AZURE,
            parameters=(
                Parameter("server", "Host name or IP address", example="mariadb.example.com"),
                Parameter("database", "Name of the database", example="shop"),
                Parameter("username", "Login name", example="adobe_reader"),
                Parameter("password", "Password of the login", secret=True, example="env://MARIADB_PASSWORD"),
                # MySQL's word: no page lists MariaDB's.
                Parameter(
                    "sslMode", "How data is encrypted in transit", need=Need.UNKNOWN, example="REQUIRED"
                ),
            ),
        ),
    ),
    notes=(
        "auth=basic has no port in any page; a connection string has one.",
        "No page lists the values of sslMode.",
    ),
    absent="the AWS section that Adobe's page had in 2025 is gone",
)
