"""DBeaver's `data-sources.json`, and CloudBeaver's.

User names and passwords mostly stand beside it, in `credentials-config.json`, encrypted with a key that
everybody knows. That file is not read: what was meant to be hidden stays so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from bulkconn.converters.database import TLS_MODES, Database, Found, Malformed, Skipped, Tls
from bulkconn.converters.engines import of_dbeaver
from bulkconn.converters.jdbc import read_jdbc_url
from bulkconn.converters.parsing import description_of, facts_of, object_of, parse_json, secret_of, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_WHAT: Final = "data-sources.json, which lies in the folder .dbeaver of a project"


def read_dbeaver(text: str) -> Iterator[Found]:
    """Give the databases among the connections of a project.

    Raises:
        Malformed: it is no such file.
    """
    document = parse_json(text, what=_WHAT)
    connections = document.get("connections") if isinstance(document, dict) else None
    if not isinstance(connections, dict):
        raise Malformed('the file has no "connections"', f"give {_WHAT}")
    for key, value in connections.items():
        if isinstance(value, dict):
            yield _read(str(key), value)
        else:
            yield Skipped(str(key), "what stands under it is no object")


def _read(key: str, connection: Mapping[str, Any]) -> Found:
    title = text_of(connection, "name") or key
    driver, provider = text_of(connection, "driver"), text_of(connection, "provider")
    source = of_dbeaver(driver, provider)
    if source is None:
        return Skipped(title, f"driver {driver or provider or 'unknown'} is none that can be onboarded")
    configuration = object_of(connection, "configuration")
    facts = _facts(source, configuration)
    if not facts.get("server"):
        return Skipped(title, "neither a host nor a URL that names one is given")
    accounts = (
        configuration,
        object_of(configuration, "auth-properties"),
        object_of(connection, "credentials"),
    )
    username = next(filter(None, (text_of(one, "user", "userName") for one in accounts)), "")
    passwords = (secret_of(one, "password", "userPassword") for one in accounts)
    return Database(
        name=title,
        source=source,
        origin=f"dbeaver {key}",
        facts=facts | facts_of(username=username),
        tls=_tls(configuration),
        password=next((password for password in passwords if password is not None), None),
        description=description_of(connection),
        remarks=_remarks(configuration),
    )


def _facts(source: str, configuration: Mapping[str, Any]) -> dict[str, str]:
    """Give places as they were typed, and from the URL what was not."""
    typed = facts_of(
        server=text_of(configuration, "host", "server"),
        port=text_of(configuration, "port"),
        database=text_of(configuration, "database"),
    )
    if text_of(configuration, "configurationType") == "URL":
        typed = {}
    facts = read_jdbc_url(text_of(configuration, "url")) | typed
    if source == "snowflake" and facts.get("server"):
        facts.setdefault("account", facts["server"].removesuffix(".snowflakecomputing.com"))
        properties = {
            **object_of(configuration, "provider-properties"),
            **object_of(configuration, "properties"),
        }
        for name in ("warehouse", "role", "schema"):
            facts |= facts_of(**{name: text_of(properties, name, f"@dbeaver-{name}@") or facts.get(name, "")})
    return facts


def _tls(configuration: Mapping[str, Any]) -> Tls:
    handlers = object_of(configuration, "handlers")
    secured = [
        object_of(object_of(handlers, name), "properties")
        for name in handlers
        if "ssl" in name.lower() and object_of(handlers, name).get("enabled") is True
    ]
    for given in (*secured, object_of(configuration, "properties")):
        mode = TLS_MODES.get(text_of(given, "sslMode", "sslmode", "ssl.mode").lower())
        if mode is not None:
            return mode
        if text_of(given, "ssl.verify.server").lower() == "true":
            return Tls.VERIFY_CA
    return Tls.REQUIRE if secured else Tls.PREFER


def _remarks(configuration: Mapping[str, Any]) -> tuple[str, ...]:
    handlers = object_of(configuration, "handlers")
    tunnels = [
        name
        for name in handlers
        if object_of(handlers, name).get("enabled") is True
        and text_of(object_of(handlers, name), "type").upper() in {"TUNNEL", "PROXY"}
    ]
    return ("DBeaver reaches it through a tunnel or proxy, which Adobe has not",) if tunnels else ()
