"""Apache Hive on Azure HDInsights, on Azure.

Facts from Adobe's page `sources/tutorials/api/create/databases/hive`. It contradicts itself: its table
lists host, username and password, its body sends a connection string, both under one auth spec. So there
are two ways here of which a row takes one, and neither is sure.
"""

from __future__ import annotations

from typing import Final

from bulkconn.core.source import AuthSpec, Caution, Need, Parameter, PlatformCloud, Source, ValueKind

_SPEC_NAME: Final = "HDInsights Basic Authentication"

HIVE: Final = Source(
    slug="hive",
    aliases=("apache-hive",),
    title="Apache Hive on Azure HDInsights",
    connection_spec_id="aac9bbd4-6c01-46ce-b47e-51c6f0f6db3f",
    auths=(
        AuthSpec(
            auth="connection_string",
            spec_name=_SPEC_NAME,
            platform_cloud=PlatformCloud.AZURE,
            parameters=(
                Parameter(
                    "connectionString",
                    "Whole connection string; no pattern is documented",
                    need=Need.UNKNOWN,
                    secret=True,
                    kind=ValueKind.CONNECTION_STRING,
                    example="env://HIVE_CONNECTION_STRING",
                ),
            ),
        ),
        AuthSpec(
            auth="basic",
            spec_name=_SPEC_NAME,
            platform_cloud=PlatformCloud.AZURE,
            parameters=(
                Parameter("host", "Host name or IP address", need=Need.UNKNOWN, example="hive.example.com"),
                Parameter("username", "Login name", need=Need.UNKNOWN, example="adobe_reader"),
                Parameter(
                    "password",
                    "Password of the login",
                    need=Need.UNKNOWN,
                    secret=True,
                    example="env://HIVE_PASSWORD",
                ),
            ),
        ),
    ),
    notes=("Spark, whose auth spec has the same name, takes host, username and password.",),
    cautions=(
        Caution(
            "Adobe's page of hive contradicts itself: its table has host, username and password, its body a "
            "connectionString",
            "give the row the other way (auth=basic or auth=connection_string) if the service refuses it",
        ),
    ),
)
