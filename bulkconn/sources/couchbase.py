"""Couchbase, on Azure.

Facts from Adobe's pages `sources/tutorials/api/create/databases/couchbase` and
`sources/connectors/databases/couchbase`, which announce its end: one rendering for May, one for June 2025.
"""

from __future__ import annotations

from typing import Final

from bulkconn.core.source import (
    AuthSpec,
    Caution,
    Fit,
    Parameter,
    PlatformCloud,
    Source,
    StringPart,
    ValueKind,
)

#: User and password stand in JSON inside the string, where a backslash would begin an escape.
_IN_JSON: Final = Fit(r"[^\\]+", "no backslash, semicolon, quote, brace or control character")

COUCHBASE: Final = Source(
    slug="couchbase",
    title="Couchbase",
    connection_spec_id="1fe283f6-9bec-11ea-bb37-0242ac130002",
    auths=(
        AuthSpec(
            auth="connection_string",
            spec_name="Connection String Based Authentication",
            platform_cloud=PlatformCloud.AZURE,
            parameters=(
                Parameter(
                    "connectionString",
                    "Whole connection string, password included",
                    secret=True,
                    kind=ValueKind.CONNECTION_STRING,
                    example="env://COUCHBASE_CONNECTION_STRING",
                ),
            ),
            string_parts=(
                StringPart("Server", "server", "Host name or IP address", example="couchbase.example.com"),
                StringPart("Port", "port", "TCP port", kind=ValueKind.PORT, example="8093"),
                StringPart("CredString", "username", "Login name", fit=_IN_JSON, example="adobe_reader"),
                StringPart(
                    "CredString",
                    "password",
                    "Password of the login",
                    secret=True,
                    fit=_IN_JSON,
                    example="env://COUCHBASE_PASSWORD",
                ),
            ),
            pattern=(
                "Server={server}; Port={port};AuthMech=1;"
                'CredString=[{"user": "{username}", "pass":"{password}"}];'
            ),
        ),
    ),
    cautions=(
        Caution(
            "couchbase was to end in June 2025 by Adobe's page, and is no longer in the catalogue of sources",
            "ask Adobe whether your organisation may still use it",
        ),
    ),
)
