"""How each source is probed: what its server speaks, and where its row says the address.

The ports are those that each server listens on by default; a row's own wins.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


class Protocol(StrEnum):
    """What a probe speaks with a server."""

    #: PostgreSQL's, which Redshift speaks as well: a login.
    POSTGRESQL = "postgresql"
    #: MySQL's and MariaDB's: a login.
    MYSQL = "mysql"
    #: TLS from the first byte, as behind HTTPS: a handshake, the certificate verified.
    TLS = "tls"
    #: Anything else: a connection, no byte of it sent.
    TCP = "tcp"


#: The protocols that log in, and the library that each takes.
DRIVERS: Final[Mapping[Protocol, str]] = MappingProxyType(
    {Protocol.POSTGRESQL: "asyncpg", Protocol.MYSQL: "aiomysql"}
)


@dataclass(frozen=True, slots=True)
class Approach:
    """How one source is probed.

    `port` is the default, None where there is none. `host_columns` are looked at in this order, as
    parameters and as keys of a connection string; then `account_column`, whose value is a host when
    `suffix` follows it (`acme` in `acme.snowflakecomputing.com`). `host` is the address of a service that
    all rows share. `tls_column` names a parameter that chooses between TLS and TCP.
    """

    protocol: Protocol
    port: int | None
    host_columns: tuple[str, ...] = ("server", "host", "datasource")
    account_column: str | None = None
    suffix: str = ""
    host: str | None = None
    tls_column: str | None = None


_HTTPS: Final = 443
_SNOWFLAKE: Final = Approach(
    Protocol.TLS, _HTTPS, host_columns=("host",), account_column="account", suffix=".snowflakecomputing.com"
)

#: By slug of the source.
APPROACHES: Final[Mapping[str, Approach]] = MappingProxyType(
    {
        "postgres": Approach(Protocol.POSTGRESQL, 5432),
        "redshift": Approach(Protocol.POSTGRESQL, 5439),
        "mysql": Approach(Protocol.MYSQL, 3306),
        "mariadb": Approach(Protocol.MYSQL, 3306),
        "oracle": Approach(Protocol.TCP, 1521),
        # Encryption is negotiated inside the server's own protocol, so there is no handshake to try.
        "sql-server": Approach(Protocol.TCP, 1433),
        "synapse-analytics": Approach(Protocol.TCP, 1433),
        "greenplum": Approach(Protocol.TCP, 5432),
        "hp-vertica": Approach(Protocol.TCP, 5433),
        "ibm-db2": Approach(Protocol.TCP, 50000),
        "teradata-vantage": Approach(Protocol.TCP, 1025, host_columns=("dbcname", "server", "host")),
        "cassandra": Approach(Protocol.TCP, 9042),
        "couchbase": Approach(Protocol.TCP, None),
        "phoenix": Approach(Protocol.TCP, None, tls_column="enablessl"),
        # Both run on Azure HDInsight, whose gateway is HTTPS.
        "hive": Approach(Protocol.TLS, _HTTPS),
        "spark": Approach(Protocol.TLS, _HTTPS),
        "snowflake": _SNOWFLAKE,
        "snowflake-streaming": _SNOWFLAKE,
        "databricks": Approach(Protocol.TLS, _HTTPS, host_columns=("domain",)),
        "data-explorer": Approach(Protocol.TLS, _HTTPS, host_columns=("endpoint",)),
        "ats": Approach(
            Protocol.TLS,
            _HTTPS,
            host_columns=("tableendpoint",),
            account_column="accountname",
            suffix=".table.core.windows.net",
        ),
        "bigquery": Approach(Protocol.TLS, _HTTPS, host="bigquery.googleapis.com"),
    }
)

#: For a source that this table does not know, such as `custom`: a connection, if its row says where to.
UNKNOWN: Final = Approach(Protocol.TCP, None)


def approach_of(source: str) -> Approach:
    """Give how a source is probed."""
    return APPROACHES.get(source, UNKNOWN)
