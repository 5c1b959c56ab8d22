"""Where an inventory lies, as the user names it: a path or a URL; what of it may be shown, and its name.

Nothing here looks whether it is there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote

from bulkconn.core.text import has_control

_URL: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", re.DOTALL)
_WEB: Final = frozenset({"http", "https"})
#: Before the host these have the container, which is no secret.
_AZURE: Final = frozenset({"abfs", "abfss"})
#: Suffixes that say how a file is packed, and nothing of what is in it.
_PACKED: Final = frozenset({".gz", ".zst"})
_WORKBOOK: Final = ".xlsx"
_MASK: Final = "***"


@dataclass(frozen=True, slots=True)
class Location:
    """A place that a user named.

    `scheme` is empty for a local path. `target` is the place without what follows `#`; of a URL it may
    hold a secret (a signature, a password), and so may `given`. `shown` is what messages, ledger and
    reports say instead: the same text with all that may be secret masked. `name` is the file's own name,
    empty where the place has none; `sheet` the worksheet that stands behind `#`.
    """

    given: str = field(repr=False)
    scheme: str
    target: str = field(repr=False)
    shown: str
    name: str
    sheet: str | None

    @property
    def suffix(self) -> str:
        """What the name ends with, in lower case, `.gz` and `.zst` taken off; empty where there is none."""
        return _split(self._unpacked)[1].lower()

    @property
    def stem(self) -> str:
        """The name without its suffixes: `eu` of `eu.csv.gz`."""
        return _split(self._unpacked)[0]

    @property
    def _unpacked(self) -> str:
        stem, suffix = _split(self.name)
        return stem if suffix.lower() in _PACKED else self.name


def parse_location(text: str) -> Location:
    """Take a path or a URL apart.

    A sheet is only named behind `.xlsx#`: elsewhere `#` belongs to the path, or (of a web address) is
    cut off, since it is never sent.
    """
    match = _URL.fullmatch(text)
    if match is None:
        target, sheet = _off_sheet(text)
        return Location(text, "", target, text, target.rstrip("/").rpartition("/")[2], sheet)
    scheme, rest = match[1].lower(), match[2]
    if scheme in _WEB:
        rest, _, fragment = rest.partition("#")
        address, _, query = rest.partition("?")
        sheet = fragment if fragment and address.lower().endswith(_WORKBOOK) else None
        name = unquote(address.partition("/")[2]).rpartition("/")[2]
    else:
        rest, sheet = _off_sheet(rest)
        address, _, query = rest.partition("?")
        name = address.partition("/")[2].rpartition("/")[2]
    shown = f"{scheme}://{_masked(address, scheme)}{'?' + _MASK if query else ''}"
    return Location(
        given=text,
        scheme=scheme,
        target=f"{scheme}://{rest}",
        shown=shown if sheet is None else f"{shown}#{sheet}",
        name="" if has_control(name) else name,
        sheet=sheet,
    )


def _off_sheet(path: str) -> tuple[str, str | None]:
    before, mark, sheet = path.rpartition("#")
    if mark and sheet and before.lower().endswith(_WORKBOOK):
        return before, sheet
    return path, None


def _masked(address: str, scheme: str) -> str:
    """Give host and path. Where a password may stand before the host, rather too much is hidden.

    A slash in a password ends the host for every reader of URLs, so an `@` in the path counts too when
    what stands before it looks like `user:password`.
    """
    host, _, _ = address.partition("/")
    _, colon, port = host.rpartition(":")
    is_user_before_host = "@" in host and (scheme not in _AZURE or ":" in host)
    is_password_cut = bool(colon) and not port.isdigit() and "@" in address
    if not (is_user_before_host or is_password_cut):
        return address
    return f"{_MASK}@{address.rpartition('@')[2]}"


def _split(name: str) -> tuple[str, str]:
    """Give stem and suffix as `pathlib` does: a name that begins with its only point has no suffix."""
    at = name.rfind(".")
    return (name[:at], name[at:]) if 0 < at < len(name) - 1 else (name, "")
