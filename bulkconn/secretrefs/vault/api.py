"""One request to Vault and what came back, standby nodes and troubles included.

What statuses mean: https://developer.hashicorp.com/vault/api-docs#http-status-codes. Nothing of an answer's
body is ever repeated: it may hold a secret.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit

import orjson
from yarl import URL

from bulkconn.core.endpoint import SecretStoreDown
from bulkconn.core.errors import UsageError
from bulkconn.core.reply import BodyState, Fault, Reply
from bulkconn.secretrefs.statuses import is_trouble
from bulkconn.secretrefs.store import StoreTrouble

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bulkconn.core.secret import SecretStr
    from bulkconn.secretrefs.vault.settings import VaultSettings
    from bulkconn.secretrefs.web import HttpDoor, Web

#: Vault keeps secrets of a mebibyte at most.
_MAX_BYTES: Final = 4 << 20
_REDIRECTS_MAX: Final = 3
_REDIRECTS: Final = frozenset({301, 302, 307, 308})
#: Not now: a standby that does not know yet, a secondary or a standby where the active node is meant.
_NOT_NOW: Final = frozenset({HTTPStatus.PRECONDITION_FAILED, 472, 473})


class VaultApi:
    """The session with one Vault, opened at its first request."""

    def __init__(self, settings: VaultSettings, web: Web) -> None:
        self._settings = settings
        self._web = web
        self._door: HttpDoor | None = None
        self.title = f"Vault at {settings.address}"

    async def close(self) -> None:
        """Close the session."""
        door, self._door = self._door, None
        if door is not None:
            await door.__aexit__(None, None, None)

    async def ask(
        self, method: str, path: str, token: SecretStr | None, body: Mapping[str, str] | None = None
    ) -> Reply:
        """Send a request and give the answer, which is neither trouble nor a redirect.

        Args:
            method: GET, or POST for a login.
            path: Below `/v1/`, not yet percent-encoded.
            token: None for a login, and where an agent adds it.
            body: Of a login.

        Raises:
            StoreTrouble: Vault is sealed, overloaded, unwell or not reached.
            SecretStoreDown: its certificate, or where it sends us, is not to be trusted.
        """
        url = f"{self._settings.address}/v1/{quote(path)}"
        headers = {"X-Vault-Request": "true"}
        if self._settings.namespace is not None:
            headers["X-Vault-Namespace"] = self._settings.namespace
        if token is not None:
            headers["X-Vault-Token"] = token.get_secret_value()
        data = None if body is None else orjson.dumps(body)
        for _ in range(_REDIRECTS_MAX + 1):
            answer = await self._send(method, URL(url, encoded=True), headers, data)
            if answer.status not in _REDIRECTS:
                return self._sound(answer)
            url = self._elsewhere(url, answer.location)
        raise StoreTrouble(f"{self.title} sends us from node to node: it may have no active one")

    async def _send(self, method: str, url: URL, headers: Mapping[str, str], data: bytes | None) -> Reply:
        if self._door is None:
            settings = self._settings
            self._door = await self._web.open_door(settings.tls, settings.server_name).__aenter__()
        try:
            self._door.prepare(url)
        except UsageError as error:
            raise SecretStoreDown(f"{self.title}: {error}", fix=error.fix) from error
        answer = await self._door.send(method, url, headers, data=data, max_bytes=_MAX_BYTES)
        if isinstance(answer, Reply):
            return answer
        raise self._not_reached(answer)

    def _not_reached(self, fault: Fault) -> Exception:
        if fault.is_lasting:
            return SecretStoreDown(
                f"{self.title}: {fault.detail}",
                fix="name its certificate authority with VAULT_CACERT (VAULT_SKIP_VERIFY is not honoured)",
            )
        return StoreTrouble(f"{self.title}: {fault.detail}")

    def _sound(self, reply: Reply) -> Reply:
        """Give an answer that says something of what was asked."""
        if reply.status in _NOT_NOW or is_trouble(reply.status):
            sealed = reply.status == HTTPStatus.SERVICE_UNAVAILABLE and says(reply, "sealed")
            what = "is sealed" if sealed else "cannot answer now"
            raise StoreTrouble(
                f"{self.title} {what} (status {reply.status})", retry_after_s=reply.retry_after_s
            )
        if reply.status == HTTPStatus.OK and reply.body_state is not BodyState.WHOLE:
            raise StoreTrouble(f"{self.title} gives answers that cannot be read: is it a Vault?")
        return reply

    def _elsewhere(self, url: str, location: str | None) -> str:
        """Give where a standby node sends us: the active one, which gets our token as Vault intends.

        As Vault's own client does it, and never from HTTPS to anything less.
        """
        fix = "set VAULT_ADDR to the address of the active node, or mend its api_addr"
        try:
            target = str(URL(url, encoded=True).join(URL(location or "", encoded=True)))
            parts = urlsplit(target)
        except ValueError as error:
            raise SecretStoreDown(f"{self.title} sends us on to no address", fix=fix) from error
        if parts.scheme != "https" and url.startswith("https:"):
            raise SecretStoreDown(f"{self.title} sends us on to an address without TLS", fix=fix)
        try:
            self._web.check_url(f"{parts.scheme}://{parts.netloc}", "the address that it sends us on to")
        except UsageError as error:
            raise SecretStoreDown(f"{self.title}: {error}", fix=fix) from error
        return target


def says(reply: Reply, *words: str) -> bool:
    """Tell whether one of an answer's error messages has one of these words."""
    errors = reply.body.get("errors") if isinstance(reply.body, dict) else None
    texts = [text for text in errors if isinstance(text, str)] if isinstance(errors, list) else []
    return any(word in text for text in texts for word in words)


def data_of(reply: Reply) -> Mapping[str, object]:
    """Give the `data` of an answer, empty where it has none."""
    data = reply.body.get("data") if isinstance(reply.body, dict) else None
    return data if isinstance(data, dict) else {}
