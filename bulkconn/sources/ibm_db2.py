"""IBM DB2, on Azure.

Facts from Adobe's page `sources/tutorials/api/create/databases/ibm-db2`. Below its body the page speaks of a
connection string that the body does not have.
"""

from __future__ import annotations

from typing import Final

from bulkconn.core.source import AuthSpec, Need, Parameter, PlatformCloud, Source

IBM_DB2: Final = Source(
    slug="ibm-db2",
    aliases=("ibmdb2", "db2"),
    title="IBM DB2",
    connection_spec_id="09182899-b429-40c9-a15a-bf3ddbc8ced7",
    auths=(
        AuthSpec(
            auth="basic",
            spec_name="Basic Authentication",
            platform_cloud=PlatformCloud.AZURE,
            parameters=(
                Parameter(
                    "server", "Host name or IP address, as in host:50000", example="db2.example.com:50000"
                ),
                Parameter("database", "Name of the database", example="sales"),
                # In the body as a placeholder, explained nowhere: there is nothing to show as an example.
                Parameter("authenticationType", "In the page's body, never explained", need=Need.UNKNOWN),
                Parameter("username", "Login name", example="adobe_reader"),
                Parameter("password", "Password of the login", secret=True, example="env://DB2_PASSWORD"),
            ),
        ),
    ),
    notes=("There is no port of its own: it follows the server's name after a colon.",),
)
