"""The cells of a connection string: given whole, or as parts from which it is built."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bulkconn.core.connection_string import (
    BREAKING_CHARACTERS,
    stays_in_place,
    unusual_keys,
    whole_string_faults,
)
from bulkconn.core.endpoint import BuiltString
from bulkconn.core.findings import AGAIN
from bulkconn.core.secret import SecretStr

if TYPE_CHECKING:
    from bulkconn.core.cells import Field, FieldReader
    from bulkconn.core.endpoint import ParamValue
    from bulkconn.core.layout import Layout
    from bulkconn.core.secret import SecretValue
    from bulkconn.core.source import StringPart


def read_string(whole: Field, layout: Layout, reader: FieldReader) -> ParamValue | None:
    """Give a row's connection string; None where it is absent or wrong (then noted).

    A whole one given by reference is checked when it is resolved.
    """
    given = [field for _, field in layout.parts if reader.has(field)]
    if reader.has(whole):
        if given:
            reader.findings.error(
                given[0].column,
                f"{whole.name} and {given[0].name} are both given",
                fix=f"keep the whole string or its parts, {AGAIN}",
            )
        return _whole(whole, layout, reader)
    if not given and layout.parts:
        parts = ", ".join(field.name for _, field in layout.parts if field.required)
        reader.findings.error(
            whole.column, f"{whole.name} is missing", fix=f"give it whole, or its parts {parts}, {AGAIN}"
        )
        return None
    if not given:
        return reader.read(whole)
    return _built(layout, reader)


def _whole(whole: Field, layout: Layout, reader: FieldReader) -> str | SecretValue | None:
    value = reader.read(whole)
    auth = layout.choice.auth
    if not auth.string_parts or not isinstance(value, SecretStr):
        return value
    faults = whole_string_faults(value.get_secret_value(), auth.string_parts, has_basic=layout.has_basic)
    for fault, remedy in faults:
        reader.findings.error(whole.column, fault, allowed=auth.pattern, fix=f"{remedy}, {AGAIN}")
    if faults:
        return None
    for written, key in unusual_keys(value.get_secret_value(), auth.string_parts):
        reader.findings.warn(
            whole.column,
            f"the connection string writes {written} where {key} is documented; it is sent as given",
            fix=f"write {key} if the service refuses the row, {AGAIN}",
        )
    return value


def _built(layout: Layout, reader: FieldReader) -> BuiltString | None:
    parts: list[tuple[StringPart, str | SecretValue]] = []
    count = len(reader.findings.errors)
    for part, field in layout.parts:
        value = reader.read(field)
        if value is None:
            continue
        if _fits(part, value):
            parts.append((part, value))
            continue
        reader.findings.error(
            field.column,
            f"{field.name} would break out of its place in the connection string",
            found=value if isinstance(value, str) else None,
            allowed=BREAKING_CHARACTERS if part.fit is None else part.fit.words,
            fix=f"{layout.remedy}, {AGAIN}",
        )
    if len(reader.findings.errors) > count:
        return None
    return BuiltString(layout.choice.auth.pattern, tuple(parts), layout.remedy)


def _fits(part: StringPart, value: str | SecretValue) -> bool:
    """Say whether a part may be put into the string; a reference is judged when it is resolved."""
    if isinstance(value, str):
        return stays_in_place(part, value)
    return not isinstance(value, SecretStr) or stays_in_place(part, value.get_secret_value())
