"""Which auth spec of a source takes what a tool knows, and what goes into its columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bulkconn.converters.database import Tls
from bulkconn.converters.engines import DEFAULT_PORTS
from bulkconn.core.choice import BASIC
from bulkconn.core.source import PlatformCloud, StringPart, ValueKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bulkconn.converters.database import Database
    from bulkconn.core.source import AuthSpec, Parameter, Source

#: What a column is called among the facts, where that differs.
_FACTS: Final = {"host": "server"}
#: Sources without a column for the port, which take it behind the host.
_PORT_BEHIND: Final = {"sql-server": ",", "ibm-db2": ":"}
#: The column of every source that has one for encryption.
_TLS_COLUMN: Final = "sslmode"
#: How pages spell a mode of encryption. The first one that a column allows is written.
_SPELLINGS: Final[dict[Tls, tuple[str, ...]]] = {
    Tls.DISABLE: ("Disable", "DISABLED", "false"),
    Tls.ALLOW: ("Allow", "PREFERRED", "false"),
    Tls.PREFER: ("Prefer", "PREFERRED", "false"),
    Tls.REQUIRE: ("Require", "REQUIRED", "true"),
    Tls.VERIFY_CA: ("Verify-Ca", "true"),
    Tls.VERIFY_FULL: ("Verify-Full", "Verify Identity", "true"),
}


@dataclass(frozen=True, slots=True)
class Column:
    """A column of an auth spec: a parameter, or a part of its connection string."""

    name: str
    required: bool
    secret: bool
    allowed: tuple[str, ...]

    @classmethod
    def of(cls, what: Parameter | StringPart) -> Column:
        """Take what matters of either."""
        if isinstance(what, StringPart):
            return cls(what.column, what.always, what.secret, what.allowed)
        return cls(what.name, what.required and what.default is None, what.secret, what.allowed)

    @property
    def fact(self) -> str:
        """The fact that fills it."""
        return _FACTS.get(self.name, self.name)

    def fill(self, facts: Mapping[str, str], tls: Tls) -> str:
        """Give its cell, empty where nothing is known; secrets are not its affair."""
        if not self.allowed:
            return facts.get(self.fact, "")
        fitting = [spelling for spelling in _SPELLINGS[tls] if spelling in self.allowed]
        return fitting[0] if fitting and self.name.lower() == _TLS_COLUMN else ""


def columns_of(auth: AuthSpec) -> tuple[Column, ...]:
    """Give the columns to fill: a connection string is written in its parts."""
    parameters = [one for one in auth.parameters if one.kind is not ValueKind.CONNECTION_STRING]
    return (*map(Column.of, parameters), *map(Column.of, auth.string_parts))


def choose_auth(source: Source, cloud: PlatformCloud | None, found: Database) -> AuthSpec | None:
    """Choose the way to log in with user and password that loses least of what is known; basic, if alike."""
    clouds = [cloud] if cloud else list(PlatformCloud)
    for one in clouds:
        fitting = [
            auth
            for auth in source.auths
            if auth.platform_cloud is one
            and {"username", "password"} <= {column.name for column in columns_of(auth)}
        ]
        if fitting:
            return min(
                fitting,
                key=lambda auth: (
                    len(lost_facts(completed_facts(found, source, auth), auth)),
                    auth.auth != BASIC,
                ),
            )
    return None


def lost_facts(facts: Mapping[str, str], auth: AuthSpec) -> set[str]:
    """Give the facts that an auth spec has no column for. Account and server of Snowflake are one."""
    columns = {column.fact for column in columns_of(auth)}
    lost = facts.keys() - columns
    return lost - {"server", "account"} if columns & {"server", "account"} else lost


def completed_facts(found: Database, source: Source, auth: AuthSpec) -> dict[str, str]:
    """Give the facts with the usual port where a column wants one.

    Where there is none, the usual port goes without saying, and another may stand behind the host.
    """
    facts = {name: text for name, text in found.facts.items() if text}
    usual = DEFAULT_PORTS.get(source.slug, "")
    if any(column.name == "port" for column in columns_of(auth)):
        return {"port": usual, **facts} if usual else facts
    if facts.get("port") == usual:
        del facts["port"]
    elif "port" in facts and source.slug in _PORT_BEHIND and "server" in facts:
        facts["server"] += _PORT_BEHIND[source.slug] + facts.pop("port")
    return facts
