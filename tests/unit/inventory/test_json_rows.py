"""JSON files, streamed through a window, and what is said of broken ones."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulkconn.core.diagnostics import Diagnostic, Severity
from bulkconn.core.endpoint import InventoryRow
from tests.unit.inventory.reading import fault_of, items_of, rows_of

_LARGE = 300 * 1024


def test_read_json_of_every_kind_of_value_gives_its_text() -> None:
    """Numbers stay as they are written, booleans are words, null and empty text are absent."""
    (one,) = rows_of(
        '[{"name": "a", "port": 5432, "big": 123456789012345678901234567890, "f": 5432.0, "e": 1E5, '
        '"yes": true, "no": false, "nothing": null, "empty": "", "esc": "\\u00e9\\n",'
        '"params": {"sslMode": true, "port": 0, "password": null}}]',
        ".json",
    )
    assert dict(one.cells) == {
        "name": "a",
        "port": "5432",
        "big": "123456789012345678901234567890",
        "f": "5432.0",
        "e": "1E5",
        "yes": "true",
        "no": "false",
        "esc": "é\n",
        "params.sslMode": "true",
        "params.port": "0",
    }
    assert one.headers == ()


def test_read_json_of_secret_columns_takes_a_list_of_names() -> None:
    """It says the same as the text that a CSV has."""
    rows = rows_of('[{"secret_columns": ["a", "b"]}, {"secretColumns": ["a b"]}]', ".json")
    assert [dict(row.cells) for row in rows] == [{"secret_columns": "a,b"}, {"secretColumns": "a b,"}]


@pytest.mark.parametrize("wrap", ["%s", '{"connections": %s}', '\ufeff {"connections"\n:%s }\n\n'])
def test_read_json_of_either_shape_counts_elements_from_one(wrap: str) -> None:
    """An array, or an object with one: rows are numbered by their place in it."""
    rows = rows_of(wrap % '[{"name": "a"},\n{"name": "b"}\n]', ".json")
    assert [(row.row, row.cells["name"]) for row in rows] == [(1, "a"), (2, "b")]


def test_read_json_with_members_beside_connections_warns() -> None:
    """What is not read is said not to be."""
    first, second = items_of('{"version": [1, {}], "connections": [{"name": "a"}]}', ".json")
    assert isinstance(first, InventoryRow)
    assert isinstance(second, Diagnostic)
    assert second.severity is Severity.WARNING
    assert second.message == '"version" beside "connections" is ignored'


@given(st.lists(st.dictionaries(st.text("abc", min_size=1), st.text(max_size=40), min_size=1), min_size=1))
def test_read_json_of_any_rows_gives_them_back(rows: list[dict[str, str]]) -> None:
    """What `json` writes is read equal, whatever the window's edges cut."""
    text = json.dumps(rows, indent=1) + " " * 5
    expected = [{key: value for key, value in row.items() if value} for row in rows]
    assert [dict(row.cells) for row in rows_of(text, ".json")] == expected


@pytest.mark.parametrize("shift", range(12))
def test_read_json_across_the_edge_of_the_window_loses_nothing(shift: int) -> None:
    """A number, a word or an escape that the window's edge cuts is read whole."""
    head = '[{"name": "%s", "port": ' % ("x" * (256 * 1024 - 40 + shift))
    (one, two) = rows_of(head + '5432, "on": true, "e": "\\u00e9"}, {"name": "b"}]', ".json")
    assert (one.cells["port"], one.cells["on"], one.cells["e"]) == ("5432", "true", "é")
    assert two.cells["name"] == "b"


def test_read_json_of_many_large_rows_streams_them() -> None:
    """Rows larger than the window are read too."""
    rows = rows_of(json.dumps([{"name": str(n), "x_note": "é" * _LARGE} for n in range(5)]), ".json")
    assert [row.cells["name"] for row in rows] == ["0", "1", "2", "3", "4"]


@pytest.mark.parametrize(
    ("content", "row", "message"),
    [
        pytest.param("", None, "the file is empty", id="empty"),
        pytest.param(" \n", None, "the file is empty", id="blank"),
        pytest.param("[]", None, "there is no row in the file", id="no element"),
        pytest.param('{"connections": []}', None, "there is no row in the file", id="no connection"),
        pytest.param(
            "5432",
            None,
            'line 1, column 1: it begins neither with an array nor with an object that has "connections"',
            id="a number",
        ),
        pytest.param("{}", None, 'line 1, column 3: the object has no "connections"', id="empty object"),
        pytest.param(
            '{"conections": [], "a": 1}',
            None,
            'column 27: the object has no "connections"',
            id="a misspelt key",
        ),
        pytest.param('{"connections": 5}', None, '"connections" is not an array', id="not an array"),
        pytest.param("{5: 1}", None, "line 1, column 2: a key is missing", id="a key that is no text"),
        pytest.param('{"a" 1}', None, "line 1, column 6: a colon is missing", id="no colon"),
        pytest.param(
            '{"a": 1 "b": 2}', None, "column 9: a comma or the object's end is missing", id="no comma"
        ),
        pytest.param('{"a": 1', None, "column 8: the object has no end", id="half an object"),
    ],
)
def test_read_json_of_a_broken_file_says_where(content: str, row: int | None, message: str) -> None:
    """A fault of the file has a line and a column."""
    one = fault_of(content, ".json")
    assert one.row == row
    assert one.message.endswith(message)


