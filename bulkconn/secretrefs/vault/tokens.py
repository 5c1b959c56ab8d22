"""The token that Vault is asked with: given once, or had by a login and had again when it ends."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from bulkconn.core.endpoint import SecretStoreDown
from bulkconn.core.secret import SecretStr
from bulkconn.secretrefs.store import StoreTrouble
from bulkconn.secretrefs.threads import in_thread
from bulkconn.secretrefs.vault.api import says
from bulkconn.secretrefs.vault.settings import GivenToken

if TYPE_CHECKING:
    from bulkconn.core.reply import Reply
    from bulkconn.secretrefs.vault.api import VaultApi
    from bulkconn.secretrefs.vault.settings import AppRole, Identity, Kubernetes

#: A login is made anew when this share of its token's life is over.
_LIFE_USED: Final = 0.9
#: What Vault says of a token that has ended or never was (newer ones; older ones say "permission denied").
_BAD_TOKEN: Final = ("invalid token", "bad token")


@dataclass(slots=True, eq=False)
class VaultToken:
    """A token. `value` None: an agent adds it on the way.

    `ends_at_s` is when to log in anew, on the loop's clock; None for never. `may_look` tells whether it may
    look itself up (the policy `default` allows it): that is how a path that is denied is told from a token
    that has ended. Of a token that may not, all that is known is whether it was ever good for anything.
    """

    value: SecretStr | None
    ends_at_s: float | None = None
    may_look: bool = False
    is_proven: bool = False


class VaultTokens:
    """Gives the token of the moment; however many ask, one of them logs in."""

    def __init__(self, api: VaultApi, identity: Identity) -> None:
        self._api = api
        self._identity = identity
        self._token: VaultToken | None = None
        self._lock = asyncio.Lock()

    async def current(self) -> VaultToken:
        """Give a token that should be good.

        Raises:
            StoreTrouble: not now.
            SecretStoreDown: Vault does not let us in.
        """
        async with self._lock:
            token = self._token
            if token is None or _is_over(token):
                token = self._token = await self._next(token)
            return token

    async def after_refusal(self, token: VaultToken, refusal: Reply) -> bool:
        """Judge a 403: True when a newer token is at hand, False when it is the path that is not for us.

        Raises:
            StoreTrouble: not now.
            SecretStoreDown: the token has ended, and there is no other.
        """
        async with self._lock:
            if self._token is not token:
                return True
            if await self._is_good(token, refusal):
                return False
            self._token = await self._next(token)
            return True

    async def _is_good(self, token: VaultToken, refusal: Reply) -> bool:
        if token.value is None:
            return True
        if says(refusal, *_BAD_TOKEN):
            return False
        if not token.may_look:
            return token.is_proven
        return (await self._look_up(token.value)).status == HTTPStatus.OK

    async def _next(self, last: VaultToken | None) -> VaultToken:
        identity = self._identity
        if isinstance(identity, GivenToken):
            if identity.value is None:
                return VaultToken(None)
            if last is not None:
                raise self._bad(identity, was_good=last.is_proven)
            token = VaultToken(identity.value)
        else:
            value, ends_at_s = await self._log_in(identity)
            token = VaultToken(value, ends_at_s, is_proven=True)
            identity = GivenToken(value, "the token that it has just given")
        looked = await self._look_up(identity.value)
        if looked.status != HTTPStatus.OK and says(looked, *_BAD_TOKEN):
            raise self._bad(identity, was_good=False)
        token.may_look = looked.status == HTTPStatus.OK
        token.is_proven = token.is_proven or token.may_look
        return token

    def _bad(self, given: GivenToken, *, was_good: bool) -> SecretStoreDown:
        what = f"takes {given.origin} no longer" if was_good else f"does not take {given.origin}"
        return self._refused(what, "get a new token, for this Vault and namespace")

    async def _look_up(self, token: SecretStr | None) -> Reply:
        return await self._api.ask("GET", "auth/token/lookup-self", token)

    async def _log_in(self, identity: AppRole | Kubernetes) -> tuple[SecretStr, float | None]:
        try:
            body = await in_thread(identity.body)
        except (OSError, ValueError) as error:
            raise SecretStoreDown(
                "the service account's token for Vault cannot be read",
                fix="mount it, or name its file with VAULT_K8S_SERVICE_ACCOUNT_TOKEN_PATH",
            ) from error
        began_s = asyncio.get_running_loop().time()
        reply = await self._api.ask("POST", f"auth/{identity.mount}/login", None, body)
        if reply.status != HTTPStatus.OK:
            raise self._refused(
                f"refuses the {identity.title} login at auth/{identity.mount} (status {reply.status})",
                "check role, secret and mount",
            )
        auth = reply.body.get("auth") if isinstance(reply.body, dict) else None
        token = auth.get("client_token") if isinstance(auth, dict) else None
        if not isinstance(auth, dict) or not isinstance(token, str) or not token:
            raise StoreTrouble(f"{self._api.title} answers a login without a token: is it a Vault?")
        life_s = auth.get("lease_duration")
        ends_at_s = began_s + life_s * _LIFE_USED if isinstance(life_s, int) and life_s > 0 else None
        return SecretStr(token), ends_at_s

    def _refused(self, what: str, fix: str) -> SecretStoreDown:
        return SecretStoreDown(f"{self._api.title} {what}", fix=fix)


def _is_over(token: VaultToken) -> bool:
    return token.ends_at_s is not None and asyncio.get_running_loop().time() >= token.ends_at_s
