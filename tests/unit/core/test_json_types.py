"""Values as the service's schema meets them."""

from __future__ import annotations

import pytest

from bulkconn.core.json_types import read_as, read_loosely, sample_of


@pytest.mark.parametrize(
    ("text", "types", "value"),
    [
        ("true", ["boolean"], True),
        ("false", ["null", "boolean"], False),
        ("True", ["boolean"], None),
        ("5432", ["integer"], 5432),
        ("-1", ["integer"], -1),
        ("0", ["integer", "boolean"], 0),
        ("05432", ["integer"], None),
        ("5432.0", ["integer"], None),
        ("1e3", ["integer"], None),
        ("1e3", ["number"], 1000.0),
        ("-0.5", ["number"], -0.5),
        ("5", ["number"], 5.0),
        ("5", ["boolean"], None),
        ("٥", ["integer"], None),
        ("9" * 41, ["integer"], None),
        ("1e999", ["number"], float("inf")),
        ("", ["integer"], None),
        ("five", ["integer", "number", "boolean"], None),
    ],
)
def test_read_as_gives_what_a_text_says_in_json(text: str, types: list[str], value: object) -> None:
    """As JSON writes it, and nothing that merely looks like it."""
    assert read_as(text, types) == value
    assert type(read_as(text, types)) is type(value)


@pytest.mark.parametrize(
    ("text", "types", "value"),
    [(" TRUE ", ["boolean"], True), ("5432 ", ["integer"], 5432), ("x", ["integer"], None)],
)
def test_read_loosely_takes_what_a_spreadsheet_writes(text: str, types: list[str], value: object) -> None:
    """Blanks and capitals say nothing against a value."""
    assert read_loosely(text, types) is value or read_loosely(text, types) == value


def test_sample_of_is_of_the_type() -> None:
    """Texts, lists and objects have none: such a value is sent as text."""
    assert [sample_of([one]) for one in ("boolean", "integer", "number")] == [False, 0, 0]
    assert sample_of(["array", "null"]) is None
