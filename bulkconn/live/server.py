"""The live page over HTTP: the page, its stream of news, the whole report, and its figures. Read-only.

Every answer says the same about what a browser may do with it; none is kept in a cache, nothing is logged.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from io import TextIOWrapper
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Final

from aiohttp import web

from bulkconn.core.errors import BulkconnError, UsageError
from bulkconn.live.feed import Feed, Looker, News

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from typing import TextIO

    from bulkconn.live.access import Access

#: Streams that are open at once; each costs a little of every look.
MOST_STREAMS: Final = 64
_CHUNK_BYTES: Final = 1 << 16
_BODY_BYTES: Final = 4096
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_NOTHING: Final = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"


@dataclass(frozen=True, slots=True)
class Views:
    """What is served, as functions that block and may raise `BulkconnError`, with the policy of each page."""

    parts: Callable[[], Mapping[str, str]]
    write_page: Callable[[TextIO], None]
    write_report: Callable[[TextIO], None]
    write_figures: Callable[[TextIO], None]
    door: Callable[[str], str]
    page_policy: str
    report_policy: str
    door_policy: str


@asynccontextmanager
async def serving(views: Views, access: Access, host: str, port: int) -> AsyncIterator[int]:
    """Listen for the length of the block; gives the port. Open streams end with it.

    Raises:
        UsageError: the address is in use or not ours.
    """
    server = _Server(views, access)
    runner = web.AppRunner(server.app(), access_log=None, shutdown_timeout=1.0, handler_cancellation=True)
    await runner.setup()
    looking = asyncio.create_task(server.feed.run())
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise UsageError(
                f"cannot listen on {host}:{port}: {error.strerror or error}",
                fix="give another --port (0 takes a free one) or --host",
            ) from error
        server.port = int(runner.addresses[0][1])
        yield server.port
    finally:
        await server.feed.end()
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
        await runner.cleanup()


class _Server:
    def __init__(self, views: Views, access: Access) -> None:
        self._views = views
        self._access = access
        self._looker = Looker()
        self.feed = Feed(views.parts, self._looker)
        self.port = 0

    def app(self) -> web.Application:
        """Give the application; its routes are all there is."""
        app = web.Application(middlewares=[self._guard], client_max_size=_BODY_BYTES)
        app.add_routes(
            [
                web.get("/", self._page),
                web.get("/events", self._events, allow_head=False),
                web.get("/report.html", self._report),
                web.get("/figures.json", self._figures),
                web.post("/token", self._token),
            ]
        )
        app.on_response_prepare.append(_harden)
        return app

    @property
    def _cookie(self) -> str:
        # Cookies are shared by all ports of a host.
        return f"bulkconn_{self.port}"

    @web.middleware
    async def _guard(self, request: web.Request, handler: Callable[..., object]) -> web.StreamResponse:
        if not self._access.is_ours(request.headers.get("Host")):
            words = "this name is not known to be this server's; start it with --allow-host NAME"
            return _words(words, web.HTTPMisdirectedRequest.status_code)
        if request.path == "/" and "token" in request.query and self._access.needs_token:
            return self._by_link(request.query["token"])
        is_door = request.path == "/token" and self._access.needs_token
        cookie = request.cookies.get(self._cookie)
        if not is_door and not self._access.admits(request.headers.get("Authorization"), cookie):
            return self._door("", 401)
        try:
            answer = await handler(request)  # type: ignore[misc]  # aiohttp's own type of a handler
        except BulkconnError as error:
            return _words(f"{error}\nfix: {error.fix}", 503)
        assert isinstance(answer, web.StreamResponse)  # noqa: S101 - what a handler gives
        return answer

    # --- who may see it -------------------------------------------------------------------------

    def _by_link(self, token: str) -> web.StreamResponse:
        session = self._access.redeem_link(token)
        if session is None:
            return self._door("This link was used before, or is not right: links work once.", 403)
        return self._welcome(session)

    async def _token(self, request: web.Request) -> web.StreamResponse:
        given = await request.post()
        session = self._access.redeem(str(given.get("token", "")).strip())
        if session is None:
            return self._door("That is not the token.", 403)
        return self._welcome(session)

    def _welcome(self, session: str) -> web.StreamResponse:
        answer = web.Response(status=303, headers={"Location": "/"})
        # Lax, not Strict: a link in a chat would otherwise lead to a page that does not know its cookie yet.
        answer.set_cookie(self._cookie, session, httponly=True, samesite="Lax", path="/")
        return answer

    def _door(self, words: str, status: int) -> web.StreamResponse:
        headers = {"Content-Security-Policy": self._views.door_policy, "WWW-Authenticate": "Bearer"}
        text = self._views.door(words)
        return web.Response(text=text, status=status, content_type="text/html", headers=headers)

    # --- what is served -------------------------------------------------------------------------

    async def _page(self, request: web.Request) -> web.StreamResponse:
        return await self._written(request, self._views.write_page, "text/html", self._views.page_policy)

    async def _report(self, request: web.Request) -> web.StreamResponse:
        return await self._written(request, self._views.write_report, "text/html", self._views.report_policy)

    async def _figures(self, request: web.Request) -> web.StreamResponse:
        return await self._written(request, self._views.write_figures, "application/json", _NOTHING)

    async def _written(
        self, request: web.Request, write: Callable[[TextIO], None], type_: str, policy: str
    ) -> web.StreamResponse:
        """Send what a view writes, by way of a file without a name: it may be larger than memory."""
        with TemporaryFile() as file:
            text = TextIOWrapper(file, "utf-8", errors="backslashreplace", newline="", write_through=True)
            await self._looker.do(lambda: write(text))
            text.detach()
            answer = web.StreamResponse(headers={"Content-Security-Policy": policy})
            answer.content_type, answer.charset = type_, "utf-8"
            answer.content_length = file.seek(0, 2)
            file.seek(0)
            await answer.prepare(request)
            while request.method != "HEAD" and (chunk := file.read(_CHUNK_BYTES)):
                await answer.write(chunk)
            await answer.write_eof()
        return answer

    async def _events(self, request: web.Request) -> web.StreamResponse:
        if self.feed.watchers >= MOST_STREAMS:
            return _words("too many browsers watch this page already", 503)
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"})
        await answer.prepare(request)
        # A browser that went away is no error.
        with suppress(ConnectionResetError):
            async with aclosing(self.feed.follow()) as news:
                async for one in news:
                    await answer.write(_as_event(one))
        return answer


def _as_event(news: News | None) -> bytes:
    """Give what a browser is sent after a look; JSON keeps every part on one line."""
    if news is None:
        return b": still here\n\n"
    lines = []
    if news.changed:
        lines.append(f"event: parts\ndata: {json.dumps(dict(news.changed))}\n\n")
    if news.trouble is None:
        lines.append("event: looked\ndata: 1\n\n")
    else:
        lines.append(f"event: trouble\ndata: {json.dumps(news.trouble)}\n\n")
    return "".join(lines).encode()


def _words(text: str, status: int) -> web.Response:
    return web.Response(text=f"{text}\n", status=status)


async def _harden(_request: web.Request, answer: web.StreamResponse) -> None:
    answer.headers.update(_HEADERS)
    answer.headers.setdefault("Content-Security-Policy", _NOTHING)
    answer.headers.popall("Server", None)
