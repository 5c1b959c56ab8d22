"""What a secret store is to the resolver, and the three ways in which it can fail to give a secret.

SecretUnavailable (core)    this reference cannot be had: its row fails
StoreTrouble                not now: it is asked again, and in the end the store is down
SecretStoreDown (core)      nothing can be had as we are set up: the run stops
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from bulkconn.core.secret import SecretRef, SecretStr


class StoreTrouble(Exception):
    """A store did not answer, or asks for patience. `str()` says what was seen and holds no secret.

    `retry_after_s` is the store's own wish, None where it has none.
    """

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class SecretStore(Protocol):
    """A place where secrets lie. It is made when the first reference of its scheme is met."""

    @property
    def title(self) -> str:
        """Name the store in messages, with its address where it has one."""
        ...

    @property
    def timeout_s(self) -> float:
        """Seconds after which a read that was not answered counts as trouble."""
        ...

    def check(self, reference: SecretRef) -> None:
        """Look, without network, whether a reference can be read; may be wrong, since time passes.

        Raises:
            SecretUnavailable: it certainly cannot.
        """
        ...

    async def read(self, reference: SecretRef) -> SecretStr:
        """Give a secret, never an empty one. Repeat: safe. Cancel: safe.

        Raises:
            SecretUnavailable: there is no such secret, or it is not for us.
            StoreTrouble: not now.
            SecretStoreDown: not before something is mended.
        """
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


@dataclass(frozen=True, slots=True)
class StoreKind:
    """A scheme, and how the store behind it is made.

    `library` is the module that it cannot do without, from the extra of that name; None needs nothing.
    `at_once` is how many of its secrets are read at a time.
    """

    scheme: str
    make: Callable[[], SecretStore]
    library: str | None = None
    extra: str | None = None
    at_once: int = 8
