"""Where the rooms meet: a service, a ledger and an engine from what the user said."""

from __future__ import annotations

import asyncio
import gc
import secrets
import sys
import uuid
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from random import SystemRandom
from typing import TYPE_CHECKING, Final

from bulkconn.core.errors import BulkconnError
from bulkconn.core.names import LedgerId, RunId
from bulkconn.core.record import Target
from bulkconn.engine.clock import SystemClock
from bulkconn.engine.context import World
from bulkconn.engine.service import Service
from bulkconn.ledger.locate import locate_ledger
from bulkconn.ledger.places import is_there, open_ledger

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence

    from structlog.typing import FilteringBoundLogger

    from bulkconn.cli.given import Credentials, Given
    from bulkconn.core.names import EndpointKey
    from bulkconn.core.protocols import Clock, TokenSource
    from bulkconn.flowservice import ClientSettings
    from bulkconn.ledger.locate import Place
    from bulkconn.ledger.stored import StoredLedger

#: New objects after which Python looks for garbage in cycles; a few megabytes at most wait for that.
_OBJECTS_UNTIL_GC: Final = 20_000


def new_run_id(now: datetime) -> RunId:
    """Draw the id of a run: when it began, and six letters so that no two are alike."""
    return RunId(f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}")


def ledger_place(given: Given, paths: Sequence[str] = ()) -> Place:
    """Say where the ledger is that is meant."""
    return locate_ledger(given.text("ledger"), paths, Path.cwd())


def shown_place(place: Place) -> str:
    """Give a ledger's place as people type it: a path below the current directory is relative.

    The password of a URL is masked.
    """
    folder = Path.cwd()
    if isinstance(place, Path) and place.is_relative_to(folder):
        return str(place.relative_to(folder))
    return str(place)


def target_of(given: Given, org_id: str) -> Target:
    """Give the target that a ledger is bound to.

    Raises:
        UsageError: the base URL must not be sent credentials.
    """
    from bulkconn.flowservice import check_url  # noqa: PLC0415 - heavy; who only reads a ledger needs none of it

    base_url = check_url(given.text("base_url") or "", allow_http=given.is_on("insecure_http"))
    return Target(base_url, org_id)


def has_ledger(place: Place) -> bool:
    """Tell whether a ledger was ever made there.

    Raises:
        LedgerError: the database that may hold it cannot be reached.
    """
    with about_ledger(place):
        return is_there(place)


async def hold_ledger(place: Place, target: Target, given: Given, clock: Clock) -> StoredLedger:
    """Open a ledger for a run, or make it."""
    with about_ledger(place):
        return await open_ledger(
            place,
            target,
            now=datetime.now(UTC),
            new_ledger_id=LedgerId(str(uuid.uuid4())),
            clock=clock,
            request_timeout_s=given.number("timeout"),
        )


@contextmanager
def about_ledger(place: Place) -> Iterator[None]:
    """Let trouble inside the block name this ledger."""
    try:
        yield
    except BulkconnError as error:
        error.ledger = error.ledger or shown_place(place)
        raise


@asynccontextmanager
async def open_service(given: Given, credentials: Credentials, clock: Clock) -> AsyncIterator[Service]:
    """Open the one session to Flow Service and its token source; nothing is sent yet.

    Raises:
        UsageError: a URL, an id or a token cannot be used.
    """
    from bulkconn.flowservice import FlowService, ServerToServerToken, StaticToken  # noqa: PLC0415 - heavy

    allow_http = given.is_on("insecure_http")
    settings = _client_settings(given, credentials, allow_http=allow_http)
    flow = FlowService(given.text("base_url") or "", settings, clock)
    tokens: TokenSource
    if credentials.access_token is not None:
        tokens = StaticToken(credentials.access_token)
    else:
        assert credentials.client_secret is not None  # noqa: S101 - `Given.credentials` saw to it
        tokens = ServerToServerToken(
            ims_url=given.text("ims_url") or "",
            client_id=credentials.client_id,
            client_secret=credentials.client_secret,
            scopes=credentials.scopes or "",
            door=flow.door,
            clock=clock,
            allow_http=allow_http,
        )
    async with flow:
        yield Service(flow, tokens, flow, upkeep=flow)


def make_world(log: FilteringBoundLogger, clock: Clock | None = None) -> World:
    """Give the real clock, real dice, and stderr as the last resort for an id."""
    return World(clock or SystemClock(), SystemRandom(), log, _last_resort)


def run_async(main: Callable[[], Coroutine[None, None, int]]) -> int:
    """Run a command on an event loop, uvloop's where it is installed."""
    # A row makes hundreds of objects and no cycles: at the default of 700 a tenth of a run's processor time
    # goes to looking for some. What was imported stays, and need not be looked at again.
    gc.freeze()
    gc.set_threshold(_OBJECTS_UNTIL_GC)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(main())


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415 - an extra that may be missing
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


def _client_settings(given: Given, credentials: Credentials, *, allow_http: bool) -> ClientSettings:
    from pydantic import ValidationError  # noqa: PLC0415 - imported by `flowservice` anyway

    from bulkconn.core.errors import UsageError  # noqa: PLC0415 - only for the mistake below
    from bulkconn.flowservice import ClientSettings  # noqa: PLC0415 - heavy

    try:
        return ClientSettings(
            client_id=credentials.client_id,
            org_id=credentials.org_id,
            timeout_s=given.number("timeout"),
            concurrency=int(given.number("concurrency")),
            allow_http=allow_http,
        )
    except ValidationError as error:
        names = {"client_id": "--client-id", "org_id": "--org-id"}
        wrong = sorted({names.get(str(one["loc"][0]), str(one["loc"][0])) for one in error.errors()})
        # Not chained: the exception may repeat what was given.
        raise UsageError(
            f"{' and '.join(wrong)} holds characters that no header can carry",
            fix="give it without blanks, quotes and line breaks, as the Developer Console shows it",
        ) from None


def _last_resort(key: EndpointKey, connection_id: str) -> None:
    sys.stderr.write(f"UNRECORDED key={key} connection_id={connection_id}\n")
    sys.stderr.flush()
