"""How the tests of stores read one reference, and what they expect of errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bulkconn.core.endpoint import SecretStoreDown, SecretUnavailable
from bulkconn.core.secret import SecretRef
from bulkconn.secretrefs.resolver import References
from bulkconn.secretrefs.store import StoreKind

if TYPE_CHECKING:
    from bulkconn.secretrefs.store import SecretStore

#: Stands in every secret and every error body of these tests, and must come out nowhere else.
MARK = "MARK"


async def read(store: SecretStore, uri: str, *, max_wait_s: float = 60.0) -> str:
    """Resolve a reference, as a run does, and close the store."""
    reference = SecretRef(uri)
    kind = StoreKind(reference.scheme, lambda: store)
    async with References([kind], max_wait_s=max_wait_s) as references:
        return (await references.resolve([reference]))[reference].get_secret_value()


async def refusal(store: SecretStore, uri: str) -> SecretUnavailable:
    """Give the error that fails a row: it names the reference, chains nothing, and repeats no answer."""
    with pytest.raises(SecretUnavailable) as raised:
        await read(store, uri)
    assert uri in str(raised.value)
    assert raised.value.__cause__ is None
    assert MARK not in f"{raised.value!r} {raised.value.fix}"
    return raised.value


async def down(store: SecretStore, uri: str) -> SecretStoreDown:
    """Give the error that stops the run, patience being over at the first trouble; it repeats no answer."""
    with pytest.raises(SecretStoreDown) as raised:
        await read(store, uri, max_wait_s=-1.0)
    assert MARK not in f"{raised.value!r} {raised.value.fix}"
    return raised.value


def objection(store: SecretStore, uri: str) -> SecretUnavailable:
    """Give what `plan` would say of a reference, without any network."""
    error = References([StoreKind(uri.partition(":")[0], lambda: store)]).exists(SecretRef(uri))
    assert error is not None
    assert uri in str(error)
    return error
