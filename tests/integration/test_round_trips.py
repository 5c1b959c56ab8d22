"""Inventories with hostile text: the same rows in every form, and an export of them is an inventory again."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import Phase, assume, example, given, settings
from hypothesis import strategies as st

from bulkconn.cli.exporting import export
from bulkconn.core.diagnostics import Diagnostic, Severity
from bulkconn.core.endpoint import InventoryRow
from bulkconn.core.lifecycle import State
from bulkconn.core.names import LedgerId, RunId, loose_name
from bulkconn.core.record import DoubtSince, Move, RowSeen
from bulkconn.core.request import build_request
from bulkconn.core.validation import Validator
from bulkconn.inventory.check import InventoryCheck
from bulkconn.inventory.inventory import Inventory
from bulkconn.ledger.opening import open_store
from bulkconn.sources import ALL
from tests.integration.ledger.building import START, TARGET
from tests.unit.sources.rows import SPECS, complete_row, valid

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bulkconn.core.endpoint import Endpoint
    from bulkconn.core.source import AuthSpec, Source

    Rows = Sequence[dict[str, str]]

_REFERENCE = "env://SOME_PASSWORD"
#: Cells that an endpoint keeps apart from its visible ones.
_NOT_SHOWN = {"name", "source", "platform_cloud", "auth", "sandbox", "key"}
#: Explaining a failure takes minutes where an example writes files.
_PHASES = (Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink)
#: What CSV, JSON, spreadsheets, terminals and readers of text files take for syntax.
_PIECES = [
    *",;|\"'\\{[]:# \ufeff\u202e\u200f\u200b\u2028\xa0é漢🐘",
    *('""', "\\n", "null", "sep=;", "name,source", "=1+1", "+49", "-2", "@SUM(A1)", "%s", "e\u0301", "://"),
    "x" * 4096,
]
_WORDS = st.text("abcXYZ 019-_.", max_size=6)
_LINE = st.lists(st.sampled_from(_PIECES) | _WORDS, min_size=1, max_size=5).map("".join).map(str.strip)
_LINES = st.lists(st.sampled_from([*_PIECES, "\n", "\r", "\r\n", "\t"]) | _WORDS, max_size=6).map("".join)
_TEXT = _LINE.filter(bool)
_CARRIED = st.dictionaries(_LINE.map(lambda line: f"x_{line}"[:60].strip()), _LINES, max_size=2)

#: Source, cloud and sslMode. Redshift on AWS is not here: as far as the pages say, it may lack its password.
_KINDS = [
    ("postgres", "azure", "Require"),
    ("postgres", "aws", "true"),
    ("mysql", "azure", "REQUIRED"),
    ("mysql", "aws", "true"),
    ("redshift", "azure", None),
]


@st.composite
def _a_row(draw: st.DrawFn) -> dict[str, str]:
    """Draw the cells of a row that is valid, but for the names that it may share with others."""
    source, cloud, mode = draw(st.sampled_from(_KINDS))
    row = {"name": draw(_TEXT), "sandbox": "dev", "platform_cloud": cloud, "source": source, "auth": "basic"}
    row |= {"description": draw(_LINES), "port": str(draw(st.integers(1, 65535)))}
    row |= {name: draw(_TEXT) for name in ("server", "database", "username")}
    row["password"] = draw(st.sampled_from([_REFERENCE, "pa55,\"'=;{}-in-tests"]))
    if draw(st.booleans()):
        row["key"] = draw(_TEXT)
    if mode is not None:
        row["sslMode"] = mode
    return row | {name: text for name, text in draw(_CARRIED).items() if text.strip()}


def _plain(name: str, **more: str) -> dict[str, str]:
    """Give a row without surprises, and more columns."""
    row = {"name": name, "sandbox": "dev", "platform_cloud": "azure", "source": "mysql", "auth": "basic"}
    row |= {"port": "3306", "sslMode": "REQUIRED", "password": _REFERENCE}
    return row | {"server": "db.example.com", "database": "shop", "username": "reader"} | more


def _is_inventory(rows: Rows) -> bool:
    """Tell whether no two rows have a name or key in common, and no two headers of a row are alike."""
    names = {loose_name(row["name"]) for row in rows}
    keys = {row.get("key") or f"dev/{row['source']}/{row['name']}" for row in rows}
    return len(names) == len(keys) == len(rows) and all(_have_one_header_row([row]) for row in rows)


def _have_one_header_row(rows: Rows) -> bool:
    """Tell whether no two headers differ in case only."""
    headers = {name for row in rows for name in row}
    return len({name.lower() for name in headers}) == len(headers)


_ROWS = st.lists(_a_row(), min_size=1, max_size=3).filter(_is_inventory)


def _as_csv(rows: Rows, delimiter: str, **form: Any) -> str:
    text = io.StringIO()
    columns = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(text, columns, restval="", delimiter=delimiter, quoting=csv.QUOTE_ALL, **form)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _nested(row: dict[str, str]) -> dict[str, object]:
    params = {name: row[name] for name in ("server", "port", "sslMode", "password") if name in row}
    return {name: text for name, text in row.items() if name not in params} | {"params": params}


_FORMS: dict[str, tuple[str, Callable[[Rows], str]]] = {
    "csv: comma": ("a.csv", lambda rows: _as_csv(rows, ",")),
    "csv: bom and semicolon": ("a.csv", lambda rows: "\ufeff" + _as_csv(rows, ";")),
    "csv: tab": ("a.tsv", lambda rows: _as_csv(rows, "\t", lineterminator="\n")),
    "csv: sep line and bar": ("a.csv", lambda rows: "sep=|\r\n" + _as_csv(rows, "|")),
    "json: array": ("a.json", lambda rows: json.dumps(rows, ensure_ascii=False)),
    "json: connections": ("a.json", lambda rows: json.dumps({"connections": rows}, indent=1)),
    "json: nested": ("a.json", lambda rows: json.dumps([_nested(row) for row in rows])),
    "jsonl": ("a.jsonl", lambda rows: "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)),
}


def _read(path: Path) -> tuple[list[Endpoint], list[Diagnostic]]:
    """Give the endpoints of a file without their places, columns in lower case, and its errors."""
    with Inventory.open([path]) as inventory:
        check = InventoryCheck(inventory, Validator(ALL))
        found = [_without_place(one) for batch in check.first_pass() for one in batch]
        return found, [one for one in check.diagnostics if one.severity is Severity.ERROR]


def _without_place(endpoint: Endpoint) -> Endpoint:
    cells = {name.lower(): text for name, text in endpoint.cells.items()}
    return endpoint._replace(file="", row=0, cells=cells)


def _written(folder: Path, form: str, rows: Rows) -> Path:
    name, render = _FORMS[form]
    path = folder / name
    path.write_bytes(render(rows).encode())
    return path


@given(rows=_ROWS, form=st.sampled_from(sorted(_FORMS)))
@settings(deadline=None, max_examples=200, phases=_PHASES)
def test_inventory_in_any_form_has_the_very_cells(rows: Rows, form: str) -> None:
    """Every form of a file gives the same endpoints, and their visible cells are what was written."""
    assume(not form.startswith("csv") or _have_one_header_row(rows))
    with tempfile.TemporaryDirectory() as folder:
        found, errors = _read(_written(Path(folder), form, rows))
    assert errors == []
    for row, endpoint in zip(rows, found, strict=True):
        assert endpoint.name == row["name"]
        assert endpoint.key == row.get("key", f"dev/{row['source']}/{row['name']}")
        not_shown = _NOT_SHOWN | ({"password"} if row["password"] != _REFERENCE else set())
        cells = {name.lower(): text.strip() for name, text in row.items() if name not in not_shown}
        assert endpoint.cells == {name: text for name, text in cells.items() if text}


@pytest.mark.parametrize("form", sorted(_FORMS))
@pytest.mark.parametrize(
    "char", ["\0", "\x1b", "\x85", "\n"], ids=["nul", "escape", "next line", "line feed"]
)
def test_name_with_a_control_character_is_refused_in_any_form(form: str, char: str, tmp_path: Path) -> None:
    """What no form may carry is an error in each, with the row, and spoils no other row."""
    rows = [_plain("before"), _plain(f"a{char}b"), _plain("behind")]
    found, errors = _read(_written(tmp_path, form, rows))
    assert [one.name for one in found] == ["before", "behind"]
    (error,) = errors
    assert error.row is not None
    assert "character" in error.message


@pytest.mark.parametrize("format_", ["csv", "json", "jsonl"])
@given(rows=_ROWS, message=_LINES | st.text(max_size=20))
@example([_plain("a"), _plain("b")], "nul \0, half a pair \ud800, escape \x1b[2J")
@example([_plain("a", x_owner="Ann"), _plain("b", x_Owner="Bob")], "")
@example([_plain("a", **{f"x_{';' * 40}": "1"})], "")
@example([_plain("a", **{'x_a"b': '"', "x_é\u202e": "\r"})], "")
@settings(deadline=None, max_examples=60, phases=_PHASES)
def test_failed_rows_that_are_exported_are_the_inventory_again(
    format_: str, rows: Rows, message: str
) -> None:
    """References come back; of a literal secret the empty cell does, and filled in it is all there."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        found, errors = _read(_written(folder, "json: array", rows))
        assert errors == []
        out = _export_failed(folder / f"failed.{format_}", found, message)
        literal = [row for row in rows if row["password"] != _REFERENCE]
        again, errors = _read(out)
        assert [one.message for one in errors] == ["password is missing"] * len(literal)
        assert again == [one for one, row in zip(found, rows, strict=True) if row not in literal]
        _fill_in(out, {row["name"]: row["password"] for row in literal})
        again, errors = _read(out)
        assert errors == []
        assert again == found


