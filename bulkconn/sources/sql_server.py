"""Microsoft SQL Server, on Azure.

Facts from Adobe's pages `sources/tutorials/api/create/databases/sql-server` and
`sources/connectors/databases/sql-server`. The pattern ends in a semicolon, which the auth spec of 2020
demanded too; the page's example does without.
"""

from __future__ import annotations

from typing import Final

from bulkconn.core.source import AuthSpec, Parameter, PlatformCloud, Source, StringPart, ValueKind

SQL_SERVER: Final = Source(
    slug="sql-server",
    aliases=("sqlserver", "mssql", "microsoft-sql-server"),
    title="Microsoft SQL Server",
    connection_spec_id="1f372ff9-38a4-4492-96f5-b9a4e4bd00ec",
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
                    example="env://MSSQL_CONNECTION_STRING",
                ),
            ),
            string_parts=(
                StringPart(
                    "Data Source",
                    "server",
                    "Server or instance, as in host,1433 or host\\instance",
                    example="mssql.example.com",
                ),
                StringPart("Initial Catalog", "database", "Name of the database", example="sales"),
                StringPart("User ID", "username", "Login name", example="adobe_reader"),
                StringPart(
                    "Password",
                    "password",
                    "Password of the login",
                    secret=True,
                    example="env://MSSQL_PASSWORD",
                ),
            ),
            pattern=(
                "Data Source={server};Initial Catalog={database};Integrated Security=False;"
                "User ID={username};Password={password};"
            ),
        ),
    ),
)
