"""Google BigQuery, on Azure and on AWS.

Facts from Adobe's pages `sources/tutorials/api/create/databases/bigquery` and
`sources/connectors/databases/bigquery`.
"""

from __future__ import annotations

from typing import Final

from bulkconn.core.source import AuthSpec, Need, Parameter, PlatformCloud, Source, ValueKind

_PROJECT_ID: Final = Parameter("projectId", "Id of the project", example="your-project")
_KEY_FILE: Final = Parameter(
    "keyFileContent",
    "Base64 of the service account's JSON key file, in one line",
    secret=True,
    kind=ValueKind.BASE64,
    example="env://BIGQUERY_KEY_FILE",
)
_LARGE_RESULTS: Final = Parameter(
    "largeResultsDataSetId", "Existing dataset for large results", need=Need.OPTIONAL
)

BIGQUERY: Final = Source(
    slug="bigquery",
    aliases=("big-query", "google-bigquery", "google-big-query"),
    title="Google BigQuery",
    connection_spec_id="3c9b37f8-13a6-43d8-bad3-b863b941fedd",
    auths=(
        AuthSpec(
            auth="basic",
            spec_name="Basic Authentication",
            platform_cloud=PlatformCloud.AZURE,
            parameters=(
                Parameter("project", "Id of the default project", example="your-project"),
                Parameter("clientId", "OAuth client id", example="123.apps.example.com"),
                Parameter(
                    "clientSecret", "OAuth client secret", secret=True, example="env://BIGQUERY_CLIENT_SECRET"
                ),
                Parameter(
                    "refreshToken", "OAuth refresh token", secret=True, example="env://BIGQUERY_REFRESH_TOKEN"
                ),
                _LARGE_RESULTS,
            ),
            # In the page's body beside specName; Adobe's OpenAPI file does not know it.
            auth_type="OAuth2.0",
        ),
        AuthSpec(
            auth="service",
            spec_name="Service Authentication",
            platform_cloud=PlatformCloud.AZURE,
            parameters=(_PROJECT_ID, _KEY_FILE, _LARGE_RESULTS),
        ),
        AuthSpec(
            auth="service",
            spec_name="Service Authentication",
            platform_cloud=PlatformCloud.AWS,
            parameters=(
                _PROJECT_ID,
                _KEY_FILE,
                Parameter("datasetId", "Dataset that holds the tables", example="sales"),
            ),
        ),
    ),
    notes=(
        "Ultimate licence only.",
        "With auth=basic, auth.type OAuth2.0 is sent as the page shows it.",
        "datasetId came with the page of 2026; that of early 2025 had none.",
    ),
)
