"""Secrets as they travel: a literal that masks itself, or a reference that is not a secret yet."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import SecretStr

__all__ = ["SecretRef", "SecretStr", "SecretValue"]


@dataclass(frozen=True, slots=True)
class SecretRef:
    """Where a secret lies (`env://PG_PASSWORD`). Not a secret itself: it may be stored and shown."""

    uri: str

    @property
    def scheme(self) -> str:
        """The store's name, `env` in `env://PG_PASSWORD`."""
        return self.uri.partition("://")[0].lower()

    @property
    def path(self) -> str:
        """What follows `://`, `PG_PASSWORD` in `env://PG_PASSWORD`."""
        return self.uri.partition("://")[2]


#: A secret cell: given in clear (and masked from then on), or by reference.
SecretValue = SecretStr | SecretRef
