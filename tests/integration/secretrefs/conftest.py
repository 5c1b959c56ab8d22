"""What all tests of secret stores share."""

from __future__ import annotations

import pytest

from bulkconn.secretrefs import resolver


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let retries follow at once, unless the store asked for a pause."""
    monkeypatch.setattr(resolver, "backoff_s", lambda _tries, _dice, wish_s: wish_s or 0.0)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no proxy of the machine stand between SDKs and loopback servers."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
