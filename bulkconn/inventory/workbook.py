"""The parts of an `.xlsx` file that its reader does not tell: sheets, cells in error, and how large it is.

The reader of cells (python-calamine) is fast, but it gives an empty cell where a formula failed, and fills
the whole rectangle of used cells in memory. Both must be known before it is asked.
"""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass, field
from io import BytesIO
from typing import IO, TYPE_CHECKING, Final
from xml.parsers.expat import ExpatError, ParserCreate, XMLParserType

if TYPE_CHECKING:
    from collections.abc import Callable

#: Bytes that a workbook may unpack to.
UNPACKED_LIMIT: Final = 1024 * 1024 * 1024
#: Cells of the rectangle that all used cells span: the most rows that Excel has, times nineteen columns.
AREA_LIMIT: Final = 20_000_000

_BROKEN: Final = (zipfile.BadZipFile, zlib.error, ExpatError, KeyError, EOFError, ValueError)


class BrokenWorkbook(Exception):
    """A file is no whole workbook, or more of one than can be read; `str()` says why. For this room only."""


@dataclass(slots=True)
class SheetFacts:
    """What a sheet's cells do not say by their values. Rows and columns count from 1.

    `faults` says of a cell why its value is not known; `rows` and `columns` are the last used ones.
    """

    faults: dict[tuple[int, int], str] = field(default_factory=dict)
    rows: int = 0
    columns: int = 0


class Workbook:
    """An `.xlsx` file in memory. `sheets` gives for each visible worksheet, in order, where its cells are.

    Raises:
        BrokenWorkbook: it is none, or unpacks to too much.
    """

    def __init__(self, packed: bytes) -> None:
        try:
            self._archive = zipfile.ZipFile(BytesIO(packed))
            if sum(info.file_size for info in self._archive.infolist()) > UNPACKED_LIMIT:
                raise BrokenWorkbook("it unpacks to more than 1 GiB")
            self.sheets = self._find_sheets()
        except (*_BROKEN, RuntimeError, NotImplementedError) as error:
            raise BrokenWorkbook(f"it is not a whole workbook ({type(error).__name__})") from error

    def facts(self, sheet: str) -> SheetFacts:
        """Read a sheet's cells once, for what stands beside their values.

        Raises:
            BrokenWorkbook: they cannot be read, or there are too many.
        """
        parser = _parser()
        scan = _Scan(parser)
        try:
            with self._archive.open(self.sheets[sheet]) as part:
                parser.ParseFile(part)
        except (*_BROKEN, RuntimeError, NotImplementedError) as error:
            raise BrokenWorkbook(f"its sheet cannot be read ({type(error).__name__})") from error
        facts = scan.finish()
        if facts.rows * facts.columns > AREA_LIMIT:
            raise BrokenWorkbook(
                f"its cells reach to row {facts.rows:,} and column {facts.columns:,}, which is too far"
            )
        return facts

    def _find_sheets(self) -> dict[str, str]:
        named: dict[str, str] = {}
        targets: dict[str, str] = {}

        def on_sheet(name: str, attributes: dict[str, str]) -> None:
            if name == "sheet" and attributes.get("state", "visible") == "visible":
                named[attributes["name"]] = attributes["id"]

        def on_relation(name: str, attributes: dict[str, str]) -> None:
            if name == "Relationship" and attributes["Type"].endswith("/worksheet"):
                targets[attributes["Id"]] = attributes["Target"]

        with self._archive.open("xl/workbook.xml") as part:
            _follow(part, on_sheet)
        with self._archive.open("xl/_rels/workbook.xml.rels") as part:
            _follow(part, on_relation)
        return {name: _part_name(targets[key]) for name, key in named.items() if key in targets}


class _Scan:
    """Follows the elements of a sheet: millions of them, so this does as little as it can.

    A row or a cell that does not say where it is follows the last one. What is known of a cell is noted
    when the next one begins, which spares a call at each element's end.
    """

    def __init__(self, parser: XMLParserType) -> None:
        self.facts = SheetFacts()
        self._parser = parser
        self._row = self._column = 0
        self._is_error = self._has_formula = self._has_value = False
        parser.StartElementHandler = self._begin

    def finish(self) -> SheetFacts:
        """Give what was found, when all was parsed."""
        self._note_cell()
        return self.facts

    def _begin(self, root: str, _: dict[str, str]) -> None:
        """Learn from the outermost element which prefix this file gives the names of all."""
        prefix = root.removesuffix("worksheet")
        self._cell, self._value, self._text = f"{prefix}c", f"{prefix}v", f"{prefix}is"
        self._formula, self._row_name = f"{prefix}f", f"{prefix}row"
        self._parser.StartElementHandler = self._start

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if name == self._cell:
            self._note_cell()
            place = attributes.get("r")
            if place is None:
                self._column += 1
            else:
                self._row, self._column = _place_of(place)
            self._is_error = attributes.get("t") == "e"
        elif name in {self._value, self._text}:
            self._has_value = True
        elif name == self._formula:
            self._has_formula = True
        elif name == self._row_name:
            self._note_cell()
            self._row = int(attributes.get("r", self._row + 1))
            self._column = 0

    def _note_cell(self) -> None:
        facts = self.facts
        if self._has_value:
            facts.rows = max(facts.rows, self._row)
            facts.columns = max(facts.columns, self._column)
        if self._is_error:
            facts.faults[self._row, self._column] = "the formula of the cell failed"
        elif self._has_formula and not self._has_value:
            facts.faults[self._row, self._column] = "the formula of the cell was never calculated"
        self._is_error = self._has_formula = self._has_value = False


def column_letters(number: int) -> str:
    """Give a column's letters, `AB` for 28."""
    letters = ""
    while number:
        number, letter = divmod(number - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return letters


def _place_of(place: str) -> tuple[int, int]:
    """Give row and column of a cell's place, 7 and 28 for `AB7`."""
    letters = place.rstrip("0123456789")
    column = 0
    for letter in letters:
        column = column * 26 + ord(letter) - ord("A") + 1
    return int(place[len(letters) :]), column


def _part_name(target: str) -> str:
    return target.removeprefix("/") if target.startswith("/") else f"xl/{target}"


def _parser() -> XMLParserType:
    def refuse(*_: object) -> None:
        # No workbook declares entities, but a hostile file may, to have them multiply.
        raise BrokenWorkbook("it declares entities")

    parser = ParserCreate()
    parser.EntityDeclHandler = refuse
    return parser


def _follow(part: IO[bytes], on_start: Callable[[str, dict[str, str]], None]) -> None:
    """Give every element of a part, without the prefixes of names."""

    def start(name: str, attributes: dict[str, str]) -> None:
        on_start(_local(name), {_local(key): value for key, value in attributes.items()})

    parser = _parser()
    parser.StartElementHandler = start
    parser.ParseFile(part)


def _local(name: str) -> str:
    return name.rpartition(":")[2]
