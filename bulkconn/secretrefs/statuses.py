"""What the HTTP statuses of a secret store mean; nothing of an answer's body is ever repeated."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from bulkconn.core.endpoint import SecretUnavailable
from bulkconn.secretrefs.store import StoreTrouble

if TYPE_CHECKING:
    from bulkconn.core.secret import SecretRef

_FIRST_SERVER_ERROR: Final = 500


def is_trouble(status: int) -> bool:
    """Tell whether a status says nothing of what was asked: too many requests, or an error of the store's."""
    return status == HTTPStatus.TOO_MANY_REQUESTS or status >= _FIRST_SERVER_ERROR


def refusal(
    status: int, who: str, reference: SecretRef, *, retry_after_s: float | None = None
) -> SecretUnavailable | StoreTrouble:
    """Give what a status other than success means for a reference that `who` was asked for."""
    if is_trouble(status):
        return StoreTrouble(f"{who} cannot answer now (status {status})", retry_after_s=retry_after_s)
    if status == HTTPStatus.NOT_FOUND:
        return SecretUnavailable(f"{reference.uri}: {who} has no such secret", code="secret_not_found")
    if status == HTTPStatus.FORBIDDEN:
        return SecretUnavailable(f"{reference.uri}: {who} denies it to us", code="secret_denied")
    return SecretUnavailable(f"{reference.uri}: {who} refuses the request (status {status})")
