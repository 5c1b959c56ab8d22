"""A process that writes to a ledger until it is killed, and says after each commit what is durable.

Started by `test_kill.py` with the ledger's path. Each line is `<key> <id or ->`, printed only after the
commit returned.
"""

from __future__ import annotations

import asyncio
import sys
import uuid
from itertools import count
from pathlib import Path

from bulkconn.core.names import ConnectionId, RunId
from tests.integration.ledger.building import RUN, START, created, endpoint, intent, open_ledger, seen


async def main(path: Path) -> None:
    """Send rows without end, several at a time, as the engine does."""
    ledger = await open_ledger(path)
    run_id = RunId(f"{RUN}-{uuid.uuid4()}")
    await ledger.begin_run(run_id, START, {})
    say("open", "-")
    numbers = count()

    async def send() -> None:
        for number in numbers:
            row = endpoint(f"{run_id}-{number}")
            await ledger.commit([seen(row), intent(row, run_id=run_id)])
            say(row.key, "-")
            connection_id = ConnectionId(str(uuid.uuid4()))
            await ledger.commit([created(row, run_id=run_id, connection_id=connection_id)])
            say(row.key, connection_id)

    async with asyncio.TaskGroup() as group:
        for _ in range(8):
            group.create_task(send())


def say(key: str, connection_id: str) -> None:
    """Tell the test, at once."""
    sys.stdout.write(f"{key} {connection_id}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
