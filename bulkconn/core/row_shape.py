"""The columns that every row has, and where one file's rows have them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from bulkconn.core.columns import Headings, spellings
from bulkconn.core.findings import AGAIN
from bulkconn.core.secret import parse_reference
from bulkconn.core.text import has_control, shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bulkconn.core.findings import Findings
    from bulkconn.core.layout import Layout
    from bulkconn.core.recipe import Recipe

    #: The cells that decide what all others mean: of source, cloud and auth, and what a custom source adds.
    LayoutKind = tuple[str | bool | None, ...]
    #: The headers that are filled, and the cells of source, cloud, auth and sandbox.
    RecipeKind = tuple[tuple[str, ...], str | None, str | None, str | None, str | None]

_STRING_SPELLINGS: Final = spellings("connectionString")

#: No page documents which names a sandbox may have; the name travels in a header, so it must be plain.
SANDBOX_CHARACTERS: Final = "ASCII letters, digits, '-', '_' and '.', a letter or digit first"
_SANDBOX_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*", re.ASCII)


class RowShape:
    """The headers of a file, or of one kind of JSON row, and the layouts and recipes met under them.

    Each attribute is the header under which the column stands, or, where there is none, its own name:
    under which no cell stands then. `whole` are the headers of a whole connection string.
    """

    __slots__ = (
        "auth",
        "carried",
        "description",
        "headings",
        "key",
        "layouts",
        "name",
        "platform_cloud",
        "recipes",
        "sandbox",
        "source",
        "whole",
    )

    def __init__(self, headers: tuple[str, ...]) -> None:
        self.headings = Headings.of(headers)
        common = self.headings.common
        self.name = common.get("name", "name")
        self.source = common.get("source", "source")
        self.platform_cloud = common.get("platform_cloud", "platform_cloud")
        self.auth = common.get("auth", "auth")
        self.sandbox = common.get("sandbox", "sandbox")
        self.description = common.get("description", "description")
        self.key = common.get("key", "key")
        self.carried = self.headings.carried
        self.whole = [header for header, lower in self.headings.others if lower in _STRING_SPELLINGS]
        self.layouts: dict[LayoutKind, Layout] = {}
        self.recipes: dict[RecipeKind, Recipe | None] = {}


def read_common(name: str, header: str, cells: Mapping[str, str], findings: Findings) -> str:
    """Give the stripped text of a column of one line; empty where it is absent or wrong (then noted)."""
    raw = cells.get(header)
    text = raw.strip() if raw else ""
    if not text.isprintable() and has_control(text):
        findings.error(header, f"{name} holds a control character", found=text)
    elif "://" in text and parse_reference(text):
        findings.error(
            header,
            f"{name} is a secret reference, but the column is not secret",
            found=text,
            fix=f"write the value itself, {AGAIN}",
        )
    return text


def read_lines(name: str, header: str, cells: Mapping[str, str], findings: Findings) -> str:
    """Give the stripped text of a column that may have several lines; empty where it is absent."""
    raw = cells.get(header)
    text = raw.strip() if raw else ""
    if not text.isprintable() and has_control(text, lines_allowed=True):
        findings.error(header, f"{shown(name)} holds a control character", found=text)
    return text


def is_sandbox_name(text: str) -> bool:
    """Say whether a text can name a sandbox."""
    return _SANDBOX_NAME.fullmatch(text) is not None
