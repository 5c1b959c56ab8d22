"""Teradata Vantage, on Azure.

Facts from Adobe's pages `sources/tutorials/api/create/databases/teradata-vantage` and
`sources/connectors/databases/teradata-vantage`.
"""

from __future__ import annotations

from typing import Final

from bulkconn.core.source import AuthSpec, Parameter, PlatformCloud, Source, StringPart, ValueKind

TERADATA_VANTAGE: Final = Source(
    slug="teradata-vantage",
    aliases=("teradata",),
    title="Teradata Vantage",
    connection_spec_id="2fa8af9c-2d1a-43ea-a253-f00a00c74412",
    auths=(
        AuthSpec(
            auth="connection_string",
            spec_name="ConnectionString",
            platform_cloud=PlatformCloud.AZURE,
            parameters=(
                Parameter(
                    "connectionString",
                    "Whole connection string, password included",
                    secret=True,
                    kind=ValueKind.CONNECTION_STRING,
                    example="env://TERADATA_CONNECTION_STRING",
                ),
            ),
            string_parts=(
                StringPart("DBCName", "server", "Host name or IP address", example="teradata.example.com"),
                StringPart("Uid", "username", "Login name", example="adobe_reader"),
                StringPart(
                    "Pwd", "password", "Password of the login", secret=True, example="env://TERADATA_PASSWORD"
                ),
            ),
            pattern="DBCName={server};Uid={username};Pwd={password}",
        ),
    ),
)