@pytest.mark.parametrize(("source", "auth"), SPECS)
def test_failed_rows_of_any_source_that_are_exported_are_an_inventory_again(
    source: Source, auth: AuthSpec, tmp_path: Path
) -> None:
    """The CSV has a column for each secret that the row was given in clear, whichever way it was given."""
    rows = [dict(complete_row(source, auth).cells)]
    if auth.string_parts:
        (string,) = build_request(_endpoint(rows[0]), {}).body()["auth"]["params"].values()
        parts = {part.column for part in auth.string_parts}
        rows.append({name: text for name, text in rows[0].items() if name not in parts})
        rows[1]["connectionString"] = string
    secrets = {part.column for part in auth.string_parts if part.secret}
    secrets |= {parameter.name for parameter in auth.parameters if parameter.secret}
    for row in rows:
        out = _export_failed(tmp_path / "failed.csv", [_endpoint(row)], "no")
        (exported,) = csv.DictReader(io.StringIO(out.read_text("utf-8")))
        empty = {name for name in secrets & set(exported) if not exported[name]}
        assert empty == secrets & set(row)
        out.write_text(_as_csv([exported | {name: row[name] for name in empty}], ","), "utf-8")
        (again,), errors = _read(out)
        assert errors == []
        assert again == _without_place(_endpoint(row))
        (tmp_path / "failed.ledger.db").unlink()


