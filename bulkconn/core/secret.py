"""Secrets as they travel: a literal that masks itself, or a reference that is not a secret yet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pydantic import SecretStr

__all__ = ["REFERENCE_SCHEMES", "SecretRef", "SecretStr", "SecretValue", "parse_reference"]

#: Every scheme that makes a secret cell a reference. The list is closed, so that a password that
#: happens to look like an address (`abc://x`) stays a password. A scheme of the list whose store is not
#: at hand is an error and never a literal.
REFERENCE_SCHEMES: Final = ("env", "file", "vault", "keyring", "aws-sm", "azure-kv", "gcp-sm")


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


def parse_reference(text: str) -> SecretRef | None:
    """Give the reference that a cell holds; None when its text is no reference of a known scheme."""
    scheme, separator, _ = text.partition("://")
    if separator and scheme.strip().lower() in REFERENCE_SCHEMES:
        return SecretRef(text.strip())
    return None
