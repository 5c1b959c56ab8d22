"""Tell from an exception whether the service may have received the request.

The question is answered by where the request was, not by what was raised: before a connection was handed
to it, not one of its bytes can have left; afterwards it may have been processed, whatever happened. Only
where even the search for a connection never began (a stand-in for the session) does the exception's class
decide. The class always gives the words.
"""

from __future__ import annotations

import errno
import os
from contextvars import ContextVar
from enum import Enum
from typing import TYPE_CHECKING, Final, Self

import aiohttp

from bulkconn.core.reply import Fault, FaultKind

if TYPE_CHECKING:
    from aiohttp.connector import Connection
    from aiohttp.tracing import Trace

__all__ = ["Connector", "Journey", "Stage", "fault_of"]


class Stage(Enum):
    """How far a request came."""

    #: No connection was asked for.
    NOT_BEGUN = "not_begun"
    #: Waiting for a free place in the pool, DNS, TCP, the proxy or TLS: nothing of it has been sent.
    CONNECTING = "connecting"
    #: It had a connection: it may have been sent.
    HAD_CONNECTION = "had_connection"


class Journey:
    """Notes how far the request of the current task came. Use it as a context manager around the request."""

    _current: ContextVar[Journey | None] = ContextVar("journey", default=None)

    __slots__ = ("_token", "stage")

    def __init__(self) -> None:
        self.stage = Stage.NOT_BEGUN

    def __enter__(self) -> Self:
        """Begin."""
        self._token = Journey._current.set(self)
        return self

    def __exit__(self, *_: object) -> None:
        """End; `stage` stays to be read."""
        Journey._current.reset(self._token)

    @staticmethod
    def note(stage: Stage) -> None:
        """Note that the current task's request came this far; it never goes back."""
        journey = Journey._current.get()
        if journey is not None and journey.stage is not Stage.HAD_CONNECTION:
            journey.stage = stage


class Connector(aiohttp.TCPConnector):
    """A connector that notes when it hands out a connection.

    aiohttp's `TraceConfig` can tell the same, but makes every request dearer (91 to 108 µs of CPU).
    """

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's signature
    ) -> Connection:
        """Give a free connection of the pool or a new one."""
        Journey.note(Stage.CONNECTING)
        connection = await super().connect(req, traces, timeout)
        Journey.note(Stage.HAD_CONNECTION)
        return connection


_NOT_SENT: Final = FaultKind.NOT_SENT
_MAYBE: Final = FaultKind.MAYBE_PROCESSED

#: Read from the top: a certificate error is a connector error is an OS error, and a connect timeout is a
#: timeout. The kind counts for `Stage.NOT_BEGUN` alone.
_FAULTS: Final[tuple[tuple[type[Exception], FaultKind, str], ...]] = (
    (aiohttp.ClientConnectorCertificateError, _NOT_SENT, "the server's TLS certificate was not accepted"),
    (aiohttp.ClientConnectorSSLError, _NOT_SENT, "no TLS connection could be made"),
    (aiohttp.ClientConnectorDNSError, _NOT_SENT, "the server's name was not found"),
    (aiohttp.ClientProxyConnectionError, _NOT_SENT, "no connection to the proxy could be made"),
    (aiohttp.ClientConnectorError, _NOT_SENT, "no connection could be made"),
    (aiohttp.ClientHttpProxyError, _NOT_SENT, "the proxy refused to connect to the server"),
    (aiohttp.ConnectionTimeoutError, _NOT_SENT, "no connection in time"),
    (aiohttp.InvalidURL, _NOT_SENT, "the URL cannot be used"),
    (aiohttp.ServerDisconnectedError, _MAYBE, "the server closed the connection without an answer"),
    (TimeoutError, _MAYBE, "no answer in time"),
    (aiohttp.ClientOSError, _MAYBE, "the connection broke before an answer"),
    (aiohttp.ClientResponseError, _MAYBE, "the answer was not HTTP"),
)


def fault_of(error: Exception, stage: Stage) -> Fault:
    """Give the fault that an exception stands for.

    The words name the kind of fault and the system's own error, and never what the exception says
    itself: that may hold the URL, a proxy's password or a piece of the answer.
    """
    kind, words = next(
        ((kind, words) for cls, kind, words in _FAULTS if isinstance(error, cls)),
        (_MAYBE, f"unexpected {type(error).__name__}"),
    )
    if stage is Stage.CONNECTING and type(error) is TimeoutError:
        words = "no connection in time"
    if stage is not Stage.NOT_BEGUN:
        kind = _NOT_SENT if stage is Stage.CONNECTING else _MAYBE
    reason = _reason(error)
    is_lasting = isinstance(error, aiohttp.ClientConnectorCertificateError)
    return Fault(kind, f"{words} ({reason})" if reason else words, is_lasting)


def _reason(error: Exception) -> str | None:
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return f"status {error.status}"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        # OpenSSL's own words, from a fixed list but for the host's name.
        return getattr(error.certificate_error, "verify_message", None)
    if isinstance(error, aiohttp.ClientConnectorSSLError):
        return getattr(error, "reason", None) or getattr(error.os_error, "reason", None)
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return None
    number = getattr(
        error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error, "errno", None
    )
    return os.strerror(number) if isinstance(number, int) and number in errno.errorcode else None
