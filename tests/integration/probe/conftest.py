"""An end to all connections, and the authority of the tests' servers, known to this process or not."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from bulkconn.probe.tls import tls_context

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.servers.certificates import Certificates


@pytest.fixture
def known_authority(certificates: Certificates, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let this machine trust whoever signed the certificates of the tests' servers."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.authority))
    tls_context.cache_clear()
    yield
    tls_context.cache_clear()


@pytest.fixture(autouse=True)
async def _all_closed() -> AsyncIterator[None]:
    """Let drivers finish closing: asyncpg says good-bye in TLS after it has given its answer."""
    yield
    loop: Any = asyncio.get_running_loop()
    until = loop.time() + 5
    # What stays is the loop's own pipe.
    while len(loop._selector.get_map()) > 1 and loop.time() < until:  # noqa: ASYNC110 - nobody tells us
        await asyncio.sleep(0.001)
