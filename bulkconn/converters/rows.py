"""Writes databases as rows of an inventory, in the columns that their sources have."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from bulkconn.converters.database import Skipped
from bulkconn.converters.fitting import choose_auth, columns_of, completed_facts, lost_facts
from bulkconn.core.names import loose_name
from bulkconn.core.secret import parse_reference
from bulkconn.core.text import has_control
from bulkconn.sources import find_source

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from bulkconn.converters.database import Database, Found
    from bulkconn.converters.fitting import Column
    from bulkconn.core.source import AuthSpec, PlatformCloud, Source


class Secrets(StrEnum):
    """What is written into secret cells."""

    #: A reference: to where the tool itself keeps it, else to an environment variable that is to be set.
    REFERENCES = "references"
    #: Nothing: somebody fills them in.
    EMPTY = "empty"
    #: The secret itself where the file has it, else a reference.
    PLAINTEXT = "plaintext"


#: Columns before those of the sources, and the one behind them.
_FIRST: Final = ("name", "source", "platform_cloud", "auth", "sandbox", "description")
_ORIGIN: Final = "x_origin"
#: Columns of sources in this order; others follow.
_ORDER: Final = (
    "server",
    "host",
    "account",
    "port",
    "database",
    "schema",
    "warehouse",
    "username",
    "password",
)
#: The one secret column that is filled.
_SECRET: Final = "password"  # noqa: S105 - its name
_NOT_IN_VARIABLE: Final = re.compile(r"[^A-Z0-9]+")


@dataclass(frozen=True, slots=True)
class Gap:
    """A cell that somebody must fill: of which row, and which column."""

    name: str
    column: str


@dataclass(slots=True)
class Conversion:
    """The rows of an inventory, and what its reader must know of them.

    `variables` are environment variables that references name, with the row that wants each; `gaps` are
    required cells that the tool knew nothing for; `remarks` are (name, what was not carried over).
    """

    rows: list[dict[str, str]] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)
    kept_by_tool: int = 0
    plaintext: int = 0
    gaps: list[Gap] = field(default_factory=list)
    remarks: list[tuple[str, str]] = field(default_factory=list)

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns of all rows, in one order whatever the rows."""
        known = dict.fromkeys(name for row in self.rows for name in row)
        middle = [name for name in known if name not in {*_FIRST, _ORIGIN}]
        middle.sort(key=lambda name: (_ORDER.index(name) if name in _ORDER else len(_ORDER), name))
        return (*_FIRST, *middle, _ORIGIN)


def write_rows(found: Iterable[Found], *, cloud: PlatformCloud | None, secrets: Secrets) -> Conversion:
    """Write what a converter found, in its order.

    `cloud` None leaves `platform_cloud` empty and writes what Experience Platform on Azure wants, where the
    source is documented there.
    """
    writer = _Writer(cloud, secrets)
    for one in found:
        writer.add(one)
    return writer.conversion


class _Writer:
    """Remembers which names and variables are taken."""

    def __init__(self, cloud: PlatformCloud | None, secrets: Secrets) -> None:
        self.conversion = Conversion()
        self._cloud = cloud
        self._secrets = secrets
        self._names: set[str] = set()

    def add(self, found: Found) -> None:
        """Write a row, or note why there is none."""
        if isinstance(found, Skipped):
            self.conversion.skipped.append(Skipped(_cleaned(found.name), found.reason))
            return
        # Converters name sources of the catalogue, which a test holds them to.
        source = find_source(found.source)
        auth = None if source is None else choose_auth(source, self._cloud, found)
        if source is None or auth is None:
            where = f" on {self._cloud}" if self._cloud else ""
            reason = f"{found.source} takes no user and password{where}, as far as is documented"
            self.conversion.skipped.append(Skipped(_cleaned(found.name), reason))
            return
        self._write(found, source, auth)

    def _write(self, found: Database, source: Source, auth: AuthSpec) -> None:
        name = self._name(found)
        row = {
            "name": name,
            "source": source.slug,
            "platform_cloud": self._cloud.value if self._cloud else "",
            "auth": auth.auth,
            "sandbox": "",
            "description": found.description,
        }
        facts = completed_facts(found, source, auth)
        for column in columns_of(auth):
            value = self._cell(column, found, facts, name)
            if value or column.required or column.name == _SECRET:
                row[column.name] = value
            if not value and column.required and not column.secret:
                self.conversion.gaps.append(Gap(name, column.name))
        row[_ORIGIN] = _cleaned(found.origin)
        self.conversion.rows.append(row)
        remarks = list(found.remarks)
        if lost := lost_facts(facts, auth):
            remarks.append(f"{source.slug} has no column for {', '.join(sorted(lost))}")
        self.conversion.remarks += ((name, remark) for remark in remarks)

    def _cell(self, column: Column, found: Database, facts: Mapping[str, str], name: str) -> str:
        if column.secret:
            return self._secret(found, name) if column.name == _SECRET else ""
        return column.fill(facts, found.tls)

    def _secret(self, found: Database, name: str) -> str:
        if self._secrets is Secrets.EMPTY:
            return ""
        secret = found.password.get_secret_value() if found.password is not None else ""
        # A password that looks like a reference would be taken for one.
        if (
            self._secrets is Secrets.PLAINTEXT
            and secret
            and not has_control(secret)
            and not parse_reference(secret)
        ):
            self.conversion.plaintext += 1
            return secret
        if found.reference is not None:
            self.conversion.kept_by_tool += 1
            return found.reference
        variable = self._variable(name)
        self.conversion.variables[variable] = name
        return f"env://{variable}"

    def _variable(self, name: str) -> str:
        plain = _NOT_IN_VARIABLE.sub("_", name.upper()).strip("_") or "DATABASE"
        variables = (f"BULKCONN_{plain}{suffix}_PASSWORD" for suffix in _suffixes("_{}"))
        return next(variable for variable in variables if variable not in self.conversion.variables)

    def _name(self, found: Database) -> str:
        """Give a name that no other row has, also not but for case."""
        plain = _cleaned(found.name) or found.source
        names = (f"{plain}{suffix}" for suffix in _suffixes(" ({})"))
        name = next(name for name in names if loose_name(name) not in self._names)
        self._names.add(loose_name(name))
        return name


def _suffixes(pattern: str) -> Iterator[str]:
    """Give nothing, and then numbers from 2."""
    yield ""
    number = 2
    while True:
        yield pattern.format(number)
        number += 1


def _cleaned(text: str) -> str:
    """Give a text without what no name can hold."""
    return "".join(" " if has_control(character) else character for character in text).strip()
