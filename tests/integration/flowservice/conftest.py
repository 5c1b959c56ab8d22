"""What the requests of these tests are made of."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from bulkconn.core.endpoint import ConnectionRequest
from bulkconn.core.protocols import Token
from bulkconn.flowservice import ClientSettings
from tests.integration.flowservice.values import PASSWORD, TOKEN, TurnedClock


@pytest.fixture
def clock() -> TurnedClock:
    """Give a clock that stands still."""
    return TurnedClock()


@pytest.fixture
def settings() -> ClientSettings:
    """Give settings whose waits are short enough for tests."""
    return ClientSettings(
        client_id="client-1", org_id="ORG@AdobeOrg", timeout_s=0.4, connect_timeout_s=0.3, concurrency=2
    )


@pytest.fixture
def token() -> Token:
    """Give an access token."""
    return Token(SecretStr(TOKEN), generation=1)


@pytest.fixture
def request_to_send() -> ConnectionRequest:
    """Give a create request with a secret in it."""
    return ConnectionRequest(
        name="Orders & más",
        description=None,
        auth_spec_name="Basic Authentication",
        auth_params={"server": "db1", "port": "5432", "password": SecretStr(PASSWORD)},
        connection_spec_id="74a1c565-4e59-48d7-9d67-7c03b8a13137",
        connection_spec_version="1.0",
        sandbox="prod",
    )
