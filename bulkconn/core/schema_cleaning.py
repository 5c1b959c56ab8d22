"""Makes a JSON Schema of the service's usable: single rules that cannot be read are left out and noted.

Nobody promises that these schemas are whole: patterns are written for another language's regular
expressions, types have names of their own, references lead elsewhere. A rule that cannot be read is not
checked, the others are. Only what is hopeless (no object, nested or endless beyond reason) is refused.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Values within a schema, all references followed: a documented one has about fifty.
NODES_MAX: Final = 20_000
#: Levels of a schema, references followed; deeper ones would end at Python's own limit.
DEPTH_MAX: Final = 40

_TYPES: Final = frozenset({"string", "number", "integer", "boolean", "object", "array", "null"})
#: Below these stand values and no schemas: an example may well look like a rule.
_DATA: Final = frozenset({"enum", "const", "default", "example", "examples"})


class Unreadable(Exception):
    """Nothing can be made of a schema; `str()` says why, in words of our own."""


def clean(schema: object) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Give a copy of a schema without the rules that cannot be read, and what they were, each once.

    Raises:
        Unreadable: it is no object, nested too deeply, endless or too large.
    """
    if not isinstance(schema, dict):
        raise Unreadable("it is not a JSON object")
    notes: list[str] = []
    _Budget(schema).spend(schema)
    return _cleaned(schema, schema, notes, "all parameters"), tuple(dict.fromkeys(notes))


def pointed_at(root: Mapping[str, Any], reference: str) -> object:
    """Give what a `$ref` inside the same document leads to; None where it leads nowhere or elsewhere."""
    beginning, *steps = reference.split("/")
    place: object = root if beginning == "#" else None
    for step in steps:
        key = step.replace("~1", "/").replace("~0", "~")
        place = place.get(key) if isinstance(place, dict) else None
    return place


class _Budget:
    """Counts what a validator would have to walk at worst, references followed."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._left = NODES_MAX

    def spend(self, node: object, depth: int = 0) -> None:
        """Raise `Unreadable` where a schema is too deep or too large; a reference to itself is both."""
        self._left -= 1
        if depth > DEPTH_MAX:
            raise Unreadable("it is nested too deeply, or refers to itself")
        if self._left < 0:
            raise Unreadable("it is too large")
        if isinstance(node, list):
            for one in node:
                self.spend(one, depth + 1)
        elif isinstance(node, dict):
            for key, one in node.items():
                if key == "$ref" and isinstance(one, str):
                    self.spend(pointed_at(self._root, one), depth + 1)
                self.spend(one, depth + 1)


def _cleaned(node: Any, root: Mapping[str, Any], notes: list[str], name: str) -> Any:  # noqa: ANN401 - any JSON value
    """Copy a value; `name` is the nearest key above it that is no keyword of ours, for the notes."""
    if isinstance(node, list):
        return [_cleaned(one, root, notes, name) for one in node]
    if not isinstance(node, dict):
        return node
    copy = {}
    for key, value in node.items():
        if key in _DATA:
            copy[key] = value
        elif _is_readable(key, value, root):
            copy[key] = _cleaned(value, root, notes, key if isinstance(value, dict) else name)
        else:
            notes.append(f"the {key} of {name}")
    return _with_needs(copy)


def _is_readable(key: str, value: object, root: Mapping[str, Any]) -> bool:
    # A parameter may be called like a keyword: then its value is an object, and no rule.
    match key, value:
        case "pattern", str():
            return _compiles(value)
        case "type", str():
            return value in _TYPES
        case "$ref", str():
            return isinstance(pointed_at(root, value), dict | bool)
        case "patternProperties", dict():
            return all(_compiles(pattern) for pattern in value)
        case _:
            return True


def _compiles(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError):
        return False
    return True


def _with_needs(schema: dict[str, Any]) -> dict[str, Any]:
    """Say `required` as drafts from 04 on do: a list beside the properties, not a boolean inside each."""
    properties = schema.get("properties")
    if not isinstance(properties, dict):
        return schema
    said = {
        name: one["required"]
        for name, one in properties.items()
        if isinstance(one, dict) and isinstance(one.get("required"), bool)
    }
    if not said:
        return schema
    listed = schema.get("required")
    needed = [*(listed if isinstance(listed, list) else ()), *(name for name, is_so in said.items() if is_so)]
    without = {
        name: {key: value for key, value in one.items() if key != "required"} if name in said else one
        for name, one in properties.items()
    }
    return {**schema, "properties": without, "required": list(dict.fromkeys(needed))}
