"""HTML and SVG put together so that no text of others can become a tag, and the policy that backs it up."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from functools import cache
from html import escape
from importlib.resources import files
from typing import Final

#: What a browser may do with a page that loads nothing: run this style and these scripts, by their hash.
_POLICY: Final = "default-src 'none'; style-src {style}; script-src {scripts}; img-src data:; base-uri 'none'"

#: Control characters, and those that override the direction of writing; `rows.js` has the same.
_UNSEEN: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff]")

#: Elements that hold nothing. Inside SVG they must close themselves, or what follows would be inside them.
_EMPTY: Final = frozenset({"rect", "line", "path", "meta", "input", "link"})


class Markup(str):
    """Text that is markup already; everything else is escaped where it is put in."""

    __slots__ = ()


def text(value: object) -> Markup:
    """Give text as it may stand anywhere in a page; markup stays as it is."""
    return value if isinstance(value, Markup) else Markup(escape(str(value)))


def tag(name: str, /, *inside: object, **attributes: object) -> Markup:
    """Give an element. `class_` and `for_` are written without their underline, `aria_label` with a dash.

    An attribute that is None or False is left out, one that is True stands without a value.
    """
    written = "".join(_attribute(key, value) for key, value in attributes.items())
    if name in _EMPTY:
        return Markup(f"<{name}{written}/>")
    return Markup(f"<{name}{written}>{''.join(map(text, inside))}</{name}>")


def together(*parts: object) -> Markup:
    """Give several parts one after another."""
    return Markup("".join(map(text, parts)))


def isolated(value: object) -> Markup:
    """Give somebody else's words: their direction of writing stays their own affair, what is unseen is seen.

    A control character that turns the direction could make one name look like another.
    """
    return tag("bdi", _UNSEEN.sub(lambda found: f"‹U+{ord(found[0]):04X}›", str(value)))


def as_data(value: object) -> Markup:
    """Give JSON as it may stand inside a script element of type `application/json`: no `<` is in it."""
    written = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    # A lone surrogate cannot be written as UTF-8; U+2028 was the end of a line to old scripts.
    if not written.isascii():
        try:
            written.encode()
        except UnicodeEncodeError:
            written = json.dumps(value, separators=(",", ":"))
    return Markup(written.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


@cache
def asset(name: str) -> str:
    """Give a style or a script of the page, as it lies beside this module."""
    return files("bulkconn.report").joinpath("assets", name).read_text(encoding="utf-8")


def policy(style: str, *scripts: str, more: str = "") -> str:
    """Give the content security policy for a page with this style and these scripts.

    Inline attributes (`onclick`, `style`) are refused with everything else.
    """
    allowed = " ".join(map(_hash, scripts)) or "'none'"
    return f"{_POLICY.format(style=_hash(style), scripts=allowed)}{more}"


def _hash(content: str) -> str:
    digest = hashlib.sha256(content.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _attribute(key: str, value: object) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{escape(str(value))}"'
