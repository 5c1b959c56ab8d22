"""Apache Spark on Azure HDInsights, on Azure.

Facts from Adobe's page `sources/tutorials/api/create/databases/spark`.
"""

from __future__ import annotations

from typing import Final

from bulkconn.core.source import AuthSpec, Parameter, PlatformCloud, Source

SPARK: Final = Source(
    slug="spark",
    aliases=("apache-spark",),
    title="Apache Spark on Azure HDInsights",
    connection_spec_id="6a8d82bc-1caf-45d1-908d-cadabc9d63a6",
    auths=(
        AuthSpec(
            auth="basic",
            spec_name="HDInsights Basic Authentication",
            platform_cloud=PlatformCloud.AZURE,
            parameters=(
                Parameter("host", "Host name or IP address", example="spark.example.com"),
                Parameter("username", "Login name", example="adobe_reader"),
                Parameter("password", "Password of the login", secret=True, example="env://SPARK_PASSWORD"),
            ),
        ),
    ),
)
