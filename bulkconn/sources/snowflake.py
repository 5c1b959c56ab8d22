"""Snowflake, read in batches, on Azure and on AWS.

Facts from Adobe's pages `sources/tutorials/api/create/databases/snowflake` and
`sources/connectors/databases/snowflake`. Adobe announced the end of passwords for November 2025: the API
page has lost its connection string since, and kept basic authentication on AWS.
"""

from __future__ import annotations

from typing import Final

from bulkconn.core.source import (
    AuthSpec,
    Caution,
    Fit,
    Need,
    Parameter,
    PlatformCloud,
    Source,
    StringPart,
    ValueKind,
)

_ACCOUNT: Final = Parameter("account", "Account identifier, organisation name first", example="your-account")
_USERNAME: Final = Parameter("username", "User of Snowflake", example="ADOBE_READER")
_PRIVATE_KEY: Final = Parameter(
    "privateKey",
    "Base64 of the private key, in one line",
    secret=True,
    kind=ValueKind.BASE64,
    example="env://SNOWFLAKE_PRIVATE_KEY",
)
_DATABASE: Final = Parameter("database", "Database to read", example="SALES")
_WAREHOUSE: Final = Parameter("warehouse", "Warehouse to use", example="COMPUTE_WH")
#: Listed on the overview page; in no body of the API page.
_PORT: Final = Parameter("port", "TCP port", need=Need.UNKNOWN, kind=ValueKind.PORT, example="443")

_NO_PASSWORDS: Final = Caution("Adobe: no passwords in snowflake after November 2025", "use auth=key_pair")

#: No page says how to encode: the pattern is an address, so only what needs no encoding there is put into it.
_IN_ADDRESS: Final = Fit(
    r"[A-Za-z0-9._~$@!*(),:-]+", "ASCII letters, digits and . _ ~ $ @ ! * ( ) , : - in an address"
)
_STRING_PARTS: Final = (
    StringPart(
        "host",
        "account",
        "Account name, without .snowflakecomputing.com",
        fit=Fit(
            r"(?!.*\.snowflakecomputing\.com$)[A-Za-z0-9._-]+",
            "an account name, without .snowflakecomputing.com",
        ),
        example="your-account",
    ),
    StringPart("user", "username", "User of Snowflake", fit=_IN_ADDRESS, example="ADOBE_READER"),
    StringPart(
        "password",
        "password",
        "Password of the user",
        secret=True,
        fit=_IN_ADDRESS,
        example="env://SNOWFLAKE_PASSWORD",
    ),
    StringPart("db", "database", "Database to read", fit=_IN_ADDRESS, example="SALES"),
    StringPart("warehouse", "warehouse", "Warehouse to use", fit=_IN_ADDRESS, example="COMPUTE_WH"),
)

SNOWFLAKE: Final = Source(
    slug="snowflake",
    aliases=("snowflake-batch",),
    title="Snowflake (batch)",
    connection_spec_id="b2e08744-4f1a-40ce-af30-7abac3e23cf3",
    auths=(
        AuthSpec(
            auth="key_pair",
            spec_name="KeyPair Authentication",
            platform_cloud=PlatformCloud.AZURE,
            parameters=(
                _ACCOUNT,
                _USERNAME,
                _PRIVATE_KEY,
                Parameter(
                    "privateKeyPassphrase",
                    "Passphrase of an encrypted key; AWS takes none",
                    need=Need.OPTIONAL,
                    secret=True,
                ),
                _DATABASE,
                _WAREHOUSE,
                _PORT,
            ),
        ),
        AuthSpec(
            auth="connection_string",
            spec_name="ConnectionString",
            platform_cloud=PlatformCloud.AZURE,
            parameters=(
                Parameter(
                    "connectionString",
                    "Whole JDBC address, password included",
                    secret=True,
                    kind=ValueKind.CONNECTION_STRING,
                    example="env://SNOWFLAKE_CONNECTION_STRING",
                ),
            ),
            string_parts=_STRING_PARTS,
            pattern=(
                "jdbc:snowflake://{account}.snowflakecomputing.com/"
                "?user={username}&password={password}&db={database}&warehouse={warehouse}"
            ),
            cautions=(_NO_PASSWORDS,),
        ),
        AuthSpec(
            auth="basic",
            spec_name="Basic Authentication",
            platform_cloud=PlatformCloud.AWS,
            parameters=(
                Parameter("host", "Host of the account", example="snowflake.example.com"),
                Parameter("port", "TCP port", kind=ValueKind.PORT, example="443"),
                _USERNAME,
                Parameter(
                    "password", "Password of the user", secret=True, example="env://SNOWFLAKE_PASSWORD"
                ),
                _DATABASE,
                Parameter("schema", "Schema to read; the user needs access", example="PUBLIC"),
                _WAREHOUSE,
            ),
            cautions=(_NO_PASSWORDS,),
        ),
        AuthSpec(
            auth="key_pair",
            spec_name="KeyPair Authentication",
            platform_cloud=PlatformCloud.AWS,
            parameters=(_ACCOUNT, _USERNAME, _PRIVATE_KEY, _DATABASE, _WAREHOUSE, _PORT),
        ),
    ),
    notes=(
        "Ultimate licence only. In Snowflake, PREVENT_UNLOAD_TO_INLINE_URL must be FALSE.",
        "usePrivateLink and role are in no documented body: source=custom can send them.",
    ),
)
