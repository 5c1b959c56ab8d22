"""A bench for the engine: the real parts joined, as `cli` joins them, in a few lines for tests."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any, Self
from uuid import uuid4

import structlog
from pydantic import SecretStr

from bulkconn.core.endpoint import InventoryRow, SecretUnavailable
from bulkconn.core.names import LedgerId, RunId
from bulkconn.core.record import Target
from bulkconn.core.secret import REFERENCE_SCHEMES
from bulkconn.core.settings import PaceSettings, PatienceSettings, RunSettings
from bulkconn.core.validation import RowDefaults, Validated, Validator
from bulkconn.emulator import Emulator, EmulatorSettings
from bulkconn.engine.clock import SystemClock
from bulkconn.engine.context import World
from bulkconn.engine.run import Engine
from bulkconn.engine.service import Service
from bulkconn.engine.survey import Survey, survey_batch
from bulkconn.flowservice.client import FlowService
from bulkconn.flowservice.settings import ClientSettings
from bulkconn.flowservice.token import ServerToServerToken
from bulkconn.ledger.postgres import Holder
from bulkconn.ledger.postgres_ledger import PostgresLedger
from bulkconn.ledger.postgres_url import parse_place
from bulkconn.ledger.sqlite import SqliteLedger
from bulkconn.sources import ALL

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from bulkconn.core.endpoint import Endpoint
    from bulkconn.core.protocols import Clock, Listener, SecretResolver
    from bulkconn.core.record import LedgerRecord
    from bulkconn.core.report import Report
    from bulkconn.core.secret import SecretRef
    from bulkconn.ledger.stored import StoredLedger

ORG_ID = "EMULATOR@AdobeOrg"
CLIENT_ID = "emulator-client"


def endpoints(count: int, *, sandbox: str = "dev", prefix: str = "db", first: int = 1) -> list[Endpoint]:
    """Give valid PostgreSQL endpoints `db-0001`, `db-0002`, ... for a sandbox on Azure."""
    return [
        endpoint(f"{prefix}-{number:04d}", sandbox=sandbox, row=number)
        for number in range(first, first + count)
    ]


def endpoint(name: str, *, sandbox: str = "dev", row: int = 1, **cells: str) -> Endpoint:
    """Give one valid endpoint; `cells` overrides columns."""
    columns = {
        "name": name,
        "source": "postgres",
        "platform_cloud": "azure",
        "auth": "basic",
        "server": f"{name}.example.com",
        "port": "5432",
        "database": "sales",
        "username": "reader",
        "password": "pa55-in-tests",
        "sslMode": "Require",
        **cells,
    }
    validator = Validator(ALL, defaults=RowDefaults(sandbox), schemes=REFERENCE_SCHEMES)
    outcome = validator.validate(InventoryRow("test.csv", row, columns))
    if not isinstance(outcome, Validated):
        raise TypeError(f"the test's own row is invalid: {outcome}")
    return outcome.endpoint


class NoSecrets:
    """A resolver for rows whose secrets are literals."""

    async def resolve(self, refs: Sequence[SecretRef]) -> Mapping[SecretRef, SecretStr]:
        """Refuse every reference."""
        raise SecretUnavailable(f"{refs[0].uri} is not known here")


@dataclass
class Bench:
    """An emulator and a ledger; every `onboard` or `settle` is a process of its own, as it were.

    The ledger is a file, or in PostgreSQL where `ledger_url` is given.
    """

    folder: Path
    settings: EmulatorSettings = field(default_factory=EmulatorSettings)
    timeout_s: float = 5.0
    ledger_url: str | None = None
    clock: Clock = field(default_factory=SystemClock)
    unrecorded: list[tuple[str, str]] = field(default_factory=list)
    secrets: SecretResolver = field(default_factory=NoSecrets)
    listener: Listener | None = None

    async def __aenter__(self) -> Self:
        """Start the emulator."""
        self._stack = AsyncExitStack()
        self.emulator = await self._stack.enter_async_context(Emulator(self.settings))
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Stop the emulator."""
        await self._stack.aclose()

    @property
    def path(self) -> Path:
        """The ledger's file."""
        return self.folder / "bench.ledger.db"

    async def onboard(self, rows: Iterable[Endpoint], **changes: Any) -> Report:
        """Run an inventory, as `bulkconn run` does."""
        listed = list(rows)
        run_settings = fast_settings(**changes)
        async with self.engine(run_settings) as engine:
            survey = Survey()
            conflicts = await survey_batch(survey, engine.run.ledger, listed, reopen=run_settings.reopen)
            assert not conflicts
            return await engine.onboard(lambda: listed, survey)

    async def settle(self, **changes: Any) -> Report:
        """Settle, as `bulkconn settle` does."""
        async with self.engine(fast_settings(**changes)) as engine:
            return await engine.settle()

    async def records(self, rows: Iterable[Endpoint]) -> dict[str, LedgerRecord]:
        """Read rows back, by name."""
        async with AsyncExitStack() as stack:
            ledger = await self._ledger(stack)
            found = await ledger.records([row.key for row in rows])
        return {record.name: record for record in found.values()}

    def engine(self, settings: RunSettings) -> EngineInUse:
        """Open ledger and session for one engine."""
        return EngineInUse(self, settings)

    async def _ledger(self, stack: AsyncExitStack) -> StoredLedger:
        clock = self.clock
        target = Target(self.emulator.base_url, ORG_ID)
        new_ledger_id = LedgerId(uuid4().hex[:8])
        ledger: StoredLedger
        if self.ledger_url is None:
            ledger = await SqliteLedger.open(
                self.path, target, now=clock.now(), new_ledger_id=new_ledger_id, clock=clock
            )
        else:
            ledger = await PostgresLedger.open(
                parse_place(self.ledger_url),
                target,
                Holder("the bench", self.timeout_s),
                now=clock.now(),
                new_ledger_id=new_ledger_id,
                clock=clock,
            )
        stack.push_async_callback(ledger.close)
        return ledger


