"""Flag, environment, `.env`, `bulkconn.toml` and the Adobe file, in this order."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING, Any

import click
import pytest

from bulkconn.cli.commands import plan, run
from bulkconn.cli.given import Given
from bulkconn.cli.numbers import Number
from bulkconn.core.errors import UsageError
from bulkconn.core.plan import OnExisting

if TYPE_CHECKING:
    from pathlib import Path

TOML = 'rate = 3\norg-id = "toml@AdobeOrg"\nsettle_grace = "never"\nmarker = true\non-existing = "adopt"\n'
ADOBE = (
    '{"org_id": "file@AdobeOrg", "client_id": "fc", "secret": "fs", "scopes": "a,b", "sandbox-name": "fsb"}'
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder, with an environment that says nothing of ours and is put back."""
    monkeypatch.chdir(tmp_path)
    # Also takes away what `.env` adds.
    monkeypatch.setattr(os, "environ", {})
    return tmp_path


def said(*words: str, command: Any = run) -> Given:
    """Give what a command line, with the files around it, comes to."""
    return Given.of(dict(command.make_context("x", ["a.csv", *words]).params))


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        (("flag", "env", "dotenv", "toml"), 6.0),
        (("env", "dotenv", "toml"), 5.0),
        (("dotenv", "toml"), 4.0),
        (("toml",), 3.0),
        ((), 10.0),
    ],
    ids=["flag", "environment", "dotenv", "toml", "default"],
)
def test_rate_said_in_several_places_is_the_nearest_one(
    folder: Path, levels: tuple[str, ...], expected: float
) -> None:
    """The nearer to the command line, the stronger."""
    if "toml" in levels:
        (folder / "bulkconn.toml").write_text(TOML)
    if "dotenv" in levels:
        (folder / ".env").write_text("BULKCONN_RATE=4\n")
    if "env" in levels:
        os.environ["BULKCONN_RATE"] = "5"
    words = ["--rate", "6"] if "flag" in levels else []
    assert said(*words).run_settings.pace.rate_per_s == expected


def test_toml_with_every_kind_of_value_is_understood(folder: Path) -> None:
    """Numbers, words and switches may stand in the file, with dash or underscore."""
    (folder / "bulkconn.toml").write_text(TOML)
    settings = said().run_settings
    assert settings.patience.settle_grace_s is None
    assert settings.has_marker
    assert settings.on_existing is OnExisting.ADOPT
    assert said().org_id == "toml@AdobeOrg"


@pytest.mark.parametrize(
    ("text", "message", "fix"),
    [
        ('client-secret = "x"', "a secret has no place in it", "BULKCONN_CLIENT_SECRET"),
        ('access_token = "x"', "a secret has no place in it", "BULKCONN_ACCESS_TOKEN"),
        ("ratee = 3", "a key that no flag has: ratee", "write rate"),
        ("rate == 3", "bulkconn.toml is not TOML", "rate = 20"),
    ],
    ids=["client-secret", "access-token", "unknown", "no-toml"],
)
def test_toml_with_a_fault_is_refused_with_a_remedy(folder: Path, text: str, message: str, fix: str) -> None:
    """A file that says what it must not, or cannot, stops the command."""
    (folder / "bulkconn.toml").write_text(text)
    with pytest.raises(UsageError, match=message) as caught:
        said()
    assert fix in caught.value.fix


def test_adobe_config_behind_flags_fills_what_they_leave_out(folder: Path) -> None:
    """The Adobe file gives what nobody else says."""
    (folder / "aepp.json").write_text(ADOBE)
    given = said("--adobe-config", "aepp.json", "--org-id", "flag@AdobeOrg")
    credentials = given.credentials()
    assert (credentials.org_id, credentials.client_id, credentials.scopes) == ("flag@AdobeOrg", "fc", "a,b")
    assert credentials.client_secret is not None
    assert credentials.client_secret.get_secret_value() == "fs"
    assert given.row_defaults.sandbox == "fsb"


