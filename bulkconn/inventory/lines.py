"""The lines of a text, bounded: a line without an end must not fill the memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bulkconn.inventory.faults import Unreadable, fault

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

#: Longest cell, in characters.
CELL_LIMIT: Final = 1024 * 1024
#: Longest line, and longest JSON element, in characters.
LINE_LIMIT: Final = 4 * CELL_LIMIT


class Lines:
    """Iterates over lines, line ends included, and notes NUL characters, which `csv` would let pass.

    `number` is the line given last, counted from 1.
    """

    def __init__(self, text: TextIO, file: str) -> None:
        self._text = text
        self._file = file
        self.number = 0
        self.has_nul = False

    def __iter__(self) -> Iterator[str]:
        """Give the lines. Raises `Unreadable` at one that is too long."""
        readline = self._text.readline
        while line := readline(LINE_LIMIT + 1):
            self.number += 1
            if len(line) > LINE_LIMIT:
                raise Unreadable(
                    fault(
                        self._file,
                        "a line is longer than 4 MiB",
                        row=self.number,
                        fix="is this an inventory? If so, shorten the line, then run the same command",
                    )
                )
            if "\0" in line:
                self.has_nul = True
            yield line

    def take_nul(self) -> bool:
        """Say whether there was a NUL since this was last asked."""
        had_nul, self.has_nul = self.has_nul, False
        return had_nul


#: What to say of a NUL, and what to do about it.
NUL_MESSAGE: Final = "the row holds a NUL character"
NUL_FIX: Final = (
    "remove it, or name the file's encoding (--encoding utf-16, if it came from a spreadsheet), "
    "then run the same command"
)
