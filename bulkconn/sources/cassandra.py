"""Apache Cassandra, on Azure.

Facts from old versions of Adobe's page `sources/tutorials/api/create/databases/cassandra`.
"""

from __future__ import annotations

from typing import Final

from bulkconn.core.source import AuthSpec, Caution, Parameter, PlatformCloud, Source, ValueKind

CASSANDRA: Final = Source(
    slug="cassandra",
    aliases=("apache-cassandra",),
    title="Apache Cassandra",
    connection_spec_id="a8f4d393-1a6b-43f3-931f-91a16ed857f4",
    auths=(
        AuthSpec(
            auth="basic",
            spec_name="Basic Authentication",
            platform_cloud=PlatformCloud.AZURE,
            parameters=(
                Parameter("host", "Host name or IP address", example="cassandra.example.com"),
                Parameter("port", "TCP port", kind=ValueKind.PORT, default="9042", example="9042"),
                Parameter("username", "Login name", example="adobe_reader"),
                Parameter(
                    "password", "Password of the login", secret=True, example="env://CASSANDRA_PASSWORD"
                ),
            ),
        ),
    ),
    cautions=(
        Caution(
            "cassandra is no longer in Adobe's catalogue of sources",
            "ask Adobe whether your organisation may still use it",
        ),
    ),
)
