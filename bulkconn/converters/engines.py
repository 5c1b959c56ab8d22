"""What other tools call a kind of database, and which of our sources that is."""

from __future__ import annotations

from typing import Final

#: Names as tools write them, in lower case; those of AWS with their editions cut off by `of_aws`.
_AIRFLOW: Final = {
    "postgres": "postgres",
    "postgresql": "postgres",
    "mysql": "mysql",
    "mariadb": "mariadb",
    "mssql": "sql-server",
    "oracle": "oracle",
    "redshift": "redshift",
    "snowflake": "snowflake",
    "cassandra": "cassandra",
    "vertica": "hp-vertica",
    "teradata": "teradata-vantage",
    "couchbase": "couchbase",
    "greenplum": "greenplum",
    "db2": "ibm-db2",
}
#: Longest first: `sqlserver-ee` begins with one of these, and so does `aurora-postgresql`.
_AWS: Final = (
    ("aurora-postgresql", "postgres"),
    ("aurora-mysql", "mysql"),
    ("custom-sqlserver", "sql-server"),
    ("custom-oracle", "oracle"),
    ("sqlserver", "sql-server"),
    ("postgres", "postgres"),
    ("mariadb", "mariadb"),
    ("oracle", "oracle"),
    ("aurora", "mysql"),
    ("mysql", "mysql"),
    ("db2", "ibm-db2"),
)
#: Words in DBeaver's driver or provider. What speaks the protocol of another database is not that database.
_DBEAVER: Final = (
    *((word, "") for word in ("cockroach", "yellowbrick", "crate", "materialize", "risingwave", "questdb")),
    *(
        (word, "")
        for word in ("tidb", "singlestore", "memsql", "starrocks", "doris", "oceanbase", "clickhouse")
    ),
    *((word, "") for word in ("sqlite", "athena", "babelfish", "gauss")),
    ("redshift", "redshift"),
    ("greenplum", "greenplum"),
    ("mariadb", "mariadb"),
    ("snowflake", "snowflake"),
    ("sqlserver", "sql-server"),
    ("mssql", "sql-server"),
    ("oracle", "oracle"),
    ("vertica", "hp-vertica"),
    ("teradata", "teradata-vantage"),
    ("cassandra", "cassandra"),
    ("couchbase", "couchbase"),
    ("postgres", "postgres"),
    ("mysql", "mysql"),
    ("db2", "ibm-db2"),
)

#: Where a database of this kind listens unless it is told otherwise.
DEFAULT_PORTS: Final = {
    "postgres": "5432",
    "greenplum": "5432",
    "mysql": "3306",
    "mariadb": "3306",
    "redshift": "5439",
    "sql-server": "1433",
    "oracle": "1521",
    "snowflake": "443",
    "cassandra": "9042",
    "hp-vertica": "5433",
    "ibm-db2": "50000",
    "teradata-vantage": "1025",
    "couchbase": "8093",
}


def of_airflow(conn_type: str) -> str | None:
    """Give the source of Airflow's connection type, None for what cannot be onboarded."""
    return _AIRFLOW.get(conn_type.lower())


def of_aws(engine: str) -> str | None:
    """Give the source of an engine of Amazon RDS, whatever its edition."""
    return next((slug for name, slug in _AWS if engine.lower().startswith(name)), None)


def of_dbeaver(driver: str, provider: str) -> str | None:
    """Give the source of DBeaver's driver, or else of its provider."""
    for said in (driver.lower(), provider.lower()):
        for word, slug in _DBEAVER:
            if word in said:
                return slug or None
    return None
