"""The cells of a connection string: given whole, or as parts from which it is built."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bulkconn.core.connection_string import (
    BREAKING_CHARACTERS,
    breaks_out,
    unusual_keys,
    whole_string_faults,
)
from bulkconn.core.endpoint import BuiltString
from bulkconn.core.findings import AGAIN
from bulkconn.core.secret import SecretStr

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bulkconn.core.cells import Field, FieldReader
    from bulkconn.core.endpoint import ParamValue
    from bulkconn.core.layout import Layout
    from bulkconn.core.secret import SecretValue
    from bulkconn.core.source import StringPart


def read_string(whole: Field, layout: Layout, reader: FieldReader) -> ParamValue | None:
    """Give a row's connection string; None where it is absent or wrong (then noted).

    A whole one given by reference is checked when it is resolved.
    """
    given = [part for part in layout.parts if reader.has(part)]
    if reader.has(whole):
        if given:
            reader.findings.error(
                given[0].column,
                f"{whole.name} and {given[0].name} are both given",
                fix=f"keep the whole string or its parts, {AGAIN}",
            )
        return _whole(whole, layout.choice.auth.string_parts, reader)
    if not given and layout.parts:
        parts = ", ".join(part.name for part in layout.parts if part.required)
        reader.findings.error(
            whole.column, f"{whole.name} is missing", fix=f"give it whole, or its parts {parts}, {AGAIN}"
        )
        return None
    if not given:
        return reader.read(whole)
    return _built(layout, reader)


def _whole(whole: Field, pattern: Sequence[StringPart], reader: FieldReader) -> str | SecretValue | None:
    value = reader.read(whole)
    if not pattern or not isinstance(value, SecretStr):
        return value
    faults = whole_string_faults(value.get_secret_value(), pattern)
    documented = ";".join(f"{part.key}=…" for part in pattern if part.always)
    for fault, remedy in faults:
        reader.findings.error(whole.column, fault, allowed=documented, fix=f"{remedy}, {AGAIN}")
    if faults:
        return None
    for written, key in unusual_keys(value.get_secret_value(), pattern):
        reader.findings.warn(
            whole.column,
            f"the connection string writes {written} where {key} is documented; it is sent as given",
            fix=f"write {key} if the service refuses the row, {AGAIN}",
        )
    return value


def _built(layout: Layout, reader: FieldReader) -> BuiltString | None:
    parts: list[tuple[str, str | SecretValue]] = []
    count = len(reader.findings.errors)
    for part in layout.parts:
        value = reader.read(part)
        if value is None:
            continue
        if _stays_in_place(part, value):
            # Every field of `parts` has its key.
            parts.append((part.key or part.name, value))
            continue
        reader.findings.error(
            part.column,
            f"{part.name} would break out of its place in the connection string",
            found=value if isinstance(value, str) else None,
            allowed=BREAKING_CHARACTERS,
            fix=f"{layout.remedy}, {AGAIN}",
        )
    return None if len(reader.findings.errors) > count else BuiltString(tuple(parts))


def _stays_in_place(part: Field, value: str | SecretValue) -> bool:
    """Say whether a part may be put into the string; a reference is judged when it is resolved."""
    if isinstance(value, str):
        return not breaks_out(value, is_secret=part.secret)
    return not (isinstance(value, SecretStr) and breaks_out(value.get_secret_value(), is_secret=True))
