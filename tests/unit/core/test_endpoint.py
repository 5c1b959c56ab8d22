"""The two ways in which a secret cannot be had: its row's fault, or nobody's."""

from __future__ import annotations

from bulkconn.core.endpoint import SecretStoreDown, SecretUnavailable
from bulkconn.core.remedies import remedy_for


def test_secret_unavailable_has_a_code_with_a_remedy_and_a_fix() -> None:
    """Before anything is sent the reader mends the cell; afterwards the row has failed."""
    error = SecretUnavailable("env://PG is empty")
    assert (str(error), error.code) == ("env://PG is empty", "secret_unavailable")
    assert error.fix == "put the secret there or correct the reference"
    denied = SecretUnavailable("x", code="secret_denied", fix="ask")
    assert (denied.code, denied.fix) == ("secret_denied", "ask")
    assert "--retry-failed" in remedy_for(denied.code)


def test_secret_store_down_says_what_to_mend() -> None:
    """No row's fault: the run stops, and the same command goes on."""
    error = SecretStoreDown("Vault is sealed", fix="unseal it")
    assert (str(error), error.fix) == ("Vault is sealed", "unseal it")
