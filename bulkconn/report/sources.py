"""Sources as text and as the documented JSON: what can be onboarded, and which columns each needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bulkconn.core.source import Parameter, Source, StringPart


def source_json(source: Source) -> dict[str, Any]:
    """Give the documented keys of a source."""
    return {
        "source": source.slug,
        "aliases": list(source.aliases),
        "title": source.title,
        "connection_spec_id": source.connection_spec_id,
        "auths": [
            {
                "auth": auth.auth,
                "spec_name": auth.spec_name,
                "platform_cloud": auth.platform_cloud.value,
                "columns": [
                    # The whole string or its parts: where there are both, neither is required by itself.
                    *(
                        _column_json(column, is_required=column.required and not auth.string_parts)
                        for column in auth.parameters
                    ),
                    *(_column_json(column, is_required=False) for column in auth.string_parts),
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
    """Give one screen: each auth spec with its columns, notes, and an example inventory."""
    lines = [f"{source.title}: source = {' or '.join((source.slug, *source.aliases))}"]
    lines.append(f"connection spec {source.connection_spec_id}")
    for auth in source.auths:
        lines += ["", f'auth = {auth.auth} on {auth.platform_cloud.value} ("{auth.spec_name}")']
        lines += _column_lines(auth.parameters, is_optional=bool(auth.string_parts))
        if auth.string_parts:
            lines.append("  or, instead of the whole string, its parts:")
            lines += _column_lines(auth.string_parts)
    if source.notes:
        lines += ["", "notes:", *(f"  {note}" for note in source.notes)]
    return "\n".join([*lines, "", "as CSV:", example.rstrip("\n")])


def _column_lines(columns: Sequence[Parameter | StringPart], *, is_optional: bool = False) -> list[str]:
    width = max((len(_name(column)) for column in columns), default=0)
    lines = []
    for column in columns:
        facts = ["required" if _is_required(column) and not is_optional else "optional"]
        if column.secret:
            facts.append("secret")
        if column.allowed:
            facts.append(f"one of {', '.join(column.allowed)}")
        default = getattr(column, "default", None)
        if default is not None:
            facts.append(f"default {default}")
        lines.append(f"  {_name(column):<{width}}  {column.description} ({'; '.join(facts)})")
    return lines


def _column_json(column: Parameter | StringPart, *, is_required: bool) -> dict[str, Any]:
    return {
        "name": _name(column),
        "required": is_required,
        "secret": column.secret,
        "allowed": list(column.allowed),
        "default": getattr(column, "default", None),
    }


def _name(column: Parameter | StringPart) -> str:
    return getattr(column, "column", "") or getattr(column, "name", "")


def _is_required(column: Parameter | StringPart) -> bool:
    return bool(getattr(column, "required", getattr(column, "always", False)))
