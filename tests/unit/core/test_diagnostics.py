"""Diagnostics: the JSON keys are a contract with scripts."""

from __future__ import annotations

from bulkconn.core.diagnostics import Diagnostic, Severity


def test_diagnostic_as_json_has_the_documented_keys_in_order() -> None:
    """All keys are always there, so that a reader need not ask."""
    fault = Diagnostic(
        severity=Severity.ERROR,
        file="eu.csv",
        message="port is not a number",
        fix="correct the cell",
        row=17,
        column="Port",
        found="54x2",
        allowed="1-65535",
    )
    assert list(fault.as_json().items()) == [
        ("severity", "error"),
        ("file", "eu.csv"),
        ("row", 17),
        ("column", "Port"),
        ("message", "port is not a number"),
        ("found", "54x2"),
        ("allowed", "1-65535"),
        ("fix", "correct the cell"),
    ]


def test_diagnostic_of_a_whole_file_has_no_place() -> None:
    """Row and column are null where the whole file is at fault."""
    shown = Diagnostic(Severity.WARNING, "eu.csv", "is empty", "fill it").as_json()
    assert (shown["severity"], shown["row"], shown["column"]) == ("warning", None, None)
    assert (shown["found"], shown["allowed"]) == (None, None)
