"""Writes `.xlsx` files as Excel lays them out: a zip archive of a few XML parts."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import escape, quoteattr

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_MAIN: Final = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE: Final = "http://schemas.openxmlformats.org/package/2006"
#: Number formats by style: none, a date, a date with time, a time, hours beyond a day.
_FORMATS: Final = (0, 14, 22, 21, 46)
DATE, MOMENT, TIME, HOURS = 1, 2, 3, 4


@dataclass(frozen=True)
class Raw:
    """A cell as it stands in the file, `r=` included where it has one."""

    xml: str


@dataclass(frozen=True)
class Styled:
    """A number that a format makes a date or a time."""

    number: float
    style: int


Cell = str | float | bool | Raw | Styled | None
FAILED: Final = Raw('<c t="e"><f>1/0</f><v>#DIV/0!</v></c>')
NEVER_CALCULATED: Final = Raw("<c><f>1+1</f></c>")


@dataclass(frozen=True)
class Sheet:
    """A worksheet: rows by number, each from column A; merged ranges as Excel writes them, `A2:A3`."""

    rows: Mapping[int, Sequence[Cell]]
    merged: Sequence[str] = ()
    is_hidden: bool = False


def workbook(sheets: Mapping[str, Sheet], *, extra: Mapping[str, bytes] | None = None) -> bytes:
    """Give the file. `extra` are more parts, or other content for one of them."""
    parts = {
        "[Content_Types].xml": _types(),
        "_rels/.rels": _relations({"rId1": ("officeDocument", "xl/workbook.xml")}),
        "xl/workbook.xml": _book(sheets),
        "xl/_rels/workbook.xml.rels": _relations(
            {f"rId{n}": ("worksheet", f"worksheets/sheet{n}.xml") for n in range(1, len(sheets) + 1)}
            | {"rIdS": ("styles", "styles.xml")}
        ),
        "xl/styles.xml": _styles(),
        **{f"xl/worksheets/sheet{n}.xml": _sheet(one) for n, one in enumerate(sheets.values(), start=1)},
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (parts | dict(extra or {})).items():
            archive.writestr(name, content)
    return packed.getvalue()


def _types() -> bytes:
    kinds = "application/vnd.openxmlformats-"
    return (
        f'<Types xmlns="{_PACKAGE}/content-types">'
        f'<Default Extension="rels" ContentType="{kinds}package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/>'
        f'<Override PartName="/xl/workbook.xml" '
        f'ContentType="{kinds}officedocument.spreadsheetml.sheet.main+xml"/></Types>'
    ).encode()


def _relations(targets: Mapping[str, tuple[str, str]]) -> bytes:
    inner = "".join(
        f'<Relationship Id="{key}" Type="{_OFFICE}/{kind}" Target="{target}"/>'
        for key, (kind, target) in targets.items()
    )
    return f'<Relationships xmlns="{_PACKAGE}/relationships">{inner}</Relationships>'.encode()


def _book(sheets: Mapping[str, Sheet]) -> bytes:
    inner = "".join(
        f'<sheet name={quoteattr(name)} sheetId="{n}" state="{"hidden" if one.is_hidden else "visible"}"'
        f' r:id="rId{n}"/>'
        for n, (name, one) in enumerate(sheets.items(), start=1)
    )
    return f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>{inner}</sheets></workbook>'.encode()


def _styles() -> bytes:
    inner = "".join(f'<xf numFmtId="{number}"/>' for number in _FORMATS)
    return f'<styleSheet xmlns="{_MAIN}"><cellXfs>{inner}</cellXfs></styleSheet>'.encode()


def _sheet(sheet: Sheet) -> bytes:
    rows = "".join(
        f'<row r="{number}">{"".join(_cell(cell, number, at) for at, cell in enumerate(cells))}</row>'
        for number, cells in sheet.rows.items()
    )
    merged = "".join(f'<mergeCell ref="{ref}"/>' for ref in sheet.merged)
    around = f'<mergeCells count="{len(sheet.merged)}">{merged}</mergeCells>' if merged else ""
    return f'<worksheet xmlns="{_MAIN}"><sheetData>{rows}</sheetData>{around}</worksheet>'.encode()


def _cell(cell: Cell, row: int, at: int) -> str:
    place = f'r="{chr(ord("A") + at)}{row}"'
    match cell:
        case None:
            return ""
        case Raw():
            return cell.xml.replace("<c", f"<c {place}", 1)
        case Styled():
            return f'<c {place} s="{cell.style}"><v>{cell.number}</v></c>'
        case bool():
            return f'<c {place} t="b"><v>{int(cell)}</v></c>'
        case str():
            return f'<c {place} t="inlineStr"><is><t xml:space="preserve">{escape(cell)}</t></is></c>'
        case _:
            return f"<c {place}><v>{cell!r}</v></c>"
