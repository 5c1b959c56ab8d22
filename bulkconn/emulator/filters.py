"""The `property` filters and the `orderby` of GET /connections.

From Adobe's page help/dataflows/api/sort-and-filter.md: `path==value`, a comma for any of several values,
`>=`, `>` and `<` on times; several filters must all hold. Codes are from
help/sources/errors/flow-service-errors.md.
"""

from __future__ import annotations

import operator
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from bulkconn.emulator.errors import FlowServiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bulkconn.emulator.records import Connection

__all__ = ["Filter", "SortField", "parse_filter", "parse_orderby"]

_FORM: Final = re.compile(r"(?P<path>[A-Za-z][\w.\[\]-]*)(?P<op>==|!=|>=|<=|>|<|=|~)(?P<value>.*)", re.DOTALL)
_STATES: Final = frozenset({"enabled", "disabled", "initializing"})
_TEXTS: Final[Mapping[str, Callable[[Connection], str | None]]] = {
    "id": lambda one: one.id,
    "name": lambda one: one.name,
    "description": lambda one: one.description,
    "connectionSpec.id": lambda one: one.spec_id,
    "state": lambda one: one.state,
    "auth.specName": lambda one: one.auth_spec_name,
    "createdClient": lambda one: one.created_client,
}
_TIMES: Final[Mapping[str, Callable[[Connection], int]]] = {
    "createdAt": lambda one: one.created_at_ms,
    "updatedAt": lambda one: one.updated_at_ms,
}
_COMPARISONS: Final[Mapping[str, Callable[[int, int], bool]]] = {
    "==": operator.eq,
    ">=": operator.ge,
    ">": operator.gt,
    "<": operator.lt,
}
_PARAMS: Final = "auth.params."
#: Never answered for, or a filter would be an oracle for secrets.
_SECRET_PARAMS: Final = frozenset({"password", "connectionString"})
_SORT_FIELDS: Final[Mapping[str, Callable[[Connection], Any]]] = {
    "name": lambda one: one.name,
    "createdAt": lambda one: one.created_at_ms,
}


@dataclass(frozen=True, slots=True)
class Filter:
    """One condition on a connection."""

    path: str
    #: For `==`, any of these; otherwise exactly one.
    values: tuple[str, ...]
    holds: Callable[[Connection], bool]


@dataclass(frozen=True, slots=True)
class SortField:
    """One field of an order."""

    name: str
    is_descending: bool
    key: Callable[[Connection], Any]


def parse_filter(text: str) -> Filter:
    """Read one `property` value.

    Raises:
        FlowServiceError: 1440 or 1450 for an operator, 1449 for a path, 1453 for a time, 1456 for a state.
    """
    form = _FORM.fullmatch(text)
    if form is None:
        raise FlowServiceError("1440-400", "A property filter is a path, an operator and a value.")
    path, sign, value = form["path"], form["op"], form["value"]
    if sign not in _COMPARISONS:
        raise FlowServiceError("1440-400", "The operator of a property filter is not supported.")
    if path in _TIMES:
        return Filter(path, (value,), _time_condition(path, sign, value))
    if sign != "==":
        raise FlowServiceError("1450-400", "This property can only be compared with ==.")
    values = tuple(value.split(","))
    if path == "state" and not _STATES.issuperset(values):
        raise FlowServiceError("1456-400", "A state is enabled, disabled or initializing.")
    return Filter(path, values, _text_condition(path, frozenset(values)))


def _time_condition(path: str, sign: str, value: str) -> Callable[[Connection], bool]:
    if not value.isdecimal():
        raise FlowServiceError("1453-400", "A time is a whole number of milliseconds.")
    read, compare, bound = _TIMES[path], _COMPARISONS[sign], int(value)
    return lambda one: compare(read(one), bound)


def _text_condition(path: str, wanted: frozenset[str]) -> Callable[[Connection], bool]:
    if path in _TEXTS:
        read = _TEXTS[path]
        return lambda one: read(one) in wanted
    name = path.removeprefix(_PARAMS)
    if name == path or not name or name in _SECRET_PARAMS:
        raise FlowServiceError("1449-400", "The property of a filter is not known or cannot be filtered.")
    return lambda one: _as_text(one.params.get(name)) in wanted


def _as_text(value: object) -> str | None:
    # JSON writes booleans in lower case, and so do the filters of Adobe's private-link page.
    return str(value).lower() if isinstance(value, bool) else None if value is None else str(value)


def parse_orderby(text: str) -> tuple[SortField, ...]:
    """Read an `orderby` value: fields joined by commas, `-` for descending, `+` or nothing for ascending.

    Raises:
        FlowServiceError: 1432 for a field that cannot be sorted by.
    """
    fields = []
    for part in text.split(","):
        # A plus that was not percent-encoded arrives as a blank.
        name = part[1:] if part[:1] in {"-", "+", " "} else part
        key = _SORT_FIELDS.get(name)
        if key is None:
            raise FlowServiceError("1432-400", "The listing cannot be ordered by this field.")
        fields.append(SortField(name, part.startswith("-"), key))
    return tuple(fields)
