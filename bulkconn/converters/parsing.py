"""Reads values of any shape without stumbling: what is not as documented is absent."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from bulkconn.converters.database import Malformed
from bulkconn.core.secret import SecretStr
from bulkconn.core.text import has_control

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def parse_json(text: str, *, what: str) -> object:
    """Give a JSON document.

    Raises:
        Malformed: it is none.
    """
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise Malformed(
            f"the file is not JSON: {error.msg} (column {error.colno})", f"give {what}", line=error.lineno
        ) from None
    except (RecursionError, ValueError):
        raise Malformed("the file is JSON that nobody can read", f"give {what}") from None


def text_of(values: Mapping[str, Any], *keys: str) -> str:
    """Give the first of some values that is a text or a number, as text; empty where there is none.

    Control characters and half characters make it absent: no column can hold them.
    """
    for key in keys:
        value = values.get(key)
        if isinstance(value, (str, int, float)) and not isinstance(value, bool):
            text = str(value).strip()
            if text and not has_control(text):
                return text
    return ""


def description_of(values: Mapping[str, Any]) -> str:
    """Give what people wrote about an entry, which may have several lines."""
    value = values.get("description")
    return value.strip() if isinstance(value, str) and not has_control(value, lines_allowed=True) else ""


def secret_of(values: Mapping[str, Any], *keys: str) -> SecretStr | None:
    """Give the first of some values that is a text, as a secret and to the letter."""
    for key in keys:
        value = values.get(key)
        if isinstance(value, str) and value:
            return SecretStr(value)
    return None


def object_of(values: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Give the object under a key, an empty one where there is none."""
    value = values.get(key)
    return value if isinstance(value, dict) else {}


def objects_in(value: object) -> Iterator[Mapping[str, Any]]:
    """Give the objects of a list; nothing else in it counts."""
    for item in value if isinstance(value, list) else ():
        if isinstance(item, dict):
            yield item


def facts_of(**facts: str) -> dict[str, str]:
    """Give the facts that are there."""
    return {name: text for name, text in facts.items() if text}
