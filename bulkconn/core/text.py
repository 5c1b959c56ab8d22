"""What text may go into a request, and how text from outside is shown to a person."""

from __future__ import annotations

import re
from typing import Final

#: Control characters, and lone surrogates, which no UTF-8 body or ledger can carry.
_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
#: The same without tab, line feed and carriage return: for descriptions, `x_` columns and keys of many lines.
_CONTROL_BUT_LINES: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")

#: Longest text of a cell that a message shows.
SHOWN_LENGTH: Final = 80


def has_control(text: str, *, lines_allowed: bool = False) -> bool:
    """Say whether a text holds control characters or half a surrogate pair.

    With `lines_allowed` tabs and line ends do not count.
    """
    # Printable text, the common case, needs no search.
    if text.isprintable():
        return False
    return (_CONTROL_BUT_LINES if lines_allowed else _CONTROL).search(text) is not None


def shown(text: str, length: int = SHOWN_LENGTH) -> str:
    """Give a text as a message may show it: what is not printable is escaped, what is long is cut.

    Never call it with a secret. Escaping keeps a hostile cell from steering the reader's terminal.
    """
    if len(text) > length:
        text = text[: length - 1] + "…"
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text
    )
