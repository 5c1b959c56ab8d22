"""Sources as text and as the documented JSON: what can be onboarded, and which columns each needs."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from textwrap import TextWrapper
from typing import TYPE_CHECKING, Any, Final

from bulkconn.core.source import BOOLEANS, Need, Parameter, StringPart, ValueKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bulkconn.core.source import AuthSpec, Source

#: What a terminal shows without wrapping.
_WIDTH: Final = 80
#: What marks a column in the table of a source. A part is needed unless the string is given whole.
_MARKS: Final = {Need.REQUIRED: "x", Need.UNKNOWN: "?", Need.OPTIONAL: "o"}
_PART: Final = "p"
_OPTION: Final = "o"
_ABSENT: Final = "."
_LEGEND: Final = {
    "x": "x required",
    "?": "? maybe required, no page says",
    "o": "o optional",
    "p": "p part of the string, unless connectionString is given",
    "*": "* secret, best as a reference",
}
_VARIABLE: Final = re.compile(r"env://(\w+)")


def source_json(source: Source) -> dict[str, Any]:
    """Give the documented keys of a source."""
    return {
        "source": source.slug,
        "aliases": list(source.aliases),
        "title": source.title,
        # Of a custom source each row says it.
        "connection_spec_id": source.connection_spec_id or None,
        "auths": [
            {
                "auth": auth.auth,
                "spec_name": auth.spec_name or None,
                "platform_cloud": auth.platform_cloud.value,
                "columns": [
                    # The whole string or its parts: where there are both, neither is required by itself.
                    *(
                        _column_json(one, is_required=one.required and not auth.string_parts)
                        for one in auth.parameters
                    ),
                    *(_column_json(part, is_required=False) for part in auth.string_parts),
                ],
            }
            for auth in source.auths
        ],
    }


def render_sources(sources: Iterable[Source]) -> str:
    """Give one line for each source, and how to see more."""
    lines = []
    for source in sources:
        also = f" (also {', '.join(source.aliases)})" if source.aliases else ""
        auths = ", ".join(f"{auth.auth} on {auth.platform_cloud.value}" for auth in source.auths)
        lines.append(f"{source.slug}{also}: {source.title}\n  {auths}")
    lines.append(
        "\n`bulkconn sources NAME` shows columns and an example; `bulkconn template NAME` a file to fill in"
    )
    return "\n".join(lines)


def render_source(source: Source, *, example: str) -> str:
    """Give one screen: each auth spec, a table of their columns, notes, and an example inventory."""
    also = f" (also {', '.join(source.aliases)})" if source.aliases else ""
    lines = [
        *_wrapped(f"{source.title}: source = {source.slug}{also}"),
        f"connection spec {source.connection_spec_id}, version {source.connection_spec_version}"
        if source.connection_spec_id
        else "connection spec and auth spec as each row says",
        "",
        *_auth_lines(source.auths),
        "",
        *_column_lines(source.auths),
    ]
    cautions = dict.fromkeys((*source.cautions, *(one for auth in source.auths for one in auth.cautions)))
    said = [*(f"warning: {one.message}: {one.fix}" for one in cautions), *source.notes]
    if said:
        lines += ["", *(line for text in said for line in _wrapped(text))]
    variables = sorted(set(_VARIABLE.findall(example)))
    lines += ["", *_wrapped(f"with {', '.join(variables)} set,"), "as CSV:"]
    return "\n".join([*lines, example.rstrip("\n")])


def _auth_lines(auths: Iterable[AuthSpec]) -> Iterator[str]:
    ways = [
        (f"{letter} auth = {auth.auth} on {auth.platform_cloud}", auth.spec_name)
        for letter, auth in _lettered(auths)
    ]
    width = max(len(way) for way, _ in ways)
    for way, spec_name in ways:
        yield f'{way:{width}} "{spec_name}"' if spec_name else way


@dataclass(slots=True)
class _Line:
    """One line of the table: a column as one or more auth specs know it."""

    name: str
    text: str
    marks: dict[str, str] = field(default_factory=dict)


def _column_lines(auths: Iterable[AuthSpec]) -> Iterator[str]:
    lines: dict[tuple[str, str], _Line] = {}
    letters = []
    for letter, auth in _lettered(auths):
        letters.append(letter)
        columns: list[Parameter | StringPart] = [*auth.parameters, *auth.string_parts]
        for column in columns:
            line = _Line(f"{_name(column)}{'*' if column.secret else ''}", _text(column))
            lines.setdefault((line.name, line.text), line).marks[letter] = _mark(column, auth)
    width = max(len(line.name) for line in lines.values())
    yield f"{'':{width}}  {' '.join(letters)}"
    for line in lines.values():
        marks = " ".join(line.marks.get(letter, _ABSENT) for letter in letters)
        head = f"{line.name:{width}}  {marks}  "
        yield from _wrapped(line.text, head=head, indent=len(head))
    used = {mark for line in lines.values() for mark in line.marks.values()} | {"*"}
    yield from _wrapped("; ".join(text for mark, text in _LEGEND.items() if mark in used), indent=0)


def _wrapped(text: str, *, head: str = "", indent: int = 2) -> list[str]:
    """Break a text into lines, but no name at its hyphens."""
    wrapper = TextWrapper(_WIDTH, initial_indent=head, subsequent_indent=" " * indent, break_on_hyphens=False)
    return wrapper.wrap(text)


def _lettered(auths: Iterable[AuthSpec]) -> Iterator[tuple[str, AuthSpec]]:
    """Give each auth spec a letter, by which the table of columns names it."""
    return zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", auths, strict=False)


def _mark(column: Parameter | StringPart, auth: AuthSpec) -> str:
    if isinstance(column, StringPart):
        return _PART if column.always else _OPTION
    if auth.string_parts and column.kind is ValueKind.CONNECTION_STRING:
        return _OPTION
    return _OPTION if column.default is not None else _MARKS[column.need]


def _text(column: Parameter | StringPart) -> str:
    facts = [column.description]
    allowed = BOOLEANS if column.kind is ValueKind.BOOLEAN else column.allowed
    if allowed:
        facts.append(f"one of {', '.join(allowed)}")
    if isinstance(column, Parameter) and column.default is not None:
        facts.append(f"{column.default} if left out")
    return "; ".join(facts)


def _column_json(column: Parameter | StringPart, *, is_required: bool) -> dict[str, Any]:
    return {
        "name": _name(column),
        "required": is_required,
        "secret": column.secret,
        "allowed": list(BOOLEANS if column.kind is ValueKind.BOOLEAN else column.allowed),
        "default": column.default if isinstance(column, Parameter) else None,
    }


def _name(column: Parameter | StringPart) -> str:
    return column.column if isinstance(column, StringPart) else column.name
