"""`bulkconn demo`, as a newcomer runs it: 60 connections, and a second run that sends nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.acceptance.process import Workplace, bare_environment

if TYPE_CHECKING:
    from pathlib import Path


def test_demo_without_credentials_creates_sixty_and_sends_nothing_again(tmp_path: Path) -> None:
    """Nothing but the command is needed, and the ledger that it names holds sixty ids."""
    place = Workplace(tmp_path, bare_environment())
    ended = place.run("demo", "--ledger", "demo.ledger.db")
    assert ended.code == 0, ended.err
    exported = place.export("demo.ledger.db")
    assert len({one["connection_id"] for one in exported}) == len(exported) == 60
    assert {one["state"] for one in exported} == {"created"}
    assert "60 created" in ended.out
    assert "0 POSTs" in ended.out or "nothing was sent" in ended.out.lower()
