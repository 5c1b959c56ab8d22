"""Turns the errors of jsonschema into faults that may be shown: which parameter, what of it, what is allowed.

An error's message and instance are never shown, because they hold the values; its keyword and what the
schema says beside it do not.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from bulkconn.core.text import shown

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from jsonschema import ValidationError

#: Longest text of the service's that a message shows, and how many values of a list.
_TEXT_SHOWN: Final = 200
_VALUES_SHOWN: Final = 20

#: What the keywords mean, and how the value beside them is shown as what is allowed.
_PROBLEMS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "enum": ("is none of the values that the service allows", "{}"),
        "const": ("is not the value that the service asks for", "{}"),
        "type": ("is not of the type that the service asks for", "{}"),
        "pattern": ("has not the form that the service asks for", "text that matches {}"),
        "minLength": ("is shorter than the service allows", "at least {} characters"),
        "maxLength": ("is longer than the service allows", "at most {} characters"),
        "minimum": ("is out of the range that the service allows", "at least {}"),
        "maximum": ("is out of the range that the service allows", "at most {}"),
    }
)


class SchemaFault(NamedTuple):
    """A rule that the parameters of a row break; nothing of their values is in it.

    `parameter` is None where the rule is about several. `is_error` is False where the rule itself cannot
    be read, so that nobody knows whether it is broken.
    """

    parameter: str | None
    problem: str
    allowed: str | None = None
    is_error: bool = True


def faults_of(
    error: ValidationError, values: Mapping[str, object], unknown: Collection[str]
) -> Iterator[SchemaFault]:
    """Give what an error certainly means for these parameters; nothing where it hangs on an unknown value."""
    rule, said = str(error.validator), error.validator_value
    if error.absolute_path:
        name = str(error.absolute_path[0])
        if name not in unknown or rule == "type":
            yield _of_value(name, rule, said, is_deep=len(error.absolute_path) > 1)
    elif rule == "required":
        # One error a name, and only the message tells them apart: each tells of all that are missing.
        for name in texts_of(said):
            if name not in values:
                yield SchemaFault(name, "is missing: the service requires it")
    elif rule == "additionalProperties":
        yield from _not_known(error.schema, values)
    elif rule in {"anyOf", "oneOf"}:
        needs = _alternatives(said)
        if needs is not None or not unknown:
            yield SchemaFault(None, "the parameters fulfil not one of the service's alternatives", needs)
    elif not unknown:
        yield SchemaFault(None, f"the parameters together break a rule of the service ({shown(rule)})")


def listed(values: Iterable[object]) -> str:
    """Give values of the service's as a message lists them."""
    texts = [str(value).lower() if isinstance(value, bool) else str(value) for value in values]
    more = f" and {len(texts) - _VALUES_SHOWN} more" if len(texts) > _VALUES_SHOWN else ""
    return ", ".join(shown(text) for text in texts[:_VALUES_SHOWN]) + more


def texts_of(value: object) -> list[str]:
    """Give the texts of a list; nothing of anything else."""
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _of_value(name: str, rule: str, said: object, *, is_deep: bool) -> SchemaFault:
    # Deeper inside a value the place would have to be told too, and that may be a secret's.
    if is_deep or rule not in _PROBLEMS:
        return SchemaFault(name, f"breaks a rule of the service ({shown(rule)})")
    problem, allowed = _PROBLEMS[rule]
    text = listed(said) if isinstance(said, list) else shown(str(said), _TEXT_SHOWN)
    return SchemaFault(name, problem, allowed.format(text))


def _not_known(schema: Any, values: Mapping[str, object]) -> Iterator[SchemaFault]:  # noqa: ANN401 - any JSON value
    known, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    for name in values:
        if name not in known and not any(re.search(one, name) for one in patterns):
            yield SchemaFault(name, "is not known to the service", listed(known))


def _alternatives(branches: Any) -> str | None:  # noqa: ANN401 - a list of schemas: that was checked
    """Say which parameters each alternative needs; None where one says anything else."""
    needs = [
        texts_of(one["required"]) for one in branches if isinstance(one, dict) and set(one) == {"required"}
    ]
    return "; or ".join(listed(one) for one in needs) if len(needs) == len(branches) else None
