"""The part after `#` in a reference: one field of a secret that has several."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from bulkconn.core.endpoint import SecretUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bulkconn.core.secret import SecretRef


def split_field(reference: SecretRef) -> tuple[str, str | None]:
    """Give the path of a reference, and the field behind `#`, None where there is none.

    Raises:
        SecretUnavailable: `#` is followed by nothing, or stands before everything.
    """
    path, mark, field = reference.path.partition("#")
    if not path or (mark and not field):
        raise SecretUnavailable(
            f"{reference.uri} is cut short: what stands before and after # names a secret and its field"
        )
    return path, field or None


def field_of(content: Mapping[str, object], field: str, reference: SecretRef) -> str:
    """Give a field's text. A whole number is taken as its digits.

    Raises:
        SecretUnavailable: there is no such field, it is empty, or no text. What the others are called is
            not told: in a secret even that may be one.
    """
    value = content.get(field)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if field not in content:
        raise SecretUnavailable(
            f"{reference.uri}: the secret has no field of that name", code="secret_not_found"
        )
    if not isinstance(value, str):
        raise SecretUnavailable(f"{reference.uri}: the field is not text", fix="store it as a string")
    return usable(value, reference)


def field_of_text(text: str, field: str | None, reference: SecretRef) -> str:
    """Give a secret's text, or a field of it where it is a JSON object.

    Raises:
        SecretUnavailable: it is empty; or a field is asked for and cannot be had.
    """
    if field is None:
        return usable(text, reference)
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise SecretUnavailable(
            f"{reference.uri}: the secret is no JSON object, so it has no fields",
            fix="leave out what follows #, or store it as a JSON object",
        )
    return field_of(content, field, reference)


def text_of(content: bytes, reference: SecretRef) -> str:
    """Give the text that bytes stand for.

    Raises:
        SecretUnavailable: they are no UTF-8.
    """
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        # Not chained: the exception carries the secret.
        raise SecretUnavailable(f"{reference.uri}: the secret is not valid UTF-8") from None


def usable(text: str, reference: SecretRef) -> str:
    """Give a text that a request can carry.

    Raises:
        SecretUnavailable: it is empty, or holds half a character.
    """
    if not text:
        raise SecretUnavailable(f"{reference.uri}: the secret is empty", code="secret_not_found")
    if not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text):
        raise SecretUnavailable(f"{reference.uri}: the secret is not valid Unicode")
    return text
