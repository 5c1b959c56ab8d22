"""The way out to stores that have a web address of the user's. `cli` gives Flow Service's own door for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from yarl import URL

    from bulkconn.core.reply import Fault, Reply


class HttpDoor(Protocol):
    """A session: verifies certificates, follows no redirect, goes by the proxies of the environment."""

    async def __aenter__(self) -> Self:
        """Open it."""
        ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        ...

    def prepare(self, url: URL) -> None:
        """Find out the proxy for a URL's host.

        Raises:
            UsageError: the environment names a proxy that cannot be used.
        """
        ...

    async def send(
        self,
        method: str,
        url: URL,
        headers: Mapping[str, str],
        *,
        data: bytes | None = None,
        max_bytes: int,
    ) -> Reply | Fault:
        """Send one request, and never raise for what the network or the server does."""
        ...


@dataclass(frozen=True, slots=True)
class Web:
    """How such a store is reached.

    `open_door` takes the TLS context (None: the system's certificates) and the name that the server's
    certificate must bear (None: the host of the URL). `check_url` takes a URL and the setting that it
    comes from, and gives it without a slash at its end; it raises `UsageError` for one that must not be
    sent credentials.
    """

    open_door: Callable[[ssl.SSLContext | None, str | None], HttpDoor]
    check_url: Callable[[str, str], str]