@pytest.mark.parametrize(
    ("content", "row", "message"),
    [
        pytest.param(
            '{"connections": [{"name": "a"}], "connections": []}', 1, "is given twice", id="key twice"
        ),
        pytest.param('[{"name": "a"},\n{"name": ', 2, "line 2, column 10: Expecting value", id="half a row"),
        pytest.param(
            '[{"name": "a"},\n{"nam', 2, "line 2, column 2: Unterminated string starting at", id="cut text"
        ),
        pytest.param('[{"name": "a"}', 1, "line 1, column 15: the array has no end", id="no end"),
        pytest.param(
            '[{"name": "a"} {}]', 1, "column 16: a comma or the array's end is missing", id="no comma"
        ),
        pytest.param('[{"name": "a"}] []', 1, "column 17: something follows its end", id="more behind it"),
        pytest.param('[{"name": "a"}, ]', 2, "column 17: Expecting value", id="a comma too many"),
        pytest.param('[{"name": "a"}, {"a": NaN}]', 2, "NaN is not JSON", id="not a number"),
        pytest.param('[{"name": "a"}, ' + "[" * 100_000, 2, "it is nested too deeply", id="deep nesting"),
        pytest.param(
            '[{"name": "a"}, "' + "x" * (5 << 20), 2, "a value is longer than 4 MiB", id="endless text"
        ),
        pytest.param(
            '[{"name": "a"}, {"a": "\x01"}]', 2, "Invalid control character at", id="control character"
        ),
        pytest.param(
            '[{"name": "a"},\n{"b": 1 x' + " " * _LARGE,
            2,
            "line 2, column 9: Expecting ',' delimiter",
            id="far from the end",
        ),
    ],
)
def test_read_json_of_a_file_that_breaks_gives_what_came_before(content: str, row: int, message: str) -> None:
    """The rows before the fault are given, the fault says in which element it is, and nothing follows."""
    first, second = items_of(content, ".json")
    assert isinstance(first, InventoryRow)
    assert isinstance(second, Diagnostic)
    assert second.row == row
    assert message in second.message
    assert second.message.startswith("the file is not a valid inventory at line ")


def test_read_json_of_a_misspelt_key_suggests_the_right_one() -> None:
    """The likeliest mistake has its own remedy."""
    assert fault_of('{"conections": []}', ".json").fix.startswith(
        'write "connections" instead of "conections"'
    )
    assert fault_of('{"rowz": []}', ".json").fix.startswith(
        'put the rows into an array, or into "connections"'
    )


@pytest.mark.parametrize(
    ("element", "column", "message"),
    [
        pytest.param("5", None, "a row is text or a number, not an object", id="number"),
        pytest.param('"s3cret"', None, "a row is text or a number, not an object", id="text"),
        pytest.param("null", None, "a row is null, not an object", id="null"),
        pytest.param("true", None, "a row is a boolean, not an object", id="boolean"),
        pytest.param("[]", None, "a row is a list, not an object", id="list"),
        pytest.param('{"a": ["s3cret"]}', "a", "a cell is a list", id="a list in a cell"),
        pytest.param(
            '{"secret_columns": ["a", null]}', "secret_columns", "a cell is a list", id="a list of no names"
        ),
        pytest.param('{"a": {"b": 1}}', "a", "a cell is an object", id="an object in a cell"),
        pytest.param('{"params": {"a": {}}}', "params.a", "a cell is an object", id="an object in params"),
        pytest.param('{"a": 1, "b": 2, "a": "s3cret"}', "a", "the key a is given twice", id="key twice"),
        pytest.param(
            '{"params": {"a": 1, "a": 2}}', "a", "the key a is given twice", id="key twice in params"
        ),
        pytest.param(
            '{"params": {"a": 1}, "Params": {"a": 2}}',
            "params.a",
            "the key params.a is given twice",
            id="params twice",
        ),
        pytest.param('{"a": "%s"}' % ("x" * (1 << 20) + "x"), "a", "a cell is longer than 1 MiB", id="large"),
        pytest.param('{"a\\u001b": []}', "a\\x1b", "a cell is a list", id="a key that steers a terminal"),
    ],
)
def test_read_json_of_a_bad_element_goes_on_with_the_next(
    element: str, column: str | None, message: str
) -> None:
    """An element that is no row of cells is told apart, and shows nothing of its cells."""
    first, second = items_of(f'[{element}, {{"name": "b"}}]', ".json")
    assert isinstance(first, Diagnostic)
    assert (first.row, first.column, first.message) == (1, column, message)
    assert "s3cret" not in str(first)
    assert isinstance(second, InventoryRow)
    assert second.row == 2