def test_credentials_that_are_missing_are_named_with_flag_and_variable() -> None:
    """One message names everything that is missing."""
    with pytest.raises(UsageError) as caught:
        said().credentials()
    for name in ("--client-id", "BULKCONN_CLIENT_ID", "--org-id", "BULKCONN_ORG_ID", "BULKCONN_ACCESS_TOKEN"):
        assert name in str(caught.value)


def test_credentials_with_a_secret_but_no_scopes_ask_for_the_scopes() -> None:
    """A client secret without scopes gets no token."""
    os.environ["BULKCONN_CLIENT_SECRET"] = "s"
    with pytest.raises(UsageError, match="BULKCONN_SCOPES"):
        said("--client-id", "c", "--org-id", "o").credentials()


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("--rate", "0"),
        ("--rate", "-1"),
        ("--rate", "inf"),
        ("--rate", "nan"),
        ("--rate", "fast"),
        ("--concurrency", "0"),
        ("--concurrency", "1001"),
        ("--concurrency", "2.5"),
        ("--timeout", "0"),
        ("--max-attempts", "0"),
        ("--max-resends", "-1"),
        ("--settle-grace", "-1"),
        ("--settle-grace", "always"),
        ("--max-wait", "0"),
        ("--drain", "-0.1"),
    ],
)
def test_number_out_of_bounds_is_refused_with_flag_and_remedy(flag: str, value: str) -> None:
    """A number that cannot be meant is refused before anything is done."""
    with pytest.raises(UsageError, match=flag) as caught:
        said(flag, value)
    assert f"give {flag} (or BULKCONN_" in caught.value.fix


@pytest.mark.parametrize(("value", "seconds"), [("never", None), ("0", 0.0), ("1.5", 1.5)])
def test_settle_grace_of_each_kind_reaches_the_engine(value: str, seconds: float | None) -> None:
    """`never` is allowed, and so is no grace at all."""
    assert said("--settle-grace", value).run_settings.patience.settle_grace_s == seconds


def test_help_with_a_broken_file_still_comes(folder: Path) -> None:
    """A broken configuration does not take the help away."""
    (folder / "bulkconn.toml").write_text("=")
    with pytest.raises(click.exceptions.Exit) as caught:
        plan.make_context("plan", ["--help"])
    assert caught.value.exit_code == 0


def test_infinity_in_a_number_that_allows_never_is_never() -> None:
    """What `never` becomes is understood again."""
    number = Number(at_least=0, never=True, example="1")
    assert number.convert(math.inf, None, None) == math.inf


def test_secret_in_a_file_is_read_where_the_variable_says_nothing(folder: Path) -> None:
    """Containers are given secrets as files; a line end behind one is not part of it."""
    (folder / "secret").write_text("from-file\n")
    os.environ |= {"BULKCONN_CLIENT_SECRET_FILE": "secret", "PGPASSWORD_FILE": "secret", "PGPASSWORD": "near"}
    os.environ |= {"BULKCONN_CLIENT_ID": "c", "BULKCONN_ORG_ID": "o", "BULKCONN_SCOPES": "s"}
    secret = said().credentials().client_secret
    assert secret is not None
    assert secret.get_secret_value() == "from-file"
    assert os.environ["PGPASSWORD"] == "near"


def test_secret_file_that_cannot_be_read_is_refused_by_name(folder: Path) -> None:
    """The variable and the path are told, and nothing of a content that is no text."""
    os.environ["BULKCONN_CLIENT_SECRET_FILE"] = "secret"
    with pytest.raises(UsageError, match="BULKCONN_CLIENT_SECRET_FILE: secret cannot be read: No such file"):
        said()
    (folder / "secret").write_bytes(b"\xff\xfeMARK")
    with pytest.raises(UsageError, match="it is not text") as caught:
        said()
    assert "MARK" not in f"{caught.value} {caught.value.fix}"
