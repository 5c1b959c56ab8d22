"""Oracle Database, on Azure and on AWS.

Facts from Adobe's pages `sources/tutorials/api/create/databases/oracle` and
`sources/connectors/databases/oracle`. The page's AWS body carries MySQL's connection spec id; the table
beside it has Oracle's own, which is used here.
"""

from __future__ import annotations

from typing import Final

from bulkconn.core.source import AuthSpec, Need, Parameter, PlatformCloud, Source, StringPart, ValueKind

ORACLE: Final = Source(
    slug="oracle",
    aliases=("oracle-db", "oracledb"),
    title="Oracle DB",
    connection_spec_id="d6b52d86-f0f8-475f-89d4-ce54c8527328",
    auths=(
        AuthSpec(
            auth="connection_string",
            spec_name="ConnectionString",
            platform_cloud=PlatformCloud.AZURE,
            parameters=(
                Parameter(
                    "connectionString",
                    "Whole connection string, password included",
                    secret=True,
                    kind=ValueKind.CONNECTION_STRING,
                    example="env://ORACLE_CONNECTION_STRING",
                ),
            ),
            string_parts=(
                StringPart("Host", "server", "Host name or IP address", example="oracle.example.com"),
                StringPart("Port", "port", "TCP port", kind=ValueKind.PORT, example="1521"),
                StringPart("Sid", "database", "SID of the Oracle instance", example="ORCL"),
                # The pattern writes `User Id`, every body of the page `UserId`.
                StringPart("User Id", "username", "Login name", also=("UserId",), example="adobe_reader"),
                StringPart(
                    "Password",
                    "password",
                    "Password of the login",
                    secret=True,
                    example="env://ORACLE_PASSWORD",
                ),
            ),
            pattern="Host={server};Port={port};Sid={database};User Id={username};Password={password}",
        ),
        AuthSpec(
            auth="basic",
            spec_name="Basic Authentication",
            platform_cloud=PlatformCloud.AWS,
            parameters=(
                Parameter("server", "Host name or IP address", example="oracle.example.com"),
                Parameter("port", "TCP port", kind=ValueKind.PORT, default="1521", example="1521"),
                Parameter("username", "Login name", example="adobe_reader"),
                Parameter("password", "Password of the login", secret=True, example="env://ORACLE_PASSWORD"),
                Parameter("database", "Oracle instance", example="ORCL"),
                Parameter("schema", "Schema that holds the tables", example="SALES"),
                Parameter(
                    "sslMode",
                    "Whether SSL is enforced; a boolean, sent as a string",
                    need=Need.UNKNOWN,
                    allowed=("true", "false"),
                    default="false",
                    example="true",
                ),
            ),
        ),
    ),
    notes=(
        "The pattern writes 'User Id=', the example bodies 'UserId='; whole strings may have either.",
        "The specName is 'ConnectionString', unlike that of most sources.",
    ),
)
