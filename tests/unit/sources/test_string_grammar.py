"""Connection strings that bulkconn builds, read by parsers that know nothing of how they were built.

No page of Adobe's says which driver reads a string. So each is read by the rules of ADO.NET (quotes around
a value, a doubled `=` in a key) and by those of ODBC (braces around a value), or as an address if it is one:
all must find the very cells in the very places.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bulkconn.core.diagnostics import Severity
from bulkconn.core.endpoint import InventoryRow, SecretUnavailable
from bulkconn.core.request import build_request
from bulkconn.core.secret import SecretRef, SecretStr
from bulkconn.core.source import AuthSpec, Source, StringPart, ValueKind
from bulkconn.core.validation import Invalid, Validator
from bulkconn.sources import ALL

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Fields = Mapping[str, str]

_BUILT = [
    pytest.param(source, auth, id=f"{source.slug}-{auth.platform_cloud}-{auth.auth}")
    for source in ALL
    for auth in source.auths
    if auth.string_parts
]
_MEAN = [
    *";='\"`{}[]\\,&?#%+@:/|<> \t\n\r\0\x85\xa0\u202e\ufeffé漢",
    ";Server=evil",
    "}};{",
    "''",
    "==",
    "https",
]
_PLAIN = st.text("abcXYZ019._-~$!*", min_size=1, max_size=12)
_ODD = st.text("aZ9@:/|<> ?#%+&*,()^\\[]=\u202e\u200bé漢", min_size=1, max_size=12)
_ANY = st.lists(st.sampled_from(_MEAN) | _PLAIN, min_size=1, max_size=5).map("".join)


class NotInGrammar(Exception):
    """A reader of connection strings would refuse this one, or find other keys in it."""


def _read_ado(text: str) -> Fields:
    """Read `key=value;…` as ADO.NET does: `==` in a key is one `=`, quotes around a value are syntax."""
    fields: dict[str, str] = {}
    at = 0
    while at < len(text):
        if text[at] == ";" or text[at].isspace():
            at += 1
            continue
        key = ""
        while text[at : at + 1] != "=" or text[at : at + 2] == "==":
            if at >= len(text) or text[at] == ";":
                raise NotInGrammar
            key, at = key + text[at], at + (2 if text[at : at + 2] == "==" else 1)
        at += 1
        rest = text[at:].lstrip()
        at = len(text) - len(rest)
        value, length = _quoted(rest) if rest[:1] in {'"', "'"} else _unquoted(rest)
        at += length
        _add(fields, key, value)
    return fields


def _read_odbc(text: str) -> Fields:
    """Read `key=value;…` as ODBC does: the first `=` ends a key, braces around a value are syntax."""
    fields: dict[str, str] = {}
    while text := text.strip("; "):
        key, equals, text = text.partition("=")
        if not equals or not key or set(key) & set("[]{}(),;?*!@"):
            raise NotInGrammar
        rest = text.lstrip()
        value, length = _quoted(rest) if rest.startswith("{") else _unquoted(rest)
        text = rest[length:]
        _add(fields, key, value)
    return fields


def _read_address(text: str) -> Fields:
    """Read `jdbc:vendor://host/?key=value&…` as any reader of addresses does."""
    address = urlsplit(text.removeprefix("jdbc:"))
    if address.path != "/" or address.fragment or address.username or address.port:
        raise NotInGrammar
    fields = {"host": address.netloc}
    for key, value in parse_qsl(address.query, strict_parsing=True, keep_blank_values=True):
        _add(fields, key, value)
    return fields


def _add(fields: dict[str, str], key: str, value: str) -> None:
    key = key.strip().lower()
    if not key or key in fields:
        raise NotInGrammar
    if value.startswith("[{"):
        (inner,) = json.loads(value)
        fields |= {f"{key}.{name}": text for name, text in inner.items()}
    else:
        fields[key] = value


def _quoted(text: str) -> tuple[str, int]:
    """Give a quoted value and its length; inside, the closing mark is written twice."""
    close = {"{": "}"}.get(text[0], text[0])
    value, at = "", 1
    while at < len(text):
        if text[at : at + 2] == close * 2:
            value, at = value + close, at + 2
        elif text[at] == close:
            behind = text[at + 1 :].partition(";")[0]
            if behind.strip():
                raise NotInGrammar
            return value, at + 1 + len(behind)
        else:
            value, at = value + text[at], at + 1
    raise NotInGrammar


def _unquoted(text: str) -> tuple[str, int]:
    value = text.partition(";")[0]
    return value.strip(), len(value)


def _readers(auth: AuthSpec) -> list[Callable[[str], Fields]]:
    return [_read_address] if auth.pattern.startswith("jdbc:") else [_read_ado, _read_odbc]


def _row(source: Source, auth: AuthSpec, cells: Mapping[str, str]) -> InventoryRow:
    common = {"name": "a", "source": source.slug, "platform_cloud": auth.platform_cloud, "auth": auth.auth}
    return InventoryRow("a.csv", 2, {**common, "sandbox": "dev", **cells})


def _built(
    source: Source, auth: AuthSpec, cells: Mapping[str, str], secrets: Mapping[str, str]
) -> str | None:
    """Give the string that is sent for these cells; None where the row is refused with a remedy."""
    referenced = {column: f"env://{column.upper()}" for column in secrets}
    result = Validator(ALL).validate(_row(source, auth, {**cells, **referenced}))
    if isinstance(result, Invalid):
        errors = [one for one in result.diagnostics if one.severity is Severity.ERROR]
        assert {one.column for one in errors} <= set(cells)
        assert all(one.fix for one in errors)
        return None
    resolved = {SecretRef(f"env://{column.upper()}"): SecretStr(text) for column, text in secrets.items()}
    try:
        body = build_request(result.endpoint, resolved).body()
    except SecretUnavailable:
        return None
    (text,) = body["auth"]["params"].values()
    assert isinstance(text, str)
    return text


def _values(part: StringPart) -> st.SearchStrategy[str]:
    if part.allowed:
        return st.sampled_from(part.allowed)
    if part.kind is ValueKind.PORT:
        return st.integers(0, 70000).map(str) | _ANY
    return st.one_of(_PLAIN, _ODD, _ODD, _ANY)


@pytest.mark.parametrize(("source", "auth"), _BUILT)
@given(data=st.data())
@settings(max_examples=400, deadline=None)
def test_string_that_is_built_reads_back_as_its_cells_or_is_refused(
    source: Source, auth: AuthSpec, data: st.DataObject
) -> None:
    """Every reader finds each cell where it belongs and nothing else; what it could misread is never sent."""
    given_parts = [part for part in auth.string_parts if part.always or data.draw(st.booleans())]
    cells = {part.column: data.draw(_values(part), part.column) for part in given_parts}
    by_reference = {part.column for part in given_parts if part.secret and data.draw(st.booleans())}
    secrets = {column: cells.pop(column) for column in by_reference}
    if any("://" in text or not text.strip() for text in cells.values()):
        return
    text = _built(source, auth, cells, secrets)
    if text is None:
        return
    everything = {**{column: text.strip() for column, text in cells.items()}, **secrets}
    # Digits fit everywhere, ports included; what has few values stands for itself.
    marks = {part.column: str(4101 + 7 * at) for at, part in enumerate(given_parts) if not part.allowed}
    marked = _built(source, auth, {**everything, **marks}, {})
    assert marked is not None
    places = {mark: everything[column] for column, mark in marks.items()}
    for read in _readers(auth):
        assert read(text) == {key: _put(places, value) for key, value in read(marked).items()}


def _put(places: Mapping[str, str], text: str) -> str:
    return re.sub("|".join(places), lambda mark: places[mark[0]], text)
