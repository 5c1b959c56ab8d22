"""The parameters of a row as the service's schema meets them: as they would be sent, or are meant."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bulkconn.core.connection_string import build_string
from bulkconn.core.endpoint import BuiltString
from bulkconn.core.secret import SecretRef, SecretStr

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bulkconn.core.endpoint import ParamValue
    from bulkconn.core.secret import SecretValue


class SentValues(NamedTuple):
    """Values by parameter, secrets in clear: never show them.

    `unknown` names those that hang on a reference, which is resolved just before the request is sent; a
    text stands in their place.
    """

    values: dict[str, object]
    unknown: frozenset[str]


def sent_values(params: Iterable[tuple[str, ParamValue]]) -> SentValues:
    """Give what would be sent of a row's parameters, as far as it is known by now."""
    values: dict[str, object] = {}
    unknown: set[str] = set()
    for name, value in params:
        if isinstance(value, SecretStr):
            values[name] = value.get_secret_value()
        elif isinstance(value, SecretRef):
            values[name] = ""
            unknown.add(name)
        elif isinstance(value, BuiltString):
            if any(isinstance(text, SecretRef) for _, text in value.parts):
                unknown.add(name)
            values[name] = build_string(value.pattern, [(part, _clear(text)) for part, text in value.parts])
        else:
            values[name] = value
    return SentValues(values, frozenset(unknown))


def _clear(text: str | SecretValue) -> str:
    if isinstance(text, SecretStr):
        return text.get_secret_value()
    return text if isinstance(text, str) else ""
