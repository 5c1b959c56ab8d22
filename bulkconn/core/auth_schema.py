"""One auth spec's JSON Schema, compiled once: what it says of each parameter, and what breaks its rules.

The judge is jsonschema. Before it stands a short way for what is obviously right, because nearly every row
is: flat schemas of texts, which is what the documented ones are. Nothing here raises for a schema or a
value, however odd, and nothing shows a value.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from jsonschema import Draft4Validator, Draft7Validator
from jsonschema.exceptions import SchemaError
from jsonschema.validators import validator_for
from referencing import Registry

from bulkconn.core.schema_cleaning import Unreadable, clean, pointed_at
from bulkconn.core.schema_faults import SchemaFault, faults_of, texts_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

#: Keywords that say nothing against a text.
_ANNOTATIONS: Final = frozenset(
    {
        *("title", "description", "default", "example", "examples", "format", "readOnly", "writeOnly"),
        *("$comment", "$schema", "$id", "id", "definitions", "$defs"),
    }
)
_ROOT_RULES: Final = frozenset({"type", "properties", "required", "additionalProperties"})
_TEXT_RULES: Final = frozenset({"type", "enum", "pattern", "minLength", "maxLength"})
#: Keywords whose schemas speak about the same value as the one around them.
_IN_PLACE: Final = ("allOf", "anyOf", "oneOf", "if", "then", "else")


@dataclass(frozen=True, slots=True)
class Property:
    """What a schema says of one parameter.

    `is_required` is None where the schema lists no needs at all. `allowed` is empty unless the schema
    lists texts. `types` are JSON Schema's names; empty: any.
    """

    name: str
    is_required: bool | None = None
    is_secret: bool = False
    allowed: tuple[str, ...] = ()
    types: tuple[str, ...] = ()


class AuthSchema:
    """The rules of one auth spec in one sandbox.

    `properties` are the parameters that it lists anywhere. `is_closed` says that it refuses all others.
    `left_out` are rules that could not be read and are not checked.
    """

    def __init__(self, schema: object) -> None:
        """Compile a schema.

        Raises:
            Unreadable: nothing can be made of it.
        """
        cleaned, self.left_out = clean(schema)
        if "object" not in (_types(cleaned) or ("object",)):
            raise Unreadable("it does not describe an object")
        self._validator = _compiled(cleaned)
        self.properties: Mapping[str, Property] = MappingProxyType(_properties(cleaned))
        self.is_closed = cleaned.get("additionalProperties") is False
        self._needed = frozenset(texts_of(cleaned.get("required")))
        self._texts = _plain_texts(cleaned)

    def faults(self, values: dict[str, object], unknown: Collection[str] = ()) -> list[SchemaFault]:
        """Give every rule that these parameters certainly break, as they would be sent, each once.

        `unknown` names those whose value is not known yet: a text stands in their place, and of them only
        presence and type are judged.
        """
        if self._is_obviously_right(values, unknown):
            return []
        found: dict[SchemaFault, None] = {}
        try:
            for error in self._validator.iter_errors(values):
                found.update(dict.fromkeys(faults_of(error, values, unknown)))
        # A schema that passed its own check may still end in an error of any kind, or in recursion.
        except Exception:  # noqa: BLE001 - the catalogue's word stands where the service's cannot be read
            problem = "the service's schema has a rule that cannot be read, so not all of it was checked"
            found[SchemaFault(None, problem, is_error=False)] = None
        return list(found)

    def _is_obviously_right(self, values: Mapping[str, object], unknown: Collection[str]) -> bool:
        texts = self._texts
        if texts is None or unknown or not self._needed.issubset(values):
            return False
        for name, value in values.items():
            text = texts.get(name)
            if text is None:
                if self.is_closed or name in self.properties:
                    return False
            elif not text.fits(value):
                return False
        return True


class _PlainText(NamedTuple):
    """The rules of a parameter that is a text and nothing more."""

    allowed: frozenset[str]
    pattern: re.Pattern[str] | None
    least: float
    most: float

    def fits(self, value: object) -> bool:
        return (
            isinstance(value, str)
            and self.least <= len(value) <= self.most
            and (not self.allowed or value in self.allowed)
            and (self.pattern is None or self.pattern.search(value) is not None)
        )


def _compiled(schema: dict[str, Any]) -> Any:  # noqa: ANN401 - jsonschema's validators share no class
    """Give a validator of the draft that is declared, or else of one that takes the schema."""
    declared = schema.get("$schema")
    wanted = validator_for(schema, default=Draft7Validator) if isinstance(declared, str) else Draft7Validator
    kinds: tuple[Any, ...] = (wanted, Draft7Validator, Draft4Validator)
    for kind in dict.fromkeys(kinds):
        try:
            kind.check_schema(schema)
        except SchemaError:
            continue
        # With the usual registry a reference to another place would be fetched from there.
        return kind(schema, registry=Registry())
    raise Unreadable("it is not a JSON Schema")


def _properties(root: Mapping[str, Any]) -> dict[str, Property]:
    """Give what is listed: names and secrecy from anywhere in the schema, the rest where it is certain."""
    found: dict[str, Property] = {}
    needs = root.get("required")
    own = root.get("properties", {})
    for listing in _listings(root):
        for name, schema in listing.items():
            said = found.get(name) or Property(name)
            if own.get(name) is schema:
                is_required = name in needs if isinstance(needs, list) else None
                said = replace(said, is_required=is_required, allowed=_allowed(schema), types=_types(schema))
            is_secret = said.is_secret or any(map(_is_secret, _same_place(schema, root)))
            found[name] = replace(said, is_secret=is_secret)
    return found


def _listings(root: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for schema in _same_place(root, root):
        yield schema.get("properties", {})


def _same_place(schema: object, root: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Give a schema and all that speak about the same value; an endless one was refused before."""
    if not isinstance(schema, dict):
        return
    yield schema
    if isinstance(schema.get("$ref"), str):
        yield from _same_place(pointed_at(root, schema["$ref"]), root)
    for keyword in _IN_PLACE:
        inner = schema.get(keyword)
        for one in inner if isinstance(inner, list) else (inner,):
            yield from _same_place(one, root)


def _is_secret(schema: Mapping[str, Any]) -> bool:
    return schema.get("format") == "password" or schema.get("writeOnly") is True


def _allowed(schema: object) -> tuple[str, ...]:
    values = schema.get("enum") if isinstance(schema, dict) else None
    return tuple(values) if values and all(isinstance(one, str) for one in values) else ()


def _types(schema: object) -> tuple[str, ...]:
    said = schema.get("type") if isinstance(schema, dict) else None
    return (said,) if isinstance(said, str) else tuple(texts_of(said))


def _plain_texts(root: Mapping[str, Any]) -> dict[str, _PlainText] | None:
    """Give the rules of parameters that are plain texts; None where the schema has rules about several."""
    if not root.keys() - _ANNOTATIONS <= _ROOT_RULES or root.get("additionalProperties", True) not in (
        True,
        False,
    ):
        return None
    return {
        name: _PlainText(
            allowed=frozenset(_allowed(schema)),
            pattern=re.compile(schema["pattern"]) if "pattern" in schema else None,
            least=schema.get("minLength", 0),
            most=schema.get("maxLength", float("inf")),
        )
        for name, schema in root.get("properties", {}).items()
        if isinstance(schema, dict)
        and schema.keys() - _ANNOTATIONS <= _TEXT_RULES
        and schema.get("type", "string") == "string"
        and ("enum" not in schema or _allowed(schema))
    }
