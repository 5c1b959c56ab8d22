"""HP Vertica, on Azure.

Facts from Adobe's pages `sources/tutorials/api/create/databases/hp-vertica` and
`sources/connectors/databases/hp-vertica`.
"""

from __future__ import annotations

from typing import Final

from bulkconn.core.source import AuthSpec, Parameter, PlatformCloud, Source, StringPart, ValueKind

HP_VERTICA: Final = Source(
    slug="hp-vertica",
    aliases=("hpvertica", "vertica"),
    title="HP Vertica",
    connection_spec_id="a8b6a1a4-5735-42b4-952c-85dce0ac38b5",
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
                    example="env://VERTICA_CONNECTION_STRING",
                ),
            ),
            string_parts=(
                StringPart("Server", "server", "Host name or IP address", example="vertica.example.com"),
                StringPart("Port", "port", "TCP port", kind=ValueKind.PORT, example="5433"),
                StringPart("Database", "database", "Name of the database", example="sales"),
                StringPart("UID", "username", "Login name", example="adobe_reader"),
                StringPart(
                    "PWD", "password", "Password of the login", secret=True, example="env://VERTICA_PASSWORD"
                ),
            ),
            pattern="Server={server};Port={port};Database={database};UID={username};PWD={password}",
        ),
    ),
)
