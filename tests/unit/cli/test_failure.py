"""Every end by an exception is one line what, one line what to do, and an exit code."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click
import pytest

from bulkconn.cli.failure import report_failure, wants_json
from bulkconn.cli.main import Terminated, entry_point
from bulkconn.core.diagnostics import Diagnostic, Severity
from bulkconn.core.errors import ExitCode, InventoryInvalid, LedgerLocked, UsageError
from tests.unit.cli.console import check_report

if TYPE_CHECKING:
    from pathlib import Path

INVALID = InventoryInvalid(
    "1 error", fix="mend it", diagnostics=[Diagnostic(Severity.ERROR, "a.csv", "port is odd", "f", row=2)]
)


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BULKCONN_OUTPUT", raising=False)
    monkeypatch.delenv("BULKCONN_DEBUG", raising=False)


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (UsageError("no org", fix="give --org-id"), 2, "error: no org\n  fix: give --org-id"),
        (LedgerLocked("in use", fix="wait"), 5, "error: in use\n  fix: wait"),
        (INVALID, 3, "error: 1 error\n  fix: mend it"),
        (KeyboardInterrupt(), 130, "error: interrupted\n"),
        (Terminated(), 143, "error: terminated\n"),
        (click.UsageError("No such option: --x."), 2, "error: No such option: --x\n"),
        (ValueError("s3cret"), 1, "error: internal error (ValueError)"),
    ],
    ids=["usage", "ledger", "inventory", "sigint", "sigterm", "click", "defect"],
)
def test_failure_of_each_kind_gives_its_code_and_remedy(
    error: BaseException, code: int, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What happened and what to do, on stderr; nothing on stdout."""
    assert report_failure(error, ["run", "a.csv"]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert line in err
    assert "  fix: " in err


@pytest.mark.parametrize("error", [UsageError("x", fix="y"), INVALID, Terminated(), ValueError("s3cret")])
def test_failure_with_json_output_is_one_value_of_the_documented_keys(
    error: BaseException, capsys: pytest.CaptureFixture[str]
) -> None:
    """A script can rest on the keys, whatever went wrong."""
    code = report_failure(error, ["run", "a.csv", "--output", "json"])
    out, err = capsys.readouterr()
    check_report(json.loads(out), code)
    assert err == ""
    assert "s3cret" not in out


def test_failure_of_an_inventory_as_json_holds_its_diagnostics(capsys: pytest.CaptureFixture[str]) -> None:
    """Diagnostics travel with the error."""
    report_failure(INVALID, ["plan", "a.csv", "--output=json"])
    assert json.loads(capsys.readouterr().out)["diagnostics"][0]["message"] == "port is odd"


def test_failure_that_is_a_defect_under_debug_shows_frames_but_no_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message of a defect may hold a payload: only its place and kind are shown."""
    monkeypatch.setenv("BULKCONN_DEBUG", "1")
    with pytest.raises(ValueError, match="s3cret") as caught:
        int("s3cret")
    report_failure(caught.value, ["run"])
    err = capsys.readouterr().err
    assert "traceback of ValueError" in err
    assert "test_failure.py" in err
    assert "s3cret" not in err


@pytest.mark.parametrize(
    ("arguments", "variable", "toml", "expected"),
    [
        (["run", "--output", "json"], "", "", True),
        (["run", "--output=json"], "", "", True),
        (["run", "--output", "text"], "json", "", False),
        (["run"], "json", "", True),
        (["run"], "", 'output = "json"', True),
        (["export"], "json", "", False),
        (["run", "--output"], "", "", False),
        ([], "", "", False),
    ],
)
def test_wants_json_for_a_command_line_follows_precedence(
    arguments: list[str],
    variable: str,
    toml: str,
    expected: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Even a command line that cannot be parsed gets the output that it asks for."""
    monkeypatch.setenv("BULKCONN_OUTPUT", variable)
    (tmp_path / "bulkconn.toml").write_text(toml)
    assert wants_json(arguments) is expected


@pytest.mark.parametrize(
    ("words", "code"),
    [(["--version"], 0), (["frobnicate"], 2), (["run"], 2), (["sources", "informix"], 2), (["sources"], 0)],
    ids=["version", "unknown", "bare-run", "no-source", "sources"],
)
def test_entry_point_with_words_gives_the_exit_code(words: list[str], code: int) -> None:
    """The exit code is what the contract says."""
    assert entry_point(words) == code


def test_sources_with_a_near_miss_suggests_the_name(capsys: pytest.CaptureFixture[str]) -> None:
    """A typing error is answered with a guess."""
    entry_point(["sources", "postgras"])
    assert "did you mean postgres?" in capsys.readouterr().err


def test_sources_as_json_has_the_documented_keys(capsys: pytest.CaptureFixture[str]) -> None:
    """Scripts rest on these keys."""
    assert entry_point(["sources", "--output", "json"]) == ExitCode.OK
    listed = json.loads(capsys.readouterr().out)
    assert {one["source"] for one in listed} >= {"postgres", "mysql", "redshift"}
    for source in listed:
        assert tuple(source) == ("source", "aliases", "title", "connection_spec_id", "auths")
        for auth in source["auths"]:
            assert tuple(auth) == ("auth", "spec_name", "platform_cloud", "columns")
            for column in auth["columns"]:
                assert tuple(column) == ("name", "required", "secret", "allowed", "default")


def test_sources_of_one_name_shows_columns_notes_and_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    """One screen says all that a row of the source needs."""
    assert entry_point(["sources", "postgresql"]) == ExitCode.OK
    out = capsys.readouterr().out
    assert "auth = basic on aws" in out
    assert "password*                    p x x  Password of the login\n" in out
    assert "as CSV:\nname,source," in out
