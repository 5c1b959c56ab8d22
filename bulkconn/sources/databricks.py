"""Azure Databricks, on Azure.

Facts from Adobe's pages `sources/tutorials/api/create/databases/databricks` and
`sources/connectors/databases/databricks`.
"""

from __future__ import annotations

from typing import Final

from bulkconn.core.source import AuthSpec, Parameter, PlatformCloud, Source

DATABRICKS: Final = Source(
    slug="databricks",
    aliases=("azure-databricks",),
    title="Azure Databricks",
    connection_spec_id="e9d7ec6b-0873-4e57-ad21-b3a7c65e310b",
    auths=(
        AuthSpec(
            auth="access_token",
            spec_name="Access Token Authentication",
            platform_cloud=PlatformCloud.AZURE,
            parameters=(
                Parameter("domain", "URL of the workspace", example="https://databricks.example.com"),
                Parameter("clusterId", "Id of an interactive cluster", example="0123-456789-abcde123"),
                Parameter(
                    "accessToken",
                    "Access token of the workspace",
                    secret=True,
                    example="env://DATABRICKS_TOKEN",
                ),
                Parameter("database", "Database in the delta lake", example="default"),
            ),
        ),
    ),
    notes=(
        "Ultimate licence only.",
        "The cluster must be active while the connection is created: a stopped one makes rows fail.",
    ),
)
