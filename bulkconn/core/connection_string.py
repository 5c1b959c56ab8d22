"""Connection strings, read whole or put together from parts.

They are `Key=value` pairs divided by semicolons, or a JDBC address with such pairs behind it. Nothing is
escaped: no page of Adobe's documents an escape, so a value that would break out of its place is refused
rather than guessed at.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from bulkconn.core.suggest import nearest
from bulkconn.core.text import has_control

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bulkconn.core.source import StringPart

#: What no part of a string that we build may hold.
_BREAKS_OUT: Final = frozenset(";'\"`{}")

#: A column's place in a documented pattern, and the beginning of a JDBC address.
_PLACE: Final = re.compile(r"\{([a-z_]+)\}")
_JDBC: Final = re.compile(r"jdbc:[^/?;]*//([^/?;]+)([^?;]*)[?;]?", re.IGNORECASE)
#: The password inside the JSON of Couchbase's `CredString`.
_PASSWORD_IN_JSON: Final = re.compile(r'"pass\w*"\s*:\s*"((?:[^"\\]|\\.)*)"', re.IGNORECASE)

#: The keys, without case and blanks, under which connection strings name what an adoption compares.
_VISIBLE_KEYS: Final = {
    "server": "server",
    "host": "server",
    "datasource": "server",
    "dbcname": "server",
    "accountname": "server",
    "database": "database",
    "db": "database",
    "sid": "database",
    "initialcatalog": "database",
    "uid": "username",
    "userid": "username",
    "username": "username",
    "user": "username",
}

#: The keys whose values are secret by themselves.
_SECRET_KEYS: Final = frozenset(
    {
        "password",
        "pwd",
        "passphrase",
        "secret",
        "token",
        "accesstoken",
        "accountkey",
        "sharedaccesskey",
        "sharedaccesssignature",
        "credstring",
    }
)

_HIGHEST_PORT: Final = 65535


class NotAConnectionString(Exception):
    """A text has a piece that is no `Key=value`. Says nothing of the text, which may hold a password."""


def pieces_of(text: str) -> list[str]:
    """Give the pieces of a connection string, each a `Key=value` if the string is one.

    What a JDBC address names before its pairs is given as `host`.
    """
    address = _JDBC.match(text)
    if address is None:
        return text.split(";")
    return [f"host={address[1]}", *text[address.end() :].replace("&", ";").split(";")]


def visible_name(key: str) -> str | None:
    """Give which of server, database and username a key names; None where it is none of them."""
    return _VISIBLE_KEYS.get("".join(key.split()).lower())


def parse_string(text: str) -> tuple[tuple[str, str], ...]:
    """Give the (key, value) pairs of a connection string, in order, keys stripped of blanks.

    Raises:
        NotAConnectionString: a piece between two semicolons has no `=` or no key.
    """
    pairs = []
    for piece in pieces_of(text):
        if not piece.strip():
            continue
        key, equals, value = piece.partition("=")
        if not equals or not key.strip():
            raise NotAConnectionString
        pairs.append((key.strip(), value))
    return tuple(pairs)


def breaks_out(value: str, *, is_secret: bool) -> bool:
    """Say whether a value would not stay in its place in a string that we build.

    `=` is harmless inside a password only, because everything after a key's first `=` is its value; not at
    its start, where ADO.NET takes the two for one `=` of the key (Microsoft's "Connection String Syntax").
    """
    return (
        not _BREAKS_OUT.isdisjoint(value)
        or value != value.strip()
        or (value.startswith("=") if is_secret else "=" in value)
        or has_control(value)
    )


def stays_in_place(part: StringPart, value: str) -> bool:
    """Say whether a value may be put into the string that we build, where its part stands."""
    if breaks_out(value, is_secret=part.secret):
        return False
    return part.fit is None or re.fullmatch(part.fit.pattern, value) is not None


def build_string(pattern: str, parts: Sequence[tuple[StringPart, str]]) -> str:
    """Give the documented pattern with these values in it, and what is not always there behind it."""
    texts = {part.column: text for part, text in parts}
    appended = "".join(f";{part.key}={text}" for part, text in parts if not part.always)
    return _PLACE.sub(lambda place: texts[place[1]], pattern) + appended


#: `breaks_out` in words.
BREAKING_CHARACTERS: Final = (
    "no semicolon, quote, brace or control character, no blank at an end, "
    "and no '=' outside the password or at its start"
)


def is_port(text: str) -> bool:
    """Say whether a text is a TCP port as it is sent: ASCII digits, 1-65535, no sign, no leading zero."""
    return (
        0 < len(text) <= len(str(_HIGHEST_PORT))
        and text.isascii()
        and text.isdigit()
        and text[0] != "0"
        and int(text) <= _HIGHEST_PORT
    )


def whole_string_faults(
    text: str, pattern: Sequence[StringPart], *, has_basic: bool = True
) -> list[tuple[str, str]]:
    """Say what a whole connection string lacks, as (fault, remedy); no fault shows a value.

    Every documented key must be there once, with a value. Keys that are not documented pass. A port
    is checked if it is all digits. `has_basic` says whether the row could do without a string.
    """
    try:
        pairs = parse_string(text)
    except NotAConnectionString:
        return [
            (
                "a piece of the connection string is not of the form Key=value",
                "if a value holds a semicolon it cannot be sent this way: "
                + ("give the row as auth=basic" if has_basic else "change that value"),
            )
        ]
    values: dict[str, str] = {}
    faults = []
    for key, text_of in pairs:
        if key.lower() in values:
            faults.append((f"the connection string has {_key(key, pattern)} twice", "keep one of the two"))
        values[key.lower()] = text_of
    documented = {key.lower() for part in pattern for key in (part.key, *part.also)}
    strange = [key for key, _ in pairs if key.lower() not in documented]
    # Two parts may stand under one key.
    for part in {part.key: part for part in pattern}.values():
        written = next((key for key in (part.key, *part.also) if key.lower() in values), part.key)
        value: str | None = values.get(written.lower(), "" if part.always else None)
        if value is None:
            continue
        if not value.strip():
            faults.append((f"the connection string has no {part.key}", _missing_key(part, strange)))
        elif part.column == "port" and value.strip().isdigit() and not is_port(value.strip()):
            faults.append((f"{part.key} in the connection string is not a port", "give a port of 1-65535"))
    return faults


def unusual_keys(text: str, pattern: Iterable[StringPart]) -> list[tuple[str, str]]:
    """Give (key as written, key as documented) where the two differ in case only."""
    documented = {key.lower(): key for part in pattern for key in (part.key, *part.also)}
    return [
        (key, documented[key.lower()])
        for key, _ in parse_string(text)
        if documented.get(key.lower(), key) != key
    ]


def visible_values(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Give server, database and username of a string's pairs, as far as it names them."""
    return {name: value.strip() for key, value in pairs if (name := visible_name(key))}


def named_by(text: str) -> dict[str, str]:
    """Give server, database and username of a text; nothing for one that is no connection string."""
    try:
        return visible_values(parse_string(text))
    except NotAConnectionString:
        return {}


def secret_parts(text: str) -> tuple[str, ...]:
    """Give the values of a connection string that are secret by themselves; empty for other texts."""
    values = _PASSWORD_IN_JSON.findall(text)
    try:
        pairs = parse_string(text)
    except NotAConnectionString:
        pairs = ()
    values += [value for key, value in pairs if key.lower().replace(" ", "") in _SECRET_KEYS]
    # Whoever reads the string may drop the blanks around a value before echoing it, or decode it.
    forms = [form for value in values for form in (value, value.strip(), unquote(value))]
    return tuple(dict.fromkeys(form for form in forms if form))


def _key(key: str, pattern: Iterable[StringPart]) -> str:
    # A key that is not documented may be a piece of a password: it is not shown.
    return next((part.key for part in pattern if part.key.lower() == key.lower()), "a key")


def _missing_key(part: StringPart, strange: Sequence[str]) -> str:
    # Other spellings are named from closed lists only: any other key may be a piece of a password.
    for key in strange:
        lower = key.lower()
        if visible_name(lower) == part.column or (part.secret and lower in _SECRET_KEYS):
            return f"write {part.key} instead of {lower}"
    if nearest(part.key, strange):
        return f"add {part.key}=…; a key that is like it stands there and may be misspelt"
    return f"add {part.key}=…"
