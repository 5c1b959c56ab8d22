"""Rows of a JSON file, streamed: a window moves over the text and holds a few elements at a time."""

from __future__ import annotations

import re
from json import JSONDecodeError
from typing import TYPE_CHECKING, Final, NoReturn

from bulkconn.core.diagnostics import Diagnostic, Severity
from bulkconn.core.findings import AGAIN
from bulkconn.core.suggest import nearest
from bulkconn.core.text import shown
from bulkconn.inventory.faults import CORRECT_FILE, Unreadable, fault
from bulkconn.inventory.lines import LINE_LIMIT
from bulkconn.inventory.objects import DECODER, read_object

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

    from bulkconn.core.endpoint import InventoryRow

_WINDOW: Final = 256 * 1024
_BLANKS: Final = re.compile(r"[ \t\n\r]*")
#: An error nearer than this to the end of the window may only mean that the window ends there.
_EDGE: Final = 32
_CONNECTIONS: Final = "connections"


def read_json(text: TextIO, file: str) -> Iterator[InventoryRow | Diagnostic]:
    """Give the rows of a JSON array, or of the `connections` array of an object; they count from 1.

    Raises:
        Unreadable: it is no such file, is cut or damaged, or has no row.
    """
    window = _Window(text, file)
    start = window.peek()
    if start == "[":
        yield from _elements(window)
    elif start == "{":
        yield from _members(window)
    elif start:
        window.refuse(f'it begins neither with an array nor with an object that has "{_CONNECTIONS}"')
    else:
        raise Unreadable(fault(file, "the file is empty", fix=f"add rows, {AGAIN}"))
    if window.peek():
        window.refuse("something follows its end; if it has one object a line, name it .jsonl")
    if not window.row:
        raise Unreadable(fault(file, "there is no row in the file", fix=f"add rows, {AGAIN}"))


def _elements(window: _Window) -> Iterator[InventoryRow | Diagnostic]:
    """Read an array and give a row, or what is wrong with it, for each of its elements."""
    window.take()
    if window.peek() == "]":
        window.take()
        return
    while True:
        window.row += 1
        yield read_object(window.decode(), window.file, window.row)
        mark = window.peek()
        if mark == "]":
            window.take()
            return
        if mark != ",":
            window.refuse("a comma or the array's end is missing" if mark else "the array has no end")
        window.take()


def _members(window: _Window) -> Iterator[InventoryRow | Diagnostic]:
    """Read an object, give the rows of its `connections`, and warn of what stands beside them."""
    others: list[str] = []
    found = False
    window.take()
    has_more = window.peek() != "}"
    while has_more:
        key = _key(window)
        if key != _CONNECTIONS:
            others.append(key)
            window.decode()
        elif found or window.peek() != "[":
            window.refuse(
                f'"{_CONNECTIONS}" is given twice' if found else f'"{_CONNECTIONS}" is not an array'
            )
        else:
            found = True
            yield from _elements(window)
        mark = window.peek()
        if mark not in {",", "}"}:
            window.refuse("a comma or the object's end is missing" if mark else "the object has no end")
        has_more = mark == ","
        if has_more:
            window.take()
    window.take()
    if not found:
        _refuse_object(window, others)
    for other in others:
        yield Diagnostic(
            severity=Severity.WARNING,
            file=window.file,
            message=f'"{shown(other)}" beside "{_CONNECTIONS}" is ignored',
            fix=f"move it into the rows if it belongs to them, {AGAIN}",
        )


def _key(window: _Window) -> str:
    if window.peek() != '"':
        window.refuse("a key is missing")
    key = str(window.decode())
    if window.peek() != ":":
        window.refuse("a colon is missing")
    window.take()
    return key


def _refuse_object(window: _Window, keys: list[str]) -> NoReturn:
    guess = nearest(_CONNECTIONS, keys)
    window.refuse(
        f'the object has no "{_CONNECTIONS}"',
        fix=f'write "{_CONNECTIONS}" instead of "{shown(guess)}", {AGAIN}'
        if guess
        else f'put the rows into an array, or into "{_CONNECTIONS}", {AGAIN}',
    )


class _Window:
    """A stretch of the text. `row` is the element being read, 0 before the first."""

    def __init__(self, text: TextIO, file: str) -> None:
        self.file = file
        self.row = 0
        self._text = text
        self._buffer = ""
        self._at = 0
        self._is_last = False
        # Where the buffer begins in the text, both counted from 1.
        self._line, self._column = 1, 1

    def peek(self) -> str:
        """Skip blanks and give the next character, which stays; empty at the end of the text."""
        while True:
            # The pattern matches the empty string too, so there always is a match.
            match = _BLANKS.match(self._buffer, self._at)
            self._at = match.end() if match else self._at
            if self._at < len(self._buffer):
                return self._buffer[self._at]
            if self._is_last:
                return ""
            self._fill()

    def take(self) -> None:
        """Step over the character that `peek` gave."""
        self._at += 1

    def decode(self) -> object:
        """Give the value that begins here, numbers as text. Raises `Unreadable` if there is none."""
        self.peek()
        while True:
            try:
                value, end = DECODER.raw_decode(self._buffer, self._at)
            except JSONDecodeError as error:
                if self._is_last or self._is_certain(error):
                    self._at = min(error.pos, len(self._buffer))
                    self.refuse(error.msg)
            except RecursionError:
                self.refuse("it is nested too deeply")
            except ValueError as error:
                self.refuse(str(error))
            else:
                # A number that ends where the window does may go on behind it.
                if end < len(self._buffer) or self._is_last:
                    self._at = end
                    return value
            if len(self._buffer) - self._at > LINE_LIMIT:
                self.refuse("a value is longer than 4 MiB")
            self._fill()

    def refuse(self, reason: str, *, fix: str = CORRECT_FILE) -> NoReturn:
        """Give the file up, naming line and column.

        Raises:
            Unreadable: always.
        """
        line, column = self._position()
        raise Unreadable(
            fault(
                self.file,
                f"the file is not a valid inventory at line {line}, column {column}: {reason}",
                row=self.row or None,
                allowed=f'an array of objects, or {{"{_CONNECTIONS}": [...]}}',
                fix=fix,
            )
        )

    def _position(self) -> tuple[int, int]:
        """Give line and column of the place that is being read, counted from 1."""
        ends = self._buffer.count("\n", 0, self._at)
        if not ends:
            return self._line, self._column + self._at
        return self._line + ends, self._at - self._buffer.rfind("\n", 0, self._at)

    def _is_certain(self, error: JSONDecodeError) -> bool:
        """Say whether an error would stay one if the window were longer."""
        return "Unterminated" not in error.msg and error.pos < len(self._buffer) - _EDGE

    def _fill(self) -> None:
        rest = self._buffer[self._at :]
        self._line, self._column = self._position()
        # Reading as much as is left doubles the window, so a large element is not decoded over and over.
        more = self._text.read(max(_WINDOW, len(rest)))
        self._is_last = not more
        self._buffer = rest + more
        self._at = 0
