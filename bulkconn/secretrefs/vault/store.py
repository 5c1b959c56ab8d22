"""Reads `vault://mount/path#field` from key/value engines of either version."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from bulkconn.core.endpoint import SecretUnavailable
from bulkconn.core.secret import SecretStr
from bulkconn.secretrefs.fields import field_of, split_field
from bulkconn.secretrefs.statuses import refusal
from bulkconn.secretrefs.vault.api import VaultApi, data_of
from bulkconn.secretrefs.vault.settings import VaultSettings
from bulkconn.secretrefs.vault.tokens import VaultTokens

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bulkconn.core.reply import Reply
    from bulkconn.core.secret import SecretRef
    from bulkconn.secretrefs.web import Web

#: A token that is renewed between any two requests for one secret is renewed for no good reason.
_REFUSALS_MAX: Final = 3


@dataclass(frozen=True, slots=True)
class _Mount:
    """A key/value engine: its path with a slash at its end, and whether it keeps versions (KV 2)."""

    path: str
    is_versioned: bool

    def api_path(self, path: str) -> str:
        """Give the path of a secret in the API."""
        middle = "data/" if self.is_versioned else ""
        return f"{self.path}{middle}{path.removeprefix(self.path)}"


class VaultStore:
    """Reads secrets of one Vault; `environ` is an argument for tests."""

    #: A first read may take a login, a look at the token and one at the mount besides.
    timeout_s: Final = 45.0

    def __init__(self, web: Web, environ: Mapping[str, str] | None = None) -> None:
        self._web = web
        self._environ = os.environ if environ is None else environ
        self._opened: tuple[VaultApi, VaultTokens] | None = None
        self._mounts: dict[str, _Mount] = {}
        self._lock = asyncio.Lock()

    @property
    def title(self) -> str:
        """The Vault's address, once it is known."""
        return "Vault" if self._opened is None else self._opened[0].title

    def check(self, reference: SecretRef) -> None:
        """Look at the reference and at the environment.

        Raises:
            SecretUnavailable: the one names no field of a secret, or the other no Vault.
        """
        _parsed(reference)
        self._open(reference)

    async def read(self, reference: SecretRef) -> SecretStr:
        """Give one field of a secret, in its newest version.

        Raises:
            SecretUnavailable: there is no such secret or field, or the token may not read it.
            StoreTrouble: Vault is sealed, overloaded or not reached.
            SecretStoreDown: Vault does not let us in, or no longer.
        """
        path, field = _parsed(reference)
        self._open(reference)
        mount = await self._mount_of(path, reference)
        reply = await self._get(mount.api_path(path), reference)
        if reply.status != HTTPStatus.OK:
            raise _refusal(reference, reply.status, path, mount)
        data = data_of(reply)
        if mount.is_versioned:
            inner = data.get("data")
            data = inner if isinstance(inner, dict) else {}
        return SecretStr(field_of(data, field, reference))

    async def close(self) -> None:
        """Close the session."""
        if self._opened is not None:
            await self._opened[0].close()

    def _open(self, reference: SecretRef) -> tuple[VaultApi, VaultTokens]:
        if self._opened is None:
            try:
                settings = VaultSettings.of(self._environ, self._web)
            except SecretUnavailable as error:
                raise SecretUnavailable(f"{reference.uri}: {error}", fix=error.fix) from error
            api = VaultApi(settings, self._web)
            self._opened = api, VaultTokens(api, settings.identity)
        return self._opened

    async def _get(self, path: str, reference: SecretRef) -> Reply:
        """Ask for a path, with a new token where the old one has ended."""
        api, tokens = self._open(reference)
        for _ in range(_REFUSALS_MAX):
            token = await tokens.current()
            reply = await api.ask("GET", path, token.value)
            if reply.status != HTTPStatus.FORBIDDEN:
                token.is_proven = True
                break
            if not await tokens.after_refusal(token, reply):
                break
        return reply

    async def _mount_of(self, path: str, reference: SecretRef) -> _Mount:
        """Find the engine that a path lies in; mounts may have slashes, and none lies within another.

        The route is the one that Vault's command line asks before each read: it is open to every token that
        may read anything below the mount.
        """
        known = self._known_mount(path)
        if known is not None:
            return known
        async with self._lock:
            known = self._known_mount(path)
            if known is not None:
                return known
            reply = await self._get(f"sys/internal/ui/mounts/{path}", reference)
            if reply.status == HTTPStatus.NOT_FOUND:
                # Older than 0.10, when there was but one version.
                mount = _Mount(f"{path.partition('/')[0]}/", is_versioned=False)
            elif reply.status == HTTPStatus.OK:
                mount = _mount(data_of(reply), path, reference)
            elif reply.status == HTTPStatus.FORBIDDEN:
                # Vault does not tell the one from the other, lest its mounts be guessed.
                raise SecretUnavailable(
                    f"{reference.uri}: Vault denies it to us, or has no such mount", code="secret_denied"
                )
            else:
                raise refusal(reply.status, "Vault", reference)
            self._mounts[mount.path] = mount
            return mount

    def _known_mount(self, path: str) -> _Mount | None:
        return next((mount for mount in self._mounts.values() if path.startswith(mount.path)), None)


def _parsed(reference: SecretRef) -> tuple[str, str]:
    path, field = split_field(reference)
    if field is None:
        raise SecretUnavailable(f"{reference.uri} names no field", fix="write it as vault://mount/path#field")
    if "/" not in path or any(segment in {"", ".", ".."} for segment in path.split("/")):
        raise SecretUnavailable(
            f"{reference.uri} is no path of a secret", fix="write it as vault://mount/path#field"
        )
    return path, field


def _mount(data: Mapping[str, object], path: str, reference: SecretRef) -> _Mount:
    place, kind, options = data.get("path"), data.get("type"), data.get("options")
    if not isinstance(place, str) or not path.startswith(place) or not place.endswith("/"):
        raise SecretUnavailable(f"{reference.uri} names a mount, and no secret in it")
    if kind not in {"kv", "generic"}:
        raise SecretUnavailable(f"{reference.uri} lies in no key/value engine")
    version = options.get("version") if isinstance(options, dict) else None
    return _Mount(place, is_versioned=version == "2")


def _refusal(reference: SecretRef, status: int, path: str, mount: _Mount) -> Exception:
    is_api_path = mount.is_versioned and path.startswith(f"{mount.path}data/")
    if status == HTTPStatus.NOT_FOUND and is_api_path:
        return SecretUnavailable(
            f"{reference.uri}: Vault has no such secret (leave `data/` out: it belongs to the API)",
            code="secret_not_found",
        )
    return refusal(status, "Vault", reference)
