"""Where a ledger in PostgreSQL is: a URL as libpq takes it, and the schema that is the ledger."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from bulkconn.core.errors import UsageError

DEFAULT_SCHEMA: Final = "bulkconn"
_SCHEMA: Final = re.compile(r"[a-z_][a-z0-9_]{0,50}")
_PASSWORD_PARAMETER: Final = re.compile(r"([?&][^=&]*pass[^=&]*=)[^&]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class PostgresPlace:
    """A schema of a database. `url` may hold a password and is never shown; `str()` is."""

    url: str = field(repr=False)
    schema: str
    shown: str

    def __str__(self) -> str:
        """Give the URL as it may be shown."""
        return self.shown


def parse_place(given: str) -> PostgresPlace:
    """Read `postgresql://user@host/database?schema=team_a`; the schema is `bulkconn` unless it is named.

    Raises:
        UsageError: the schema's name is none that needs no quotes.
    """
    parts = urlsplit(given)
    named = parse_qsl(parts.query, keep_blank_values=True)
    schemas = [value for name, value in named if name == "schema"]
    schema = schemas[-1] if schemas else DEFAULT_SCHEMA
    if not _SCHEMA.fullmatch(schema) or schema.startswith("pg_"):
        raise UsageError(
            f"the ledger's schema is not a plain name: {schema!r}",
            fix="give lower-case letters, digits and _ (at most 51): postgresql://host/database?schema=team_a",
        )
    rest = [(name, value) for name, value in named if name != "schema"]
    url = urlunsplit(parts._replace(query=urlencode(rest)))
    return PostgresPlace(url, schema, mask_url(given))


def mask_url(ledger: str) -> str:
    """Give the ledger's path or URL as it may be shown: a password is masked.

    It may stand before the host or among the parameters behind `?`. Of a URL that breaks the rules (a
    slash or an `@` inside the password) rather too much is hidden than a letter too little.
    """
    scheme, separator, rest = ledger.partition("://")
    if not separator:
        return ledger
    credentials, at, host = rest.rpartition("@")
    user, colon, _password = credentials.partition(":")
    shown = _PASSWORD_PARAMETER.sub(r"\1***", host)
    return f"{scheme}://{user}{':***' if colon else ''}{at}{shown}"
