"""Finds what references stand for, whichever store they name."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING, Final, Protocol

from bulkconn.core.endpoint import SecretUnavailable
from bulkconn.secretrefs.env import EnvironmentStore
from bulkconn.secretrefs.file import FileStore

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bulkconn.core.secret import SecretRef, SecretStr

#: Secrets kept in memory at a time: rows that share a login, and retries, read it once.
_REMEMBERED: Final = 4096
_TIMEOUT_S: Final = 10.0


class SecretStore(Protocol):
    """A place where secrets lie. `read` may block: it is called in a thread."""

    @property
    def scheme(self) -> str:
        """The scheme of the references that it reads."""
        ...

    def read(self, reference: SecretRef) -> SecretStr:
        """Give a secret, never an empty one, or raise `SecretUnavailable`."""
        ...

    def exists(self, reference: SecretRef) -> str | None:
        """Say why it cannot be read, or None; may be wrong either way, since time passes."""
        ...


class References:
    """The resolver of a run: implements `core.protocols.SecretResolver` over all stores at hand."""

    def __init__(self, stores: Iterable[SecretStore] | None = None, *, timeout_s: float = _TIMEOUT_S) -> None:
        chosen = (EnvironmentStore(), FileStore()) if stores is None else stores
        self._stores = {store.scheme: store for store in chosen}
        self._timeout_s = timeout_s
        self._found: OrderedDict[SecretRef, SecretStr] = OrderedDict()

    @property
    def schemes(self) -> tuple[str, ...]:
        """The schemes that can be resolved, for the validation of rows."""
        return tuple(self._stores)

    def exists(self, reference: SecretRef) -> str | None:
        """Say why a reference cannot be resolved, or None if it can. Blocks; for the check of a plan."""
        store = self._stores.get(reference.scheme)
        return self._unknown(reference) if store is None else store.exists(reference)

    async def resolve(self, refs: Sequence[SecretRef]) -> Mapping[SecretRef, SecretStr]:
        """Resolve all of them; what was found once is remembered for this run.

        Repeat: safe. Cancel: nothing is left behind but a thread that ends with its read.

        Raises:
            SecretUnavailable: one cannot be resolved, or not in time; the message holds no secret.
        """
        return {reference: await self._resolve_one(reference) for reference in refs}

    async def _resolve_one(self, reference: SecretRef) -> SecretStr:
        secret = self._found.get(reference)
        if secret is not None:
            self._found.move_to_end(reference)
            return secret
        store = self._stores.get(reference.scheme)
        if store is None:
            raise SecretUnavailable(self._unknown(reference))
        try:
            async with asyncio.timeout(self._timeout_s):
                secret = await asyncio.to_thread(store.read, reference)
        except TimeoutError as error:
            raise SecretUnavailable(f"{reference.uri}: no answer within {self._timeout_s:g} s") from error
        self._found[reference] = secret
        if len(self._found) > _REMEMBERED:
            self._found.popitem(last=False)
        return secret

    def _unknown(self, reference: SecretRef) -> str:
        known = ", ".join(f"{scheme}://" for scheme in self._stores)
        return f"{reference.scheme}:// cannot be resolved here; known are {known}"
