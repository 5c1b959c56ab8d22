"""Azure Synapse Analytics, on Azure.

Facts from Adobe's pages `sources/tutorials/api/create/databases/synapse-analytics` and
`sources/connectors/databases/synapse-analytics`. Service principals are in the newer page only, in a body
without a table.
"""

from __future__ import annotations

from typing import Final

from bulkconn.core.source import (
    AuthSpec,
    Fit,
    Need,
    Parameter,
    PlatformCloud,
    Source,
    StringPart,
    ValueKind,
)

SYNAPSE_ANALYTICS: Final = Source(
    slug="synapse-analytics",
    aliases=("synapse", "azure-synapse", "azure-synapse-analytics"),
    title="Azure Synapse Analytics",
    connection_spec_id="a49bcc7d-8038-43af-b1e4-5a7a089a7d79",
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
                    example="env://SYNAPSE_CONNECTION_STRING",
                ),
            ),
            string_parts=(
                StringPart(
                    "Server",
                    "server",
                    "Bare name of the server, without .database.windows.net",
                    fit=Fit("[A-Za-z0-9-]+", "the server's bare name, without .database.windows.net"),
                    example="your-server",
                ),
                StringPart("Database", "database", "Name of the database", example="sales"),
                StringPart(
                    "User ID",
                    "username",
                    "Login name, without @server",
                    fit=Fit("[^@]+", "no '@': the server's name is put behind it"),
                    example="adobe_reader",
                ),
                StringPart(
                    "Password",
                    "password",
                    "Password of the login",
                    secret=True,
                    example="env://SYNAPSE_PASSWORD",
                ),
            ),
            pattern=(
                "Server=tcp:{server}.database.windows.net,1433;Database={database};"
                "User ID={username}@{server};Password={password};"
                "Trusted_Connection=False;Encrypt=True;Connection Timeout=30"
            ),
        ),
        AuthSpec(
            auth="service_principal",
            spec_name="Service Principal Key Based Authentication",
            platform_cloud=PlatformCloud.AZURE,
            parameters=(
                Parameter(
                    "server",
                    "Full name of the SQL endpoint",
                    need=Need.UNKNOWN,
                    example="synapse.example.com",
                ),
                Parameter("database", "Name of the database", need=Need.UNKNOWN, example="sales"),
                Parameter(
                    "tenant",
                    "Tenant id of the directory",
                    need=Need.UNKNOWN,
                    example="00000000-0000-0000-0000-000000000000",
                ),
                Parameter(
                    "servicePrincipalId",
                    "Client id of the application",
                    need=Need.UNKNOWN,
                    example="11111111-1111-1111-1111-111111111111",
                ),
                Parameter(
                    "servicePrincipalKey",
                    "Secret of the service principal",
                    need=Need.UNKNOWN,
                    secret=True,
                    example="env://SYNAPSE_PRINCIPAL_KEY",
                ),
            ),
        ),
    ),
    notes=("Ultimate licence only.",),
)
