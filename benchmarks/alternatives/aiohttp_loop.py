"""A bare loop of POSTs: aiohttp, uvloop, orjson, so many workers; nothing is read, kept or checked."""

from __future__ import annotations

import argparse
import asyncio
from typing import TYPE_CHECKING

import aiohttp
import orjson
import uvloop

from benchmarks.rows import bodies, headers

if TYPE_CHECKING:
    from collections.abc import Iterator


async def main(base_url: str, rows: int, concurrency: int) -> None:
    """POST so many bodies, and read every id."""
    work, send_with, url = bodies(rows), headers(), f"{base_url}/connections"
    made: list[str] = []

    async def worker(session: aiohttp.ClientSession, mine: Iterator[dict[str, object]]) -> None:
        for body in mine:
            async with session.post(url, data=orjson.dumps(body), headers=send_with) as response:
                assert response.status == 201
                made.append(orjson.loads(await response.read())["id"])

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=concurrency)) as session:
        # One iterator for all: whoever is free takes the next body.
        await asyncio.gather(*(worker(session, work) for _ in range(concurrency)))
    assert len(set(made)) == rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("base_url")
    parser.add_argument("rows", type=int)
    parser.add_argument("concurrency", type=int)
    given = parser.parse_args()
    uvloop.run(main(given.base_url, given.rows, given.concurrency))
