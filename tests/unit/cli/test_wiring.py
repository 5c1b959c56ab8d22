"""The small things that wiring decides."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
import structlog

from bulkconn.cli.commands import run
from bulkconn.cli.given import Credentials, Given
from bulkconn.cli.wiring import make_world, new_run_id, open_service, shown_place, target_of
from bulkconn.core.errors import UsageError
from bulkconn.core.names import EndpointKey
from bulkconn.core.secret import SecretStr

if TYPE_CHECKING:
    from pathlib import Path


def given(*words: str) -> Given:
    """Give what a command line says."""
    return Given(dict(run.make_context("run", ["a.csv", *words]).params))


def test_run_id_of_a_moment_begins_with_it_and_is_drawn_anew() -> None:
    """People see when a run began; two runs of one second differ."""
    now = datetime(2026, 11, 20, 22, 15, 30, tzinfo=UTC)
    first, second = new_run_id(now), new_run_id(now)
    assert re.fullmatch(r"20261120-221530-[0-9a-f]{6}", first)
    assert first != second


def test_shown_place_below_the_current_folder_is_relative(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Paths are shown as people type them."""
    monkeypatch.chdir(tmp_path)
    assert shown_place(tmp_path / "a.ledger.db") == "a.ledger.db"
    assert shown_place(tmp_path.parent / "a.ledger.db") == str(tmp_path.parent / "a.ledger.db")


def test_last_resort_for_an_id_names_key_and_id_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    """An id that the ledger did not take reaches the user all the same."""
    make_world(structlog.get_logger()).last_resort(EndpointKey("dev/postgres/a"), "id-1")
    assert capsys.readouterr().err == "UNRECORDED key=dev/postgres/a connection_id=id-1\n"


def test_target_over_plain_http_is_refused_unless_allowed() -> None:
    """Credentials leave this machine encrypted, or by an explicit wish."""
    with pytest.raises(UsageError, match="not encrypted"):
        target_of(given("--base-url", "http://flow.example.com"), "o")
    allowed = target_of(given("--base-url", "http://flow.example.com/", "--insecure-http"), "o")
    assert allowed.base_url == "http://flow.example.com"


@pytest.mark.parametrize(
    ("client_id", "org_id", "flag"), [("a b", "o", "--client-id"), ("c", "o\n", "--org-id")]
)
async def test_service_with_an_id_that_no_header_can_carry_names_the_flag(
    client_id: str, org_id: str, flag: str
) -> None:
    """A line break in an id could end a header early."""
    credentials = Credentials(client_id, org_id, SecretStr("t"), None, None)
    world = make_world(structlog.get_logger())
    with pytest.raises(UsageError, match=flag):
        async with open_service(given(), credentials, world.clock):
            pass
