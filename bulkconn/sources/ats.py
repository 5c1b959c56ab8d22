"""Azure Table Storage, on Azure.

Facts from Adobe's pages `sources/tutorials/api/create/databases/ats` and
`sources/connectors/databases/ats`.
"""

from __future__ import annotations

from typing import Final

from bulkconn.core.source import AuthSpec, Parameter, PlatformCloud, Source, StringPart, ValueKind

ATS: Final = Source(
    slug="ats",
    aliases=("azure-table-storage", "table-storage"),
    title="Azure Table Storage",
    connection_spec_id="ecde33f2-c56f-46cc-bdea-ad151c16cd69",
    auths=(
        AuthSpec(
            auth="connection_string",
            spec_name="Connection String Based Authentication",
            platform_cloud=PlatformCloud.AZURE,
            parameters=(
                Parameter(
                    "connectionString",
                    "Whole connection string, account key included",
                    secret=True,
                    kind=ValueKind.CONNECTION_STRING,
                    example="env://ATS_CONNECTION_STRING",
                ),
            ),
            string_parts=(
                StringPart(
                    "AccountName", "account_name", "Name of the storage account", example="youraccount"
                ),
                StringPart(
                    "AccountKey",
                    "account_key",
                    "Key of the storage account",
                    secret=True,
                    example="env://ATS_ACCOUNT_KEY",
                ),
            ),
            pattern="DefaultEndpointsProtocol=https;AccountName={account_name};AccountKey={account_key}",
        ),
    ),
)
