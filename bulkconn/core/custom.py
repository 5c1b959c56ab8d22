"""`source=custom`: a source that no page documents, so each of its rows says itself what it is.

Knows the columns that say so, what readers are shown of them, and how such rows are told apart.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from bulkconn.core.columns import CARRIED, NESTED, Headings
from bulkconn.core.source import AuthSpec, Need, Parameter, PlatformCloud, Source

if TYPE_CHECKING:
    from collections.abc import Iterable

#: The source and the only auth of such rows.
CUSTOM: Final = "custom"
#: What every page and example of Adobe's has.
DEFAULT_VERSION: Final = "1.0"

_COLUMNS: Final = (
    Parameter(
        "connection_spec_id",
        "id of the connection spec, a UUID",
        example="00000000-0000-4000-8000-000000000000",
    ),
    Parameter("auth_spec_name", "name of the auth spec, to the letter", example="Basic Authentication"),
    Parameter("connection_spec_version", "its version", need=Need.OPTIONAL, default=DEFAULT_VERSION),
    Parameter(
        "secret_columns",
        "names of secret parameters, divided by commas or blanks; in JSON also an array",
        need=Need.OPTIONAL,
        example="password",
    ),
)

#: The source as it is listed and shown. It is in no catalogue: no row is read by it.
SHOWN: Final = Source(
    slug=CUSTOM,
    title="A source that bulkconn does not know",
    connection_spec_id="",
    connection_spec_version=DEFAULT_VERSION,
    auths=tuple(AuthSpec(CUSTOM, "", cloud, _COLUMNS) for cloud in PlatformCloud),
    notes=(
        "Any other column, or key under params, is a parameter, sent as text under its name as written.",
        "With --check-specs the service's spelling and type of a parameter win.",
        "All values are held secret, unless --check-specs learns that one is none.",
        "A change of a value does not show as `changed`, as that of a secret does not.",
    ),
    sample=(("host", "db.example.com"), ("username", "reader"), ("password", "env://CUSTOM_PASSWORD")),
)


def is_custom(text: str | None) -> bool:
    """Say whether a cell of the column `source` means a source of the row's own."""
    return text is not None and text.strip().lower() == CUSTOM


def place_label(source: str, connection_spec_id: str) -> str:
    """Give what is set aside where a service refuses a source: custom ones differ by connection spec."""
    return f"{CUSTOM} {connection_spec_id}" if source == CUSTOM else source


def cell_name(name: str) -> str:
    """Give the column under which a parameter is read again: nested where the plain name means another."""
    headings = Headings.of((name,))
    is_plain = bool(headings.others) and not headings.own and not name.lower().startswith((NESTED, CARRIED))
    return name if is_plain else NESTED + name


def split_names(text: str) -> list[str]:
    """Give the names that a cell of `secret_columns` lists; with a comma in it, blanks belong to names."""
    names = text.split(",") if "," in text else text.split()
    return [name.strip() for name in names if name.strip()]


def join_names(names: Iterable[str]) -> str:
    """Give the cell that `split_names` reads."""
    listed = list(names)
    text = ",".join(listed)
    return f"{text}," if len(listed) == 1 and re.search(r"\s", text) else text
