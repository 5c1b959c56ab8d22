"""Amazon Redshift, on Azure and on AWS.

Facts from Adobe's page `sources/tutorials/api/create/databases/redshift`, which calls it "AWS Redshift";
the catalogue calls it "Amazon Redshift".
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from bulkconn.core.source import AuthSpec, Need, Parameter, PlatformCloud, Source, ValueKind

_BASIC: Final = (
    Parameter("server", "Host name of the cluster", example="cluster.example.com"),
    Parameter("port", "TCP port of the cluster", kind=ValueKind.PORT, example="5439"),
    Parameter("username", "Login name", example="adobe_reader"),
    Parameter("password", "Password of the login", secret=True, example="env://REDSHIFT_PASSWORD"),
    Parameter("database", "Name of the database", example="warehouse"),
)
#: For AWS the page has a body and no table: it says of none of these whether it may be left out.
_ON_AWS: Final = tuple(
    replace(parameter, need=Need.UNKNOWN)
    for parameter in (*_BASIC, Parameter("schema", "Schema to read; the user needs access", example="public"))
)

REDSHIFT: Final = Source(
    slug="redshift",
    aliases=("amazon-redshift", "aws-redshift"),
    title="Amazon Redshift",
    connection_spec_id="3416976c-a9ca-4bba-901a-1f08f66978ff",
    auths=(
        AuthSpec(
            auth="basic",
            spec_name="Basic Authentication",
            platform_cloud=PlatformCloud.AZURE,
            parameters=_BASIC,
        ),
        AuthSpec(
            auth="basic",
            spec_name="Basic Authentication",
            platform_cloud=PlatformCloud.AWS,
            #: Only the AWS body has `schema`.
            parameters=_ON_AWS,
        ),
    ),
)
