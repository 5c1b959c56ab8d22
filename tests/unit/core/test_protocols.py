"""The values that travel with the Protocols."""

from __future__ import annotations

import dataclasses

import pytest
from pydantic import SecretStr

from bulkconn.core.protocols import PageQuery, Token, TokenFailure


def test_token_repr_shows_no_secret() -> None:
    """A token may stand in an exception or a log line without giving itself away."""
    token = Token(SecretStr("eyJ-secret"), generation=1)
    assert "eyJ-secret" not in repr(token)


def test_token_failure_without_a_wish_has_no_retry_after() -> None:
    """Only what the token endpoint said is told."""
    assert TokenFailure(is_refused=True, code="invalid_client", message="no").retry_after_s is None


def test_page_query_is_a_whole_sandbox_by_default_and_cannot_be_changed() -> None:
    """A query that is on its way stays what it was."""
    query = PageQuery("dev")
    assert (query.filters, query.limit, query.continuation_token, query.count) == ((), 100, None, False)
    with pytest.raises(dataclasses.FrozenInstanceError):
        query.sandbox = "prod"  # type: ignore[misc]  # the very thing that must fail
