"""Airflow's connections: `airflow connections export` as JSON, YAML or env, and `airflow connections list`.

Formats: https://airflow.apache.org/docs/apache-airflow/stable/howto/connection.html (JSON and URI), and the
local filesystem backend, which reads the same from files.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from bulkconn.converters.database import TLS_MODES, Database, Found, Malformed, Skipped, Tls
from bulkconn.converters.engines import of_airflow
from bulkconn.converters.parsing import description_of, facts_of, object_of, parse_json, secret_of, text_of
from bulkconn.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_WHAT: Final = "what `airflow connections export` writes (--file-format json, yaml or env)"
_ENV_LINE: Final = re.compile(r"(?:export\s+)?([^\s=:{}\[\]]+)\s*=(.*)")
_PREFIX: Final = "AIRFLOW_CONN_"
#: How the providers' forms wrote their own fields once: `extra__snowflake__account`.
_LONG_EXTRA: Final = re.compile(r"extra__[a-z0-9_]+?__")


def read_airflow(text: str) -> Iterator[Found]:
    """Give the databases among the connections of a file.

    Raises:
        Malformed: it is no such file.
        UsageError: it is YAML, and what reads that is not installed.
    """
    for conn_id, value in _connections(text):
        # The local filesystem backend allows a list, of which Airflow itself takes one.
        for one in value if isinstance(value, list) else [value]:
            yield _read(conn_id, one)


def _connections(text: str) -> Iterator[tuple[str, object]]:
    """Give ids and what stands under them, from whichever format."""
    start = next((line for line in text.splitlines() if line.strip() and not line.startswith("#")), "")
    if _ENV_LINE.fullmatch(start.strip()):
        yield from _env_lines(text)
        return
    document = parse_json(text, what=_WHAT) if start.lstrip()[:1] in {"{", "["} else _parse_yaml(text)
    if isinstance(document, dict):
        for conn_id, value in document.items():
            yield str(conn_id), value
    elif isinstance(document, list) and document:
        for item in document:
            yield text_of(item, "conn_id") if isinstance(item, dict) else "", item
    else:
        raise Malformed("the file has no connections", f"give {_WHAT}")


def _parse_yaml(text: str) -> object:
    try:
        import yaml  # noqa: PLC0415 - an extra that may be missing
    except ImportError as error:
        raise UsageError(
            "the file is YAML, and what reads that is not installed",
            fix="python3 -m pip install 'bulkconn[yaml]', or export the connections as JSON",
        ) from error
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        line = None if mark is None else mark.line + 1
        raise Malformed(
            "the file is not YAML, nor JSON, nor lines of id=URI", f"give {_WHAT}", line=line
        ) from None


def _env_lines(text: str) -> Iterator[tuple[str, object]]:
    """Give ids and values of `id=value` lines, where a shell may have quoted a value over several."""
    lines = iter(enumerate(text.splitlines(), start=1))
    for number, line in lines:
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        match = _ENV_LINE.fullmatch(stripped)
        if match is None:
            raise Malformed("a line is not id=value", f"give {_WHAT}", line=number)
        conn_id, value = match[1], match[2].strip()
        quote = value[:1]
        if quote and quote in "'\"":
            while not (len(value) > 1 and value.endswith(quote)):
                more = next(lines, None)
                if more is None:
                    raise Malformed("a quote is never closed", "close the quote", line=number)
                value += "\n" + more[1].rstrip()
            value = value[1:-1]
        yield conn_id.removeprefix(_PREFIX).lower() if conn_id.startswith(_PREFIX) else conn_id, value


def _read(conn_id: str, value: object) -> Found:
    title = conn_id.strip() or "a connection without an id"
    fields: Mapping[str, Any] | None
    if isinstance(value, str):
        fields = _of_json(value) if value.lstrip().startswith("{") else _of_uri(value)
    else:
        fields = value if isinstance(value, dict) else None
    if fields is None:
        return Skipped(title, "what stands under it is neither a URI nor an object")
    conn_type = text_of(fields, "conn_type").lower()
    source = of_airflow(conn_type)
    if source is None:
        return Skipped(title, f"connection type {conn_type or 'unknown'} is none that can be onboarded")
    return _database(title, source, fields)


def _of_json(value: str) -> Mapping[str, Any] | None:
    try:
        fields = json.loads(value)
    except (ValueError, RecursionError):
        return None
    return fields if isinstance(fields, dict) else None


def _of_uri(value: str) -> Mapping[str, Any] | None:
    """Take a URI apart as Airflow does: each part is percent-encoded, the query is `extra`."""
    try:
        parts = urlsplit(value)
        port = parts.port
        extra: dict[str, Any] = dict(parse_qsl(parts.query, keep_blank_values=True))
    except ValueError:
        return None
    if "__extra__" in extra:
        extra = dict(_of_json(extra["__extra__"]) or {})
    return {
        "conn_type": parts.scheme.replace("-", "_"),
        "login": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "host": unquote(parts.hostname or ""),
        "port": port,
        "schema": unquote(parts.path.lstrip("/")),
        "extra": extra,
    }


def _database(title: str, source: str, fields: Mapping[str, Any]) -> Database:
    extra = _extra(fields)
    facts = facts_of(
        server=text_of(fields, "host"),
        port=text_of(fields, "port"),
        database=text_of(fields, "schema"),
        username=text_of(fields, "login"),
    )
    remarks: tuple[str, ...] = ()
    if source == "oracle":
        sid, service = text_of(extra, "sid"), text_of(extra, "service_name")
        if sid or service:
            # Then the field called schema is one.
            facts |= facts_of(database=sid or service, schema=text_of(fields, "schema"))
        remarks = () if sid or not service else ("its service name stands where a SID is wanted",)
    elif source == "snowflake":
        facts.pop("database", None)
        facts |= _snowflake(fields, extra)
    return Database(
        name=title,
        source=source,
        origin=f"airflow {title}",
        facts=facts,
        tls=_tls(extra),
        password=secret_of(fields, "password"),
        description=description_of(fields),
        remarks=remarks,
    )


def _extra(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give the free part of a connection, a JSON text or an object, under the short names of its keys."""
    raw = fields.get("extra", fields.get("extra_dejson"))
    extra = (_of_json(raw) or {}) if isinstance(raw, str) else object_of({"extra": raw}, "extra")
    return {_LONG_EXTRA.sub("", str(key)): value for key, value in extra.items()}


def _snowflake(fields: Mapping[str, Any], extra: Mapping[str, Any]) -> dict[str, str]:
    account, region = text_of(extra, "account"), text_of(extra, "region")
    host = text_of(fields, "host")
    if region and account and "." not in account:
        account = f"{account}.{region}"
    return facts_of(
        account=account or host.removesuffix(".snowflakecomputing.com"),
        server=host or (f"{account}.snowflakecomputing.com" if account else ""),
        database=text_of(extra, "database"),
        warehouse=text_of(extra, "warehouse"),
        role=text_of(extra, "role"),
        schema=text_of(fields, "schema"),
    )


def _tls(extra: Mapping[str, Any]) -> Tls:
    mode = TLS_MODES.get(text_of(extra, "sslmode", "ssl_mode").lower())
    if mode is not None:
        return mode
    return Tls.REQUIRE if extra.get("ssl") else Tls.PREFER
