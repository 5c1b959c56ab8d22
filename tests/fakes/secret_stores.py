"""A secret store that answers by script, and says what it was asked."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pydantic import SecretStr

from bulkconn.core.endpoint import SecretUnavailable
from bulkconn.secretrefs.resolver import References
from bulkconn.secretrefs.store import StoreKind

if TYPE_CHECKING:
    from bulkconn.core.secret import SecretRef

_AT_ONCE = 8


class FakeStore:
    """Gives `secret of <path>`, unless `script` has errors for that path: each is raised once, in order.

    While `gate` is not set nobody is answered.
    """

    def __init__(self, timeout_s: float = 5.0) -> None:
        self.title = "the fake store"
        self.timeout_s = timeout_s
        self.script: dict[str, list[Exception]] = {}
        self.asked: list[str] = []
        self.at_once = 0
        self.most_at_once = 0
        self.given_up = 0
        self.is_closed = False
        #: Set once as many are asked at a time as the resolver allows.
        self.is_full = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    def check(self, reference: SecretRef) -> None:
        """Refuse paths that are called `bad`."""
        if reference.path == "bad":
            raise SecretUnavailable(f"{reference.uri} is bad", fix="write a good one")

    async def read(self, reference: SecretRef) -> SecretStr:
        """Answer as the script says."""
        self.asked.append(reference.path)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        if self.at_once == _AT_ONCE:
            self.is_full.set()
        try:
            await asyncio.sleep(0)
            await self.gate.wait()
        except asyncio.CancelledError:
            self.given_up += 1
            raise
        finally:
            self.at_once -= 1
        errors = self.script.get(reference.path)
        if errors:
            raise errors.pop(0)
        return SecretStr(f"secret of {reference.path}")

    async def close(self) -> None:
        """Note that it was closed."""
        self.is_closed = True


def references_to(
    store: FakeStore, *, scheme: str = "vault", max_wait_s: float = 60.0, at_once: int = _AT_ONCE
) -> References:
    """Give a resolver whose `vault://` (or another scheme) is the fake store."""
    return References([StoreKind(scheme, lambda: store, at_once=at_once)], max_wait_s=max_wait_s)
