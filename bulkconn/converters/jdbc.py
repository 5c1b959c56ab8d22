"""Reads a JDBC URL for the places it names: host, port, database, and what else its kind has."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import parse_qsl, unquote

from bulkconn.converters.parsing import facts_of, text_of

_PLAIN: Final = re.compile(r"jdbc:[a-z0-9:+]+?://(?P<host>[^/:;?,]+)(?::(?P<port>\d+))?(?:/(?P<rest>[^;]*))?")
_SQL_SERVER: Final = re.compile(r"jdbc:sqlserver://(?P<host>[^:;\\]*)[^:;]*(?::(?P<port>\d+))?(?P<rest>;.*)?")
_ORACLE: Final = re.compile(
    r"jdbc:oracle:[a-z0-9]+:@(?://)?(?P<host>[^/:(]+):(?P<port>\d+)[:/](?P<sid>[^:/?]+).*"
)


def read_jdbc_url(url: str) -> dict[str, str]:
    """Give the facts of a URL by column; an empty dict for one that names several hosts, or none.

    User and password in it are left alone.
    """
    text = url.strip()
    lower = text.lower()
    if lower.startswith("jdbc:oracle:"):
        match = _ORACLE.fullmatch(text)
        return (
            {} if match is None else facts_of(server=match["host"], port=match["port"], database=match["sid"])
        )
    if lower.startswith("jdbc:sqlserver:"):
        match = _SQL_SERVER.fullmatch(text)
        if match is None:
            return {}
        pairs = (pair.partition("=") for pair in (match["rest"] or "").split(";"))
        properties = {key.strip().lower(): value.strip() for key, _, value in pairs}
        return _clean(
            match["host"], match["port"] or "", properties.get("databasename", properties.get("database", ""))
        )
    match = _PLAIN.fullmatch(text)
    if match is None:
        return {}
    database, _, query = (match["rest"] or "").partition("?")
    if lower.startswith("jdbc:snowflake:"):
        given = dict(parse_qsl(query))
        return facts_of(
            account=match["host"].removesuffix(".snowflakecomputing.com"),
            server=match["host"],
            database=text_of(given, "db", "database"),
            warehouse=text_of(given, "warehouse"),
            schema=text_of(given, "schema"),
            role=text_of(given, "role"),
        )
    return _clean(match["host"], match["port"] or "", unquote(database))


def _clean(server: str, port: str, database: str) -> dict[str, str]:
    given = {"server": server, "port": port, "database": database}
    return facts_of(**{key: text_of(given, key) for key in given})
