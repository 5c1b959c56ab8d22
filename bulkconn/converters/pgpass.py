"""`.pgpass` of PostgreSQL's clients: https://www.postgresql.org/docs/current/libpq-pgpass.html."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bulkconn.converters.database import Database, Found, Malformed, Skipped
from bulkconn.converters.parsing import facts_of
from bulkconn.core.secret import SecretStr
from bulkconn.core.text import has_control

if TYPE_CHECKING:
    from collections.abc import Iterator

_FIELDS: Final = 5
_ANY: Final = "*"


def read_pgpass(text: str) -> Iterator[Found]:
    """Give the databases of a password file, line by line.

    Raises:
        Malformed: a line has not its five fields.
    """
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip() and not line.startswith("#"):
            yield _read_line(line, number)


def _read_line(line: str, number: int) -> Found:
    fields = _split(line)
    if len(fields) < _FIELDS:
        raise Malformed(
            f"a line has {len(fields)} fields",
            "give a file of lines host:port:database:user:password; a colon in a field is written \\:",
            line=number,
        )
    place = f"line {number}"
    if any(map(has_control, fields[: _FIELDS - 1])):
        return Skipped(place, "it holds a control character")
    server, port, database, username = ("" if field == _ANY else field for field in fields[: _FIELDS - 1])
    if not server:
        return Skipped(place, "it is for any host, so it names no database")
    if server.startswith(("/", "@")):
        return Skipped(place, "it is for a socket of one machine, which no other can reach")
    name = f"{database} on {server}" if database else server
    return Database(
        name=name if port in {"", "5432"} else f"{name}:{port}",
        source="postgres",
        origin=f"pgpass {place}",
        facts=facts_of(server=server, port=port, database=database, username=username),
        password=SecretStr(fields[-1]) if fields[-1] else None,
    )


def _split(line: str) -> list[str]:
    """Give the fields; the last one keeps its colons, as libpq reads it."""
    fields = [""]
    characters = iter(line)
    for character in characters:
        if character == "\\":
            fields[-1] += next(characters, character)
        elif character == ":" and len(fields) < _FIELDS:
            fields.append("")
        else:
            fields[-1] += character
    return fields
