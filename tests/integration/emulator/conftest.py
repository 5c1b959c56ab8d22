"""Emulators on free ports, each with a client."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Protocol

import aiohttp
import pytest

from bulkconn.emulator import Emulator, EmulatorSettings
from tests.integration.emulator.client import CLIENT_ID, ORG, TOKEN, Client

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Start(Protocol):
    """Starts an emulator with these settings and gives a client of it."""

    async def __call__(self, *, keep_alive: bool = False, **settings: Any) -> Client:
        """Start; `keep_alive` lets the client use a TCP connection again."""
        ...


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Give a function that starts emulators; they stop with the test."""
    async with AsyncExitStack() as stack:

        async def begin(*, keep_alive: bool = False, **settings: Any) -> Client:
            known = {"static_token": TOKEN, "org_id": ORG, "client_id": CLIENT_ID}
            emulator = Emulator(EmulatorSettings.model_validate(known | settings))
            await stack.enter_async_context(emulator)
            # A connection for each request: aiohttp repeats a GET on a reused one that has died.
            connector = aiohttp.TCPConnector(force_close=not keep_alive)
            session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
            return Client(emulator, session)

        yield begin


@pytest.fixture
async def client(start: Start) -> Client:
    """Give a client of an emulator with the default settings."""
    return await start()
