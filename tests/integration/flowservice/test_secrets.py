"""No object of this room, and no exception that it raises, shows a secret."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr, ValidationError

from bulkconn.core.protocols import PageQuery, Token
from bulkconn.flowservice import (
    AdobeConfig,
    ClientSettings,
    Door,
    FlowService,
    ServerToServerToken,
    StaticToken,
)
from tests.fakes.scripted_server import ScriptedServer, answer
from tests.integration.flowservice.values import CLIENT_SECRET, PASSWORD, TOKEN, TurnedClock

if TYPE_CHECKING:
    from bulkconn.core.endpoint import ConnectionRequest

SECRETS = (TOKEN, PASSWORD, CLIENT_SECRET)


async def test_repr_of_every_object_shows_no_secret(
    settings: ClientSettings, clock: TurnedClock, request_to_send: ConnectionRequest
) -> None:
    """Whatever is printed by mistake, in use or not, gives nothing away."""
    grant = f'{{"access_token": "{TOKEN}", "expires_in": 100}}'.encode()
    async with (
        ScriptedServer(answer(200, grant)) as server,
        FlowService(server.url, settings, clock) as service,
    ):
        tokens = ServerToServerToken(
            ims_url=server.url,
            client_id="c",
            client_secret=SecretStr(CLIENT_SECRET),
            scopes="s",
            door=service.door,
            clock=clock,
        )
        token = await tokens.renew()
        assert isinstance(token, Token)
        await service.create(request_to_send, token)
        config = AdobeConfig(org_id="o", client_id="c", secret=SecretStr(CLIENT_SECRET), scopes="s")
        static = StaticToken(SecretStr(TOKEN))
        objects = [service, service.door, tokens, token, static, static.current(), config, settings]
        shown = "".join(f"{one!r}{one!s}" for one in [*objects, request_to_send])
    assert [secret for secret in SECRETS if secret in shown] == []


async def test_exceptions_show_no_secret(
    settings: ClientSettings, clock: TurnedClock, request_to_send: ConnectionRequest, token: Token
) -> None:
    """Mistakes of ours and of the settings do not print what was to be sent."""
    shown: list[str] = []
    service = FlowService("https://flow.invalid", settings, clock)
    for sending in (service.create(request_to_send, token), service.list_page(PageQuery("prod"), token)):
        with pytest.raises(RuntimeError) as caught:
            await sending
        shown += traceback.format_exception(caught.value)
    with pytest.raises(ValidationError) as invalid:
        ClientSettings(client_id=f"{CLIENT_SECRET}\n", org_id="o")
    shown += traceback.format_exception(invalid.value)
    assert [secret for secret in SECRETS if secret in "".join(shown)] == []


def test_door_repr_shows_no_setting(settings: ClientSettings, clock: TurnedClock) -> None:
    """Not even who we are."""
    assert "client-1" not in repr(Door(settings, clock))
