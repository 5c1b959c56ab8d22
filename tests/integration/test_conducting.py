"""A rehearsal whose worker does not behave."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
import structlog

from bulkconn.cli import conducting
from bulkconn.cli.conducting import Command, Conductor, WorkerStands
from bulkconn.cli.emulator_admin import speaking_to
from bulkconn.core.rehearsal import Level
from bulkconn.emulator import Emulator

if TYPE_CHECKING:
    from pathlib import Path


async def test_worker_that_neither_goes_on_nor_ends_is_killed_and_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that stands still is a defect: the rehearsal says so, and leaves no process behind."""
    monkeypatch.setattr(conducting, "_STANDS_S", 0.5)
    monkeypatch.setattr(conducting, "_GLANCE_EVERY_S", 0.1)
    inventory = tmp_path / "rows.jsonl"
    inventory.write_text(
        '{"name": "a", "source": "mysql", "platform_cloud": "aws", "sandbox": "s", "server": "h",'
        ' "port": "1", "database": "d", "username": "u", "password": "p"}\n'
    )
    connections: list[asyncio.StreamWriter] = []
    silent = await asyncio.start_server(lambda _, writer: connections.append(writer), "127.0.0.1", 0)
    url = f"http://127.0.0.1:{silent.sockets[0].getsockname()[1]}"
    settings = {
        "BULKCONN_BASE_URL": url,
        "BULKCONN_ACCESS_TOKEN": "t",
        "BULKCONN_CLIENT_ID": "c",
        "BULKCONN_ORG_ID": "o",
        "BULKCONN_LEDGER": "a.ledger.db",
    }
    async with Emulator() as emulator, speaking_to(emulator.ims_url) as admin, silent:
        conductor = Conductor(Command(tmp_path, inventory, settings, 1), admin, Level.NONE, 1)
        with pytest.raises(WorkerStands, match="has sent nothing for") as found:
            await conductor.play(structlog.get_logger())
        for one in connections:
            one.close()
    assert "defect of bulkconn" in found.value.fix
