"""What reading an inventory from elsewhere needs to know, and how it comes to nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from yarl import URL

    from bulkconn.core.secret import SecretStr


@dataclass(frozen=True, slots=True)
class Network:
    """The way out, as `cli` knows it.

    `proxy_of` gives the proxy for a URL, None where there is none, and raises `UsageError` for one that
    cannot be used. `is_loopback` tells whether a host is this machine by its name: plain HTTP is for this
    machine, or for any with `allow_http`. `authorization` is the header of that name for web addresses
    that the user named. Waiting is in seconds: for a connection, for the next byte, and before each new
    attempt.
    """

    proxy_of: Callable[[URL], URL | None]
    is_loopback: Callable[[str], bool]
    allow_http: bool = False
    authorization: SecretStr | None = None
    connect_s: float = 10.0
    silence_s: float = 60.0
    pauses_s: tuple[float, ...] = (0.5, 2.0)

    def may_be_plain(self, host: str) -> bool:
        """Tell whether HTTP without encryption may be spoken with a host."""
        return self.allow_http or self.is_loopback(host)


class NotFetched(Exception):
    """An inventory could not be fetched; `str()` says why and holds no secret. For this room only.

    `is_passing` tells that another attempt may succeed, `is_gone` that what was there is not there now.
    """

    def __init__(self, reason: str, fix: str, *, is_passing: bool = False, is_gone: bool = False) -> None:
        super().__init__(reason)
        self.fix = fix
        self.is_passing = is_passing
        self.is_gone = is_gone


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes of a file, `[start, end)`, never none."""

    start: int
    end: int

    @property
    def header(self) -> str:
        """The `Range` header that asks for them (RFC 9110, section 14.2)."""
        return f"bytes={self.start}-{self.end - 1}"

    def is_in(self, content_range: str) -> bool:
        """Tell whether a `Content-Range` header says that an answer begins where these bytes do."""
        return content_range.strip().lower().startswith(f"bytes {self.start}-")
