"""Apache Phoenix, on Azure.

Facts from Adobe's page `sources/tutorials/api/create/databases/phoenix`, which announces its end for May
2025. Its body has places without quotes for the port and for `enableSsl`. The latter is called a boolean
and sent as one; the port is sent as a string, like every other source's.
"""

from __future__ import annotations

from typing import Final

from bulkconn.core.source import AuthSpec, Caution, Parameter, PlatformCloud, Source, ValueKind

PHOENIX: Final = Source(
    slug="phoenix",
    aliases=("apache-phoenix",),
    title="Phoenix",
    connection_spec_id="102706fb-a5cd-42ee-afe0-bc42f017ff43",
    auths=(
        AuthSpec(
            auth="basic",
            spec_name="Basic Authentication",
            platform_cloud=PlatformCloud.AZURE,
            parameters=(
                Parameter("host", "Host name or IP address", example="phoenix.example.com"),
                Parameter("username", "Login name", example="adobe_reader"),
                Parameter("password", "Password of the login", secret=True, example="env://PHOENIX_PASSWORD"),
                Parameter("port", "TCP port; 443 for HDInsights", kind=ValueKind.PORT, example="443"),
                Parameter("httpPath", "Partial URL; /hbasephoenix0 for HDInsights", example="/hbasephoenix0"),
                Parameter("enableSsl", "Whether SSL is used", kind=ValueKind.BOOLEAN, example="true"),
            ),
        ),
    ),
    notes=("The page's body has the port without quotes; it is sent as a string.",),
    cautions=(
        Caution(
            "phoenix was to end in May 2025 by Adobe's page, and is no longer in the catalogue of sources",
            "ask Adobe whether your organisation may still use it",
        ),
    ),
)