@dataclass
class EngineInUse:
    """Everything that one run opens and closes."""

    bench: Bench
    settings: RunSettings

    async def __aenter__(self) -> Engine:
        """Open the ledger and the session."""
        self._stack = AsyncExitStack()
        bench = self.bench
        clock = bench.clock
        ledger = await bench._ledger(self._stack)
        client = ClientSettings(client_id=CLIENT_ID, org_id=ORG_ID, timeout_s=bench.timeout_s, concurrency=50)
        service = await self._stack.enter_async_context(FlowService(bench.emulator.base_url, client, clock))
        tokens = ServerToServerToken(
            ims_url=bench.emulator.ims_url,
            client_id=CLIENT_ID,
            client_secret=SecretStr("emulator-secret"),
            scopes="openid",
            door=service.door,
            clock=clock,
        )
        world = World(
            *(clock, Random(7), structlog.get_logger()),
            lambda key, cid: bench.unrecorded.append((key, cid)),
            bench.listener,
        )
        self.engine = Engine(
            RunId(f"run-{uuid4().hex[:6]}"),
            self.settings,
            ledger=ledger,
            service=Service(service, tokens, upkeep=service),
            secrets=bench.secrets,
            world=world,
        )
        return self.engine

    async def __aexit__(self, *exc_info: object) -> None:
        """Close them."""
        await self._stack.aclose()


def fast_settings(**changes: Any) -> RunSettings:
    """Give run settings for tests: fast, with a grace of a second. Names are those of the parts."""
    pace = {"rate_per_s": 500.0, "concurrency": 20}
    patience = {"settle_grace_s": 1.0, "max_wait_s": 30.0, "drain_s": 2.0}
    rest: dict[str, Any] = {"client_id": CLIENT_ID}
    for name, value in changes.items():
        place: dict[str, Any] = (
            pace
            if name in PaceSettings.__dataclass_fields__
            else patience
            if name in PatienceSettings.__dataclass_fields__
            else rest
        )
        place[name] = value
    return RunSettings(pace=PaceSettings(**pace), patience=PatienceSettings(**patience), **rest)  # type: ignore[arg-type]  # the fields' own types are checked by the tests that use them
