"""Endpoints, and probes that answer from a table instead of a network."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from bulkconn.core.endpoint import InventoryRow, SecretStoreDown, SecretUnavailable
from bulkconn.core.reach import Answer, Cause, Depth, Result
from bulkconn.core.secret import SecretStr
from bulkconn.core.validation import RowDefaults, Validated, Validator
from bulkconn.probe.approach import Protocol
from bulkconn.probe.prober import Prober
from bulkconn.probe.settings import ProbeSettings
from bulkconn.sources import ALL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from bulkconn.core.endpoint import Endpoint
    from bulkconn.core.reach import RowReach
    from bulkconn.core.secret import SecretRef
    from bulkconn.probe.target import Target

GOOD = Answer(Result.OK, tested=Depth.LOGIN, encrypted=True)
WRONG = Answer(Result.FAILED, Cause.WRONG_PASSWORD, "28P01", "refused")
DEAD = Answer(Result.FAILED, Cause.TIMEOUT, "no_connection", "no connection")
NO_DATABASE = Answer(Result.FAILED, Cause.NO_SUCH_DATABASE, "3D000", "no such database")

_VALIDATOR = Validator(ALL, defaults=RowDefaults("dev", None), schemes=("env",))


def endpoint(number: int = 1, **cells: str) -> Endpoint:
    """Give a PostgreSQL row on this machine, with changes."""
    row = {
        "name": f"row {number}", "source": "postgres", "platform_cloud": "azure", "server": "127.0.0.1",
        "port": "5432", "database": f"d{number}", "username": "u", "password": "right", "sslMode": "Prefer",
    }  # fmt: skip
    result = _VALIDATOR.validate(InventoryRow("a.csv", number + 1, {**row, **cells}))
    assert isinstance(result, Validated), result
    return result.endpoint


def by_password(target: Target) -> Answer:
    """Let in whoever gives the password `right`."""
    assert target.login is not None
    return GOOD if target.login.password.get_secret_value() == "right" else WRONG


@dataclass
class FakeProbe:
    """Answers as `answer` says, after some turns of the loop.

    Counts what came, and how many at once, in all and at one port.
    """

    answer: Callable[[Target], Answer] = by_password
    turns: int = 5
    asked: list[Target] = field(default_factory=list)
    most: int = 0
    most_at_once: Counter[int] = field(default_factory=Counter)
    _now: Counter[int] = field(default_factory=Counter)

    async def __call__(self, target: Target) -> Answer:
        """Take its turns, and answer."""
        port = target.address.port
        self.asked.append(target)
        self._now[port] += 1
        self.most = max(self.most, self._now.total())
        self.most_at_once[port] = max(self.most_at_once[port], self._now[port])
        try:
            for _ in range(self.turns):
                await asyncio.sleep(0)
            return self.answer(target)
        finally:
            self._now[port] -= 1


class FakeSecrets:
    """Resolves every reference to one password; `MISSING` is not there, the store of `DOWN` is down."""

    async def resolve(self, refs: Sequence[SecretRef]) -> Mapping[SecretRef, SecretStr]:
        """Give them."""
        if any(ref.path == "MISSING" for ref in refs):
            raise SecretUnavailable("env://MISSING: the environment variable is not set")
        if any(ref.path == "DOWN" for ref in refs):
            await asyncio.sleep(0.05)
            raise SecretStoreDown("the store is down", fix="start it")
        return {ref: SecretStr("right") for ref in refs}


def prober_of(probe: FakeProbe, settings: ProbeSettings | None = None) -> Prober:
    """Give a prober that asks this probe whatever the protocol."""
    return Prober(dict.fromkeys(Protocol, probe), FakeSecrets(), settings or ProbeSettings())


async def reaches(prober: Prober, endpoints: Iterable[Endpoint]) -> list[RowReach]:
    """Check all rows."""
    return [row async for row in prober.reaches(endpoints)]


def plain(answer: Answer) -> Answer:
    """Give an answer without its time."""
    return replace(answer, seconds=0.0)
