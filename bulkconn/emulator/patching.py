"""JSON Patch as Flow Service takes it: a few paths, replaced whole.

From help/sources/tutorials/api/update.md and the destinations OpenAPI file: `/auth/params` replaces all
parameters, there is no merge, and the connection spec cannot be changed.
"""

from __future__ import annotations

from typing import Any, Final

import orjson

from bulkconn.emulator.errors import FlowServiceError

__all__ = ["read_patch"]

_OPERATIONS: Final = frozenset({"add", "replace", "remove"})
_TARGETS: Final = {"/name": "name", "/description": "description", "/auth/params": "params"}


def read_patch(raw: bytes) -> dict[str, Any]:
    """Read the body of a PATCH and give the attributes of a connection to change.

    Raises:
        FlowServiceError: 1405 empty or no patch at all, 1414 connection spec, 1455 path or operation,
            1304 a removal or an empty value of what must be there, 1312 a value of the wrong type.
    """
    try:
        operations = orjson.loads(raw) if raw.strip() else None
    except orjson.JSONDecodeError:
        operations = None
    if not isinstance(operations, list) or not operations:
        raise FlowServiceError("1405-400", "The body is empty or not a JSON Patch.")
    changes: dict[str, Any] = {}
    for operation in operations:
        attribute, value = _read_operation(operation)
        changes[attribute] = value
    return changes


def _read_operation(operation: object) -> tuple[str, Any]:
    if not isinstance(operation, dict):
        raise FlowServiceError("1405-400", "An entry of the JSON Patch is not an object.")
    # Examples write operations in lower case, the OpenAPI file's enum in upper case.
    verb, path = str(operation.get("op")).lower(), str(operation.get("path"))
    if path.startswith("/connectionSpec"):
        raise FlowServiceError("1414-400", "The connection spec cannot be changed.")
    if path not in _TARGETS or verb not in _OPERATIONS:
        raise FlowServiceError("1455-400", "The path or the operation of the JSON Patch is not valid.")
    value = None if verb == "remove" else operation.get("value")
    if not value and path != "/description":
        raise FlowServiceError("1304-400", f"Missing or empty: {path}.")
    expected = dict if path == "/auth/params" else str
    if value is not None and not isinstance(value, expected):
        raise FlowServiceError("1312-400", f"Not a valid value: {path}.")
    return _TARGETS[path], value