def _endpoint(row: dict[str, str]) -> Endpoint:
    return valid(InventoryRow("a.json", 1, row))


def _export_failed(out: Path, endpoints: Sequence[Endpoint], message: str) -> Path:
    """Let every row fail with a message of the service's, and export it."""
    run, ledger = RunId("run-1"), out.with_suffix(".ledger.db")
    with open_store(ledger, TARGET, now=START, new_ledger_id=LedgerId("L1")) as store:
        store.begin_run(run, START, {}, DoubtSince("boot-1", 0.0))
        changes = [RowSeen(one._replace(file="a.json", row=row), START) for row, one in enumerate(endpoints)]
        failed = [
            Move(one.key, State.FAILED, START, run, error_code="1312-400", error_message=message)
            for one in endpoints
        ]
        assert store.apply([[*changes, *failed]]) == [None]
    export({"ledger": str(ledger), "out": str(out), "format_": None, "state": ("failed",)})
    return out


def _fill_in(path: Path, passwords: dict[str, str]) -> None:
    """Put the passwords in, as a person would."""
    if path.suffix == ".csv":
        rows = list(csv.DictReader(io.StringIO(path.read_bytes().decode(), newline="")))
    else:
        text = path.read_text("utf-8")
        rows = (
            json.loads(text)
            if path.suffix == ".json"
            else [json.loads(one) for one in text.split("\n") if one]
        )
    filled = [
        row | ({"password": passwords[row["name"]]} if row["name"] in passwords else {}) for row in rows
    ]
    if path.suffix == ".csv":
        path.write_bytes(_as_csv(filled, ",").encode())
    else:
        render = _FORMS["json: array" if path.suffix == ".json" else "jsonl"][1]
        path.write_text(render(filled), "utf-8")
