"""Every source that can be onboarded: one file each, one line each in `ALL`.

A source is a value: connection spec id, auth specs per cloud, parameters as Adobe's pages document
them. No code of a source runs when a row is read; `bulkconn.core` interprets the value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bulkconn.core.choice import source_index
from bulkconn.sources.ats import ATS
from bulkconn.sources.bigquery import BIGQUERY
from bulkconn.sources.cassandra import CASSANDRA
from bulkconn.sources.couchbase import COUCHBASE
from bulkconn.sources.data_explorer import DATA_EXPLORER
from bulkconn.sources.databricks import DATABRICKS
from bulkconn.sources.greenplum import GREENPLUM
from bulkconn.sources.hive import HIVE
from bulkconn.sources.hp_vertica import HP_VERTICA
from bulkconn.sources.ibm_db2 import IBM_DB2
from bulkconn.sources.mariadb import MARIADB
from bulkconn.sources.mysql import MYSQL
from bulkconn.sources.oracle import ORACLE
from bulkconn.sources.phoenix import PHOENIX
from bulkconn.sources.postgresql import POSTGRESQL
from bulkconn.sources.redshift import REDSHIFT
from bulkconn.sources.snowflake import SNOWFLAKE
from bulkconn.sources.snowflake_streaming import SNOWFLAKE_STREAMING
from bulkconn.sources.spark import SPARK
from bulkconn.sources.sql_server import SQL_SERVER
from bulkconn.sources.synapse_analytics import SYNAPSE_ANALYTICS
from bulkconn.sources.teradata_vantage import TERADATA_VANTAGE

if TYPE_CHECKING:
    from bulkconn.core.source import Source

#: In the order in which `bulkconn sources` lists them.
ALL: Final[tuple[Source, ...]] = (
    POSTGRESQL,
    MYSQL,
    REDSHIFT,
    MARIADB,
    ORACLE,
    SQL_SERVER,
    SNOWFLAKE,
    SNOWFLAKE_STREAMING,
    BIGQUERY,
    SYNAPSE_ANALYTICS,
    DATABRICKS,
    ATS,
    CASSANDRA,
    COUCHBASE,
    DATA_EXPLORER,
    GREENPLUM,
    HIVE,
    HP_VERTICA,
    IBM_DB2,
    PHOENIX,
    SPARK,
    TERADATA_VANTAGE,
)

_BY_NAME: Final = source_index(ALL)


def find_source(name: str) -> Source | None:
    """Give the source of a slug or alias, whatever its case; None when there is no such source."""
    return _BY_NAME.get(name.strip().lower())
