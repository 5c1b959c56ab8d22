"""What a *source* is: a kind of database, its connection spec and the auth specs that Adobe documents.

The values live in `bulkconn.sources`, one file per source; this module knows only their shape.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class PlatformCloud(StrEnum):
    """Where *Experience Platform* runs (not the database)."""

    AZURE = "azure"
    AWS = "aws"


class Need(StrEnum):
    """Whether a request must have a parameter, as far as Adobe's pages say."""

    #: A page requires it: a row without it is refused.
    REQUIRED = "required"
    #: A page says that it may be left out.
    OPTIONAL = "optional"
    #: The pages show it and do not say: a row without it is sent, with a warning.
    UNKNOWN = "unknown"


class ValueKind(StrEnum):
    """How a parameter's text is checked before it is sent. All but `BOOLEAN` is sent as a JSON string."""

    #: Any text without control characters.
    TEXT = "text"
    #: A TCP port, 1-65535, digits only.
    PORT = "port"
    #: A whole connection string of the auth spec's pattern.
    CONNECTION_STRING = "connection_string"
    #: `true` or `false`, in any case; sent as a JSON boolean.
    BOOLEAN = "boolean"
    #: A value of a source that only its row describes: any text, also a reference.
    CUSTOM = "custom"
    #: A key or key file as Base64 in one line; the key itself, in PEM or JSON, is refused.
    BASE64 = "base64"


#: What a cell of the kind `BOOLEAN` may hold.
BOOLEANS: Final = ("true", "false")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One entry of `auth.params`, under the API's own name (`sslMode`).

    `allowed` is empty where any value may be sent; `default` is sent when the inventory gives none.
    `example` is what a template shows; without one a template leaves the parameter out.
    """

    name: str
    description: str
    need: Need = Need.REQUIRED
    secret: bool = False
    kind: ValueKind = ValueKind.TEXT
    allowed: tuple[str, ...] = ()
    default: str | None = None
    example: str = ""

    @property
    def required(self) -> bool:
        """Whether a page requires it."""
        return self.need is Need.REQUIRED


@dataclass(frozen=True, slots=True)
class Fit:
    """What a value must be like to stay in its place, beyond what all parts of a string are held to.

    `pattern` is a regular expression that matches the whole value; `words` say the same to a person.
    """

    pattern: str
    words: str


@dataclass(frozen=True, slots=True)
class StringPart:
    """A value in a documented connection string: the key it stands under, the column that fills it.

    A part with `always=False` is appended as `;Key=value`, and only when its column is given. `also` are
    other spellings of the key that a page shows. `example` is what a template shows.
    """

    key: str
    column: str
    description: str
    always: bool = True
    secret: bool = False
    kind: ValueKind = ValueKind.TEXT
    allowed: tuple[str, ...] = ()
    fit: Fit | None = None
    also: tuple[str, ...] = ()
    example: str = ""


@dataclass(frozen=True, slots=True)
class Caution:
    """What a user of a source or an auth spec should know before a row is sent, and what to do."""

    message: str
    fix: str


@dataclass(frozen=True, slots=True)
class AuthSpec:
    """One way to authenticate to a source on one cloud.

    `auth` is our slug (`basic`, `connection_string`), `spec_name` what `auth.specName` must equal to
    the letter; `auth_type` is sent as `auth.type` where a page shows one.

    `pattern` is the documented connection string with the columns of `string_parts` in braces
    (`Server={server};...`), to be filled when the inventory gives parts instead of the whole. Both are
    empty where there is no string, or none whose pattern is documented.
    """

    auth: str
    spec_name: str
    platform_cloud: PlatformCloud
    parameters: tuple[Parameter, ...]
    string_parts: tuple[StringPart, ...] = ()
    pattern: str = ""
    auth_type: str | None = None
    cautions: tuple[Caution, ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """A kind of database that can be onboarded, with every auth spec that is documented for it.

    `notes` are for readers; `cautions` are said of every inventory that uses the source. `absent` ends
    the refusal of a row on a cloud for which nothing is documented. `sample` are columns that an example
    shows besides those of the auth specs.
    """

    slug: str
    title: str
    connection_spec_id: str
    auths: tuple[AuthSpec, ...]
    aliases: tuple[str, ...] = ()
    connection_spec_version: str = "1.0"
    notes: tuple[str, ...] = ()
    cautions: tuple[Caution, ...] = ()
    absent: str = ""
    sample: tuple[tuple[str, str], ...] = ()
