"""A row for a rehearsal: what the inventory says of an endpoint, with a dummy for each of its secrets.

Only values that are known not to be secret are taken over; whatever is secret, or refers to one, becomes a
dummy of the shape that its auth spec documents.
"""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Final

from bulkconn.core.connection_string import build_string
from bulkconn.core.endpoint import BuiltString
from bulkconn.core.source import ValueKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bulkconn.core.endpoint import Endpoint, ParamValue
    from bulkconn.core.source import AuthSpec, StringPart

#: Stands for every secret. It opens nothing, and whoever finds it knows where it comes from.
DUMMY: Final = "bulkconn-rehearsal-dummy"
_PORT: Final = "5432"
_ENCODED_DUMMY: Final = b64encode(DUMMY.encode()).decode()


def dummy_row(endpoint: Endpoint, spec: AuthSpec | None) -> dict[str, object]:
    """Give an object of a JSONL inventory that becomes the same endpoint, but for its secrets.

    `spec` is the endpoint's auth spec, None where no page documents one. Columns that are never sent
    (`x_...`) are left out.
    """
    params: dict[str, str | bool] = {}
    for name, value in endpoint.params:
        params.update(_cells(name, value, endpoint, spec))
    # What no page documents says itself what it is.
    own = {} if spec is not None else _identity(endpoint)
    return {
        **own,
        "key": endpoint.key,
        "name": endpoint.name,
        "source": endpoint.source,
        "platform_cloud": endpoint.platform_cloud.value,
        "sandbox": endpoint.sandbox,
        "auth": endpoint.auth,
        "description": endpoint.description,
        "params": params,
    }


def _cells(
    name: str, value: ParamValue, endpoint: Endpoint, spec: AuthSpec | None
) -> Iterator[tuple[str, str | bool]]:
    """Give the cells of a parameter: one, or one for each part of a string that is built."""
    if isinstance(value, str | bool):
        yield name, value
    elif isinstance(value, BuiltString):
        for part, text in value.parts:
            yield part.column, text if isinstance(text, str) else DUMMY
    elif name in endpoint.encoded:
        yield name, _ENCODED_DUMMY
    elif spec is not None and spec.pattern and _is_string(name, spec):
        # The user's own string may hold secrets under any key: nothing of it is kept.
        yield (
            name,
            build_string(spec.pattern, [(part, _sample(part)) for part in spec.string_parts if part.always]),
        )
    else:
        yield name, DUMMY


def _identity(endpoint: Endpoint) -> dict[str, object]:
    return {
        "connection_spec_id": endpoint.connection_spec_id,
        "connection_spec_version": endpoint.connection_spec_version,
        "auth_spec_name": endpoint.auth_spec_name,
    }


def _is_string(name: str, spec: AuthSpec) -> bool:
    return any(one.name == name and one.kind is ValueKind.CONNECTION_STRING for one in spec.parameters)


def _sample(part: StringPart) -> str:
    if part.allowed:
        return part.allowed[0]
    if part.secret or not part.example:
        return _PORT if part.kind is ValueKind.PORT else DUMMY
    return part.example
