"""Snowflake, streamed, on Azure.

Facts from Adobe's pages `sources/tutorials/api/create/databases/snowflake-streaming` and
`sources/connectors/databases/snowflake-streaming`. The overview page lists key pairs too, without the name
of their auth spec; the catalogue page lists AWS, for which no body is documented.
"""

from __future__ import annotations

from typing import Final

from bulkconn.core.source import AuthSpec, Need, Parameter, PlatformCloud, Source

SNOWFLAKE_STREAMING: Final = Source(
    slug="snowflake-streaming",
    title="Snowflake (streaming)",
    connection_spec_id="51ae16c2-bdad-42fd-9fce-8d5dfddaf140",
    auths=(
        AuthSpec(
            auth="basic",
            spec_name="Basic Authentication for Snowflake",
            platform_cloud=PlatformCloud.AZURE,
            parameters=(
                Parameter(
                    "account",
                    "Account identifier, with .snowflakecomputing.com",
                    example="your-account.snowflakecomputing.com",
                ),
                Parameter("database", "Database to read", example="SALES"),
                Parameter("warehouse", "Warehouse to use", example="COMPUTE_WH"),
                Parameter("username", "User of Snowflake", example="ADOBE_READER"),
                Parameter("schema", "Schema to read", need=Need.OPTIONAL, example="PUBLIC"),
                Parameter(
                    "password", "Password of the user", secret=True, example="env://SNOWFLAKE_PASSWORD"
                ),
                Parameter(
                    "role", "Role of the user", need=Need.OPTIONAL, default="public", example="ADOBE_ROLE"
                ),
            ),
        ),
    ),
    notes=("No page names the auth spec of key pairs: give such rows as source=custom.",),
    absent="Adobe's catalogue lists it there, but no page says what a request needs",
)
