"""Secret stores joined with what the user said and with the one way out to the network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bulkconn.engine.clock import SystemClock
from bulkconn.flowservice import Door, DoorSettings, check_url
from bulkconn.secretrefs.resolver import References
from bulkconn.secretrefs.stores import all_stores
from bulkconn.secretrefs.web import Web

if TYPE_CHECKING:
    import ssl

    from bulkconn.cli.given import Given

#: Seconds for one request to a store; it is asked again for --max-wait.
_TIMEOUT_S: Final = 10.0
_CONNECT_TIMEOUT_S: Final = 5.0


def references_of(given: Given) -> References:
    """Give the resolver of a command, over every store that there is; nothing is opened yet."""
    return References(
        all_stores(web_of(allow_http=given.is_on("insecure_http"))), max_wait_s=given.number("max_wait")
    )


def web_of(*, allow_http: bool) -> Web:
    """Give the way to stores whose address the user names; the rules are those of Flow Service."""

    def check(url: str, setting: str) -> str:
        return check_url(url, setting=setting, allow_http=allow_http)

    return Web(_open_door, check)


def _open_door(tls: ssl.SSLContext | None, server_name: str | None) -> Door:
    settings = DoorSettings(timeout_s=_TIMEOUT_S, connect_timeout_s=_CONNECT_TIMEOUT_S)
    return Door(settings, SystemClock(), tls=tls, server_name=server_name)
