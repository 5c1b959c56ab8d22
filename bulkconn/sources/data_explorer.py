"""Azure Data Explorer, on Azure.

Facts from Adobe's pages `sources/tutorials/api/create/databases/data-explorer` and
`sources/connectors/databases/data-explorer`.
"""

from __future__ import annotations

from typing import Final

from bulkconn.core.source import AuthSpec, Parameter, PlatformCloud, Source

DATA_EXPLORER: Final = Source(
    slug="data-explorer",
    aliases=("azure-data-explorer", "adx"),
    title="Azure Data Explorer",
    connection_spec_id="0479cc14-7651-4354-b233-7480606c2ac3",
    auths=(
        AuthSpec(
            auth="service_principal",
            spec_name="Service Principal Based Authentication",
            platform_cloud=PlatformCloud.AZURE,
            parameters=(
                Parameter("endpoint", "Endpoint of the cluster", example="https://adx.example.com"),
                Parameter("database", "Name of the database", example="telemetry"),
                Parameter(
                    "tenant", "Tenant id of the directory", example="00000000-0000-0000-0000-000000000000"
                ),
                Parameter(
                    "servicePrincipalId",
                    "Id of the service principal",
                    example="11111111-1111-1111-1111-111111111111",
                ),
                Parameter(
                    "servicePrincipalKey",
                    "Key of the service principal",
                    secret=True,
                    example="env://ADX_PRINCIPAL_KEY",
                ),
            ),
        ),
    ),
)
