"""An emulator as a rehearsal sees it: over its admin routes, wherever it runs.

An emulator inside this process is asked over HTTP too, so that there is one way to ask. Faults reset these
requests as well as others: what can be repeated is repeated.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import aiohttp
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bulkconn.core.errors import BulkconnError, ExitCode, UsageError
from bulkconn.core.proof import Existing
from bulkconn.emulator import BASE_PATH
from bulkconn.flowservice import check_url

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bulkconn.emulator import FaultPlan

#: Where Adobe is, and whoever claims to be.
_ADOBES: Final = ("adobe.io", "adobe.com", "adobe.net", "adobelogin.com", "adobedc.net")
#: An outage of a storm is over long before.
_PATIENCE_S: Final = 30.0
_PAUSE_S: Final = 0.1
_TIMEOUT: Final = aiohttp.ClientTimeout(total=60, connect=5)
#: Whoever interrupts a rehearsal waits no longer for an emulator that is down.
_FAREWELL_S: Final = 3.0
#: No introduction is longer; a page of some other server may be.
_LONGEST_BYTES: Final = 1_000_000


class EmulatorGone(BulkconnError):
    """The emulator does not answer any more, so nothing can be proven."""

    exit_code = ExitCode.STOPPED


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Introduction(_Answer):
    """What an emulator says of itself, and counts that cost it nothing."""

    emulator: str
    sandboxes: dict[str, str]
    connection_count: int
    posts: int
    api_requests: int


class _Twins(_Answer):
    ids: list[str]


class Totals(_Answer):
    """Everything that an emulator counts. `answers` are by status, `faults` by name."""

    duplicates: list[_Twins]
    posts: int
    api_requests: int
    token_requests: int
    answers: dict[str, int]
    faults: dict[str, int] = Field(default_factory=dict)

    @property
    def surplus(self) -> int:
        """Connections beyond the first of their name."""
        return sum(len(one.ids) - 1 for one in self.duplicates)


class _Line(_Answer):
    id: str
    sandbox: str
    name: str
    connection_spec_id: str


class EmulatorAdmin:
    """The admin routes of one emulator. `origin` is its URL without a path."""

    def __init__(self, origin: str, session: aiohttp.ClientSession) -> None:
        self.origin = origin
        self._session = session

    @property
    def base_url(self) -> str:
        """The URL below which its connections are."""
        return f"{self.origin}{BASE_PATH}"

    async def check(self) -> Introduction:
        """Make sure that this is an emulator; nothing but one GET without credentials is sent.

        Raises:
            UsageError: it is none, or is not there.
        """
        fix = "start one with `bulkconn emulator`, or leave --emulator out: then it is inside the rehearsal"
        try:
            async with self._session.get(f"{self.origin}/emulator", allow_redirects=False) as response:
                body = await _beginning(response)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise UsageError(f"no emulator answers at {self.origin}", fix=fix) from error
        try:
            introduction = Introduction.model_validate_json(body)
        except ValidationError:
            introduction = None
        if introduction is None or introduction.emulator != "bulkconn":
            raise UsageError(f"{self.origin} is no emulator of bulkconn; nothing was sent to it", fix=fix)
        return introduction

    async def introduction(self) -> Introduction:
        """Ask for the counts that cost nothing."""
        return Introduction.model_validate_json(await self._ask("GET", "/emulator"))

    async def totals(self) -> Totals:
        """Ask for everything that is counted, twins included."""
        return Totals.model_validate_json(await self._ask("GET", "/emulator/books?connections=false"))

    async def plan_faults(self, plan: FaultPlan, *, seed: int) -> None:
        """Let it commit these faults from now on, with new dice, and end a storm in force."""
        await self._ask("POST", f"/emulator/faults?seed={seed}", plan.model_dump_json().encode())

    async def clear_faults(self) -> None:
        """Let it commit no fault any more; give up where it does not answer within some seconds."""
        with suppress(EmulatorGone):
            await self._ask("POST", "/emulator/faults", b"{}", patience_s=_FAREWELL_S)

    async def connections(self) -> AsyncIterator[Existing]:
        """Give everything that exists, line by line; ask once no fault is planned any more.

        Raises:
            EmulatorGone: it ended in the middle.
        """
        try:
            async with self._session.get(f"{self.origin}/emulator/connections") as response:
                async for raw in response.content:
                    line = _Line.model_validate_json(raw)
                    yield Existing(line.id, line.sandbox, line.name, line.connection_spec_id)
        except (aiohttp.ClientError, OSError, TimeoutError, ValidationError) as error:
            raise self._gone() from error

    async def _ask(
        self, method: str, path: str, body: bytes | None = None, *, patience_s: float = _PATIENCE_S
    ) -> bytes:
        """Ask until there is an answer. Repeat: safe, all of them say the same twice."""
        until = time.monotonic() + patience_s
        while True:
            try:
                async with self._session.request(method, f"{self.origin}{path}", data=body) as response:
                    if response.status != HTTPStatus.OK:
                        raise self._gone()
                    return await response.read()
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                if time.monotonic() > until:
                    raise self._gone() from error
            await asyncio.sleep(_PAUSE_S)

    def _gone(self) -> EmulatorGone:
        return EmulatorGone(
            f"the emulator at {self.origin} does not answer as it should any more",
            fix="start it again, then the same command: a rehearsal begins anew each time",
        )


async def _beginning(response: aiohttp.ClientResponse) -> bytes:
    body = b""
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > _LONGEST_BYTES:
            break
    return body


@asynccontextmanager
async def speaking_to(origin: str) -> AsyncIterator[EmulatorAdmin]:
    """Give the admin routes of the emulator at an origin. No proxy of the environment is used."""
    async with aiohttp.ClientSession(timeout=_TIMEOUT, trust_env=False) as session:
        yield EmulatorAdmin(origin, session)


def origin_of(url: str) -> str:
    """Give the origin of an emulator's URL, with or without the path below which its connections are.

    Raises:
        UsageError: it is no URL, leads elsewhere, or to Adobe.
    """
    # Nothing secret is sent to an emulator: it may be on another machine.
    checked = check_url(url, setting="--emulator", allow_http=True)
    parts = urlsplit(checked)
    host = (parts.hostname or "").rstrip(".").lower()
    if any(host == name or host.endswith(f".{name}") for name in _ADOBES):
        raise UsageError(
            f"--emulator names {host}, and a rehearsal never talks to Adobe",
            fix="name an emulator that you started, or leave --emulator out",
        )
    if parts.path.rstrip("/") not in {"", BASE_PATH}:
        raise UsageError(
            "--emulator has a path that no emulator has",
            fix="give the URL that `bulkconn emulator` prints, e.g. http://127.0.0.1:8080",
        )
    return f"{parts.scheme}://{parts.netloc}"
