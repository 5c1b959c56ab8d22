"""One HTTP request out, one reply or fault back: the session, its limits, and nothing of Adobe's API."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, Self

import aiohttp
import orjson

from bulkconn import __version__
from bulkconn.core.error_body import read_error
from bulkconn.core.reply import BodyState, Fault, Reply
from bulkconn.flowservice.faults import Connector, Journey, fault_of
from bulkconn.flowservice.headers import epoch_of, request_id_of, retry_after_of
from bulkconn.flowservice.proxy import proxy_of

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping
    from types import TracebackType

    from yarl import URL

    from bulkconn.core.protocols import Clock
    from bulkconn.flowservice.settings import DoorSettings

__all__ = ["Door"]

#: A connection that was idle for longer is not used again: the server may be closing it this very moment,
#: and a POST that runs into that is in doubt. Usual servers close after 20 s and more.
_KEEPALIVE_S: Final = 15.0
#: The token endpoint has a place of its own, so that a renewal never waits behind slow POSTs.
_PLACES_FOR_TOKENS: Final = 1
_FIRST_ERROR_STATUS: Final = 400


class Door:
    """The one session of a run, as an async context manager.

    TLS certificates are always verified, redirects never followed (they would carry the credentials),
    cookies neither kept nor sent. `repr` shows no setting. `tls` names other authorities than the system's,
    and `server_name` the name that the server's certificate must bear instead of its URL's host.
    """

    def __init__(
        self,
        settings: DoorSettings,
        clock: Clock,
        *,
        tls: ssl.SSLContext | None = None,
        server_name: str | None = None,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._tls = tls
        self._server_name = server_name
        self._session: aiohttp.ClientSession | None = None
        self._proxies: dict[tuple[str, str | None, int | None], URL | None] = {}

    async def __aenter__(self) -> Self:
        """Open the session."""
        settings = self._settings
        self._session = aiohttp.ClientSession(
            connector=Connector(
                limit=settings.concurrency + _PLACES_FOR_TOKENS,
                limit_per_host=settings.concurrency,
                keepalive_timeout=_KEEPALIVE_S,
                ssl=self._tls or True,
            ),
            # `sock_read` would only start a second timer with the same end: a POST may rightly be silent
            # for as long as `total`. Rounding up to whole seconds would make the two limits meet.
            timeout=aiohttp.ClientTimeout(
                total=settings.timeout_s,
                connect=min(settings.connect_timeout_s, settings.timeout_s),
                sock_connect=min(settings.connect_timeout_s, settings.timeout_s),
                ceil_threshold=math.inf,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": f"bulkconn/{__version__}", "Accept": "application/json"},
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the session; requests that are still open are cut."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def prepare(self, url: URL) -> None:
        """Find out the proxy for a URL's host now rather than at the first request.

        Raises:
            UsageError: the environment names a proxy that cannot be used.
        """
        self._proxy(url)

    async def send(
        self,
        method: str,
        url: URL,
        headers: Mapping[str, str],
        *,
        data: bytes | None = None,
        max_bytes: int,
    ) -> Reply | Fault:
        """Send one request and read its reply, of which a body beyond `max_bytes` counts as cut.

        Never raises for what the network or the server does.

        Repeat: as safe as the request is. Cancel: it may have been processed.
        """
        if self._session is None:
            raise RuntimeError("the door is closed: use it within `async with`")
        with Journey() as journey:
            try:
                response = await self._session.request(
                    method,
                    url,
                    headers=headers,
                    data=data,
                    allow_redirects=False,
                    proxy=self._proxy(url),
                    server_hostname=self._server_name,
                )
            # Whatever it is, it must become an answer to the question whether the request was sent.
            except Exception as error:  # noqa: BLE001 - a fault is a value here
                return fault_of(error, journey.stage)
        raw = await _read_body(response, max_bytes)
        return self._reply(response, raw)

    def _proxy(self, url: URL) -> URL | None:
        # Not `url.origin()`, which builds a URL for every request.
        origin = (url.scheme, url.raw_host, url.port)
        if origin not in self._proxies:
            self._proxies[origin] = proxy_of(url)
        return self._proxies[origin]

    def _reply(self, response: aiohttp.ClientResponse, raw: bytes | None) -> Reply:
        body, body_state = _parse(raw)
        headers = response.headers
        now_s = self._clock.now().timestamp()
        date = headers.get("Date")
        server_now_s = epoch_of(date) if date else None
        request_id = request_id_of(headers)
        if request_id is None and response.status >= _FIRST_ERROR_STATUS:
            request_id = read_error(response.status, body).request_id
        return Reply(
            status=response.status,
            body=body,
            body_state=body_state,
            location=headers.get("Location"),
            retry_after_s=retry_after_of(
                headers.get("Retry-After"), now_s if server_now_s is None else server_now_s
            ),
            request_id=request_id,
            server_clock_s=None if server_now_s is None else server_now_s - now_s,
        )


async def _read_body(response: aiohttp.ClientResponse, max_bytes: int) -> bytes | None:
    """Read the body; None when it was cut, stalled, cannot be decompressed, or is too large.

    The status is known by now, so whatever happens to the body must not hide it.
    """
    raw = bytearray()
    is_whole = False
    try:
        while chunk := await response.content.readany():
            raw += chunk
            if len(raw) > max_bytes:
                return None
        is_whole = True
    # Whatever it is, the reply has a status, and that is worth more than the reason.
    except Exception:  # noqa: BLE001 - what cannot be read is CUT
        return None
    else:
        return bytes(raw)
    finally:
        # No `async with`: leaving it waits for the request's writer, whose error would hide the reply.
        if is_whole:
            response.release()
        else:
            response.close()


def _parse(raw: bytes | None) -> tuple[object, BodyState]:
    if raw is None:
        return None, BodyState.CUT
    text = raw.removeprefix(b"\xef\xbb\xbf").strip()
    if not text:
        return None, BodyState.WHOLE
    try:
        return orjson.loads(text), BodyState.WHOLE
    except orjson.JSONDecodeError:
        return None, BodyState.NOT_JSON
