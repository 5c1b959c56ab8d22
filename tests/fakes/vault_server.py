"""A Vault on a loopback port: its documented HTTP API as far as reading secrets goes, real sockets and JSON.

After https://developer.hashicorp.com/vault/api-docs: `sys/internal/ui/mounts`, KV 1 and 2, token lookup,
AppRole and Kubernetes logins, namespaces, and the answers of a Vault that is sealed, throttles, or stands by.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from aiohttp import web

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable

DENIED = "permission denied"
BAD_TOKEN = "2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n"


@dataclass
class TokenOnFile:
    """A token: below which paths it may read, and whether it may look itself up (the default policy)."""

    may_read: tuple[str, ...] = ("",)
    may_look: bool = True
    uses_left: int | None = None


@dataclass(frozen=True)
class Asked:
    """A request as it came in."""

    method: str
    path: str
    token: str | None
    namespace: str | None
    body: Any = field(default=None, repr=False)


@dataclass
class FakeVault:
    """Use it as an async context manager. `forced` are answers given before any thought, in order."""

    #: Mounts and their KV version; None for another kind of engine.
    mounts: dict[str, int | None] = field(default_factory=lambda: {"secret/": 2, "kv/": 1})
    secrets: dict[str, dict[str, Any] | None] = field(default_factory=dict)
    tokens: dict[str, TokenOnFile] = field(default_factory=dict)
    #: By mount: the body that a login there must have.
    logins: dict[str, dict[str, str]] = field(default_factory=dict)
    lease_s: int = 3600
    namespace: str | None = None
    is_old: bool = False
    is_sealed: bool = False
    forced: list[web.Response] = field(default_factory=list)
    redirects_to: str | None = None
    tls: ssl.SSLContext | None = None
    asked: list[Asked] = field(default_factory=list)
    #: What a token had by login is worth.
    granted: TokenOnFile = field(default_factory=TokenOnFile)
    host: str = "127.0.0.1"
    #: Whether errors repeat the request's token and every secret, as no server should.
    is_leaky: bool = False
    granted_prefix: str = "hvs.granted"

    async def __aenter__(self) -> Self:
        """Listen."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self.host, 0, ssl_context=self.tls)
        await site.start()
        self.port: int = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]  # it has started
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop."""
        await self._runner.cleanup()

    @property
    def url(self) -> str:
        """Its address."""
        return f"{'https' if self.tls else 'http'}://{self.host}:{self.port}"

    def paths(self, method: str | None = None) -> list[str]:
        """Give what was asked for, below /v1/."""
        return [one.path for one in self.asked if method in {None, one.method}]

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        path = request.rel_url.raw_path.removeprefix("/v1/")
        text = await request.text()
        self.asked.append(
            Asked(
                request.method,
                path,
                request.headers.get("X-Vault-Token"),
                request.headers.get("X-Vault-Namespace"),
                json.loads(text) if text else None,
            )
        )
        if self.redirects_to is not None:
            raise web.HTTPTemporaryRedirect(f"{self.redirects_to}{request.rel_url.raw_path}")
        if self.forced:
            return self.forced.pop(0)
        if self.is_sealed:
            return failure(503, "Vault is sealed")
        if self.namespace is not None and request.headers.get("X-Vault-Namespace") != self.namespace:
            return failure(403, DENIED)
        if request.method == "POST":
            return self._log_in(path)
        return self._read(request.rel_url.path.removeprefix("/v1/"), request.headers.get("X-Vault-Token"))

    def _log_in(self, path: str) -> web.Response:
        mount = path.removeprefix("auth/").removesuffix("/login")
        if self.logins.get(mount) != self.asked[-1].body:
            return failure(400, "invalid role or secret ID")
        token = f"{self.granted_prefix}-{len(self.tokens)}"
        self.tokens[token] = TokenOnFile(**vars(self.granted))
        auth = {
            "client_token": token,
            "lease_duration": self.lease_s,
            "renewable": True,
            "policies": ["default"],
        }
        return web.json_response({"auth": auth, "data": None})

    def _read(self, path: str, token: str | None) -> web.Response:
        on_file = self.tokens.get(token or "")
        if on_file is None:
            return failure(403, DENIED if self.is_old else BAD_TOKEN)
        if path == "auth/token/lookup-self":
            return answer({"ttl": 1}) if on_file.may_look else failure(403, DENIED)
        if on_file.uses_left is not None:
            on_file.uses_left -= 1
            if on_file.uses_left <= 0:
                del self.tokens[token or ""]
        if path.startswith("sys/internal/ui/mounts/"):
            return self._mount(path.removeprefix("sys/internal/ui/mounts/"), on_file.may_read)
        if not path.startswith(on_file.may_read):
            return failure(403, DENIED)
        content = self.secrets.get(path)
        mount = self._mount_of(path)
        if content is None or mount is None:
            return failure(404, *([f"{token} {self.secrets}"] if self.is_leaky else []))
        return answer({"data": content, "metadata": {"version": 1}} if self.mounts[mount] == 2 else content)

    def _mount(self, path: str, may_read: Iterable[str]) -> web.Response:
        mount = self._mount_of(f"{path}/")
        if self.is_old:
            return failure(404)
        if mount is None or not any(one.startswith(mount) or mount.startswith(one) for one in may_read):
            return failure(403, f"preflight capability check returned 403, ... access to path {path}/")
        version = self.mounts[mount]
        kind = "database" if version is None else "kv"
        # A version 1 mount may have no options at all.
        options = {"version": str(version)} if version == 2 else None
        return answer({"path": mount, "type": kind, "options": options})

    def _mount_of(self, path: str) -> str | None:
        return next((mount for mount in self.mounts if path.startswith(mount)), None)


def answer(data: object) -> web.Response:
    """Give an answer as Vault wraps them."""
    return web.json_response({"request_id": "1", "lease_id": "", "data": data, "warnings": None})


def failure(status: int, *errors: str, retry_after: str | None = None) -> web.Response:
    """Give an error as Vault writes them."""
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    return web.json_response({"errors": list(errors)}, status=status, headers=headers)
