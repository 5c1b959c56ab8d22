"""GreenPlum, on Azure.

Facts from Adobe's pages `sources/tutorials/api/create/databases/greenplum` and
`sources/connectors/databases/greenplum`. The auth spec is named for basic authentication, but takes a
connection string and nothing else; our slug says what it takes.
"""

from __future__ import annotations

from typing import Final

from bulkconn.core.source import AuthSpec, Parameter, PlatformCloud, Source, StringPart, ValueKind

GREENPLUM: Final = Source(
    slug="greenplum",
    title="GreenPlum",
    connection_spec_id="37b6bf40-d318-4655-90be-5cd6f65d334b",
    auths=(
        AuthSpec(
            auth="connection_string",
            spec_name="Basic Authentication",
            platform_cloud=PlatformCloud.AZURE,
            parameters=(
                Parameter(
                    "connectionString",
                    "Whole connection string, password included",
                    secret=True,
                    kind=ValueKind.CONNECTION_STRING,
                    example="env://GREENPLUM_CONNECTION_STRING",
                ),
            ),
            string_parts=(
                StringPart("HOST", "server", "Host name or IP address", example="greenplum.example.com"),
                StringPart("PORT", "port", "TCP port", kind=ValueKind.PORT, example="5432"),
                StringPart("DB", "database", "Name of the database", example="sales"),
                StringPart("UID", "username", "Login name", example="adobe_reader"),
                StringPart(
                    "PWD",
                    "password",
                    "Password of the login",
                    secret=True,
                    example="env://GREENPLUM_PASSWORD",
                ),
            ),
            pattern="HOST={server};PORT={port};DB={database};UID={username};PWD={password}",
        ),
    ),
    notes=("The specName is 'Basic Authentication', although all it takes is a connection string.",),
)
