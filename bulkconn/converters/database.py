"""What every converter gives: databases, and what is none that can be onboarded."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bulkconn.core.secret import SecretStr


class Tls(StrEnum):
    """How a tool encrypts its connections, in the words of libpq, which others translate into."""

    DISABLE = "disable"
    ALLOW = "allow"
    PREFER = "prefer"
    REQUIRE = "require"
    VERIFY_CA = "verify-ca"
    VERIFY_FULL = "verify-full"


#: Modes as clients of PostgreSQL and of MySQL write them, in lower case.
TLS_MODES: Final[Mapping[str, Tls]] = MappingProxyType(
    {
        **{mode.value: mode for mode in Tls},
        "disabled": Tls.DISABLE,
        "preferred": Tls.PREFER,
        "required": Tls.REQUIRE,
        "verify_ca": Tls.VERIFY_CA,
        "verify_identity": Tls.VERIFY_FULL,
    }
)


@dataclass(frozen=True, slots=True)
class Database:
    """A database as some tool knows it.

    `source` is a slug of the catalogue. `origin` says where it stands in the file. `facts` are texts by
    column (`server`, `port`, `database`, `username`, `schema`, `account`, ...), absent ones left out.
    `reference` is where the tool itself keeps the password, as a reference of ours. `remarks` are for the
    reader: what could not be carried over.
    """

    name: str
    source: str
    origin: str
    facts: Mapping[str, str]
    tls: Tls = Tls.PREFER
    password: SecretStr | None = None
    reference: str | None = None
    description: str = ""
    remarks: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Skipped:
    """An entry that is no row, and why. `name` is the tool's own; no secret is in either."""

    name: str
    reason: str


Found = Database | Skipped


class Malformed(Exception):
    """A file is not what its converter reads; `str()` says why and shows nothing of it.

    `line` counts from 1, None where it is the whole file; `fix` is what the reader can do.
    """

    def __init__(self, message: str, fix: str, *, line: int | None = None) -> None:
        super().__init__(message)
        self.fix = fix
        self.line = line
