"""What to probe for a row: address, login and TLS mode, read from its parameters or connection string."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from bulkconn.core.connection_string import NotAConnectionString, is_port, parse_string
from bulkconn.core.reach import Answer, Cause, Result
from bulkconn.core.secret import SecretStr
from bulkconn.probe.approach import DRIVERS, Approach, Protocol
from bulkconn.probe.tls import TlsMode, read_tls_mode

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Names under which parameters and connection strings say who logs in to what; see `_spelling`.
_USERNAMES: Final = ("username", "uid", "userid", "user")
_PASSWORDS: Final = ("password", "pwd")
_DATABASES: Final = ("database", "initialcatalog", "db")
_PORTS: Final = ("port",)
#: What a host name or an IP address is made of. A driver would take `/` for the path of a socket and
#: `,` for the end of a first host.
_HOST: Final = re.compile(r"[\w.:%-]{1,253}")
_QUOTES: Final = ("'", '"', "{")
#: Among fields: they come from one.
_STRING: Final = "connectionstring"


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Login:
    """Who logs in to what, and how the way there is encrypted."""

    username: str
    password: SecretStr
    database: str
    tls: TlsMode


@dataclass(frozen=True, slots=True)
class Target:
    """One thing to probe. Equal targets have equal answers; `login` is None for protocols without one.

    `is_shown` is False where the address comes of a secret cell, as a `custom` source may have it.
    """

    protocol: Protocol
    address: Address
    login: Login | None = None
    is_shown: bool = True


def read_target(approach: Approach, params: Mapping[str, str | bool | SecretStr]) -> Target | Answer:
    """Give what to probe, or the answer of a row that does not say it in a way that can be read.

    Args:
        approach: Of the row's source.
        params: Of its request, every reference resolved.
    """
    try:
        fields = _fields(params)
    except NotAConnectionString:
        return _unreadable("the connection string is not made of Key=value pairs")
    where = _address(approach, fields)
    if isinstance(where, Answer):
        return where
    protocol = approach.protocol
    if approach.tls_column and fields.get(approach.tls_column, "").strip().lower() == "true":
        protocol = Protocol.TLS
    columns = (*approach.host_columns, approach.account_column)
    secret = {_spelling(name) for name, value in params.items() if isinstance(value, SecretStr)}
    is_shown = next((name for name in columns if name and fields.get(name)), None) not in secret
    if protocol not in DRIVERS:
        return Target(protocol, where, is_shown=is_shown)
    login = _login(fields)
    return login if isinstance(login, Answer) else Target(protocol, where, login, is_shown)


def _fields(params: Mapping[str, str | bool | SecretStr]) -> dict[str, str]:
    """Give every parameter, and every piece of a connection string, by its name as `_spelling` has it.

    Raises:
        NotAConnectionString: a connection string cannot be taken apart.
    """
    fields: dict[str, str] = {}
    for name, value in params.items():
        text = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        if _spelling(name) != _STRING:
            fields[_spelling(name)] = text
        elif text.lower().startswith("jdbc:"):
            # Snowflake's: an address with the login as its query, which is not needed here.
            fields["host"] = text[len("jdbc:") :]
        else:
            # Blanks around a value are not part of it in any dialect of these strings.
            fields |= {_spelling(key): value.strip() for key, value in parse_string(text)}
            fields[_STRING] = ""
    return fields


def _spelling(name: str) -> str:
    return name.lower().replace(" ", "").replace("_", "")


def _address(approach: Approach, fields: Mapping[str, str]) -> Address | Answer:
    text = approach.host or _first(approach.host_columns, fields) or _of_account(approach, fields)
    if text is None:
        return _no_address("no_host", "the row names no host")
    if "\\" in text:
        return _no_address(
            "named_instance", "the port of a named instance (host\\instance) is known to its server alone"
        )
    split = split_host(text)
    if split is None:
        return _unreadable("the host is neither a name, an IP address nor a URL")
    host, own_port = split
    port_text = _first(_PORTS, fields)
    if port_text is not None and not is_port(port_text.strip()):
        return _unreadable("the port is not a number of 1-65535")
    port = int(port_text) if port_text is not None else own_port or approach.port
    return Address(host, port) if port else _no_address("no_port", "the row names no port")


def _of_account(approach: Approach, fields: Mapping[str, str]) -> str | None:
    account = fields.get(approach.account_column or "", "").strip()
    if not account:
        return None
    return account if account.lower().endswith(approach.suffix) else account + approach.suffix


def split_host(text: str) -> tuple[str, int | None] | None:
    """Give host and port of `host`, `host:port`, `host,port`, `[::1]:port`, `tcp:host,port` or a URL.

    None where it is nothing of the kind. A URL's user and password, if it has any, are dropped.
    """
    text = text.strip().removeprefix("tcp:")
    if "://" not in text:
        text = f"//[{text}]" if text.count(":") > 1 and "[" not in text else f"//{text.replace(',', ':', 1)}"
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    has_more = parts.path.strip("/") or parts.query or parts.fragment or parts.username is not None
    if host is None or port == 0 or (not parts.scheme and has_more) or not _HOST.fullmatch(host):
        return None
    return host, port


def _login(fields: Mapping[str, str]) -> Login | Answer:
    username, password = _first(_USERNAMES, fields), _first(_PASSWORDS, fields)
    database = _first(_DATABASES, fields)
    if username is None or password is None or database is None:
        return _unreadable("user name, password or database is missing")
    if _STRING in fields and any(value.startswith(_QUOTES) for value in (username, password, database)):
        return _unreadable("a value is in quotes or braces, and no page says whether they are part of it")
    mode = read_tls_mode(fields)
    if mode is None:
        return _unreadable("the TLS mode is not one that check knows")
    return Login(username, SecretStr(password), database, mode)


def _first(names: tuple[str, ...], fields: Mapping[str, str]) -> str | None:
    return next((fields[name] for name in names if fields.get(name)), None)


def _no_address(code: str, message: str) -> Answer:
    return Answer(Result.NOT_CHECKED, Cause.NO_ADDRESS, code, message)


def _unreadable(message: str) -> Answer:
    return Answer(Result.FAILED, Cause.UNREADABLE, "unreadable", message)
