"""What a *source* is: a kind of database, its connection spec and the auth specs that Adobe documents.

The values live in `bulkconn.sources`, one file per source; this module knows only their shape.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class PlatformCloud(StrEnum):
    """Where *Experience Platform* runs (not the database)."""

    AZURE = "azure"
    AWS = "aws"


class ValueKind(StrEnum):
    """How a parameter's text is checked before it is sent. Everything is sent as a JSON string."""

    #: Any text without control characters.
    TEXT = "text"
    #: A TCP port, 1-65535, digits only.
    PORT = "port"
    #: A whole connection string of the auth spec's pattern.
    CONNECTION_STRING = "connection_string"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One entry of `auth.params`, under the API's own name (`sslMode`).

    `required` is True only where Adobe's pages say so or show it in every body. `allowed` is empty
    where any value may be sent; `default` is sent when the inventory gives none. `example` is what a
    template shows.
    """

    name: str
    description: str
    required: bool = True
    secret: bool = False
    kind: ValueKind = ValueKind.TEXT
    allowed: tuple[str, ...] = ()
    default: str | None = None
    example: str = ""


@dataclass(frozen=True, slots=True)
class StringPart:
    """One `Key=value` of a documented connection string, and the inventory column that fills it.

    A part with `always=False` is appended only when its column is given. `example` is what a template
    shows.
    """

    key: str
    column: str
    description: str
    always: bool = True
    secret: bool = False
    kind: ValueKind = ValueKind.TEXT
    allowed: tuple[str, ...] = ()
    example: str = ""


@dataclass(frozen=True, slots=True)
class AuthSpec:
    """One way to authenticate to a source on one cloud.

    `auth` is our slug (`basic`, `connection_string`), `spec_name` what `auth.specName` must equal to
    the letter. `string_parts` is the documented pattern, in order, from which a connection string is
    built when the inventory gives parts instead of the whole; it is empty for other auth specs.
    """

    auth: str
    spec_name: str
    platform_cloud: PlatformCloud
    parameters: tuple[Parameter, ...]
    string_parts: tuple[StringPart, ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """A kind of database that can be onboarded, with every auth spec that is documented for it."""

    slug: str
    title: str
    connection_spec_id: str
    auths: tuple[AuthSpec, ...]
    aliases: tuple[str, ...] = ()
    connection_spec_version: str = "1.0"
    notes: tuple[str, ...] = field(default=())
